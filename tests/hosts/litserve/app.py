"""LitServe, with guard as its middleware."""

import os
import time
from collections.abc import Iterator
from typing import Any

import litserve

from guard import GuardMiddleware


class Summing(litserve.LitAPI):
    """Sums the two features of each record."""

    def setup(self, device: str) -> None:
        """Load nothing."""

    def predict(self, records: Any) -> Any:
        """Give all sums at once."""
        return {"sums": [record["a"] + record["b"] for record in records]}


class Telling(litserve.LitAPI):
    """Tells the sums one by one."""

    def setup(self, device: str) -> None:
        """Load nothing."""

    def predict(self, records: Any) -> Iterator[Any]:
        """Give one sum after the other."""
        for record in records:
            yield {"sum": record["a"] + record["b"]}
            time.sleep(0.4)

    def encode_response(self, sums: Any) -> Any:
        """Give them on as they are; LitServe asks for it where an answer is streamed, and reads its annotation."""
        yield from sums


if __name__ == "__main__":
    apis = [Summing(api_path="/predict"), Telling(api_path="/stream", stream=True)]
    server = litserve.LitServer(apis, accelerator="cpu", middlewares=[(GuardMiddleware, {})])
    server.run(host="127.0.0.1", port=int(os.environ["HOST_PORT"]), generate_client_file=False)
