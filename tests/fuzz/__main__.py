"""Fuzz guard for as long as you like: `python -m tests.fuzz [FORMAT ...] [--seconds 60] [--canonical]`.

Each format begins from its seeds and the committed corpus, and runs in a process of its own. Prints how many bodies
were sent, and how fast. An input that guard fails on is kept in `--keep`; add it to `corpus/FORMAT`, and mend guard.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.seeds import FORMATS, seeds_of

CORPUS = Path(__file__).parent / "corpus"
DICTIONARY = Path(__file__).parent / "words.dict"


class Run(NamedTuple):
    """How one format fared: bodies sent, seconds, and what libFuzzer said where it stopped early (or None)."""

    n_bodies: int
    seconds: float
    failure: str | None


def fuzz(name: str, *, seconds: float, keep: Path, canonical: bool = False, n_runs: int = -1) -> Run:
    """Fuzz one format; inputs that guard fails on are written to `keep`."""
    keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guard-corpus-") as folder:
        for number, seed in enumerate(seeds_of(name)):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzz.fuzz_one", folder]
        command += [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
        command += [f"-max_total_time={max(1, round(seconds))}", f"-runs={n_runs}", f"-artifact_prefix={keep}/{name}-"]
        command += [
            "-max_len=16384",
            f"-dict={DICTIONARY}",
            "-print_final_stats=1",
            "-timeout=20",
            "-rss_limit_mb=4096",
        ]
        command += ["--canonical"] if canonical else []
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        spent = time.perf_counter() - start
    found = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    failure = None if done.returncode == 0 else done.stderr[-4000:]
    return Run(int(found[1]) if found else 0, spent, failure)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("format", nargs="*", choices=[[], *FORMATS], help="default: all")
    parser.add_argument("--seconds", type=float, default=60, help="for each format")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--canonical", action="store_true", help="with GUARD_FORWARD=canonical")
    chosen = parser.parse_args()
    runs = {}
    for name in chosen.format or FORMATS:
        run = runs[name] = fuzz(name, seconds=chosen.seconds, keep=chosen.keep, canonical=chosen.canonical)
        rate = run.n_bodies / run.seconds
        print(f"{name:12} {run.n_bodies:>10,} bodies {run.seconds:7.0f} s {rate:8,.0f}/s", "FAILED" * bool(run.failure))
        if run.failure:
            print(run.failure)
    print(f"{'all':12} {sum(run.n_bodies for run in runs.values()):>10,} bodies")
    return int(any(run.failure for run in runs.values()))


if __name__ == "__main__":
    sys.exit(main())
