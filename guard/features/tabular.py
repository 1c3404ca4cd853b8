"""Take the features of a tabular request: InferenceRequest → Table.

A fast path for what nearly every request is, numbers for all features and nothing else; whatever doesn't
fit it takes the exact path, which says what is wrong, and where. Both give the same matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.contract import Contract, Feature, FeatureType
from guard.contract.compiled import Compiled
from guard.features.columns import PLAIN_TYPES, Cells, Column, read_column
from guard.features.layouts import MOST_TOLD, arrange
from guard.features.table import Table
from guard.inference import Fault, InferenceRequest, Layout, Tensor

__all__ = ["extract"]

FloatArray = npt.NDArray[np.float64]

MISSING = "missing, and not nullable"

# How a Python type is called in JSON, for messages.
JSON_NAMES = {str: "a string", bytes: "a string", bool: "a boolean", list: "an array", dict: "an object"}

NAMES = {
    FeatureType.NUMBER: "a number",
    FeatureType.INTEGER: "an integer",
    FeatureType.BOOLEAN: "true or false",
    FeatureType.CATEGORY: "a string, a number or a boolean",
    FeatureType.STRING: "a string",
}


def extract(request: InferenceRequest, contract: Contract) -> Table:
    """Read the features that the contract declares.

    A tensor is [N, d], or [d] for one instance, whatever its name, or one per feature, named after it, [N] or [N, 1].
    Records name every feature; one that is nullable may be left out. What doesn't fit is told in `Table.faults`
    (G201, G202, G203, G208), at most 20 of a kind for each feature, and the cells are `unreadable`.
    """
    compiled = contract.compiled
    if compiled.all_numeric:
        values = _read_plain(request, compiled)
        if values is not None:
            return Table(contract, values, narrow=_narrow(request))
    return _read_exactly(request, contract)


def _narrow(request: InferenceRequest) -> npt.NDArray[np.float32] | None:
    if request.layout is not Layout.TENSORS:
        return None
    data: npt.NDArray[Any] = request.data[0].data
    return data if data.dtype == np.float32 and data.ndim == 2 else None


def _read_plain(request: InferenceRequest, compiled: Compiled) -> FloatArray | None:
    """Read a request of nothing but numbers, all there; None for any other."""
    if request.layout is Layout.TENSORS:
        return _plain_tensor(request.data, len(compiled.names))
    if request.layout is Layout.RECORDS:
        return _plain_records(request.data, compiled)
    if request.layout is Layout.ROWS:
        rows = request.data
        return _plain_rows(rows, len(compiled.names)) if {list}.issuperset(map(type, rows)) else None
    return None


def _plain_tensor(tensors: Sequence[Tensor], n_features: int) -> FloatArray | None:
    if len(tensors) != 1:
        return None
    data = tensors[0].data
    if data.dtype.kind not in "fiu":
        return None
    if data.ndim == 2 and data.shape[1] == n_features:
        return data.astype(np.float64)
    if data.ndim == 1 and data.shape[0] == n_features:
        return data.astype(np.float64).reshape(1, n_features)
    return None


def _plain_records(records: Sequence[Mapping[str, Any]], compiled: Compiled) -> FloatArray | None:
    n_features = len(compiled.names)
    take = compiled.take
    rows = []
    for record in records:
        # All names found in a record of d members: no other member is left.
        if len(record) != n_features:
            return None
        try:
            rows.append(take(record))
        except KeyError:
            return None
    return _plain_rows(rows, n_features)


def _plain_rows(rows: Sequence[Sequence[Any]], n_features: int) -> FloatArray | None:
    if not rows or set(map(len, rows)) != {n_features}:
        return None
    cells = rows[0] if len(rows) == 1 else list(chain.from_iterable(rows))
    if not PLAIN_TYPES.issuperset(map(type, cells)):
        return None
    try:
        return np.array(cells, dtype=np.float64).reshape(len(rows), n_features)
    except OverflowError:
        return None


def _read_exactly(request: InferenceRequest, contract: Contract) -> Table:
    compiled = contract.compiled
    arranged = arrange(request, compiled)
    shape = (arranged.n_instances, len(compiled.names))
    table = Table(contract, np.full(shape, math.nan))
    unreadable = np.zeros(shape, dtype=np.bool_)
    if arranged.lost:
        unreadable[list(arranged.lost), :] = True
    faults = arranged.faults
    for place, cells in enumerate(arranged.columns):
        if cells is None:
            faults += _skip_column(table, unreadable, place=place, told=arranged.misshapen)
        else:
            faults += _fill_column(table, unreadable, place=place, cells=cells)
    if not faults and not arranged.n_instances:
        faults.append(Fault("G208", "no instances; expected at least one"))
    table.faults = tuple(faults)
    table.unreadable = unreadable if unreadable.any() or not arranged.n_instances else None
    return table


def _skip_column(
    table: Table, unreadable: npt.NDArray[np.bool_], *, place: int, told: frozenset[str]
) -> Iterable[Fault]:
    """Leave a column empty that the request lacks; the features that are `told` have their fault already."""
    feature = table.contract.features[place]
    if feature.type.is_text:
        table.texts[feature.name] = [None] * table.n_instances
    if feature.nullable and feature.name not in told:
        return
    unreadable[:, place] = True
    if feature.name not in told:
        yield Fault("G201", MISSING, feature=feature.name)


def _fill_column(table: Table, unreadable: npt.NDArray[np.bool_], *, place: int, cells: Cells) -> Iterable[Fault]:
    feature = table.contract.features[place]
    column = read_column(cells, feature=feature, codes=table.contract.compiled.codes.get(feature.name))
    table.values[:, place] = column.values
    if column.texts is not None:
        table.texts[feature.name] = column.texts
    if not column.wrong and not column.absent:
        return ()
    unreadable[column.wrong + column.absent, place] = True
    return _cell_faults(column, cells, feature)


def _cell_faults(column: Column, cells: Cells, feature: Feature) -> list[Fault]:
    expected = f"expected {NAMES[feature.type]}"
    wrong = ((i, f"{_json_name(cells[i])}; {expected}") for i in column.wrong)
    absent = ((i, MISSING) for i in column.absent)
    faults = _first("G203", wrong, n_all=len(column.wrong), feature=feature)
    return faults + _first("G201", absent, n_all=len(column.absent), feature=feature)


def _first(rule: str, told: Iterable[tuple[int, str]], *, n_all: int, feature: Feature) -> list[Fault]:
    faults = [Fault(rule, detail, instance, feature.name) for instance, detail in islice(told, MOST_TOLD)]
    if n_all > MOST_TOLD:
        faults.append(Fault(rule, f"and {n_all - MOST_TOLD:,} more instances", None, feature.name))
    return faults


def _json_name(cell: Any) -> str:
    if isinstance(cell, np.generic):
        cell = cell.item()
    return JSON_NAMES.get(type(cell), "a number")
