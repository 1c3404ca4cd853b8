"""The whole promise, measured: of clean requests, the share that is flagged, beside what is promised.

    python -m benchmarks.promise [--seeds N] [--sets NAME ...] [--draws N]

Each set of ADBench with 2,000 normal rows or more, each seed: a random half of the normal rows fits a detector by
the defaults, the other half is sent as clean requests of 1, 10 and 100 rows, each row once for each size. A run is
over where more requests are flagged than the 97.5 % point: for single rows beta-binomial, exactly; for batches, which
share calibration and rows, by simulation (`clean_requests.simulate`). What rests on the extrapolated tail is
counted apart: no promise covers it. Then: fitted with a confidence; requests of rows that resemble each other;
by predicted class; cross-fitted; the demo's data.

Exit status 1 where at 1 % requests of any size are flagged more often on average, or over in more than 1 of 20 runs;
with few seeds by chance too.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom

from benchmarks.clean_requests import Flags, Points, send, send_clustered, simulate
from benchmarks.clean_rows import Heldout, find_sets, hold_out, read_normals
from benchmarks.machine import header
from benchmarks.promise_variants import show_classes, show_cross_fitted, show_demo
from guard.detectors import Promise
from guard.detectors.flag_count import most_flags
from guard.training.evaluation.batches import Batches

RATES = (0.01, 0.001)
SIZES = (1, 10, 100)
BATCHES = SIZES[1:]
CONFIDENCE = 0.95

# The share of runs that may be over a 97.5 % point before the promise counts as broken: 1 of 20.
MOST_OVER = 0.05

# Their rows stand in the order of the pixels of a satellite's image, so that neighbours resemble each other.
IN_ORDER = ("landsat", "satellite", "satimage-2")

Key = tuple[float, int]


class Run(NamedTuple):
    """One detector: flags by rate and size of request, with confidence, and of requests that cluster, by size."""

    n: int
    n_rows: int
    flags: dict[Key, Flags]
    confident: dict[float, Flags]
    customers: dict[int, Batches]
    neighbours: dict[int, Batches]

    def promise(self, fpr: float, confidence: float | None = None) -> Promise:
        """What is promised of its single rows."""
        return Promise(fpr, self.n, confidence)


class Measured(NamedTuple):
    """The runs of a set, which have all the same sizes, and the points of its batches at 1 %."""

    name: str
    runs: list[Run]
    points: dict[int, Points]

    def share(self, key: Key, count: str = "flagged") -> float:
        """The mean share of requests."""
        return float(np.mean([getattr(run.flags[key], count) / run.flags[key].requests for run in self.runs]))

    def over(self, m: int) -> int:
        """For how many runs more requests were flagged at 1 % than the point."""
        return sum(run.flags[RATES[0], m].flagged > self.most(m) for run in self.runs)

    def over_counted(self, m: int) -> int:
        """The same of those flagged by the rank count, whose promise is exact."""
        return sum(run.flags[RATES[0], m].counted > self.points[m].counted for run in self.runs)

    def most(self, m: int) -> int:
        """The 97.5 % point."""
        if m > 1:
            return self.points[m].flagged
        return most_flags(self.runs[0].promise(RATES[0]), n_rows=self.runs[0].n_rows)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds, from 0 up")
    parser.add_argument("--sets", nargs="+", help="sets of ADBench; by default all that are large enough")
    parser.add_argument("--draws", type=int, default=2000, help="draws of the simulation")
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    print(header("inference-guard", "numpy", "onnx", "onnxruntime", "scikit-learn"))
    print(f"seeds     0 to {options.seeds - 1}")
    start = time.perf_counter()
    sets = [measure(name, options.seeds, draws=options.draws) for name in options.sets or find_sets()]
    for show in (show_single, show_batches, show_tail, show_confidence, show_clustered):
        show(sets)
    seeds = range(options.seeds)
    show_classes(seeds)
    show_cross_fitted(seeds)
    show_demo(seeds)
    print(f"\ntime: {time.perf_counter() - start:.0f} s")
    return int(not _keeps(sets))


def measure(name: str, seeds: int, *, draws: int) -> Measured:
    """Fit and send, once a seed."""
    start = time.perf_counter()
    values = read_normals(name)
    runs = [_run(hold_out(values, seed=seed), by_order=name in IN_ORDER) for seed in range(seeds)]
    n, n_rows = runs[0].n, runs[0].n_rows
    points = {m: simulate(n, n_rows, m=m, fpr=RATES[0], draws=draws) for m in BATCHES}
    print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return Measured(name, runs, points)


def _run(heldout: Heldout, *, by_order: bool) -> Run:
    return Run(
        n=heldout.n,
        n_rows=len(heldout.values),
        flags={(fpr, m): send(heldout, m=m, fpr=fpr) for fpr in RATES for m in SIZES},
        # A confidence changes nothing of a fit without classes but the rank that is flagged.
        confident={fpr: send(heldout, m=1, fpr=fpr, confidence=CONFIDENCE) for fpr in RATES},
        customers={m: send_clustered(heldout, m=m, fpr=RATES[0], by_order=False) for m in BATCHES},
        neighbours={m: send_clustered(heldout, m=m, fpr=RATES[0], by_order=True) for m in BATCHES if by_order},
    )


def show_single(sets: Sequence[Measured]) -> None:
    """Single rows at 1 %: exact."""
    print("\nSingle rows at 1 %, by the defaults; % of them, means of the runs and their standard deviation")
    print(f"{'set':12} {'calibration':>11} {'sent':>6} {'promised':>9} {'flagged':>8} {'sd':>6}  over")
    for found in sets:
        run, shares = found.runs[0], [run.flags[RATES[0], 1].flagged / run.n_rows for run in found.runs]
        print(
            f"{found.name:12} {run.n:11,} {run.n_rows:6,} {100 * run.promise(RATES[0]).mean:9.3f} "
            f"{100 * np.mean(shares):8.3f} {100 * np.std(shares):6.3f}  {found.over(1)} of {len(shares)}"
        )
    promised = np.mean([found.runs[0].promise(RATES[0]).mean for found in sets])
    print(f"{'mean':31} {100 * promised:9.3f} {100 * _mean(sets, (RATES[0], 1)):8.3f} {'':6}  {_over(sets, 1)}")


def show_batches(sets: Sequence[Measured]) -> None:
    """Batches at 1 %: the half that is counted is exact, the half of the smallest p-value rests on the tail."""
    print("\nRequests of 10 and of 100 shuffled rows at 1 %: % flagged; of these by the rank count (promised at most")
    print("0.5), and by extrapolated p-values alone (asked 0.5, nothing promised); the runs over the points")
    for m in BATCHES:
        print(f"{'set':12} {'m':>4} {'flagged':>8} {'count':>6} {'tail':>6}  over, over by count")
        key = (RATES[0], m)
        for found in sets:
            shares = [100 * found.share(key, count) for count in ("flagged", "counted", "by_tail")]
            print(
                f"{found.name:12} {m:4} {shares[0]:8.3f} {shares[1]:6.3f} {shares[2]:6.3f}"
                f"  {found.over(m)}, {found.over_counted(m)} of {len(found.runs)}"
            )
        means = [100 * _mean(sets, key, count) for count in ("flagged", "counted", "by_tail")]
        counted = sum(found.over_counted(m) for found in sets)
        print(f"{'mean':17} {means[0]:8.3f} {means[1]:6.3f} {means[2]:6.3f}  {_over(sets, m)}; by count {counted}\n")


def show_tail(sets: Sequence[Measured]) -> None:
    """0.1 %: carried by 999 calibration rows or more, else extrapolated."""
    fpr = RATES[1]
    print("At 0.1 %: % flagged of single rows, of requests of 10 and of 100; % rejected of those at 1 % and 0.1 %")
    print(f"{'sets':26} {'1':>7} {'10':>7} {'100':>7}   {'1':>7} {'10':>7} {'100':>7}  single rows over")
    for word, carried in (("carried", True), ("extrapolated", False)):
        chosen = [found for found in sets if found.runs[0].promise(fpr).carried == carried]
        if not chosen:
            continue
        flagged = " ".join(f"{100 * _mean(chosen, (fpr, m)):7.3f}" for m in SIZES)
        rejected = " ".join(f"{100 * _mean(chosen, (RATES[0], m), 'rejected'):7.3f}" for m in SIZES)
        over = [run.flags[fpr, 1].flagged > most_flags(run.promise(fpr), n_rows=run.n_rows) for run in _runs(chosen)]
        told = f"{sum(over)} of {len(over)}" if carried else "nothing promised"
        print(f"{f'{word}, {len(chosen)} sets':26} {flagged}   {rejected}  {told}")
    print("(of 10 and of 100, the smallest p-value's half is extrapolated in all sets)")


def show_confidence(sets: Sequence[Measured]) -> None:
    """How often the rate of a detector fitted with a confidence is over."""
    print(
        f"\nFitted with --confidence {CONFIDENCE}: single rows flagged, and the runs in which more are than the rate;"
    )
    print("expected are such runs if the promise is kept to the letter, given how few rows each test has")
    for fpr in RATES:
        chosen = [run for run in _runs(sets) if run.promise(fpr, CONFIDENCE).carried]
        if not chosen:
            continue
        exceeds = [run.confident[fpr].flagged > fpr * run.n_rows for run in chosen]
        expected = sum(_chance_above(run, fpr) for run in chosen)
        rate = np.mean([run.confident[fpr].flagged / run.n_rows for run in chosen])
        print(f"{fpr:6.1%}: flagged {rate:.3%}; {sum(exceeds)} of {len(chosen)} runs, expected {expected:.1f}")


def _chance_above(run: Run, fpr: float) -> float:
    """The beta-binomial probability that more than the rate are flagged."""
    k = run.promise(fpr, CONFIDENCE).k
    return float(betabinom(run.n_rows, k, run.n + 1 - k).sf(np.floor(fpr * run.n_rows)))


def show_clustered(sets: Sequence[Measured]) -> None:
    """Requests of rows that resemble each other, beside the same rows dealt out anew."""
    print("\nRequests of rows that resemble each other, at 1 %: % flagged, beside the same rows shuffled")
    print(f"{'set':12} {'rows':11} {'10':>7} {'shuffled':>9} {'100':>7} {'shuffled':>9}")
    for found in sets:
        _show_clusters(found.name, "k-means", [run.customers for run in found.runs])
    for found in sets:
        if found.name in IN_ORDER:
            _show_clusters(found.name, "neighbours", [run.neighbours for run in found.runs])
    _show_clusters("mean", "k-means", [run.customers for run in _runs(sets)])


def _show_clusters(name: str, kind: str, found: Sequence[dict[int, Batches]]) -> None:
    shares = [
        100 * np.mean([getattr(batches[m], order).rate for batches in found])
        for m in BATCHES
        for order in ("clustered", "shuffled")
    ]
    print(f"{name:12} {kind:11} {shares[0]:7.2f} {shares[1]:9.2f} {shares[2]:7.2f} {shares[3]:9.2f}")


def _keeps(sets: Sequence[Measured]) -> bool:
    most = MOST_OVER * len(_runs(sets))
    return all(_mean(sets, (RATES[0], m)) <= RATES[0] and sum(found.over(m) for found in sets) <= most for m in SIZES)


def _runs(sets: Sequence[Measured]) -> list[Run]:
    return [run for found in sets for run in found.runs]


def _mean(sets: Sequence[Measured], key: Key, count: str = "flagged") -> float:
    return float(np.mean([found.share(key, count) for found in sets]))


def _over(sets: Sequence[Measured], m: int) -> str:
    over, runs = sum(found.over(m) for found in sets), len(_runs(sets))
    return f"{over} of {runs} ({over / runs:.1%})"


if __name__ == "__main__":
    sys.exit(main())
