"""What a score depends on beside the file and the row: the runtime and the processor that add the numbers up."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import onnxruntime as ort

from guard.detectors.manifest import Versions

__all__ = ["computes_alike", "processor"]


def processor() -> str:
    """Machine, vendor and family: float32 sums may differ between families."""
    machine = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return machine
    facts = dict(line.replace("\t", "").split(":", 1) for line in reversed(lines) if ":" in line)
    found = (facts.get(key, "").strip() for key in ("vendor_id", "cpu family"))
    return " ".join([machine, *filter(None, found)])


def computes_alike(versions: Versions) -> bool:
    """Whether this machine gives the same bits as the one with these versions: same onnxruntime, NumPy, processor."""
    here = (ort.__version__, np.__version__, processor())
    return here == (versions.onnxruntime, versions.numpy, versions.processor)
