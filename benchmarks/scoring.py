"""What scoring costs: guard's graph, its forest alone, scikit-learn's, and skl2onnx's conversion of the same forest.

    python -m benchmarks.scoring [--rounds N]

One row and 1,000 rows of 30 features, on one thread. The variants take turns in every round, so that a slow moment
of the machine meets them all. All score the same forest, or with guard's whole graph another of the same size.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from benchmarks.machine import header
from guard.detectors import Detector, Manifest
from guard.detectors.detector import open_session
from guard.training import fit_detector
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.parts.forest import FoldedForest, fit_forest, fold
from guard.training.rows.data import from_array
from guard.training.rows.encode import describe, forest_columns

SEED = 0
N_ROWS, N_FEATURES = 10_000, 30

# One row: the forest this many times faster than scikit-learn. The whole graph within so many µs a row.
LEAST_RATIO = 300
MOST_US_ONE_ROW, MOST_US_PER_ROW = 30.0, 15.0

Matrix = npt.NDArray[np.float32]
Score = Callable[[Matrix], Any]


class Cost(NamedTuple):
    """Microseconds per call: the best round, and the median one."""

    best: float
    median: float


def forest_alone(folded: FoldedForest) -> bytes:
    """The one tree operator, whose sum is the binary logarithm of scikit-learn's score."""
    graph = GraphBuilder(N_FEATURES)
    graph.sum_trees(INPUT, folded.trees, output="forest")
    return graph.serialize()


def make_rows() -> Matrix:
    """Rows of which some relations hold: whole numbers, ranges, an order."""
    rows = np.random.default_rng(SEED).normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    rows[:, 3] = rows[:, 4] + np.abs(rows[:, 3])
    rows[:, 5] = np.round(4 * rows[:, 5])
    return rows


def make_variants(rows: Matrix) -> dict[str, Score]:
    """Each way to score, by its name."""
    dataset = from_array(rows)
    cards = describe(dataset, fit=np.arange(len(rows)))
    forest = fit_forest(rows, seed=SEED)
    alone = open_session(forest_alone(fold(forest, forest_columns(cards, rows), cards)), source="forest")
    converted = to_onnx(forest, rows[:1], target_opset={"": 18, "ai.onnx.ml": 3}).SerializeToString()
    theirs = open_session(converted, source="skl2onnx")
    fitted = fit_detector(dataset, seed=SEED)
    ours = open_session(fitted.content, source="guard")
    detector = make_detector(fitted.content, fitted.manifest)
    logistic = LogisticRegression().fit(rows, rows[:, 0] + rows[:, 1] > 0)
    model = to_onnx(logistic, rows[:1], options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3})
    by_class = open_session(fit_detector(dataset, model=model.SerializeToString(), seed=SEED).content, source="guard")
    np.testing.assert_allclose(2 ** alone.run(None, {"x": rows})[0][:, 0], -forest.score_samples(rows), atol=1e-6)
    return {
        "guard, score + p_value, session.run": lambda X: ours.run(["score", "p_value"], {"x": X}),
        "guard, Detector.score": detector.score,
        "guard, with a model of two classes": lambda X: by_class.run(["score", "p_value", "group"], {"x": X}),
        "guard, the forest alone": lambda X: alone.run(None, {"x": X}),
        "skl2onnx, the forest": lambda X: theirs.run(None, {"X": X}),
        "scikit-learn, score_samples": forest.score_samples,
    }


def make_detector(content: bytes, manifest: Manifest) -> Detector:
    """A detector that wasn't written to a file."""
    return Detector(content, session=open_session(content, source="guard"), manifest=manifest)


def measure(variants: Mapping[str, Score], rows: Matrix, *, rounds: int) -> dict[str, Cost]:
    """Time each variant in every round, as many calls as take about 20 ms."""
    calls = {name: calls_for(score, rows) for name, score in variants.items()}
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, score in variants.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                score(rows)
            taken[name].append((time.perf_counter() - start) / calls[name] * 1e6)
    return {name: Cost(min(times), statistics.median(times)) for name, times in taken.items()}


def calls_for(score: Score, rows: Matrix) -> int:
    """How many calls make a round that the clock can tell."""
    score(rows)
    start = time.perf_counter()
    score(rows)
    return max(3, min(5000, int(0.02 / (time.perf_counter() - start))))


def show(costs: Mapping[str, Cost], *, n_rows: int) -> None:
    """Print a line a variant, and each one's ratio to scikit-learn."""
    reference = costs["scikit-learn, score_samples"].median
    print(f"\n{n_rows:,} row{'s' * (n_rows > 1)}: µs per row       best     median   scikit-learn / it")
    for name, cost in costs.items():
        best, median = cost.best / n_rows, cost.median / n_rows
        print(f"{name:36} {best:10.2f} {median:10.2f} {reference / cost.median:12.1f}")


def main() -> None:
    """Measure, print, and compare with the goals."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15, help="rounds, in each of which every variant has a turn")
    rounds: int = parser.parse_args().rounds
    print(header("inference-guard", "numpy", "onnxruntime", "scikit-learn", "skl2onnx", seed=SEED))
    rows = make_rows()
    variants = make_variants(rows)
    one = measure(variants, rows[:1], rounds=rounds)
    show(one, n_rows=1)
    many = measure(variants, rows[:1000], rounds=max(3, rounds // 3))
    show(many, n_rows=1000)
    ratio = one["scikit-learn, score_samples"].median / one["guard, the forest alone"].median
    whole, per_row = (found["guard, score + p_value, session.run"].best / n for found, n in ((one, 1), (many, 1000)))
    print(f"\none row: the forest is {ratio:.0f} x scikit-learn's speed; the goal is {LEAST_RATIO}")
    print(f"one row: the whole graph takes {whole:.1f} µs; the goal is {MOST_US_ONE_ROW:g}")
    print(f"1,000 rows: the whole graph takes {per_row:.2f} µs a row; the goal is {MOST_US_PER_ROW:g}")


if __name__ == "__main__":
    main()
