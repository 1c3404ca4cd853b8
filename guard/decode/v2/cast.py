"""JSON values to arrays, as strictly as Triton casts them.

Threat model. `np.array(data, dtype)` obliges: null becomes NaN, "2" becomes 2.0, true becomes 1.0, 1.9 becomes
1, 1e300 becomes infinite. A client who knows that shows the detector other numbers than the model. So a value
is only ever cast within its own sort, and one that overflows is told. Out of scope: rounding to the nearest
float32, which every server does alike.
"""

from __future__ import annotations

import math
import struct
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.errors import MalformedRequest
from guard.inference import Datatype, Fault

__all__ = ["cast", "find_datatype", "holds_boolean"]

_BY_NAME = {datatype.value: datatype for datatype in Datatype}

# Those that JSON can hold.
_IN_JSON = {name: datatype for name, datatype in _BY_NAME.items() if name not in {"FP16", "BF16"}}

# By the kind of NumPy's dtype. A null in floating point is NaN; whether it may be missing is the contract's to say.
_ACCEPTED: dict[str, tuple[frozenset[type], str]] = {
    "b": (frozenset({bool}), "true or false"),
    "i": (frozenset({int}), "an integer, written without point and exponent"),
    "u": (frozenset({int}), "an integer, written without point and exponent"),
    "f": (frozenset({float, int, NoneType}), "a number or null"),
    "O": (frozenset({str}), "a string"),
}

_WORDS: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number with point or exponent",
    str: "a string",
    NoneType: "null",
    list: "an array",
    dict: "an object",
}


# From here on, two comparisons by NumPy cost less than asking each value for its type.
_LONG_TENSOR = 512


def find_datatype(name: object, *, is_binary: bool = False) -> Datatype:
    """Return the datatype of that name; MalformedRequest (G116) where there is none, or JSON would have to hold it."""
    known = _BY_NAME if is_binary else _IN_JSON
    datatype = known.get(name) if type(name) is str else None
    if datatype is None:
        found = f"no datatype that {'tensors have' if is_binary else 'JSON holds'}; expected one of: {', '.join(known)}"
        raise MalformedRequest(found, rule="G116", where="datatype")
    return datatype


def cast(
    values: list[Any], *, datatype: Datatype, shape: tuple[int, ...]
) -> tuple[npt.NDArray[Any], tuple[Fault, ...]]:
    """Cast flat values to an array of that shape and of dtype `datatype.numpy`; it may be read-only.

    A finite number that overflows FP32 is a fault (G105); a value of another sort, or an integer out of
    range, raises MalformedRequest (G116). Places are relative to the tensor.
    """
    dtype = datatype.numpy
    if dtype.kind == "f":
        array = _pack(values, dtype=dtype)
        if array is not None:
            return array.reshape(shape), ()
    _check_types(values, datatype=datatype)
    if dtype.kind == "f":
        return _cast_unpackable(values, datatype=datatype, shape=shape)
    if dtype.kind in "iu":
        _check_range(values, datatype=datatype)
    return np.array(values, dtype=dtype).reshape(shape), ()


def _pack(values: list[Any], *, dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    """Cast numbers, all of which fit; None where something else is among them.

    struct packs floats and integers alone. What overflows float32 becomes infinite. Booleans, which it would pack too,
    are left to find.
    """
    try:
        array = np.frombuffer(struct.pack(f"{len(values)}{dtype.char}", *values), dtype)
    except (struct.error, OverflowError):
        return None
    if dtype.itemsize < 8 and np.isinf(array).any():
        return None
    return None if holds_boolean(values, array) else array


def holds_boolean(values: list[Any], array: npt.NDArray[Any]) -> bool:
    """Whether a boolean is among the numbers of which the array was made."""
    if len(values) < _LONG_TENSOR:
        types = list(map(type, values))
        return types.count(float) != len(types) and bool in types
    suspects = np.flatnonzero((array == 0) | (array == 1))
    if 8 * len(suspects) > len(values):
        return bool in set(map(type, values))
    return any(type(values[index]) is bool for index in suspects.tolist())


def _check_types(values: list[Any], *, datatype: Datatype) -> None:
    accepted, expected = _ACCEPTED[datatype.numpy.kind]
    types = list(map(type, values))
    wrong = set(types) - accepted
    if not wrong:
        return
    index = min(map(types.index, wrong))
    found = f"{_WORDS[type(values[index])]}, where {datatype} asks for {expected}"
    raise MalformedRequest(found, rule="G116", where=f"data[{index}]")


def _check_range(values: list[int], *, datatype: Datatype) -> None:
    info = np.iinfo(datatype.numpy)
    low, high = int(info.min), int(info.max)
    if not values or (min(values) >= low and max(values) <= high):
        return
    index = next(i for i, value in enumerate(values) if not low <= value <= high)
    found = f"{values[index]} is no {datatype}, which goes from {low} to {high}"
    raise MalformedRequest(found, rule="G116", where=f"data[{index}]")


def _cast_unpackable(
    values: list[Any], *, datatype: Datatype, shape: tuple[int, ...]
) -> tuple[npt.NDArray[Any], tuple[Fault, ...]]:
    """Cast numbers of which some are null, or overflow."""
    wide = np.array(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(datatype.numpy)
    overflowed = np.flatnonzero(np.isinf(narrow) & np.isfinite(wide))
    if not len(overflowed):
        return narrow.reshape(shape), ()
    index = int(overflowed[0])
    detail = f"{values[index]} is infinite as {datatype}"
    if len(overflowed) > 1:
        detail += f"; so are {len(overflowed) - 1} more"
    fault = Fault("G105", detail, instance=index // math.prod(shape[1:]), where=f"data[{index}]")
    return narrow.reshape(shape), (fault,)
