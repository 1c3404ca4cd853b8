"""Starlette, with guard as its middleware."""

import asyncio
import os
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from guard import GuardMiddleware


async def predict(request: Request) -> JSONResponse:
    """Sum the two features of each record."""
    records = await request.json()
    return JSONResponse({"sums": [record["a"] + record["b"] for record in records]})


async def stream(request: Request) -> StreamingResponse:
    """Tell the sums one by one."""
    records = await request.json()

    async def tell() -> AsyncIterator[str]:
        for record in records:
            yield f"{record['a'] + record['b']}\n"
            await asyncio.sleep(0.4)

    return StreamingResponse(tell(), media_type="text/plain")


async def health(_: Request) -> PlainTextResponse:
    """Say that the app is up."""
    return PlainTextResponse("ok")


app = Starlette(
    routes=[
        Route("/predict", predict, methods=["POST"]),
        Route("/stream", stream, methods=["POST"]),
        Route("/health", health),
    ]
)
app.add_middleware(GuardMiddleware)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["HOST_PORT"]), lifespan="on")
