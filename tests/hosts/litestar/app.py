"""Litestar, with guard as its middleware."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvicorn
from litestar import Litestar, get, post
from litestar.middleware import DefineMiddleware
from litestar.response import Stream

from guard import GuardMiddleware


@dataclass
class Row:
    """One instance."""

    a: float
    b: float


@post("/predict", status_code=200)
async def predict(data: list[Row]) -> dict[str, list[float]]:
    """Sum the two features of each row."""
    return {"sums": [row.a + row.b for row in data]}


@post("/stream", status_code=200)
async def stream(data: list[Row]) -> Stream:
    """Tell the sums one by one."""

    async def tell() -> AsyncIterator[str]:
        for row in data:
            yield f"{row.a + row.b}\n"
            await asyncio.sleep(0.4)

    return Stream(tell(), media_type="text/plain")


@get("/health")
async def health() -> str:
    """Say that the app is up."""
    return "ok"


app = Litestar(route_handlers=[predict, stream, health], middleware=[DefineMiddleware(GuardMiddleware)])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["HOST_PORT"]), lifespan="on")
