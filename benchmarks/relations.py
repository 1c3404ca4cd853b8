"""Mined relations of URL phishing: how many, how often clean rows break them, and what they cost in the graph.

    python -m benchmarks.relations [--seeds N] [--rounds N] [--show]

For each seed, 64 % of the rows fit, 16 % select, 20 % are clean rows that mining never saw. The cost is that of a
session of the relations alone, weighed and summed, on one thread; beside it an empty session, whose cost is the
runtime's own. The two take turns.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.machine import header
from guard.detectors.detector import open_session
from guard.detectors.manifest import FeatureCard
from guard.detectors.relations import RelationCard, holds
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.graph.relations import add_relations
from guard.training.mining import mine_relations

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", "../shared/data"))
TEST_SHARE, SELECT_SHARE = 0.2, 0.16

# For one row, above the empty session.
MOST_US = 15.0

Matrix = npt.NDArray[np.float32]


def read() -> tuple[tuple[FeatureCard, ...], Matrix]:
    """The features, all taken for numbers, and their rows float32 [n, 87]."""
    path = DATA / "phishing" / "phishing.csv"
    if not path.exists():
        raise SystemExit(f"{path} isn't there; set INFERENCE_GUARD_DATA")
    frame = pl.read_csv(path).drop("status")
    cards = tuple(FeatureCard(name=name, type="number", nullable=False, missing=0) for name in frame.columns)
    return cards, frame.to_numpy().astype(np.float32)


def mine(cards: tuple[FeatureCard, ...], rows: Matrix, *, seed: int) -> tuple[RelationCard, ...]:
    """Mine with one split, print a line, and give the relations."""
    order = np.random.default_rng(seed).permutation(len(rows))
    n_test, n_select = int(TEST_SHARE * len(rows)), int(SELECT_SHARE * len(rows))
    test, select, fit = np.split(order, [n_test, n_test + n_select])
    start = time.perf_counter()
    relations = mine_relations(cards, rows[np.sort(fit)], rows[np.sort(select)])
    seconds = time.perf_counter() - start
    broken = (~holds(relations, rows[test])).any(axis=1).mean()
    kinds = Counter(relation.kind for relation in relations)
    listed = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    print(f"{seed:4} {100 * broken:10.3f} % {seconds:8.2f} s {len(relations):5}: {listed}")
    return relations


def session(relations: tuple[RelationCard, ...], n_features: int) -> Any:
    """The relations alone, weighed and summed; without relations, the first feature."""
    graph = GraphBuilder(n_features)
    if relations:
        weights = graph.constant(np.ones((len(relations), 1)))
        graph.node("MatMul", add_relations(graph, INPUT, relations), weights, output="evidence")
    else:
        graph.node("Gather", INPUT, graph.constant([0], dtype=np.int64), output="evidence", axis=1)
    return open_session(graph.serialize(), source="relations")


def microseconds(session: Any, rows: Matrix, *, calls: int) -> float:
    """The time of one call."""
    start = time.perf_counter()
    for _ in range(calls):
        session.run(None, {INPUT: rows})
    return (time.perf_counter() - start) / calls * 1e6


def main() -> None:
    """Mine, measure, and compare with the goal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10, help="splits")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of the clock")
    parser.add_argument("--show", action="store_true", help="list the relations of the last split")
    options = parser.parse_args()
    print(header("inference-guard", "numpy", "onnxruntime"))
    cards, rows = read()
    print("\nseed   clean rows      mining  relations\n       that break any")
    for seed in range(options.seeds):
        relations = mine(cards, rows, seed=seed)
    if options.show:
        for card in relations:
            print(f"{card.id} {card.text} (support {card.support:,}, broken by {card.broken} of {card.checked:,})")
    sessions = {"relations": session(relations, len(cards)), "empty": session((), len(cards))}
    print(f"\n{len(relations)} relations        best     median   µs a row")
    for n_rows, calls in ((1, 100), (1000, 2)):
        taken: dict[str, list[float]] = {name: [] for name in sessions}
        for _ in range(options.rounds):
            for name, opened in sessions.items():
                taken[name].append(microseconds(opened, rows[:n_rows], calls=calls) / n_rows)
        for name, times in taken.items():
            print(f"{n_rows:5,} rows, {name:10} {min(times):8.2f} {np.median(times):10.2f}")
        if n_rows == 1:
            extra = np.median(taken["relations"]) - np.median(taken["empty"])
            print(f"one row: {extra:.2f} µs above the empty session; the goal is {MOST_US:g}")


if __name__ == "__main__":
    main()
