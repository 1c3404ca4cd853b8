"""Attribution: which feature a score rests on, by putting other values in its place.

For each feature, every usual value is tried: the quantiles of the fit rows, and the value of the clean row that is
most like this one. What counts is the best of them: how low the score becomes when this feature alone may change.
Beside the score counts the distance to the clean rows, which falls even where another part hides it in the score.
Source of replacing values to see what a decision rests on: Robnik-Sikonja, Kononenko, "Explaining Classifications For
Individual Instances" (2008).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import Detector
from guard.detectors.manifest import FeatureCard
from guard.detectors.votes import votes

__all__ = ["Attribution", "attribute", "clean_row_like"]

# Of a category's values: the commonest.
MOST_CATEGORIES = 8

# Rows that are scored at once: what bounds the memory for wide data.
CHUNK_ROWS = 1024

# Votes of parts that measure a distance to clean rows are named so.
DISTANCE = "near"

Row = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


class Attribution(NamedTuple):
    """Of each feature, [d]: how many decades the score falls with its best other value, and which value that is.

    `order` ranks them, the likeliest culprit first. Infinite decades mark a missing value without which there is no
    score. `usual` is the value itself where no other is better.
    """

    order: npt.NDArray[np.intp]
    decades: Floats
    usual: Row


class Trials(NamedTuple):
    """Values to try, float32 [k], and the feature of each, [k], ascending."""

    features: npt.NDArray[np.intp]
    values: Row

    def rows(self, row: Row) -> Row:
        """The row with each of the values in turn, float32 [k, d]."""
        found = np.repeat(row[None], len(self.values), axis=0)
        found[np.arange(len(found)), self.features] = self.values
        return found


def attribute(detector: Detector, row: Row) -> Attribution:
    """Rank the features of one raw row, float32 [d]."""
    cards = detector.manifest.features
    lacking = np.array([not (card.nullable or card.type == "string") for card in cards]) & np.isnan(row)
    filled = np.where(lacking, np.array([_fill(card) for card in cards], dtype=np.float32), row)
    trials = _trials(cards, filled, clean_row_like(detector, filled))
    levels = _levels(detector, np.concatenate([filled[None], trials.rows(filled)]))
    falls = levels[0] - levels[1:]
    gain, decades = np.zeros(len(cards)), np.zeros(len(cards))
    usual = filled.copy()
    # Ascending, so that the best value of each feature is written last.
    for trial in np.argsort(falls.sum(axis=1), kind="stable"):
        feature = trials.features[trial]
        if falls[trial].sum() > 0:
            gain[feature], usual[feature] = falls[trial].sum(), trials.values[trial]
            decades[feature] = max(falls[trial, 0], 0.0)
    gain[lacking] = decades[lacking] = np.inf
    return Attribution(np.argsort(-gain, kind="stable"), decades, usual)


def clean_row_like(detector: Detector, row: Row) -> Row:
    """The clean row that is most like this raw one, float32 [d] each.

    What lies outside its range is taken for the bound: a value far enough outside is as far from all clean rows. So is
    an unseen category; in its place stands the common one that brings the row nearest to clean rows. What may not be
    missing, and is, is filled in.
    """
    cards = detector.manifest.features
    fills = np.array([np.nan if card.nullable else _fill(card) for card in cards], dtype=np.float32)
    row = np.where(np.isnan(row), fills, row)
    low = np.array([-np.inf if card.minimum is None else card.minimum for card in cards], dtype=np.float32)
    high = np.array([np.inf if card.maximum is None else card.maximum for card in cards], dtype=np.float32)
    found: Row = detector.nearest(_with_seen(detector, np.clip(row, low, high))[None])[0]
    return found


def _with_seen(detector: Detector, row: Row) -> Row:
    """The row with a common category for each unseen one: the nearest to clean rows, of equal ones the commonest."""
    cards = detector.manifest.features
    unseen = [place for place, card in enumerate(cards) if card.type == "category" and _is_unseen(card, row[place])]
    row = row.copy()
    row[unseen] = [_fill(cards[place]) for place in unseen]
    for place in unseen:
        codes = np.array(_common(cards[place])[::-1], dtype=np.float32)
        trials = Trials(np.full(len(codes), place), codes)
        row[place] = codes[_levels(detector, trials.rows(row))[:, 1].argmin()]
    return row


def _is_unseen(card: FeatureCard, value: np.float32) -> bool:
    return not (np.isnan(value) or 0 <= value < len(card.categories))


def _fill(card: FeatureCard) -> float:
    """What stands for a value that may not be missing: the median, or the commonest category."""
    return card.median or 0.0 if card.is_numeric else float(len(card.categories) - 1)


def _trials(cards: tuple[FeatureCard, ...], row: Row, clean: Row) -> Trials:
    found = [
        (place, value)
        for place, card in enumerate(cards)
        for value in _usual(card, clean[place])
        if not (value == row[place] or (np.isnan(value) and np.isnan(row[place])))
    ]
    features, values = zip(*found, strict=True) if found else ((), ())
    return Trials(np.array(features, dtype=np.intp), np.array(values, dtype=np.float32))


def _usual(card: FeatureCard, clean: np.float32) -> list[float]:
    """Distinct values that clean rows have: of a number its quantiles, of a category the commonest."""
    if card.type == "string":
        return []
    if card.is_numeric:
        quantiles = card.quantiles or (card.minimum, card.median, card.maximum)
        values = [value for value in quantiles if value is not None]
    else:
        values = _common(card)
    return list(dict.fromkeys([*values, float(clean)]))


def _common(card: FeatureCard) -> list[float]:
    """The codes of the commonest categories, the commonest last."""
    return [float(code) for code in range(len(card.categories))][-MOST_CATEGORIES:]


def _levels(detector: Detector, rows: Row) -> Floats:
    """Score and distance vote of each row in decades, float64 [n, 2]."""
    chunks = [rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS)]
    return np.concatenate([_level(detector, chunk) for chunk in chunks])


def _level(detector: Detector, rows: Row) -> Floats:
    cards = detector.manifest.parts
    scores, parts = detector.score(rows), detector.parts(rows)
    found = votes(np.stack([parts[card.name] for card in cards], axis=1), cards, scores.group)
    distances = [vote for name, vote in found.items() if name.startswith(DISTANCE)]
    distance = np.max(distances, axis=0) if distances else np.zeros(len(rows))
    return np.stack([scores.score.astype(np.float64), distance], axis=1)
