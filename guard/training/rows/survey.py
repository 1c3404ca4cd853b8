"""The first pass over the rows: types, missing values, ranges, categories, the classes predicted.

What doesn't fit into memory is counted as it goes by. All of it is of the fit rows, but for what is wrong with a row.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from guard.contract import FeatureType
from guard.detectors.manifest import FeatureCard
from guard.errors import TrainingError
from guard.training.rows.data import Column, Dataset, Texts

__all__ = ["LARGEST_MAGNITUDE", "MOST_CATEGORIES", "Survey"]

# Widths of ranges are computed in float32, which ends at 3.4e38.
LARGEST_MAGNITUDE = 1e36

# More categories than that are an identifier, or free text.
MOST_CATEGORIES = 1000

# The share of distinct texts from which a column names its rows, and the count below which a small table is forgiven.
NEARLY_UNIQUE = 0.5
FEW_CATEGORIES = 20

# Of the different texts of a column; with fewer that are no numbers, numbers were meant.
MOSTLY = 0.5

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Mask = npt.NDArray[np.bool_]


class Survey:
    """What is known of the rows so far; `n_rows` of them."""

    def __init__(self) -> None:
        """Begin without a row."""
        self.n_rows = 0
        self._n_fit = 0
        self._columns: list[_Numbers | _Categories | _Unscored] = []
        self._classes = _Classes()

    def add(self, chunk: Dataset, *, fit: Mask) -> None:
        """Take the next rows; `fit` says which of them are fit rows, bool [n]."""
        if not self._columns:
            self._columns = [_begin(column) for column in chunk.columns]
        for known, column in zip(self._columns, chunk.columns, strict=True):
            known.add(column, fit, self.n_rows)
        if chunk.predicted is not None:
            self._classes.add(chunk.predicted, fit, self.n_rows)
        self.n_rows += chunk.n_rows
        self._n_fit += int(fit.sum())

    @property
    def missing(self) -> dict[str, int]:
        """How many rows have no value, by the features of which there are any."""
        return {known.name: known.missing for known in self._columns if known.missing}

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes predicted for fit rows, the rarest first; empty if the rows came without."""
        return _ascending(self._classes.counts)

    def cards(self, nullable: Collection[str] = ()) -> tuple[FeatureCard, ...]:
        """Give the features without their medians; raises TrainingError for a column that can't be one."""
        return tuple(self._card(known, nullable) for known in self._columns)

    def _card(self, known: _Numbers | _Categories | _Unscored, nullable: Collection[str]) -> FeatureCard:
        known.check()
        if known.fit_missing == self._n_fit and known.type is not FeatureType.STRING:
            raise TrainingError(f"column {known.name!r} has no value in the rows that fit; leave it out with --drop")
        card = FeatureCard(
            name=known.name,
            type=known.type.value,
            nullable=known.missing > 0 or known.name in nullable,
            missing=known.fit_missing,
        )
        return known.describe(card)


class _Unscored:
    """A text that is carried along: only whether it is there is known of it."""

    def __init__(self, column: Column) -> None:
        self.name, self.type = column.name, column.type
        self.missing = self.fit_missing = 0

    def add(self, column: Column, fit: Mask, first: int) -> None:  # noqa: ARG002 - for those that name a row
        """Take the next rows, which begin at row `first`."""
        missing = column.missing
        self.missing += int(missing.sum())
        self.fit_missing += int((missing & fit).sum())

    def check(self) -> None:
        """Raise TrainingError for a column that no feature can have."""

    def describe(self, card: FeatureCard) -> FeatureCard:
        """Put into the card what is known."""
        return card


