"""What `guard fit` needs for a large Parquet file: time, and the most memory that its process held at once.

    python -m benchmarks.big_fit [--rows 10000000] [--features 30] [--group ROWS] [--csv] [--keep FOLDER]

The rows are random: numbers, integers, a boolean, three categories and a class, 5 % of two columns missing. The peak
is that of the whole process (its resident set, as the kernel counted it), libraries and all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.machine import header

SEED = 0
PART_ROWS = 250_000
N_INTEGERS, N_CATEGORIES = 4, 3


def parts(rows: int, features: int, folder: Path) -> Iterator[Path]:
    """Write the rows in files of PART_ROWS, so that making them needs little memory either."""
    random = np.random.default_rng(SEED)
    for start in range(0, rows, PART_ROWS):
        path = folder / f"part{start:012d}.parquet"
        _part(random, min(PART_ROWS, rows - start), features).write_parquet(path)
        yield path


def _part(random: np.random.Generator, n: int, features: int) -> pl.DataFrame:
    numbers = random.normal(size=(features - N_INTEGERS - N_CATEGORIES - 1, n))
    numbers[:2, random.random(n) < 0.05] = np.nan
    columns: dict[str, object] = {f"number{place}": values for place, values in enumerate(numbers)}
    columns |= {f"integer{place}": random.integers(0, 1000, n) for place in range(N_INTEGERS)}
    texts = np.array(["red", "green", "blue", "other"])
    columns |= {f"text{place}": texts[random.integers(0, 4, n)] for place in range(N_CATEGORIES)}
    columns |= {"flag": random.random(n) < 0.3, "predicted": np.where(numbers[2] > 0, "yes", "no")}
    return pl.DataFrame(columns)


def write(rows: int, features: int, group: int, path: Path) -> None:
    """Write one file of all rows."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        frame = pl.scan_parquet(list(parts(rows, features, Path(folder))))
        frame.sink_csv(path) if path.suffix == ".csv" else frame.sink_parquet(path, row_group_size=group)


def measure(command: list[str]) -> tuple[int, float, float]:
    """Run it; give its exit status, its peak of resident memory in MiB, its seconds."""
    start = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / 1024, time.monotonic() - start


def run(options: argparse.Namespace, folder: Path) -> int:
    """Write the file unless it is there, fit, report."""
    path = folder / f"rows{options.rows}x{options.features}.{'csv' if options.csv else 'parquet'}"
    if not path.exists():
        write(options.rows, options.features, options.group, path)
    predictions = ["--predictions", "predicted"] if options.predictions else ["--drop", "predicted"]
    output = folder / "detector.onnx"
    command = [str(Path(sys.executable).with_name("guard")), "fit", str(path), "-o", str(output), *predictions]
    status, peak, seconds = measure(command)
    print(header("polars", "numpy", "scikit-learn", "onnxruntime", seed=SEED))
    print(f"rows      {options.rows:,} of {options.features} features, groups of {options.group:,}")
    print(f"file      {path.suffix[1:]}, {path.stat().st_size / 2**20:,.0f} MiB")
    print(f"exit      {status}")
    print(f"peak      {peak:,.0f} MiB resident")
    print(f"time      {seconds:,.1f} s")
    return status


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--group", type=int, default=2**18, help="rows in a group of the Parquet file")
    parser.add_argument("--csv", action="store_true", help="CSV in place of Parquet")
    parser.add_argument("--predictions", action="store_true", help="fit conditionally on the class")
    parser.add_argument("--keep", type=Path, help="folder in which the file is kept")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return run(options, options.keep)
    with tempfile.TemporaryDirectory() as folder:
        return run(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
