"""Projected gradient descent in standardised units, by an attacker who knows the network's weights.

Source: Madry et al., "Towards deep learning models resistant to adversarial attacks" (2018).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.attacks.victims import Victim

__all__ = ["pgd"]

STEPS = 20
# The steps together are so many times as long as the radius.
REACH = 2.5

Matrix = npt.NDArray[np.float32]


def pgd(victim: Victim, rows: Matrix, target: int, *, radius: float) -> Matrix:
    """Move raw rows, float32 [n, d], towards the class `target`, within an L2 ball."""
    start = victim.scaler.transform(rows.astype(np.float64))
    found, sign = start.copy(), 1.0 if target else -1.0
    for _ in range(STEPS):
        slope = sign * victim.gradient(found)
        found += REACH * radius / STEPS * slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
        step = found - start
        length = np.linalg.norm(step, axis=1, keepdims=True)
        found = start + step * np.minimum(1, radius / np.maximum(length, 1e-12))
    return np.asarray(victim.scaler.inverse_transform(found), dtype=np.float32)
