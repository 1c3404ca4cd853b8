"""The false-alarm rate on the demo's data, over many seeds.

    python -m benchmarks.promise [--seeds N]

Each seed has a split and a fit of its own. Exit status 1 where more than one seed of twenty is over what the promise
allows a test of its size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import header
from models.build import HOME
from models.rates import FLAG_FPR, REJECT_FPR, Rate, measure, over

# The share of seeds that may be over a 97.5 % point before the promise counts as broken: 1 of 20.
MOST_OVER = 0.05


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds, from 0 up")
    count: int = parser.parse_args().seeds
    print(header("inference-guard", "numpy", "onnx", "onnxruntime", "scikit-learn"))
    print(f"seeds     0 to {count - 1}")
    start = time.perf_counter()
    contract = (HOME / "contract.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        rates = list(measure(range(count), contract=contract, folder=Path(folder)))
    show(rates)
    print(f"time: {time.perf_counter() - start:.1f} s")
    return int(over(rates) > MOST_OVER * len(rates))


def show(rates: Sequence[Rate]) -> None:
    """Print a line a seed, and the sums."""
    print("\nseed  calibration  held out  flagged  most  rejected")
    for rate in rates:
        mark = "  over" if rate.is_over else ""
        print(
            f"{rate.seed:4}  {rate.n_calibration:11}  {rate.n_rows:8}  {rate.flagged:7}  {rate.most:4}  "
            f"{rate.rejected:8}{mark}"
        )
    n_rows = sum(rate.n_rows for rate in rates)
    flagged, rejected = sum(rate.flagged for rate in rates), sum(rate.rejected for rate in rates)
    print(f"\nflagged {flagged} of {n_rows}: {flagged / n_rows:.3%}, promised at most {FLAG_FPR:.1%} on average")
    print(
        f"rejected {rejected} of {n_rows}: {rejected / n_rows:.3%}, asked {REJECT_FPR:.1%} (extrapolated, no promise)"
    )
    print(f"over the 97.5 % point of the promise: {over(rates)} of {len(rates)} seeds, at most {MOST_OVER:.0%} may be")


if __name__ == "__main__":
    sys.exit(main())
