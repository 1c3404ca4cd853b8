"""One feature's cells, as they came, to numbers and texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import Feature, FeatureType, category_text

__all__ = ["ABSENT", "PLAIN_TYPES", "Cells", "Column", "read_column"]


class _Absent:
    """What stands for a feature that an instance doesn't name."""


ABSENT: Final = _Absent()

# What JSON gives for a number. `isinstance` won't do: to it, true is an integer.
PLAIN_TYPES = frozenset({float, int})
TEXT_TYPES = frozenset({str})

Cells = Sequence[Any] | npt.NDArray[Any]


class Column(NamedTuple):
    """A feature of N instances: values float64 [N], texts where it is a text, and the numbers of bad instances.

    `wrong` are the instances whose value isn't of the type, `absent` those that lack the feature though it
    isn't nullable.
    """

    values: npt.NDArray[np.float64]
    texts: list[str | None] | None
    wrong: list[int]
    absent: list[int]


def read_column(cells: Cells, *, feature: Feature, codes: Mapping[str, int] | None) -> Column:
    """Read the cells of one feature: an array of one dimension, or JSON values with ABSENT among them.

    `codes` are those of a category.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub" and not feature.type.is_text:
        return _read_numeric_array(cells, feature.type)
    plain: Sequence[Any] = cells.tolist() if isinstance(cells, np.ndarray) else cells
    if not feature.type.is_text:
        return _read_numbers(plain, feature)
    column = _read_texts(plain, feature)
    if codes is None or column.texts is None:
        return column
    coded = [math.nan if text is None else codes.get(text, -1) for text in column.texts]
    return column._replace(values=np.array(coded, dtype=np.float64))


def _read_numeric_array(cells: npt.NDArray[Any], kind: FeatureType) -> Column:
    values = cells.astype(np.float64)
    if kind is FeatureType.BOOLEAN:
        wrong = ~((values == 0) | (values == 1) | np.isnan(values))
    elif cells.dtype.kind == "b":
        wrong = np.ones(len(values), dtype=np.bool_)
    else:
        return Column(values, None, [], [])
    values[wrong] = math.nan
    return Column(values, None, np.flatnonzero(wrong).tolist(), [])


def _read_numbers(cells: Sequence[Any], feature: Feature) -> Column:
    if feature.type is not FeatureType.BOOLEAN and PLAIN_TYPES.issuperset(map(type, cells)):
        return Column(_as_floats(cells), None, [], [])
    read = _boolean if feature.type is FeatureType.BOOLEAN else _number
    found, wrong, absent = _read_each(cells, read, nullable=feature.nullable)
    return Column(np.array([math.nan if v is None else v for v in found], dtype=np.float64), None, wrong, absent)


def _read_texts(cells: Sequence[Any], feature: Feature) -> Column:
    nothing = np.full(len(cells), math.nan)
    if TEXT_TYPES.issuperset(map(type, cells)):
        return Column(nothing, list(cells), [], [])
    read = _category if feature.type is FeatureType.CATEGORY else _string
    found, wrong, absent = _read_each(cells, read, nullable=feature.nullable)
    return Column(nothing, found, wrong, absent)


def _read_each(
    cells: Sequence[Any], read: Callable[[Any], Any], *, nullable: bool
) -> tuple[list[Any], list[int], list[int]]:
    """Read cells one by one: what each holds (None for nothing), and the instances that are wrong, and absent."""
    found: list[Any] = [None] * len(cells)
    wrong, absent = [], []
    for instance, cell in enumerate(cells):
        if cell is ABSENT:
            if not nullable:
                absent.append(instance)
        # NaN is the number that isn't equal to itself: missing, whatever the type of the feature
        elif cell is not None and cell == cell:  # noqa: PLR0124
            found[instance] = read(cell)
            if found[instance] is None:
                wrong.append(instance)
    return found, wrong, absent


def _as_floats(cells: Sequence[float]) -> npt.NDArray[np.float64]:
    try:
        return np.array(cells, dtype=np.float64)
    except OverflowError:
        return np.array([_number(cell) for cell in cells], dtype=np.float64)


def _number(cell: Any) -> float | None:
    if type(cell) not in PLAIN_TYPES:
        return None
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def _boolean(cell: Any) -> float | None:
    if type(cell) in {bool, int, float} and cell in {0, 1}:
        return float(cell)
    return None


def _string(cell: Any) -> str | None:
    if type(cell) is bytes:
        try:
            return cell.decode("utf-8")
        except UnicodeDecodeError:
            return None
    return cell if type(cell) is str else None


def _category(cell: Any) -> str | None:
    return category_text(cell) if type(cell) in {bool, int, float} else _string(cell)
