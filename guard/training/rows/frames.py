"""The columns of polars frames, whose types are those of all rows, in however many parts they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from guard.contract import FeatureType
from guard.errors import TrainingError
from guard.training.extras import require
from guard.training.rows.data import (
    CHUNK_ROWS,
    Column,
    Dataset,
    Selection,
    Source,
    number_column,
    text_column,
    to_texts,
)

__all__ = ["TextTypes", "frame_source", "from_frame", "parts_source", "typed_source", "types_of"]

Types = Mapping[str, FeatureType]

# What a column turns out to be when a text comes that isn't of the type so far.
_WIDER: Final = {
    FeatureType.INTEGER: FeatureType.NUMBER,
    FeatureType.NUMBER: FeatureType.STRING,
    FeatureType.BOOLEAN: FeatureType.STRING,
}


def from_frame(frame: Any, *, selection: Selection | None = None) -> Dataset:
    """Take the columns of a polars DataFrame; dates, lists and the like raise TrainingError."""
    (dataset,) = frame_source(frame, selection=selection, chunk_rows=max(1, frame.height)).chunks()
    return dataset


def frame_source(frame: Any, *, selection: Selection | None = None, chunk_rows: int = CHUNK_ROWS) -> Source:
    """Read a polars DataFrame in chunks."""
    return parts_source(lambda: frame.iter_slices(chunk_rows), frame.schema, frame.height, selection or Selection())


def parts_source(parts: Callable[[], Iterable[Any]], schema: Any, n_rows: int, selection: Selection) -> Source:
    """Read frames of one polars schema, one after the other; `parts` gives them, as often as it is called."""
    names = list(schema)
    types = types_of({name: schema[name] for name in selection.wanted(names)}, parts)
    return typed_source(parts, types, selection.features(names), n_rows, selection)


def typed_source(
    parts: Callable[[], Iterable[Any]], types: Types, features: list[str], n_rows: int, selection: Selection
) -> Source:
    """Read frames whose columns are of the types, or texts that read as such."""

    def chunks() -> Iterator[Dataset]:
        for part in parts():
            columns = tuple(_column(part[name], types[name], selection) for name in features)
            yield Dataset(columns, part.height, _predicted(part, types, selection))

    return Source(tuple(features), n_rows, chunks)


def types_of(schema: Mapping[str, Any], parts: Callable[[], Iterable[Any]]) -> Types:
    """Give the type of each column by the schema, and where that says text, by the texts: all may be numbers."""
    types = {name: _infer(name, kind) for name, kind in schema.items()}
    texts = TextTypes([name for name, kind in schema.items() if str(kind) == "String"], starts=FeatureType.NUMBER)
    if not texts.settled:
        for part in parts():
            texts.add(part)
            if texts.settled:
                break
    return types | texts.types


class TextTypes:
    """What columns of texts are, by all their texts: numbers or, in files of nothing but text, integers, booleans.

    `nan` beside numbers makes a text of them, in polars as elsewhere.
    """

    def __init__(self, names: Iterable[str], *, starts: FeatureType) -> None:
        """Begin without a text; `starts` is the narrowest type that texts may turn out to be."""
        self._types: dict[str, FeatureType | None] = dict.fromkeys(names)
        self._starts = starts

    @property
    def types(self) -> dict[str, FeatureType]:
        """The type of each column; texts where no text came."""
        return {name: kind or FeatureType.STRING for name, kind in self._types.items()}

    @property
    def settled(self) -> bool:
        """Whether no further text can change anything."""
        return all(kind is FeatureType.STRING for kind in self._types.values())

    def add(self, part: Any) -> None:
        """Look at the texts of more rows."""
        for name, kind in self._types.items():
            series = part[name]
            if kind is not FeatureType.STRING and series.null_count() < len(series):
                self._types[name] = self._narrowest(series, kind)

    def _narrowest(self, series: Any, kind: FeatureType | None) -> FeatureType:
        if kind is None:
            whole = self._starts is FeatureType.INTEGER and _reads_as(series, FeatureType.BOOLEAN)
            kind = FeatureType.BOOLEAN if whole else self._starts
        while not _reads_as(series, kind):
            kind = _WIDER[kind]
        return kind


def _reads_as(series: Any, kind: FeatureType) -> bool:
    return bool(_read(series, kind).null_count() == series.null_count())


def _read(series: Any, kind: FeatureType) -> Any:
    """Give the values of a type, null where a text isn't of it; what isn't text is what it is."""
    polars = require("polars")
    if str(series.dtype) != "String":
        return series
    if kind is FeatureType.BOOLEAN:
        return series.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None)
    numbers = {FeatureType.INTEGER: polars.Int64, FeatureType.NUMBER: polars.Float64}
    return series.cast(numbers[kind], strict=False) if kind in numbers else series


def _column(series: Any, inferred: FeatureType, selection: Selection) -> Column:
    kind, values = selection.type_of(series.name, inferred), _read(series, inferred)
    if kind.is_text:
        return text_column(series.name, kind, values.to_list())
    return number_column(series.name, kind, values.cast(require("polars").Float64).to_numpy())


def _predicted(part: Any, types: Types, selection: Selection) -> list[str | None] | None:
    name = selection.predictions
    return None if name is None else to_texts(_read(part[name], types[name]).to_list())


def _infer(name: str, kind: Any) -> FeatureType:
    if kind.is_temporal():
        raise TrainingError(
            f"column {name!r} holds dates or times ({kind}); make a number of it, such as the days since "
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
    raise TrainingError(f"column {name!r} holds {kind}, which no feature is; leave it out with --drop")
