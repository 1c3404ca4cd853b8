"""The training rows as typed columns, in memory or in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.contract import FeatureType, category_text
from guard.errors import TrainingError

__all__ = [
    "CHUNK_ROWS",
    "Column",
    "Dataset",
    "Selection",
    "Source",
    "Texts",
    "array_source",
    "from_array",
    "number_column",
    "text_column",
    "to_texts",
]

# 16 MB of 30 numbers each.
CHUNK_ROWS = 65_536

Texts = list[str | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of n rows: `values` float64 [n], NaN where missing, or for a text `texts`, None where missing."""

    name: str
    type: FeatureType
    values: npt.NDArray[np.float64] | None = None
    texts: Texts | None = None

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which rows have no value, bool [n]."""
        if self.values is not None:
            return np.isnan(self.values)
        return np.array([text is None for text in self.texts or ()], dtype=np.bool_)

    def take(self, rows: npt.NDArray[np.intp]) -> Column:
        """Give the column of these rows."""
        values = None if self.values is None else self.values[rows]
        texts = None if self.texts is None else [self.texts[row] for row in rows.tolist()]
        return Column(self.name, self.type, values, texts)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Columns of the same length, in the order of the features; `predicted` gives each row's class, if it is known."""

    columns: tuple[Column, ...]
    n_rows: int
    predicted: Texts | None = None

    def take(self, rows: npt.NDArray[np.intp]) -> Dataset:
        """Give these rows."""
        predicted = None if self.predicted is None else [self.predicted[row] for row in rows.tolist()]
        return Dataset(tuple(column.take(rows) for column in self.columns), len(rows), predicted)

    @classmethod
    def join(cls, parts: Sequence[Dataset]) -> Dataset:
        """Put rows of the same columns one after the other."""
        columns = tuple(_join(pieces) for pieces in zip(*(part.columns for part in parts), strict=True))
        predicted = [text for part in parts for text in part.predicted or ()]
        return cls(columns, sum(part.n_rows for part in parts), predicted or None)


def _join(pieces: Sequence[Column]) -> Column:
    values = [piece.values for piece in pieces if piece.values is not None]
    texts = None if values else [text for piece in pieces for text in piece.texts or ()]
    return Column(pieces[0].name, pieces[0].type, np.concatenate(values) if values else None, texts)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that can be read again and again: `chunks` gives all of them in order, as Datasets of the same columns."""

    names: tuple[str, ...]
    n_rows: int
    chunks: Callable[[], Iterator[Dataset]]

    @classmethod
    def of(cls, dataset: Dataset) -> Source:
        """Rows in memory, as one chunk."""
        return cls(tuple(column.name for column in dataset.columns), dataset.n_rows, lambda: iter((dataset,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which columns are features, and which of them are categories or, carried along unscored, texts.

    `predictions` is no feature but the class that the protected model predicted for the row.
    """

    drop: Collection[str] = ()
    categorical: Collection[str] = ()
    texts: Collection[str] = ()
    predictions: str | None = None

    def features(self, names: Sequence[str]) -> list[str]:
        """Give the names that are features, in order; raises TrainingError for a name that isn't there."""
        predictions = [] if self.predictions is None else [self.predictions]
        for name in [*self.drop, *self.categorical, *self.texts, *predictions]:
            if name not in names:
                raise TrainingError(f"there is no column {name!r}; the columns are: {', '.join(map(repr, names[:50]))}")
        kept = [name for name in names if name not in self.drop and name != self.predictions]
        if not set(kept) - set(self.texts):
            raise TrainingError("no column is left to be a feature; --drop and --target took them all")
        return kept

    def wanted(self, names: Sequence[str]) -> list[str]:
        """Give the names that are read: the features and the predictions."""
        return [*self.features(names), *([] if self.predictions is None else [self.predictions])]

    def type_of(self, name: str, inferred: FeatureType) -> FeatureType:
        """Give the type of a column whose values are of the inferred type."""
        if name in self.texts:
            return FeatureType.STRING
        if name in self.categorical or inferred is FeatureType.STRING:
            return FeatureType.CATEGORY
        return inferred


def from_array(X: npt.ArrayLike, *, names: Sequence[str] | None = None, selection: Selection | None = None) -> Dataset:
    """Take the columns of an array [n, d] of numbers or booleans; without names they are f0, f1 and so on."""
    rows = np.asarray(X)
    (dataset,) = array_source(lambda: rows, names=names, selection=selection, chunk_rows=max(1, rows.size)).chunks()
    return dataset


def array_source(
    read: Callable[[], npt.NDArray[Any]],
    *,
    names: Sequence[str] | None = None,
    selection: Selection | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Source:
    """Read an array [n, d] in chunks; `read` gives it, anew for each of them: what was mapped of a file is let go."""
    rows, chosen = read(), selection or Selection()
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise TrainingError(
            f"the array is {rows.dtype} of shape {rows.shape}; expected numbers of shape (rows, features)"
        )
    labels = [f"f{place}" for place in range(rows.shape[1])] if names is None else list(names)
    if len(labels) != rows.shape[1] or len(set(labels)) != len(labels):
        raise TrainingError(f"{len(labels)} names were given for {rows.shape[1]} columns; expected as many, each once")
    features = chosen.features(labels)
    n_rows = len(rows)

    def chunks() -> Iterator[Dataset]:
        for start in range(0, n_rows, chunk_rows):
            part = read()[start : start + chunk_rows]
            columns = tuple(_array_column(name, part[:, labels.index(name)], chosen) for name in features)
            classes = None if chosen.predictions is None else part[:, labels.index(chosen.predictions)].tolist()
            yield Dataset(columns, len(part), None if classes is None else to_texts(classes))

    return Source(tuple(features), n_rows, chunks)


def _array_column(name: str, cells: npt.NDArray[Any], selection: Selection) -> Column:
    inferred = {"b": FeatureType.BOOLEAN, "f": FeatureType.NUMBER}.get(cells.dtype.kind, FeatureType.INTEGER)
    kind = selection.type_of(name, inferred)
    return text_column(name, kind, cells.tolist()) if kind.is_text else number_column(name, kind, cells)


def number_column(name: str, kind: FeatureType, cells: npt.NDArray[Any]) -> Column:
    """A column of numbers; NaN where missing."""
    return Column(name, kind, values=np.ascontiguousarray(cells, dtype=np.float64))


def text_column(name: str, kind: FeatureType, cells: list[Any]) -> Column:
    """A column of categories or texts; None or NaN where missing."""
    return Column(name, kind, texts=to_texts(cells))


def to_texts(cells: list[Any]) -> Texts:
    """The texts that values of a category count as, None where one is missing."""
    # NaN is the number that isn't equal to itself: missing.
    known = {cell: None if cell is None or cell != cell else category_text(cell) for cell in set(cells)}  # noqa: PLR0124
    return [known[cell] for cell in cells]
