"""Anomalies of the ADBench development sets: guard's detector beside scikit-learn's forest and PyOD's detectors.

    python -m benchmarks.tabular [--contaminated [SHARE]] [--sets A,B] [--seeds N] [--split] [--ablations]
                                 [--no-baselines] [--verbose] [--csv FILE]

The protocol is `../shared/data/README.md`'s: for each set and seed half of the normal rows train, the others and all
anomalies test (`benchmarks/adbench.py`). Figures are means over sets of means over seeds; in a set with fewer than
100 normal test rows, recall at 1 % is recall without any false positive. All detectors see the same rows.

guard is fitted by `fit_detector(rows, cross_fitted=True)`, where all training rows both fit and calibrate, in turns;
with `--split` as by default, where half of them fit, 15 % weigh and 35 % calibrate. The others fit to all of them.
`--contaminated` adds anomalies to the training rows (5 % by default), and tells guard (`rows="contaminated"`); the
others have no such option but the share that their threshold takes, which these figures don't depend on.

A set too small for 1 % is fitted for the rate that its rows carry; the score is the same. Where guard can't be
fitted at all, the set is named and counts for no detector. Also measured is the share of clean test rows flagged,
where at least LEAST rows calibrate. `--ablations` leaves votes out of the score, takes single ones, and fits for
the other kind of rows. Other detectors than the forest need PyOD (`pip install pyod`, with 200 MB of numba).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from benchmarks.ablations import variants
from benchmarks.adbench import Figures, Task, measure, set_names, split
from benchmarks.machine import header
from benchmarks.rivals import PACKAGE, installed, rivals, score
from guard.detectors import Detector, Promise, cut, open_detector
from guard.detectors.flag_count import most_flags
from guard.errors import TrainingError
from guard.training import fit_detector
from guard.training.rows.split import share_sizes

# Mean AUROC and recall at 1 %, over all sets, on clean rows and with 5 % contamination.
GOALS = {0.0: (0.868, 0.470), 0.05: (0.795, 0.290)}
N_SETS = 29

PROMISED = (0.01, 0.001)

# With fewer calibration rows the share flagged is mostly chance.
LEAST = 500

# A rate that n rows carry is above 1 / (n + 1).
CARRIED = 1.5

OURS = "guard"
ABLATION = "  "

Kind = Literal["clean", "contaminated"]


class Result(NamedTuple):
    """What a method reached on one set and seed."""

    set: str
    seed: int
    method: str
    auroc: float
    recall_1: float
    recall_5: float


class Flagged(NamedTuple):
    """Clean test rows that were flagged at a promised rate, and the most that the promise allows."""

    rate: float
    n_rows: int
    flagged: int
    most: int


def fit(task: Task, rows: Kind, *, cross_fitted: bool) -> Detector:
    """Fit at 1 %, or at the lowest rate that the rows carry; raises TrainingError."""
    n = len(task.train) if cross_fitted else share_sizes(len(task.train)).calibrate
    rates = (max(PROMISED[0], CARRIED / n),)
    fitted = fit_detector(task.train, seed=task.seed, rates=rates, rows=rows, cross_fitted=cross_fitted)
    return open_detector(fitted.content, source=task.name)


def judge(detector: Detector, task: Task) -> Figures:
    """Measure the one score."""
    clean, anomalous = (detector.score(rows).score.astype(np.float64) for rows in (task.clean, task.anomalous))
    return measure(clean, anomalous)


def flags(detector: Detector, task: Task) -> Iterator[Flagged]:
    """Count the clean test rows flagged at each promised rate that the calibration rows carry."""
    n, m = detector.manifest.calibrations[0].n, len(task.clean)
    p_values = detector.score(task.clean).p_value
    for promise in (Promise(rate, n) for rate in PROMISED):
        if n >= LEAST and promise.carried:
            flagged = int((p_values <= cut(n, promise.fpr)).sum())
            yield Flagged(promise.fpr, m, flagged, most_flags(promise, n_rows=m))


def ablate(detector: Detector, task: Task, rows: Kind, *, cross_fitted: bool) -> Iterator[tuple[str, Figures]]:
    """Yield the figures of each variant, and of a fit for the other kind of rows."""
    clean, anomalous = variants(detector, task.clean), variants(detector, task.anomalous)
    for name in clean:
        yield ABLATION + name, measure(clean[name], anomalous[name])
    other: Kind = "contaminated" if rows == "clean" else "clean"
    yield f'{ABLATION}rows="{other}"', judge(fit(task, other, cross_fitted=cross_fitted), task)


def compare(task: Task) -> Iterator[tuple[str, Figures]]:
    """Yield the figures of the other detectors."""
    test = np.concatenate([task.clean, task.anomalous])
    for name, rival in rivals().items():
        clean, anomalous = np.split(score(rival, task.train, test, seed=task.seed), [len(task.clean)])
        yield name, measure(clean, anomalous)


def run(task: Task, options: argparse.Namespace) -> tuple[list[Result], list[Flagged]]:
    """Fit and measure everything that was asked for; raises TrainingError where guard can't be fitted."""
    rows: Kind = "contaminated" if options.contaminated else "clean"
    detector = fit(task, rows, cross_fitted=not options.split)
    found = {OURS: judge(detector, task)}
    if options.ablations:
        found |= ablate(detector, task, rows, cross_fitted=not options.split)
    if options.baselines:
        found |= compare(task)
    return [Result(task.name, task.seed, name, *one) for name, one in found.items()], list(flags(detector, task))


def over_seeds(results: Sequence[Result]) -> pl.DataFrame:
    """Means over seeds: a row for each set and method, in their order."""
    figures = pl.col(Figures._fields).mean()
    return pl.DataFrame(results, schema=Result._fields, orient="row").group_by(
        "set", "method", maintain_order=True
    ).agg(figures)  # fmt: skip


