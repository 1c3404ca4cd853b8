"""What the most costly bodies of up to 1 MiB cost: memory as a multiple of their size, and the event loop's time.

    python -m benchmarks.hostile_bodies [WORD ...]

Memory is what the process has resident at the peak, measured in a child of its own; the loop's time is the longest for
which nothing else ran, the least of five requests through the whole middleware. WORD chooses bodies by name.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import header
from guard import GuardMiddleware
from tests.resources.bodies import BODIES, Hostile
from tests.resources.measure import SMALLEST_BYTES, guarded, peak_bytes, screen, stall_seconds, warm

REPEATS = 5


def main() -> None:
    logging.disable(logging.CRITICAL)
    print(header("orjson", "numpy"))
    chosen = [name for name in BODIES if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    with tempfile.TemporaryDirectory() as folder:
        app = guarded(Path(folder))
        peaks = {name: peak_of(app, BODIES[name]()) for name in chosen}
        # Afterwards, since it leaves memory to the process that would hide what is taken.
        rows = [(name, *peaks[name], stall_of(app, BODIES[name]())) for name in chosen]
    for name, size, ratio, stall_ms in sorted(rows, key=lambda row: -row[2]):
        print(f"{ratio:6.1f} x {stall_ms:7.1f} ms {size:>10,} bytes  {name}")
    print(f"worst: {max(row[2] for row in rows):.1f} x, {max(row[3] for row in rows):.1f} ms")


def peak_of(app: GuardMiddleware, hostile: Hostile) -> tuple[int, float]:
    """The body's size, and the memory at the peak as a multiple of it."""
    peak = peak_bytes(lambda: screen(app.screener, hostile), warm=lambda: warm(app.screener))
    return len(hostile.body), peak / max(len(hostile.body), SMALLEST_BYTES)


def stall_of(app: GuardMiddleware, hostile: Hostile) -> float:
    """The longest stall of the event loop in milliseconds, the least of some requests."""
    return 1000 * min(stall_seconds(app, hostile) for _ in range(REPEATS))


if __name__ == "__main__":
    main()
