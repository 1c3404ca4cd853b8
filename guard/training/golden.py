"""Golden vectors: synthetic rows that a loaded detector must score as it did where it was fitted."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard, Golden

__all__ = ["N_GOLDEN", "golden_rows", "golden_vectors"]

N_GOLDEN = 16

# Of 16: near the medians, as most rows are; within the ranges; about them; the others far outside.
N_NEAR, N_WITHIN, N_ABOUT = 4, 8, 4

# How far towards the bounds a row near the medians may lie.
NEARNESS = 0.25

# How far beyond a range a row about it may lie, in widths.
MARGIN = 0.3

FAR = 1e20

Matrix = npt.NDArray[np.float32]


def golden_rows(features: tuple[FeatureCard, ...], *, seed: int) -> Matrix:
    """Draw rows feature by feature from what was learned of each, float32 [16, d]: none is a training row.

    Some lack values where they may, some have unseen categories, some lie far outside, and the last lacks
    a value where none may be missing, if there is such a feature.
    """
    random = np.random.default_rng(seed)
    rows = np.stack([_draw(card, random) for card in features], axis=1)
    required = [place for place, card in enumerate(features) if not card.nullable and card.type != "string"]
    if required:
        rows[-1, required[0]] = math.nan
    return np.asarray(rows, dtype=np.float32)


def _draw(card: FeatureCard, random: np.random.Generator) -> npt.NDArray[np.float64]:
    if card.type == "string":
        return np.full(N_GOLDEN, np.nan)
    if card.type == "category":
        drawn = random.integers(0, len(card.categories), N_GOLDEN).astype(np.float64)
        drawn[N_WITHIN + random.integers(0, N_GOLDEN - N_WITHIN, 2)] = -1
    else:
        drawn = _numbers(card, random)
    if card.nullable:
        drawn[random.random(N_GOLDEN) < 0.25] = np.nan
    return drawn


def _numbers(card: FeatureCard, random: np.random.Generator) -> npt.NDArray[np.float64]:
    low, high = card.minimum or 0.0, card.maximum or 0.0
    room = np.zeros(N_GOLDEN)
    room[N_WITHIN : N_WITHIN + N_ABOUT] = MARGIN * (high - low)
    drawn = random.uniform(low - room, high + room)
    median = card.median or 0.0
    drawn[:N_NEAR] = median + NEARNESS * (drawn[:N_NEAR] - median)
    if card.type != "number":
        drawn = np.round(drawn)
    far = slice(N_WITHIN + N_ABOUT, N_GOLDEN - 1)
    drawn[far] = np.where(random.random(N_GOLDEN)[far] < 0.5, drawn[far], FAR * random.choice([-1.0, 1.0]))
    return drawn


def golden_vectors(rows: Matrix, scores: Matrix, p_values: Matrix) -> tuple[Golden, ...]:
    """The rows [16, d] with what the graph gave for them, [16] each."""
    return tuple(
        Golden(x=tuple(map(_json_number, row)), score=_json_number(score), p_value=_json_number(p_value))
        for row, score, p_value in zip(rows.tolist(), scores.tolist(), p_values.tolist(), strict=True)
    )


def _json_number(value: float) -> float | None:
    return None if math.isnan(value) else value
