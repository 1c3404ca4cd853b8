"""From columns to the detector's raw matrix, and from that to the columns that a forest splits.

The raw matrix is what is sent at serving: numbers, 0 and 1, category codes, NaN. The forest sees missing values as
the median of the fit rows with a 0/1 column beside, and a category as the logarithm of its frequency: codes ascend
with frequency, so every split of that column is a split of the codes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import QUANTILE_LEVELS, FeatureCard
from guard.training.rows.data import Column, Dataset
from guard.training.rows.split import Indices
from guard.training.rows.survey import Survey

__all__ = ["ForestColumn", "describe", "forest_columns", "forest_matrix", "quantiles", "raw_matrix", "with_medians"]

Matrix = npt.NDArray[np.float32]


def describe(dataset: Dataset, *, fit: Indices, nullable: Collection[str] = ()) -> tuple[FeatureCard, ...]:
    """Describe each feature by the fit rows; whether a value may be missing, by all rows, or as declared."""
    survey, mask = Survey(), np.zeros(dataset.n_rows, dtype=np.bool_)
    mask[fit] = True
    survey.add(dataset, fit=mask)
    cards = survey.cards(nullable)
    return with_medians(cards, raw_matrix(dataset, cards)[fit])


def with_medians(cards: tuple[FeatureCard, ...], fit_rows: Matrix) -> tuple[FeatureCard, ...]:
    """Add medians and quantiles of raw fit rows, float32 [N, d]; the minimum where these lack a value others have."""
    return tuple(_with_median(card, fit_rows[:, place]) for place, card in enumerate(cards))


def _with_median(card: FeatureCard, values: Matrix) -> FeatureCard:
    if not card.is_numeric:
        return card
    present = values[~np.isnan(values)].astype(np.float64)
    median = float(np.float32(np.median(present))) if len(present) else card.minimum
    return card.model_copy(update={"median": median, "quantiles": quantiles(values)})


def quantiles(values: Matrix) -> tuple[float, ...]:
    """The values, float32 [N], at QUANTILE_LEVELS: each one that is there; none where all are missing."""
    present = values[~np.isnan(values)]
    if not len(present):
        return ()
    return tuple(np.quantile(present, QUANTILE_LEVELS, method="inverted_cdf").astype(np.float64).tolist())


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
    `unseen` is what an unseen category reads as: rarer than the rarest. `nullable` is the feature's.
    """

    feature: int
    kind: Literal["value", "missing"]
    fill: float
    frequencies: Matrix
    unseen: float = 0.0
    nullable: bool = True


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
        nothing = np.empty(0, dtype=np.float32)
        return ForestColumn(place, "value", card.median or 0.0, nothing, nullable=card.nullable)
    # The rows may be a sample; the counts are of all.
    n_fit = sum(card.counts) + card.missing
    frequencies = np.log(np.array(card.counts) / n_fit).astype(np.float32)
    present = frequencies[rows[~np.isnan(rows)].astype(np.intp)]
    # A category so rare that none of a sample has one is filled like any: by one that there is.
    fill = float(np.float32(np.median((present if len(present) else frequencies).astype(np.float64))))
    return ForestColumn(place, "value", fill, frequencies, float(np.float32(-np.log(n_fit + 1))))


def forest_matrix(rows: Matrix, columns: tuple[ForestColumn, ...]) -> Matrix:
    """Encode raw rows float32 [N, d] as the forest sees them, float32 [N, number of columns]."""
    return np.stack([_encode(rows[:, column.feature], column) for column in columns], axis=1)


def _encode(values: Matrix, column: ForestColumn) -> Matrix:
    missing = np.isnan(values)
    if column.kind == "missing":
        return missing.astype(np.float32)
    filled = np.where(missing, 0, values).astype(np.float32)
    if len(column.frequencies):
        table = np.append(column.frequencies, np.float32(column.unseen))
        # Code -1, the unseen, is the last of the table.
        filled = table[filled.astype(np.intp)]
    return np.where(missing, np.float32(column.fill), filled)
