"""The way nearly every V2 request looks, read in a fifth of the steps: one tensor of numbers, flat or in rows.

What isn't exactly that, or may be ambiguous or beyond a limit, is left to the exact decoders, which say
what is wrong with it. A test holds the two against each other.

Most checks come after parsing, when they cost least: every member has its very type, so that no other objects and
arrays are in the document than those that are known; and where no number is beyond 2^53, none was written as a long
integer, nor overflows.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import orjson

from guard.decode.json.scan import MAX_EXACT_INTEGER, count_byte, may_hold_long_run
from guard.decode.limits import DecodeLimits
from guard.decode.v2.cast import holds_boolean
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_plain"]

_DATATYPES = {"FP32": Datatype.FP32, "FP64": Datatype.FP64}

# "inputs" and perhaps "id" outside; name, shape, datatype and data inside.
_OUTER, _INNER = 2, 4

# The document, inputs, the tensor, its shape and data; and rows in the data are nested as deep.
_CONTAINERS = 5

# A body may hold as many containers as bytes: only in a short one they needn't be counted before they are made.
_SHORT_BYTES = 4096

# From here on NumPy's comparisons cost least.
_FEW_VALUES = 128


def decode_plain(body: bytes, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode `{"inputs": [{"name", "shape": [N, d], "datatype": "FP32" or "FP64", "data": [numbers or rows]}]}`.

    None where the body is anything else, however little.
    """
    # Other formats aren't parsed in vain; a name with escapes is left to the exact decoders.
    if (
        b'"inputs"' not in body
        or limits.max_depth < _CONTAINERS
        or (len(body) > _SHORT_BYTES and _may_hold_more(body, limits))
    ):
        return None
    try:
        document = orjson.loads(body)
        (tensor,) = document["inputs"]
        outer = len(document)
        if outer != 1 and not (outer == _OUTER and type(document.get("id")) is str):
            return None
        # As many names as colons: none stood twice, and no string holds a colon.
        if len(tensor) != _INNER or count_byte(body, b":") != outer + _INNER or may_hold_long_run(body):
            return None
        return _decode_tensor(tensor, body, limits)
    except (ValueError, LookupError, TypeError, AttributeError, struct.error, OverflowError):
        return None


def _may_hold_more(body: bytes, limits: DecodeLimits) -> bool:
    """Whether a long body may be another, or hold more than it may."""
    return count_byte(body, b"{") != 2 or count_byte(body, b"[") + 2 > limits.max_containers


def _decode_tensor(tensor: dict[str, Any], body: bytes, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode a tensor that has four members; most exceptions mean that it isn't plain."""
    name, shape, data = tensor["name"], tensor["shape"], tensor["data"]
    datatype = _DATATYPES[tensor["datatype"]]
    rows, columns = shape
    # The very types: `[true]` is no shape, and a string has a length too.
    if type(name) is not str or not name or type(data) is not list or type(rows) is not int or type(columns) is not int:
        return None
    if type(shape) is not list or not 0 < rows <= limits.max_instances or columns < 1:
        return None
    if type(data[0]) is list:
        data = _join(data, rows, columns, limits)
    if rows * columns != len(data):
        return None
    dtype = datatype.numpy
    # Anything but numbers and booleans is an error to struct, and what overflows float32 becomes infinite.
    array = np.ndarray((rows, columns), dtype, struct.pack(f"{len(data)}{dtype.char}", *data))
    if not _are_small(data, array) or ((b"r" in body or b"l" in body) and _holds_boolean(body, data, array)):
        return None
    return InferenceRequest(
        WireFormat.V2, Layout.TENSORS, (Tensor(name, datatype, (rows, columns), array),), rows, (), True
    )


def _join(data: list[Any], rows: int, columns: int, limits: DecodeLimits) -> list[Any]:
    """Put the rows together; nothing where they aren't as many, or as long, as the shape says."""
    if len(data) != rows or {list} != set(map(type, data)) or {columns} != set(map(len, data)):
        return []
    if _CONTAINERS + rows > limits.max_containers:
        return []
    if rows == 1:
        only: list[Any] = data[0]
        return only
    joined: list[Any] = []
    for row in data:
        joined += row
    return joined


def _are_small(data: list[Any], array: np.ndarray[Any, Any]) -> bool:
    """Whether no number reaches 2^53; of few numbers the Euclidean norm, which none exceeds, costs least."""
    if len(data) < _FEW_VALUES:
        return math.hypot(*data) < MAX_EXACT_INTEGER
    return bool(array.min() > -MAX_EXACT_INTEGER and array.max() < MAX_EXACT_INTEGER)


def _holds_boolean(body: bytes, data: list[Any], array: np.ndarray[Any, Any]) -> bool:
    """Whether `true` or `false`, with an r or an l, is among the data.

    Single letters are found faster than words; mostly both are missing from the data's place on. Where a name may be
    written with escapes, that place isn't certain.
    """
    start = max(body.find(b'"data"'), 0) if b"\\" not in body else 0
    if body.find(b"r", start) < 0 and body.find(b"l", start) < 0:
        return False
    return holds_boolean(data, array.reshape(-1))
