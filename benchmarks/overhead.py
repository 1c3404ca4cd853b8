"""What guard adds to a request, in one process and one run, beside the least that any gate must do.

    python -m benchmarks.overhead [--rounds N] [--requests N]

A Starlette app that reads its body and answers is called as a server calls it: bare; behind guard with the
default settings and a detector fitted without a contract; behind the least possible gate (read, orjson, one
ONNX run of the same detector, no more); behind a gate that asks scikit-learn's `score_samples`. The variants take turns
in every round, so that a slow moment of the machine meets them all; medians over the rounds are given.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import orjson
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.machine import header
from guard import GuardMiddleware, GuardSettings
from guard.demo.assets import BREAST_CANCER, model_folder, read_rows
from guard.training import fit_detector

SEED = 7
PATH = "/v2/models/breast-cancer/infer"

App = Callable[..., Any]


async def infer(request: Request) -> Response:
    """Read the body and answer, as the smallest model server would."""
    await request.body()
    return Response(b'{"outputs":[]}', media_type="application/json")


def bare() -> App:
    """The app alone."""
    return Starlette(routes=[Route(PATH, infer, methods=["POST"])])


class Gate:
    """The least a gate does: read, parse, judge by one function, hand the body on."""

    def __init__(self, app: App, judge: Callable[[bytes], None]) -> None:
        self.app = app
        self.judge = judge

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Judge one request."""
        message = await receive()
        self.judge(message["body"])
        sent = False

        async def replay() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return message

        await self.app(scope, replay, send)


def onnx_judge(detector: Path) -> Callable[[bytes], None]:
    """orjson and one run of the detector's own graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(detector), options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()][:2]
    name = session.get_inputs()[0].name

    def judge(body: bytes) -> None:
        tensor = orjson.loads(body)["inputs"][0]
        rows = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        session.run(outputs, {name: rows})

    return judge


def sklearn_judge(rows: npt.NDArray[np.float64]) -> Callable[[bytes], None]:
    """orjson and scikit-learn's own scoring."""
    forest = IsolationForest(n_estimators=100, random_state=SEED).fit(rows)

    def judge(body: bytes) -> None:
        tensor = orjson.loads(body)["inputs"][0]
        forest.score_samples(np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"]))

    return judge


def v2_body(rows: npt.NDArray[np.float64]) -> bytes:
    """A V2 request of one FP32 tensor; numbers as a client would print them."""
    data = [round(float(value), 5) for value in rows.ravel()]
    tensor = {"name": "input-0", "shape": list(rows.shape), "datatype": "FP32", "data": data}
    return orjson.dumps({"inputs": [tensor]})


async def seconds_per_request(app: App, body: bytes, requests: int) -> float:
    """The time of one request, over a run of them."""
    headers = [
        (b"host", b"localhost"),
        (b"user-agent", b"benchmark"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def send(_: Any) -> None:
        return

    async def wait_for_ever() -> Any:
        await asyncio.Event().wait()

    start = time.perf_counter()
    for _ in range(requests):
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive(messages: Any = messages) -> Any:
            return next(messages, None) or await wait_for_ever()

        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000), "state": {},
        }  # fmt: skip
        await app(scope, receive, send)
    return (time.perf_counter() - start) / requests


def measure(variants: dict[str, tuple[App, bytes, int]], rounds: int) -> dict[str, float]:
    """Median microseconds per request of each variant; they take turns in every round."""
    times: dict[str, list[float]] = {name: [] for name in variants}

    async def run() -> None:
        for app, body, _ in variants.values():
            await seconds_per_request(app, body, 20)
        for _ in range(rounds):
            for name, (app, body, requests) in variants.items():
                times[name].append(await seconds_per_request(app, body, requests))

    asyncio.run(run())
    return {name: statistics.median(values) * 1e6 for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--requests", type=int, default=400, help="requests of one variant in one round")
    args = parser.parse_args()
    logging.getLogger("guard").addHandler(logging.NullHandler())
    logging.getLogger("guard").propagate = False

    names, rows = read_rows(model_folder(BREAST_CANCER) / "heldout.csv")
    with tempfile.TemporaryDirectory() as scratch:
        detector = Path(scratch, "detector.onnx")
        fit_detector(load_breast_cancer().data, names=names, seed=SEED).save(detector)
        variables = {"GUARD_DETECTOR": str(detector), "GUARD_JOURNAL": f"sqlite:///{scratch}/guard.db"}
        settings = GuardSettings.from_environ(variables)
        guarded = GuardMiddleware(bare(), settings)
        judged = guarded.screener
        one = next(row for row in rows if judged.screen(v2_body(row[None]), path=PATH).action.label == "allow")[None]
        far = one * 3.0
        many = rows[np.arange(100) % len(rows)]
        assert judged.screen(v2_body(far), path=PATH).action.label != "allow"
        ours, least, slow = v2_body(one), onnx_judge(detector), sklearn_judge(rows)
        n = args.requests
        results = measure(
            {
                "bare": (bare(), ours, n),
                "least gate": (Gate(bare(), least), ours, n),
                "guard, accepted": (guarded, ours, n),
                "guard, flagged": (guarded, v2_body(far), n),
                "scikit-learn gate": (Gate(bare(), slow), ours, max(n // 100, 2)),
                "bare, 100 instances": (bare(), v2_body(many), n // 4),
                "least gate, 100 instances": (Gate(bare(), least), v2_body(many), n // 4),
                "guard, 100 instances": (guarded, v2_body(many), n // 4),
            },
            args.rounds,
        )
        lost = guarded.recorder.dropped
        guarded.recorder.close()
    report(results, settings, len(ours), args.rounds, lost)


def report(results: dict[str, float], settings: GuardSettings, n_bytes: int, rounds: int, lost: int) -> None:
    """Print what was measured."""
    print(header("inference-guard", "onnxruntime", "numpy", "starlette", "scikit-learn", seed=SEED))
    print("settings  " + ", ".join(f"{k}={v}" for k, v in settings.masked().items() if v and not v.startswith("/")))
    print(f"request   V2, 1 x 30 FP32, {n_bytes} bytes; medians of {rounds} rounds; journal entries dropped: {lost}\n")
    least = results["least gate"] - results["bare"]
    least_many = results["least gate, 100 instances"] - results["bare, 100 instances"]
    print(f"{'':<28}{'µs/request':>12}{'added µs':>12}{'x least gate':>14}")
    for name, value in results.items():
        many = "100" in name
        added = value - results["bare, 100 instances" if many else "bare"]
        ratio = added / (least_many if many else least)
        print(f"{name:<28}{value:>12.1f}{added:>12.1f}{ratio:>14.2f}")
    print("\ngoals: accepted <= 2.0 x the least gate, flagged <= 4 x")


if __name__ == "__main__":
    main()
