"""From the layout of a request to one column of cells per feature.

A structure that doesn't fit the features is told in faults; what can be read is still read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from guard.contract.compiled import Compiled
from guard.features.columns import ABSENT, Cells
from guard.inference import Fault, InferenceRequest, Layout, Tensor

__all__ = ["MOST_TOLD", "Arranged", "arrange"]

# A reader needs a few examples; ten thousand faults of one hostile body would only fill the journal.
MOST_TOLD = 20

# A matrix of so many cells is made whatever was sent.
MOST_HOLLOW = 65_536

# Long enough for any name that could have been meant.
MOST_NAME_CHARACTERS = 100


class Arranged(NamedTuple):
    """A request as columns of cells, one for each feature in order, each with n_instances cells.

    A column is None where the request has none that can be used; `misshapen` are the features among those that it has,
    in a shape that doesn't fit. `lost` are instances that couldn't be taken apart.
    """

    n_instances: int
    columns: Sequence[Cells | None]
    faults: list[Fault]
    misshapen: frozenset[str] = frozenset()
    lost: Sequence[int] = ()


def arrange(request: InferenceRequest, compiled: Compiled) -> Arranged:
    """Take a request apart into columns."""
    match request.layout:
        case Layout.TENSORS:
            return _arrange_tensors(request.data, compiled)
        case Layout.RECORDS:
            return _arrange_records(request.data, compiled)
        case Layout.ROWS:
            return _arrange_rows(request.data, compiled)
        case Layout.COLUMNS:
            return _arrange_columns(request.data, compiled)
        case Layout.IMAGES:
            return _refuse("an image", compiled)
        case Layout.TEXTS:
            return _refuse("text", compiled)


def _refuse(found: str, compiled: Compiled) -> Arranged:
    d = len(compiled.names)
    faults = [Fault("G208", f"{found}; expected values for {d} features")]
    return Arranged(0, [None] * d, faults, misshapen=frozenset(compiled.names))


def _is_hollow(n_instances: int, n_cells: int, compiled: Compiled) -> bool:
    """Whether a large matrix is asked for with so few values that some instance lacks a feature that it must have.

    `[{},{},...]` of 3 kB would else become thousands of times as many cells, only to be refused.
    """
    if n_instances * len(compiled.names) <= MOST_HOLLOW:
        return False
    return n_cells < n_instances * int((~compiled.nullable).sum())


def _refuse_hollow(n_instances: int, n_cells: int, compiled: Compiled) -> Arranged:
    d = len(compiled.names)
    faults = [Fault("G208", f"{n_cells:,} values in {n_instances:,} instances; expected values for {d} features each")]
    return Arranged(0, [None] * d, faults, misshapen=frozenset(compiled.names))


def _arrange_tensors(tensors: Sequence[Tensor], compiled: Compiled) -> Arranged:
    d = len(compiled.names)
    matrix = _as_matrix(tensors, n_features=d)
    if matrix is not None:
        return Arranged(len(matrix), [matrix[:, j] for j in range(d)], [])
    if len(tensors) == 1 and tensors[0].name not in compiled.places:
        shape = list(tensors[0].shape)
        faults = [Fault("G208", f"shape {shape}; expected [N, {d}] for {d} features")]
        return Arranged(0, [None] * d, faults, misshapen=frozenset(compiled.names))
    return _by_name({tensor.name: _flat(tensor) for tensor in tensors}, compiled)


def _as_matrix(tensors: Sequence[Tensor], *, n_features: int) -> Any:
    # A lone tensor of shape [N, d] or [d], as [N, d].
    if len(tensors) != 1:
        return None
    data = tensors[0].data
    if data.ndim == 2 and data.shape[1] == n_features:
        return data
    if data.ndim == 1 and data.shape[0] == n_features:
        return data.reshape(1, n_features)
    return None


def _flat(tensor: Tensor) -> Cells | str:
    """Give a tensor of shape [N] or [N, 1] as [N]; any other shape, in words."""
    data = tensor.data
    if data.ndim == 1 or (data.ndim == 2 and data.shape[1] == 1):
        return data.reshape(-1)
    return str(list(tensor.shape))


def _arrange_columns(columns: Mapping[str, Any], compiled: Compiled) -> Arranged:
    return _by_name({name: _unwrapped(cells) for name, cells in columns.items()}, compiled)


def _unwrapped(cells: Any) -> Cells | str:
    """Give a list of values, also from one of shape [N, 1], where each value is a list of its own."""
    if not isinstance(cells, list):
        return "no list"
    if cells and all(isinstance(cell, list) and len(cell) == 1 for cell in cells):
        return [cell[0] for cell in cells]
    return cells


def _by_name(given: Mapping[str, Cells | str], compiled: Compiled) -> Arranged:
    usable = {name: cells for name, cells in given.items() if name in compiled.places and not isinstance(cells, str)}
    lengths = [len(cells) for cells in usable.values()]
    # A feature with one value too few or too many is at fault, not those that agree.
    n_instances = max(set(lengths), key=lengths.count, default=0)
    if _is_hollow(n_instances, sum(lengths), compiled):
        return _refuse_hollow(n_instances, sum(lengths), compiled)
    misfits = {
        name: _misfit(given[name], n_instances)
        for name in compiled.names
        if name in given and (name not in usable or len(usable[name]) != n_instances)
    }
    faults = _unknown(given, compiled) + [Fault("G208", detail, feature=name) for name, detail in misfits.items()]
    columns = [None if name in misfits else usable.get(name) for name in compiled.names]
    return Arranged(n_instances, columns, faults, misshapen=frozenset(misfits))


def _misfit(cells: Cells | str, n_instances: int) -> str:
    if isinstance(cells, str):
        return f"{cells}; expected one value for each instance: [N] or [N, 1]"
    return f"{len(cells)} values, where other features have {n_instances}"


def _arrange_records(records: Sequence[Mapping[str, Any]], compiled: Compiled) -> Arranged:
    n_cells = sum(map(len, records))
    if _is_hollow(len(records), n_cells, compiled):
        return _refuse_hollow(len(records), n_cells, compiled)
    named = set[str]().union(*records)
    columns = [
        None if optional and name not in named else [record.get(name, ABSENT) for record in records]
        for name, optional in zip(compiled.names, compiled.nullable.tolist(), strict=True)
    ]
    first_seen: dict[str, int] = {}
    for instance, record in enumerate(records):
        for name in record.keys() - compiled.places.keys():
            first_seen.setdefault(name, instance)
    return Arranged(len(records), columns, _unknown(first_seen, compiled, first_seen))


def _unknown(names: Iterable[str], compiled: Compiled, instances: Mapping[str, int] | None = None) -> list[Fault]:
    unknown = [name for name in names if name not in compiled.places]
    faults = [
        Fault("G202", "not a feature of the contract", (instances or {}).get(name), name[:MOST_NAME_CHARACTERS])
        for name in sorted(islice(unknown, MOST_TOLD))
    ]
    if len(unknown) > MOST_TOLD:
        faults.append(Fault("G202", f"and {len(unknown) - MOST_TOLD:,} more names that aren't features"))
    return faults


def _arrange_rows(rows: Sequence[Any], compiled: Compiled) -> Arranged:
    d = len(compiled.names)
    n_cells = sum(len(row) for row in rows if isinstance(row, list))
    if len(rows) * d > MOST_HOLLOW and n_cells < len(rows) * d:
        return _refuse_hollow(len(rows), n_cells, compiled)
    lost = [i for i, row in enumerate(rows) if not isinstance(row, list) or len(row) != d]
    faults = [Fault("G208", f"{_length(rows[i])}; expected {d} for {d} features", i) for i in lost[:MOST_TOLD]]
    if len(lost) > MOST_TOLD:
        faults.append(Fault("G208", f"and {len(lost) - MOST_TOLD:,} more instances of another length"))
    if lost:
        nothing, hollow = [None] * d, frozenset(lost)
        rows = [nothing if i in hollow else row for i, row in enumerate(rows)]
    columns: list[Cells] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(d)]
    return Arranged(len(rows), columns, faults, lost=lost)


def _length(row: Any) -> str:
    return f"{len(row)} values" if isinstance(row, list) else "a single value"
