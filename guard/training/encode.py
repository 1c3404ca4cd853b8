"""From columns to the detector's raw matrix, and from that to the columns that a forest splits.

The raw matrix is what is sent at serving: numbers, 0 and 1, category codes, NaN. The forest sees missing values as
the median of the fit rows with a 0/1 column beside, and a category as the logarithm of its frequency: codes ascend
with frequency, so every split of that column is a split of the codes.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard
from guard.errors import TrainingError
from guard.training.data import Column, Dataset
from guard.training.split import Indices

__all__ = ["ForestColumn", "describe", "forest_columns", "forest_matrix", "raw_matrix"]

Matrix = npt.NDArray[np.float32]


def describe(dataset: Dataset, *, fit: Indices, nullable: frozenset[str] = frozenset()) -> tuple[FeatureCard, ...]:
    """Describe each feature by the fit rows; whether a value may be missing, by all rows, or as declared."""
    return tuple(_describe(column, fit, nullable) for column in dataset.columns)


def _describe(column: Column, fit: Indices, nullable: frozenset[str]) -> FeatureCard:
    missing = column.missing
    if missing[fit].all() and column.type != "string":
        raise TrainingError(f"column {column.name!r} has no value in the rows that fit; leave it out with --drop")
    card = FeatureCard(
        name=column.name,
        type=column.type.value,
        nullable=bool(missing.any()) or column.name in nullable,
        missing=int(missing[fit].sum()),
    )
    if column.type == "string":
        return card
    return _with_categories(card, column, fit) if column.values is None else _with_range(card, column.values[fit])


def _with_categories(card: FeatureCard, column: Column, fit: Indices) -> FeatureCard:
    texts = column.texts or []
    counts = Counter(text for row in fit if (text := texts[row]) is not None)
    ordered = sorted(counts, key=lambda text: (counts[text], text))
    update = {"categories": tuple(ordered), "counts": tuple(counts[text] for text in ordered)}
    return card.model_copy(update=update | {"constant": len(ordered) == 1})


def _with_range(card: FeatureCard, values: npt.NDArray[np.float64]) -> FeatureCard:
    # As float32, since that is what the graph compares with.
    present = values[~np.isnan(values)].astype(np.float32)
    lowest, highest = float(present.min()), float(present.max())
    median = float(np.float32(np.median(present.astype(np.float64))))
    update = {"minimum": lowest, "maximum": highest, "median": median, "constant": lowest == highest}
    return card.model_copy(update=update)


def raw_matrix(dataset: Dataset, cards: tuple[FeatureCard, ...]) -> Matrix:
    """Give float32 [n, d], the graph's input; string columns are NaN throughout."""
    rows = np.empty((dataset.n_rows, len(cards)), dtype=np.float32)
    for place, (column, card) in enumerate(zip(dataset.columns, cards, strict=True)):
        rows[:, place] = _codes(column, card) if column.values is None else column.values
    return rows


def _codes(column: Column, card: FeatureCard) -> npt.NDArray[np.float64]:
    if card.type == "string":
        return np.full(len(column.texts or ()), np.nan)
    code = {text: number for number, text in enumerate(card.categories)}
    return np.array([np.nan if text is None else code.get(text, -1) for text in column.texts or ()], dtype=np.float64)


class ForestColumn(NamedTuple):
    """A column that the forest splits: the feature it comes from, what is put for a missing value, and how it reads.

    `frequencies` are the logarithms of a category's frequencies by code, float32, ascending; empty for numbers.
    """

    feature: int
    kind: Literal["value", "missing"]
    fill: float
    frequencies: Matrix


def forest_columns(cards: tuple[FeatureCard, ...], fit_rows: Matrix) -> tuple[ForestColumn, ...]:
    """The columns for a forest: the features in order, then an indicator for each that had missing fit rows."""
    none = np.empty(0, dtype=np.float32)
    values = [
        _value_column(place, card, fit_rows[:, place]) for place, card in enumerate(cards) if card.type != "string"
    ]
    indicators = [
        ForestColumn(place, "missing", 1.0, none)
        for place, card in enumerate(cards)
        if card.missing and card.type != "string"
    ]
    return (*values, *indicators)


def _value_column(place: int, card: FeatureCard, rows: Matrix) -> ForestColumn:
    if card.type != "category":
        return ForestColumn(place, "value", card.median or 0.0, np.empty(0, dtype=np.float32))
    frequencies = np.log(np.array(card.counts) / len(rows)).astype(np.float32)
    present = rows[~np.isnan(rows)].astype(np.intp)
    fill = float(np.float32(np.median(frequencies[present].astype(np.float64))))
    return ForestColumn(place, "value", fill, frequencies)


def forest_matrix(rows: Matrix, columns: tuple[ForestColumn, ...], *, n_fit: int) -> Matrix:
    """Encode raw rows float32 [N, d] as the forest sees them, float32 [N, number of columns]."""
    return np.stack([_encode(rows[:, column.feature], column, n_fit) for column in columns], axis=1)


def _encode(values: Matrix, column: ForestColumn, n_fit: int) -> Matrix:
    missing = np.isnan(values)
    if column.kind == "missing":
        return missing.astype(np.float32)
    filled = np.where(missing, 0, values).astype(np.float32)
    if len(column.frequencies):
        table = np.append(column.frequencies, np.float32(-np.log(n_fit + 1)))
        # Code -1, the unseen, is the last of the table: rarer than the rarest.
        filled = table[filled.astype(np.intp)]
    return np.where(missing, np.float32(column.fill), filled)
