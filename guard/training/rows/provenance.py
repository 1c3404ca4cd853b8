"""Where a detector comes from: its training rows, by digest, and what built it."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import numpy.typing as npt

import guard
from guard.detectors.machine import processor
from guard.detectors.manifest import FeatureCard, Versions
from guard.training.extras import require

__all__ = ["TrainingDigest", "duplicates", "versions"]

Matrix = npt.NDArray[np.float32]


def duplicates(*parts: Matrix) -> int:
    """How many of the rows, float32 [., d] each, are the same as an earlier one, bit for bit."""
    rows = np.concatenate(parts)
    return len(rows) - len(np.unique(rows.view(f"V{rows.dtype.itemsize * rows.shape[1]}")))


class TrainingDigest:
    """SHA-256 of the names, types and categories, then of the encoded rows as they come."""

    def __init__(self, features: tuple[FeatureCard, ...]) -> None:
        """Begin with the features."""
        self._digest = hashlib.sha256()
        for card in features:
            self._digest.update(f"{card.name}\0{card.type}\0{card.categories}\n".encode())

    def add(self, rows: Matrix) -> None:
        """Take the next rows, float32 [N, d]."""
        self._digest.update(np.ascontiguousarray(rows, dtype="<f4").data)

    def hexdigest(self) -> str:
        """Give it in hexadecimal."""
        return self._digest.hexdigest()


def versions() -> Versions:
    """The versions of everything that the bytes of a detector depend on."""
    return Versions(
        guard=guard.__version__,
        python=".".join(map(str, sys.version_info[:3])),
        numpy=np.__version__,
        scikit_learn=require("sklearn").__version__,
        onnx=require("onnx").__version__,
        onnxruntime=require("onnxruntime").__version__,
        processor=processor(),
    )
