"""What `import guard` adds to a process that has NumPy and onnxruntime anyway.

python -m benchmarks.startup [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.machine import header

BASE = "import numpy, onnxruntime"
GOAL_S = 0.35


def seconds(code: str) -> float:
    """The time of one fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    pairs = [(seconds(BASE), seconds(f"{BASE}, guard")) for _ in range(rounds)]
    added = [with_guard - without for without, with_guard in pairs]
    print(header("inference-guard", "numpy", "onnxruntime", "pydantic-settings"))
    print(f"{BASE}: {statistics.median(base for base, _ in pairs):.3f} s (median of {rounds})")
    print(f"import guard adds {statistics.median(added):.3f} s, at most {max(added):.3f} s; the goal is {GOAL_S} s")


if __name__ == "__main__":
    main()
