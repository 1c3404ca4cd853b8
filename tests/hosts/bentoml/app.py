"""BentoML, with guard as its middleware."""

import asyncio
from collections.abc import AsyncGenerator

import bentoml

from guard import GuardMiddleware


@bentoml.service(workers=1)
class Summing:
    """Sums its two parameters."""

    @bentoml.api
    def predict(self, a: float, b: float) -> float:
        """Give the sum."""
        return a + b

    @bentoml.api
    async def stream(self, a: float, b: float) -> AsyncGenerator[str, None]:
        """Tell the parameters, then the sum."""
        for value in (a, b, a + b):
            yield f"{value}\n"
            await asyncio.sleep(0.4)


Summing.add_asgi_middleware(GuardMiddleware)
