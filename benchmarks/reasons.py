"""Whether the reasons of a flagged row name the feature that was changed.

    python -m benchmarks.reasons [--sets NAME ...] [--seed N] [--most ROWS]

Half of each set's normal rows fit a detector at 1 %; in the other half one feature, at random, is changed:

* gross: half a range outside the learned range; mild: 2 % of a range; swap: another row's value, inside the range;
* shuffled: every feature has another row's value, so that no single feature is the culprit.

Counted are rows that are flagged and weren't before the change: only there is the change known to be the cause. The
second figure counts all flagged rows, as `tabular.md` 7 may have; of them some were flagged for what they were.
Only sets where a kind has LEAST rows count, and figures are means over sets; features that tie share the hit.
Beside ours: putting the median, or the nearest clean row's value, for each feature; and the largest |z|.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.machine import header
from guard.detectors import Detector, explain_row, open_detector
from guard.detectors.attribution import attribute
from guard.errors import TrainingError
from guard.training import fit_detector

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", "../shared/data"))

RATE = 0.01
KINDS = {"gross": 0.5, "mild": 0.02, "swap": None}
GOALS = {"gross": 0.98, "mild": 0.95, "swap": 0.80}

# Of one set and kind: fewer rows say little. Rows that are changed to find those that are then flagged.
LEAST, TRIED = 20, 8000

# Scores nearer than this are tied.
TIE = 1e-6

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Method = Callable[["Fitted", Matrix], Floats]


class Fitted(NamedTuple):
    """A detector, the rows [n, d] that it was fitted to, and normal rows that it hasn't seen."""

    detector: Detector
    train: Matrix
    test: Matrix


class Changed(NamedTuple):
    """Flagged rows [n, d], the feature of each that was changed, and whether it wasn't flagged before."""

    rows: Matrix
    features: npt.NDArray[np.intp]
    new: npt.NDArray[np.bool_]


def fit(name: str, seed: int) -> Fitted | None:
    """Fit to half of a set's normal rows; None where these are too few for the rate."""
    with np.load(DATA / "tabular" / f"{name}.npz") as archive:
        rows = archive["X"][archive["y"] == 0].astype(np.float32)
    order = np.random.default_rng(1000 + seed).permutation(len(rows))
    train, test = rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
    names = [f"f{place}" for place in range(rows.shape[1])]
    try:
        fitted = fit_detector(train, names=names, rates=(RATE,), seed=seed)
    except TrainingError:
        return None
    return Fitted(open_detector(fitted.content, source=name), train, test)


def change(fitted: Fitted, kind: str, random: np.random.Generator, most: int) -> Changed:
    """Change one feature of many rows, and keep those that are flagged, up to `most` of them new."""
    before = fitted.test[random.integers(len(fitted.test), size=TRIED)]
    low, high = fitted.train.min(axis=0), fitted.train.max(axis=0)
    features = random.choice(np.flatnonzero(high > low), TRIED)
    every = np.arange(TRIED)
    after, far = before.copy(), KINDS[kind]
    if far is None:
        after[every, features] = fitted.test[random.integers(len(fitted.test), size=TRIED), features]
    else:
        width = far * (high - low)
        after[every, features] = np.where(random.random(TRIED) < 0.5, (high + width)[features], (low - width)[features])
    values = after[every, features]
    inside = (values >= low[features]) & (values <= high[features])
    valid = (values != before[every, features]) & (inside if far is None else ~inside)
    flagged = valid & (fitted.detector.score(after).p_value <= RATE)
    new = flagged & (fitted.detector.score(before).p_value > RATE)
    kept = np.flatnonzero(flagged)
    kept = kept[np.cumsum(new[kept]) <= most][: 2 * most]
    return Changed(after[kept], features[kept], new[kept])


def shuffled(fitted: Fitted, random: np.random.Generator, most: int) -> Matrix:
    """Flagged rows of which each feature is another row's."""
    rows = np.stack([random.permutation(column) for column in fitted.test.T], axis=1)
    return rows[fitted.detector.score(rows).p_value <= RATE][:most]


def ours(fitted: Fitted, rows: Matrix) -> Floats:
    """The rank, the first being the largest."""
    orders = np.stack([attribute(fitted.detector, row).order for row in rows])
    return -np.argsort(orders, axis=1).astype(np.float64)


def by_median(fitted: Fitted, rows: Matrix) -> Floats:
    """How far the score falls with the median."""
    medians = np.median(fitted.train, axis=0)
    return np.stack([_falls(fitted.detector, row, medians) for row in rows])


def by_nearest(fitted: Fitted, rows: Matrix) -> Floats:
    """How far the score falls with the nearest clean row's value."""
    nearest = fitted.detector.nearest(rows)
    return np.stack([_falls(fitted.detector, row, clean) for row, clean in zip(rows, nearest, strict=True)])


