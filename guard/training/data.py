"""The training rows as typed columns, from an array or a data frame."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.contract import FeatureType, category_text
from guard.errors import TrainingError
from guard.training.extras import require

__all__ = ["LARGEST_MAGNITUDE", "Column", "Dataset", "Selection", "from_array", "from_frame"]

# Widths of ranges are computed in float32, which ends at 3.4e38.
LARGEST_MAGNITUDE = 1e36

# More categories than that are an identifier, or free text.
MOST_CATEGORIES = 1000

# The share of distinct texts from which a column names its rows, and the count below which a small table is forgiven.
NEARLY_UNIQUE = 0.5
FEW_CATEGORIES = 20

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


@dataclass(frozen=True, slots=True)
class Dataset:
    """Columns of the same length, in the order of the features."""

    columns: tuple[Column, ...]
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which columns are features, and which of them are categories or, carried along unscored, texts."""

    drop: Collection[str] = ()
    categorical: Collection[str] = ()
    texts: Collection[str] = ()

    def features(self, names: Sequence[str]) -> list[str]:
        """Give the names that are features, in order; raises TrainingError for a name that isn't there."""
        for name in [*self.drop, *self.categorical, *self.texts]:
            if name not in names:
                raise TrainingError(f"there is no column {name!r}; the columns are: {', '.join(map(repr, names[:50]))}")
        kept = [name for name in names if name not in self.drop]
        if not set(kept) - set(self.texts):
            raise TrainingError("no column is left to be a feature; --drop and --target took them all")
        return kept

    def type_of(self, name: str, inferred: FeatureType) -> FeatureType:
        """Give the type of a column whose values are of the inferred type."""
        if name in self.texts:
            return FeatureType.STRING
        if name in self.categorical or inferred is FeatureType.STRING:
            return FeatureType.CATEGORY
        return inferred


def from_array(X: npt.ArrayLike, *, names: Sequence[str] | None = None, selection: Selection | None = None) -> Dataset:
    """Take the columns of an array [n, d] of numbers or booleans; without names they are f0, f1 and so on."""
    rows, chosen = np.asarray(X), selection or Selection()
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        raise TrainingError(
            f"the array is {rows.dtype} of shape {rows.shape}; expected numbers of shape (rows, features)"
        )
    labels = [f"f{place}" for place in range(rows.shape[1])] if names is None else list(names)
    if len(labels) != rows.shape[1] or len(set(labels)) != len(labels):
        raise TrainingError(f"{len(labels)} names were given for {rows.shape[1]} columns; expected as many, each once")
    inferred = {"b": FeatureType.BOOLEAN, "f": FeatureType.NUMBER}.get(rows.dtype.kind, FeatureType.INTEGER)
    kept = set(chosen.features(labels))
    columns = []
    for place, name in enumerate(labels):
        kind = chosen.type_of(name, inferred)
        if name in kept:
            columns.append(
                _text_column(name, kind, rows[:, place].tolist())
                if kind.is_text
                else _number_column(name, kind, rows[:, place])
            )
    return Dataset(tuple(columns), len(rows))


def from_frame(frame: Any, *, selection: Selection | None = None) -> Dataset:
    """Take the columns of a polars DataFrame; dates, lists and the like raise TrainingError."""
    chosen = selection or Selection()
    columns = [_from_series(frame[name], chosen) for name in chosen.features(frame.columns)]
    return Dataset(tuple(columns), frame.height)


def _from_series(series: Any, selection: Selection) -> Column:
    series = _as_numbers(series)
    kind = selection.type_of(series.name, _infer(series))
    if kind.is_text:
        return _text_column(series.name, kind, series.to_list())
    return _number_column(series.name, kind, series.cast(require("polars").Float64).to_numpy())


def _as_numbers(series: Any) -> Any:
    """A text column whose every text is a number, as `nan` beside numbers makes it, becomes one of numbers."""
    if str(series.dtype) != "String":
        return series
    numbers = series.cast(require("polars").Float64, strict=False)
    return numbers if numbers.null_count() == series.null_count() < len(series) else series


def _infer(series: Any) -> FeatureType:
    kind = series.dtype
    if kind.is_temporal():
        raise TrainingError(
            f"column {series.name!r} holds dates or times ({kind}); make a number of it, such as the days since "
            f"an event, or leave it out with --drop"
        )
    if kind.is_integer():
        return FeatureType.INTEGER
    if kind.is_float() or kind.is_decimal():
        return FeatureType.NUMBER
    if str(kind) == "Boolean":
        return FeatureType.BOOLEAN
    if str(kind).startswith(("String", "Null", "Categorical", "Enum")):
        return FeatureType.STRING
    raise TrainingError(f"column {series.name!r} holds {kind}, which no feature is; leave it out with --drop")


def _number_column(name: str, kind: FeatureType, cells: npt.NDArray[Any]) -> Column:
    values = np.ascontiguousarray(cells, dtype=np.float64)
    beyond = np.flatnonzero(np.abs(values) > LARGEST_MAGNITUDE)
    if len(beyond):
        raise TrainingError(
            f"column {name!r} holds {values[beyond[0]]:g} in row {beyond[0]}, and {len(beyond)} such values in all; "
            f"expected numbers up to {LARGEST_MAGNITUDE:g}: correct the rows, rescale the column, or --drop it"
        )
    return Column(name, kind, values=values)


def _text_column(name: str, kind: FeatureType, cells: list[Any]) -> Column:
    # NaN is the number that isn't equal to itself: missing.
    texts = [None if cell is None or cell != cell else category_text(cell) for cell in cells]  # noqa: PLR0124
    if kind is FeatureType.CATEGORY:
        _check_categories(name, texts)
    return Column(name, kind, texts=texts)


def _check_categories(name: str, texts: Texts) -> None:
    present = [text for text in texts if text is not None]
    distinct = len(set(present))
    if distinct > MOST_CATEGORIES or distinct > max(FEW_CATEGORIES, NEARLY_UNIQUE * len(present)):
        raise TrainingError(
            f"column {name!r} has {distinct} different texts in {len(present)} rows: an identifier, free text, or "
            f"numbers with a stray text among them; correct it, or leave it out with --drop"
        )
