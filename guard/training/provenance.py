"""Where a detector comes from: its training rows, by digest, and what built it."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

import guard
from guard.detectors.manifest import FeatureCard, Versions
from guard.training.extras import require

__all__ = ["duplicates", "training_digest", "versions"]

Matrix = npt.NDArray[np.float32]


def duplicates(rows: Matrix) -> int:
    """How many rows are the same as an earlier one, bit for bit."""
    width = rows.dtype.itemsize * rows.shape[1]
    return len(rows) - len(np.unique(np.ascontiguousarray(rows).view(f"V{width}")))


def training_digest(rows: Matrix, features: tuple[FeatureCard, ...]) -> str:
    """SHA-256, in hexadecimal, of the names, types, categories and encoded rows, float32 [n, d]."""
    digest = hashlib.sha256()
    for card in features:
        digest.update(f"{card.name}\0{card.type}\0{card.categories}\n".encode())
    digest.update(np.ascontiguousarray(rows, dtype="<f4").tobytes())
    return digest.hexdigest()


def versions() -> Versions:
    """The versions of everything that the bytes of a detector depend on."""
    return Versions(
        guard=guard.__version__,
        python=".".join(map(str, sys.version_info[:3])),
        numpy=np.__version__,
        scikit_learn=require("sklearn").__version__,
        onnx=require("onnx").__version__,
        onnxruntime=require("onnxruntime").__version__,
        processor=_processor(),
    )


def _processor() -> str:
    """Machine, vendor and family: float32 sums may differ between families."""
    machine = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return machine
    facts = dict(line.replace("\t", "").split(":", 1) for line in reversed(lines) if ":" in line)
    found = (facts.get(key, "").strip() for key in ("vendor_id", "cpu family"))
    return " ".join([machine, *filter(None, found)])