def by_z(fitted: Fitted, rows: Matrix) -> Floats:
    """Standard deviations from the mean."""
    spread = np.maximum(fitted.train.std(axis=0), 1e-12)
    return np.asarray(np.abs(rows - fitted.train.mean(axis=0)) / spread, dtype=np.float64)


def _falls(detector: Detector, row: Matrix, values: Matrix) -> Floats:
    rows = np.repeat(row[None], len(row) + 1, axis=0)
    np.fill_diagonal(rows, values)
    scores = detector.score(rows).score.astype(np.float64)
    return np.asarray(scores[-1] - scores[:-1])


METHODS: dict[str, Method] = {"ours": ours, "median": by_median, "nearest": by_nearest, "|z|": by_z}


def hits(found: Floats, features: npt.NDArray[np.intp], first: int = 1) -> Floats:
    """For each row the chance that the feature is among the first, ties in any order."""
    own = found[np.arange(len(found)), features][:, None]
    above, tied = (found > own + TIE).sum(axis=1), (np.abs(found - own) <= TIE).sum(axis=1)
    return np.asarray(np.clip((first - above) / tied, 0, 1))


def measure(fitted: Fitted, seed: int, most: int) -> Iterator[tuple[str, str, int, float, float]]:
    """Kind, method, rows, and the shares of hits at 1 and at 3, of each kind with enough rows; `*` marks all rows."""
    for kind in KINDS:
        changed = change(fitted, kind, np.random.default_rng([seed, len(kind)]), most)
        for name, method in METHODS.items():
            if not len(changed.rows):
                continue
            found = method(fitted, changed.rows)
            first, three = (hits(found, changed.features, n) for n in (1, 3))
            if changed.new.sum() >= LEAST:
                yield kind, name, int(changed.new.sum()), first[changed.new].mean(), three[changed.new].mean()
            if len(found) >= LEAST:
                yield f"{kind}*", name, len(found), first.mean(), three.mean()


def unexplained(fitted: Fitted, seed: int, most: int) -> Iterator[tuple[str, int, float]]:
    """What share of swapped and of shuffled rows is said to have no single feature (G515)."""
    random = np.random.default_rng([seed, 9])
    swapped = change(fitted, "swap", random, most)
    for kind, rows in {"swap": swapped.rows[swapped.new], "shuffled": shuffled(fitted, random, most)}.items():
        if len(rows) >= LEAST:
            faults = [explain_row(fitted.detector, row).faults for row in rows]
            yield kind, len(rows), float(np.mean([fault[0].rule == "G515" for fault in faults]))


def main() -> None:
    """Fit, change, measure, and print the means over sets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", nargs="+", default=sorted(path.stem for path in (DATA / "tabular").glob("*.npz")))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=100, help="rows of each set and kind")
    options = parser.parse_args()
    if not options.sets:
        raise SystemExit(f"{DATA / 'tabular'} isn't there; set INFERENCE_GUARD_DATA")
    print(header("inference-guard", "numpy", "onnxruntime", "scikit-learn", seed=options.seed))
    start = time.perf_counter()
    told: dict[tuple[str, str], list[tuple[str, int, float, float]]] = {}
    alone: dict[str, list[float]] = {}
    for name in options.sets:
        fitted = fit(name, options.seed)
        if fitted is None:
            print(f"{name}: too few rows for a rate of {RATE:.0%}")
            continue
        for kind, method, n, first, three in measure(fitted, options.seed, options.most):
            told.setdefault((kind, method), []).append((name, n, first, three))
        for kind, _, share in unexplained(fitted, options.seed, options.most):
            alone.setdefault(kind, []).append(share)
    show(told, alone)
    print(f"time: {time.perf_counter() - start:.0f} s")


def show(told: dict[tuple[str, str], list[tuple[str, int, float, float]]], alone: dict[str, list[float]]) -> None:
    """Print a line for each set, then the means."""
    for name in dict.fromkeys(line[0] for lines in told.values() for line in lines):
        mine = {kind: line for (kind, method), lines in told.items() if method == "ours" for line in lines
                if line[0] == name}  # fmt: skip
        print(f"{name:12}", *(f"{kind} {line[2]:.3f} of {line[1]:3}" for kind, line in mine.items()), sep="  ")
    print("\nkind    method    sets   rows  first  among three  first, of all rows  goal     * all flagged rows")
    for (kind, method), lines in told.items():
        _, rows, first, three = zip(*lines, strict=True)
        goal = f"{GOALS[kind]:.2f}" if kind in GOALS and method == "ours" else ""
        means = f"{np.mean(first):.3f}  {np.mean(three):11.3f}  {np.average(first, weights=rows):18.3f}"
        print(f"{kind:7} {method:8} {len(rows):5} {sum(rows):6}  {means}  {goal}")
    for kind, shares in alone.items():
        print(f"no single feature (G515), {kind}: {np.mean(shares):.1%} of rows, {len(shares)} sets")


if __name__ == "__main__":
    main()
