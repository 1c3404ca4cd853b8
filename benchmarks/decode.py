"""What decoding costs: a request's whole decode against orjson's own time on the same bytes, and binary tensors.

    python -m benchmarks.decode [--rounds N]

Open Inference Protocol V2 as JSON, of 1 and of 1,000 rows of 30 numbers, written with 6 digits and with all of a
double's, flat and in rows; and 1 x 150,528 FP32 (a picture of 224 x 224 x 3) after a short JSON header. orjson and
guard take turns in every round, so that a slow moment of the machine meets both; what counts is the thread's
processor time. Garbage collection stays on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import orjson

from benchmarks.machine import header
from guard.decode import DecodeLimits, Source, decode

SEED = 0
N_FEATURES = 30
N_ELEMENTS = 150_528

# The whole decode of JSON by orjson's time, and milliseconds for the binary tensor.
MOST_RATIO = 1.6
MOST_MS_BINARY = 0.2

LIMITS = DecodeLimits(max_depth=64, max_containers=100_000, max_instances=1024)

# As many calls as take about so long make a round.
ROUND_S = 0.01


class Case(NamedTuple):
    """A body, what came with it, and what is read of it for comparison."""

    name: str
    body: bytes
    source: Source
    reference: Callable[[], Any]


def json_cases() -> Iterator[Case]:
    """V2 as JSON: few rows and many, short numbers and long ones, flat and nested."""
    random = np.random.default_rng(SEED)
    for n_rows in (1, 1000):
        rows = 100 * random.normal(size=(n_rows, N_FEATURES))
        short = [float(f"{value:.6g}") for value in rows.ravel()]
        yield json_case(f"{n_rows:,} x {N_FEATURES} FP32, 6 digits", n_rows, "FP32", short)
        yield json_case(f"{n_rows:,} x {N_FEATURES} FP64, all digits", n_rows, "FP64", rows.ravel().tolist())
        yield json_case(f"{n_rows:,} x {N_FEATURES} FP64, in rows", n_rows, "FP64", rows.tolist())


def json_case(name: str, n_rows: int, datatype: str, data: list[Any]) -> Case:
    """One tensor as orjson writes it."""
    tensor = {"name": "input-0", "shape": [n_rows, N_FEATURES], "datatype": datatype, "data": data}
    body = orjson.dumps({"inputs": [tensor]})
    return Case(name, body, Source(), lambda: orjson.loads(body))


def binary_case() -> Case:
    """One picture's numbers after the JSON; the reference is what copying its bytes takes."""
    array = np.random.default_rng(SEED).normal(size=N_ELEMENTS).astype(np.float32)
    parameters = {"binary_data_size": array.nbytes}
    tensor = {"name": "input-0", "shape": [1, N_ELEMENTS], "datatype": "FP32", "parameters": parameters}
    text = orjson.dumps({"inputs": [tensor]})
    body = text + array.tobytes()
    source = Source(headers={b"inference-header-content-length": str(len(text)).encode()})
    return Case(f"1 x {N_ELEMENTS:,} FP32, binary", body, source, lambda: bytearray(body))


def measure(case: Case, *, rounds: int) -> tuple[float, float]:
    """Median seconds of the reference and of the decode, taking turns."""

    def run() -> Any:
        return decode(case.body, limits=LIMITS, allow_non_finite=False, source=case.source)

    calls = calls_for(run)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for times, call in zip(taken, (case.reference, run), strict=True):
            start = time.thread_time()
            for _ in range(calls):
                call()
            times.append((time.thread_time() - start) / calls)
    return statistics.median(taken[0]), statistics.median(taken[1])


def calls_for(call: Callable[[], Any]) -> int:
    """How many calls make a round that the clock can tell."""
    call()
    start = time.thread_time()
    call()
    return max(3, min(5000, int(ROUND_S / (time.thread_time() - start))))


def main() -> None:
    """Measure, print, and compare with the goals."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=31, help="rounds, in each of which both have a turn")
    rounds: int = parser.parse_args().rounds
    print(header("inference-guard", "numpy", "orjson", seed=SEED))
    print(f"\n{'':34} {'bytes':>9} {'orjson µs':>10} {'guard µs':>10} {'ratio':>6}   goal")
    for case in json_cases():
        reference, ours = measure(case, rounds=rounds)
        ratio = ours / reference
        goal = "reached" if ratio <= MOST_RATIO else f"missed: {MOST_RATIO}"
        print(f"{case.name:34} {len(case.body):9,} {1e6 * reference:10.1f} {1e6 * ours:10.1f} {ratio:6.2f}   {goal}")
    case = binary_case()
    copy, ours = measure(case, rounds=rounds)
    print(f"\n{case.name}: {1e3 * ours:.3f} ms; the goal is {MOST_MS_BINARY} ms, a copy takes {1e3 * copy:.3f}")


if __name__ == "__main__":
    main()