class _Numbers(_Unscored):
    """The range, as float32, since that is what the graph compares with; and what lies beyond every range."""

    def __init__(self, column: Column) -> None:
        super().__init__(column)
        self._lowest, self._highest = np.float32(np.inf), np.float32(-np.inf)
        self._beyond: tuple[int, float] | None = None
        self._n_beyond = 0

    def add(self, column: Column, fit: Mask, first: int) -> None:
        super().add(column, fit, first)
        values = np.empty(0) if column.values is None else column.values
        beyond = np.flatnonzero(np.abs(values) > LARGEST_MAGNITUDE)
        if len(beyond):
            self._beyond = self._beyond or (first + int(beyond[0]), float(values[beyond[0]]))
            self._n_beyond += len(beyond)
        elif len(present := values[fit & ~np.isnan(values)]):
            self._lowest = min(self._lowest, np.float32(present.min()))
            self._highest = max(self._highest, np.float32(present.max()))

    def check(self) -> None:
        if self._beyond is not None:
            row, value = self._beyond
            raise TrainingError(
                f"column {self.name!r} holds {value:g} in row {row + 1:,}, counted from 1, "
                f"and {self._n_beyond:,} such {'value' if self._n_beyond == 1 else 'values'} in all; "
                f"expected numbers up to {LARGEST_MAGNITUDE:g}: correct the rows, rescale the column, or --drop it"
            )

    def describe(self, card: FeatureCard) -> FeatureCard:
        lowest, highest = float(self._lowest), float(self._highest)
        return card.model_copy(update={"minimum": lowest, "maximum": highest, "constant": lowest == highest})


class _Categories(_Unscored):
    """How often each text stands in the fit rows, and how many texts there are in all."""

    def __init__(self, column: Column) -> None:
        super().__init__(column)
        self._first_rows: dict[str, int] = {}
        self._n_present = 0
        self._counts: Counter[str] = Counter()

    def add(self, column: Column, fit: Mask, first: int) -> None:
        super().add(column, fit, first)
        texts = column.texts or []
        self._counts.update(_present(itertools.compress(texts, fit.tolist())))
        # In reverse, since the last entry of a key is the one that stays.
        rows = range(first + len(texts) - 1, first - 1, -1)
        found = {text: row for text, row in zip(reversed(texts), rows, strict=True) if text is not None}
        self._first_rows = found | self._first_rows
        self._n_present += len(texts) - texts.count(None)
        if len(self._first_rows) > MOST_CATEGORIES:
            self.check()

    def check(self) -> None:
        n_distinct, n_present = len(self._first_rows), self._n_present
        if n_distinct > MOST_CATEGORIES or n_distinct > max(FEW_CATEGORIES, NEARLY_UNIQUE * n_present):
            raise TrainingError(
                f"column {self.name!r} has {n_distinct} different texts in {n_present} rows: {self._suspect()}; "
                f"correct it, or leave it out with --drop"
            )

    def _suspect(self) -> str:
        """What such a column may be: where most of its texts are numbers, the first that isn't was likely not meant."""
        strays = {text: row for text, row in self._first_rows.items() if not _NUMBER.fullmatch(text)}
        if len(strays) > MOSTLY * len(self._first_rows):
            return "an identifier, or free text"
        if not strays:
            return f"numbers, with a text among them after row {self._n_present:,}"
        text, row = min(strays.items(), key=lambda stray: stray[1])
        return f"numbers, but for {text[:100]!r} in row {row + 1:,}, counted from 1"

    def describe(self, card: FeatureCard) -> FeatureCard:
        names = _ascending(self._counts)
        counts = tuple(self._counts[name] for name in names)
        return card.model_copy(update={"categories": names, "counts": counts, "constant": len(names) == 1})


class _Classes:
    """How often each class was predicted for fit rows."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, predicted: Texts, fit: Mask, first: int) -> None:
        """Take the next rows; raises TrainingError where none was predicted, or for too many classes."""
        if None in predicted:
            raise TrainingError(
                f"the column of predictions has no value in row {first + predicted.index(None) + 1:,}, counted from 1; "
                f"expected the class that the model predicted for each row"
            )
        self.counts.update(_present(itertools.compress(predicted, fit.tolist())))
        if len(self.counts) > MOST_CATEGORIES:
            raise TrainingError(
                f"the column of predictions has more than {MOST_CATEGORIES:,} different values; expected classes"
            )


def _begin(column: Column) -> _Numbers | _Categories | _Unscored:
    if column.type is FeatureType.STRING:
        return _Unscored(column)
    return _Categories(column) if column.type is FeatureType.CATEGORY else _Numbers(column)


def _present(texts: Iterable[str | None]) -> Iterator[str]:
    return (text for text in texts if text is not None)


def _ascending(counts: Counter[str]) -> tuple[str, ...]:
    return tuple(sorted(counts, key=lambda text: (counts[text], text)))
