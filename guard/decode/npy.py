"""NumPy's `.npy` as a body: one array, the instances along its first axis.

Threat model. `np.load` allocates what the header's shape asks for before it looks how many bytes follow, ignores bytes
after the last element, evaluates the header as Python, and opens a pickle where the dtype holds objects. guard reads
the header by one fixed grammar, admits plain numbers alone, compares the exact product of the shape with the bytes that
are there, and views them where they lie. Out of scope: what the numbers say; NaN means that a value is missing.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.decode.json.batch import check_count
from guard.decode.json.members import quote
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, NotScorable, UnsupportedMediaType
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_npy", "looks_like_npy", "read_npy_header"]

_MAGIC = b"\x93NUMPY"

# After the magic: the version, then the header's length in two bytes, since 2.0 in four.
_LENGTH_BYTES = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}
_MAGIC_BYTES = len(_MAGIC) + 2

# np.load reads at most 10,000; what counts among them are three short members, the rest is padding.
_LONGEST_HEADER = 10_000
_LONGEST_LITERAL = 1_000

# The dictionary as NumPy and others write it, its members in any order: `{'descr': '<f4', 'shape': (2, 3), }`.
_MEMBER = re.compile(
    r" *'(descr|fortran_order|shape)' *: *(?:'([^'\\]{0,32})'|(True|False)|\(([0-9, ]{0,800})\)) *(,|(?=\}))"
)
_SHAPE = re.compile(r" *(?:[0-9]{1,20} *, *)*(?:[0-9]{1,20} *)?")
_MEMBERS = frozenset({"descr", "fortran_order", "shape"})

_DESCR = re.compile(r"[<>|](b1|[iu][1248]|f[248])")
_DATATYPES = {
    datatype.numpy.str[1:]: datatype
    for datatype in Datatype
    if datatype is not Datatype.BF16 and datatype is not Datatype.BYTES
}
_OBJECTS = re.compile(r"'[<>|=]?O[0-9]*'")

# NumPy's own limit until 2.0.
_MAX_RANK = 32

# The array has no name; this one only stands in messages, unless a feature is called so.
_NAME = "array"


class _Header(NamedTuple):
    descr: str
    is_fortran: bool
    shape: tuple[int, ...]
    length: int
    """where the elements begin"""


def looks_like_npy(body: bytes) -> bool:
    """Whether the body begins as an npy file does."""
    return body.startswith(_MAGIC)


def decode_npy(body: bytes, *, limits: DecodeLimits) -> InferenceRequest:
    """Decode one array [N, ...] of N instances, or [d], which is one instance of d values.

    Raises MalformedRequest with rule G110, G111 or G116, NotScorable with rule G208, UnsupportedMediaType with rule
    G121.
    """
    header = read_npy_header(body)
    datatype = _find_datatype(header.descr)
    shape = header.shape
    n_instances = shape[0] if len(shape) > 1 else min(shape[0], 1)
    check_count(n_instances, where="shape", limits=limits)
    array = _view(body, header, datatype)
    return InferenceRequest(
        WireFormat.NPY, Layout.TENSORS, (Tensor(_NAME, datatype, shape, array),), n_instances=n_instances
    )


def read_npy_header(body: bytes) -> _Header:
    """Read the header by the fixed grammar; raises MalformedRequest (G116) and UnsupportedMediaType (G121)."""
    length_bytes = _LENGTH_BYTES.get(body[len(_MAGIC) : _MAGIC_BYTES])
    if length_bytes is None:
        raise MalformedRequest("no version of npy; expected 1.0, 2.0 or 3.0", rule="G116", where="the npy header")
    start = _MAGIC_BYTES + length_bytes
    length = int.from_bytes(body[_MAGIC_BYTES:start], "little")
    if length > _LONGEST_HEADER:
        found = f"{length} bytes long; at most {_LONGEST_HEADER} are read"
        raise MalformedRequest(found, rule="G116", where="the npy header")
    if len(body) < start + length:
        raise MalformedRequest("cut off", rule="G116", where="the npy header")
    literal = body[start : start + length].rstrip(b" \n").decode("latin-1")
    return _parse(literal, start + length)


def _parse(literal: str, length: int) -> _Header:
    if _OBJECTS.search(literal[:_LONGEST_LITERAL]) is not None:
        raise UnsupportedMediaType("an npy array of objects, a pickle inside, which guard never opens", rule="G121")
    found: dict[str, Any] = {}
    at = 1
    while (member := _MEMBER.match(literal, at, _LONGEST_LITERAL)) is not None:
        name, descr, order, shape, _ = member.groups()
        if name in found or (descr, order, shape)[("descr", "fortran_order", "shape").index(name)] is None:
            break
        found[name] = descr or order or shape or ""
        at = member.end()
    is_whole = literal.startswith("{") and literal[at:].strip(" ") == "}"
    if not is_whole or found.keys() != _MEMBERS or _SHAPE.fullmatch(found["shape"]) is None:
        expected = "expected {'descr': '<f4', 'fortran_order': False, 'shape': (N, d)} with a plain dtype"
        raise MalformedRequest(f"{quote(literal)}; {expected}", rule="G116", where="the npy header")
    return _Header(found["descr"], found["fortran_order"] == "True", _read_shape(found["shape"]), length)


def _read_shape(text: str) -> tuple[int, ...]:
    lengths = [part.strip() for part in text.split(",")]
    if not lengths[-1]:
        lengths.pop()
    elif len(lengths) == 1:
        # To Python, `(3)` is a number, no shape.
        raise MalformedRequest("a shape of one axis is written (d,)", rule="G116", where="shape")
    if not 1 <= len(lengths) <= _MAX_RANK:
        raise MalformedRequest(f"{len(lengths)} axes; expected 1 to {_MAX_RANK}", rule="G116", where="shape")
    if any(len(length) > 1 and length.startswith("0") for length in lengths):
        raise MalformedRequest("a length with a leading zero, which Python refuses", rule="G116", where="shape")
    return tuple(map(int, lengths))


def _find_datatype(descr: str) -> Datatype:
    found = _DESCR.fullmatch(descr)
    if found is None:
        expected = "expected b1, i1 to i8, u1 to u8 or f2 to f8, with <, > or | before it"
        raise MalformedRequest(f"{quote(descr)}; {expected}", rule="G116", where="descr")
    return _DATATYPES[found[1]]


def _view(body: bytes, header: _Header, datatype: Datatype) -> npt.NDArray[Any]:
    """View the elements where they lie in the body; big-endian ones are copied."""
    dtype = datatype.numpy
    asked = math.prod(header.shape) * dtype.itemsize  # Python's integers don't wrap
    held = len(body) - header.length
    if held < asked:
        found = f"{list(header.shape)} of {dtype} asks for {asked} bytes; {held} follow the header"
        raise MalformedRequest(found, rule="G116", where="shape")
    if held > asked:
        raise MalformedRequest(f"{held - asked} bytes after the last element", rule="G110")
    if not asked:
        raise NotScorable("no values", rule="G208", where="shape")
    order = dtype.newbyteorder(">") if header.descr.startswith(">") else dtype
    array: npt.NDArray[Any] = np.ndarray(
        header.shape, order, body, header.length, order="F" if header.is_fortran else "C"
    )
    if datatype is Datatype.BOOL and np.frombuffer(body, np.uint8, offset=header.length).max() > 1:
        raise MalformedRequest("a boolean that is neither 0 nor 1", rule="G116", where="data")
    return array if array.dtype.isnative else array.astype(dtype)
