"""What every benchmark prints beside its numbers: machine, versions, date, seed, command."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path


def header(*packages: str, seed: int | None = None) -> str:
    """A few lines that say where, when, and with what a number was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [
        f"machine   {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"versions  Python {platform.python_version()}, {versions}",
        f"date      {dt.datetime.now(dt.UTC).date().isoformat()}",
        f"command   python -m benchmarks.{Path(sys.argv[0]).stem} {' '.join(sys.argv[1:])}".rstrip(),
    ]
    if seed is not None:
        lines.append(f"seed      {seed}")
    return "\n".join(lines)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
