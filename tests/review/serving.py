"""A journal as the real middleware writes it, and the detectors behind it."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl

from guard import GuardMiddleware, GuardSettings
from guard.detectors.manifest import MANIFEST_KEY
from guard.training import FittedDetector, fit_detector

CONTRACT = """
[features.age]
type = "integer"
minimum = 0
maximum = 150
description = "in years"

[features."kind of \\u007f"]
type = "category"
pattern = "[a-z\\"]+"
allowed = ["x", "yy", "z\\"", "new", "rare"]

[[relations]]
require = "income - age <= 1e6"
[features.income]
type = "number"
nullable = true
"""

KIND = "kind of \x7f"

CLEAN: dict[str, Any] = {"age": 40, "income": 20.0, KIND: "x", "vip": False}
OUTLIER = {**CLEAN, "income": 1e5, "age": 140}
UNSEEN = {**CLEAN, KIND: "new", "age": 150, "income": 9e3}
MISSING = {**CLEAN, "income": None}
BREAKS_CONTRACT = {**CLEAN, "age": 151}


def frame(seed: int, n: int = 900) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": draw.integers(18, 90, n),
            "income": [None if row % 9 == 0 else float(v) for row, v in enumerate(draw.lognormal(3, 1, n))],
            KIND: draw.choice(["x", "yy", 'z"'], n, p=[0.7, 0.2, 0.1]),
            "vip": draw.random(n) < 0.2,
        }
    )


def fit(seed: int) -> FittedDetector:
    return fit_detector(frame(seed), seed=seed)


def saved(detector: FittedDetector, path: Path) -> Path:
    detector.save(path)
    return path


def from_elsewhere(detector: Path, path: Path) -> Path:
    """The same detector, as if another kind of processor had built it."""
    model = onnx.load(str(detector))
    (entry,) = (entry for entry in model.metadata_props if entry.key == MANIFEST_KEY)
    manifest = json.loads(entry.value)
    manifest["versions"]["processor"] = "another"
    entry.value = json.dumps(manifest)
    path.write_bytes(model.SerializeToString())
    return path


def clean_rows(n: int, seed: int = 99) -> list[dict[str, Any]]:
    return frame(seed, n).to_dicts()


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _call(app: Any, body: bytes, path: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "state": {},
        "headers": [(b"content-length", str(len(body)).encode()), *headers],
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        pass

    await app(scope, receive, send)


def serve(
    url: str,
    *requests: object,
    path: str = "/predict",
    headers: Sequence[tuple[bytes, bytes]] = (),
    variables: Mapping[str, object] | None = None,
) -> None:
    """Send requests through the middleware; bytes as they are, anything else as JSON."""
    random.seed(0)
    environ = {"GUARD_JOURNAL": url, "GUARD_MODE": "enforce", **{k: str(v) for k, v in (variables or {}).items()}}
    guarded = GuardMiddleware(_echo, GuardSettings.from_environ(environ))
    for request in requests:
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        asyncio.run(_call(guarded, body, path, headers))
    guarded.recorder.close()
    assert guarded.recorder.dropped == 0


def alter(url: str, statement: str, *values: object) -> None:
    """Change a journal behind guard's back."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()
