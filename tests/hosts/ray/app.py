"""Ray Serve, with guard as the middleware of the FastAPI app in its replica."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator

import ray
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from ray import serve

from guard import GuardMiddleware

app = FastAPI()
app.add_middleware(GuardMiddleware)


class Row(BaseModel):
    """One instance."""

    a: float
    b: float


@serve.deployment(num_replicas=1)
@serve.ingress(app)
class Summing:
    """Sums the two features of each row."""

    @app.post("/predict")
    async def predict(self, rows: list[Row]) -> dict[str, list[float]]:
        """Give all sums at once."""
        return {"sums": [row.a + row.b for row in rows]}

    @app.post("/stream")
    async def stream(self, rows: list[Row]) -> StreamingResponse:
        """Tell the sums one by one."""

        async def tell() -> AsyncIterator[str]:
            for row in rows:
                yield f"{row.a + row.b}\n"
                await asyncio.sleep(0.4)

        return StreamingResponse(tell(), media_type="text/plain")

    @app.get("/health")
    async def health(self) -> str:
        """Say that the app is up."""
        return "ok"


if __name__ == "__main__":
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    ray.init(num_cpus=2, include_dashboard=False, _temp_dir=os.environ["HOST_SCRATCH"] + "/ray")
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["HOST_PORT"])})
    serve.run(Summing.bind())
    stopped.wait()
    serve.shutdown()
    ray.shutdown()