def show_sets(means: pl.DataFrame) -> None:
    """Print two tables, a line for each set and a column for each detector."""
    means = means.filter(~pl.col("method").str.starts_with(ABLATION))
    methods = means["method"].unique(maintain_order=True).to_list()
    for figure, title in (("auroc", "AUROC"), ("recall_1", "recall at 1 %")):
        print(f"\n{title:16}" + "".join(f"{method:>8}" for method in methods))
        for line in means.pivot("method", index="set", values=figure).iter_rows():
            print(f"{line[0]:16}" + "".join(f"{value:8.3f}" for value in line[1:]))


def show_means(means: pl.DataFrame) -> None:
    """Print each method's means over sets, and in how many sets guard is better and worse than it."""
    ours = means.filter(pl.col("method") == OURS)
    print(f"\n{'':25}       recall        sets, guard better / worse")
    print(f"{'':25}AUROC  at 1 %  at 5 %      AUROC   recall at 1 %")
    for (method,), own in means.group_by("method", maintain_order=True):
        figures = "  ".join(f"{own[figure].to_numpy().mean():.4f}" for figure in Figures._fields)
        pairs = ours.join(own, on="set")
        wins = [_wins(pairs[figure], pairs[f"{figure}_right"]) for figure in ("auroc", "recall_1")]
        print(f"{method:24} {figures}" + ("" if method == OURS else f"  {wins[0]:>9} {wins[1]:>15}"))


def _wins(ours: pl.Series, theirs: pl.Series) -> str:
    return f"{(ours > theirs).sum()} / {(ours < theirs).sum()}"


def show_goal(results: Sequence[Result], contamination: float) -> None:
    """Print guard's means of each seed, whose spread tells what a difference is worth, and the goal of all sets."""
    frame = pl.DataFrame(results, schema=Result._fields, orient="row").filter(pl.col("method") == OURS)
    seeds = frame.group_by("seed", maintain_order=True).agg(pl.col(Figures._fields).mean())
    print("\nguard, each seed: " + ", ".join(f"{row[1]:.4f} / {row[2]:.4f}" for row in seeds.sort("seed").iter_rows()))
    if contamination in GOALS and frame["set"].n_unique() == N_SETS:
        goal, reached = GOALS[contamination], [frame[figure].to_numpy().mean() for figure in ("auroc", "recall_1")]
        print(f"AUROC {reached[0]:.4f}, the goal is {goal[0]}; recall at 1 % {reached[1]:.4f}, the goal is {goal[1]}")


def show_flagged(flagged: Sequence[Flagged]) -> None:
    """Print how many clean test rows were flagged, mean over sets and seeds."""
    print(f"\nclean test rows flagged, where at least {LEAST} rows calibrate")
    for rate in PROMISED:
        own = [one for one in flagged if one.rate == rate]
        if own:
            shares = np.array([one.flagged / one.n_rows for one in own])
            over = sum(one.flagged > one.most for one in own)
            print(f"at {rate:.1%} promised: mean {shares.mean():.2%}, standard deviation {shares.std():.2%}, most "
                  f"{shares.max():.2%}; over the promise's 97.5 % point in {over} of {len(own)} fits")  # fmt: skip


def parse() -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--contaminated", nargs="?", const=0.05, default=0.0, type=float, metavar="SHARE",
        help="anomalies among the training rows, 0.05 by default",
    )  # fmt: skip
    parser.add_argument("--sets", type=lambda text: text.split(","), help="some of the sets, by commas")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 up")
    parser.add_argument("--split", action="store_true", help="three shares of the rows in place of cross-fitting")
    parser.add_argument("--ablations", action="store_true", help="also variants of guard's detector")
    parser.add_argument("--baselines", action=argparse.BooleanOptionalAction, default=True, help="the other detectors")
    parser.add_argument("--verbose", action="store_true", help="also a table of the sets")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the figures of every set, seed and method")
    return parser.parse_args()


def main() -> None:
    """Fit, measure and print."""
    options, start = parse(), time.perf_counter()
    others = [PACKAGE] if options.baselines and installed() else []
    print(header("inference-guard", "numpy", "onnxruntime", "scikit-learn", *others))
    print(f"guard     {'three shares of the rows' if options.split else 'cross-fitted'}, rows "
          f"{f'contaminated by {options.contaminated:.0%}' if options.contaminated else 'clean'}, "
          f"seeds 0 to {options.seeds - 1}")  # fmt: skip
    if options.baselines and not others:
        print(f"left out  KNN, LOF, INNE, ECOD: {PACKAGE} isn't installed; pip install {PACKAGE}")
    results: list[Result] = []
    flagged: list[Flagged] = []
    for name in options.sets or set_names():
        tasks = (split(name, seed, contamination=options.contaminated) for seed in range(options.seeds))
        try:
            found = [run(task, options) for task in tasks]
        except TrainingError as error:
            print(f"left out  {name}: {error}")
            continue
        results += [result for own, _ in found for result in own]
        flagged += [one for _, own in found for one in own]
        if options.csv:
            pl.DataFrame(results, schema=Result._fields, orient="row").write_csv(options.csv)
    if results:
        report(results, flagged, options)
    print(f"time: {time.perf_counter() - start:.0f} s")


def report(results: Sequence[Result], flagged: Sequence[Flagged], options: argparse.Namespace) -> None:
    """Print everything that was measured."""
    means = over_seeds(results)
    print(f"sets      {means['set'].n_unique()}")
    if options.verbose:
        show_sets(means)
    show_means(means)
    show_goal(results, options.contaminated)
    show_flagged(flagged)


if __name__ == "__main__":
    main()
