"""FastAPI, with guard as its middleware."""

import asyncio
import os
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from guard import GuardMiddleware


class Row(BaseModel):
    """One instance."""

    a: float
    b: float


app = FastAPI()
app.add_middleware(GuardMiddleware)


@app.post("/predict")
async def predict(rows: list[Row]) -> dict[str, list[float]]:
    """Sum the two features of each row."""
    return {"sums": [row.a + row.b for row in rows]}


@app.post("/stream")
async def stream(rows: list[Row]) -> StreamingResponse:
    """Tell the sums one by one."""

    async def tell() -> AsyncIterator[str]:
        for row in rows:
            yield f"{row.a + row.b}\n"
            await asyncio.sleep(0.4)

    return StreamingResponse(tell(), media_type="text/plain")


@app.get("/health")
async def health() -> str:
    """Say that the app is up."""
    return "ok"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["HOST_PORT"]), lifespan="on")
