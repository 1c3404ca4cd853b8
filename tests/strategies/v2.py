"""Hypothesis strategies of valid bodies of Open Inference Protocol V2 and V1, with the values that they hold."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from guard.inference import Datatype

__all__ = ["Body", "v1", "v2_binary", "v2_json"]

HEADER = b"inference-header-content-length"

# As a body's, less what would only make it longer.
LARGEST_AXIS, MOST_AXES, MOST_TENSORS = 3, 3, 3

IN_JSON = [datatype for datatype in Datatype if datatype not in {Datatype.FP16, Datatype.BF16}]


class Body(NamedTuple):
    """A body with its headers, and what is in it: elements by the name of their tensor, or instances."""

    body: bytes
    headers: dict[bytes, bytes]
    values: Any


class Sent(NamedTuple):
    """A tensor as its members in JSON, its bytes after the JSON (None where it has none), and its elements."""

    members: dict[str, Any]
    binary: bytes | None
    values: list[Any]


def elements(datatype: Datatype) -> st.SearchStrategy[Any]:
    """Values that the datatype holds exactly, in JSON as in binary."""
    kind = datatype.numpy.kind
    if datatype is Datatype.BYTES:
        return st.text(max_size=4)
    if datatype is Datatype.BOOL:
        return st.booleans()
    if datatype is Datatype.BF16:
        return st.integers(-128, 127).map(float)
    if kind == "f":
        return st.floats(width=8 * datatype.numpy.itemsize, allow_nan=False, allow_infinity=False)  # type: ignore[arg-type]
    # Beyond 2^53 parsers of JSON differ.
    info, exact = np.iinfo(datatype.numpy), 2**53
    return st.integers(max(int(info.min), -exact), min(int(info.max), exact))


def nest(values: list[Any], shape: list[int]) -> list[Any]:
    """The flat values as arrays within arrays."""
    if len(shape) == 1:
        return values
    step = len(values) // shape[0]
    return [nest(values[step * i : step * (i + 1)], shape[1:]) for i in range(shape[0])]


def pack(values: list[Any], datatype: Datatype) -> bytes:
    """The values as the binary extension has them."""
    if datatype is Datatype.BYTES:
        texts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    if datatype is Datatype.BF16:
        return (np.array(values, np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
    return np.array(values, datatype.numpy).tobytes()


@st.composite
def tensors(draw: st.DrawFn, *, n_instances: int, name: str, is_binary: bool) -> Sent:
    """One tensor, its data nested, flat or after the JSON."""
    datatype = draw(st.sampled_from(list(Datatype) if is_binary else IN_JSON))
    shape = [n_instances, *draw(st.lists(st.integers(1, LARGEST_AXIS), max_size=MOST_AXES - 1))]
    size = int(np.prod(shape))
    values = draw(st.lists(elements(datatype), min_size=size, max_size=size))
    members: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype.value}
    if is_binary:
        binary = pack(values, datatype)
        return Sent(members | {"parameters": {"binary_data_size": len(binary)}}, binary, values)
    if datatype is Datatype.BYTES and draw(st.booleans()):
        texts, values = [b64encode(value.encode()).decode() for value in values], [value.encode() for value in values]
        members["parameters"] = {"content_type": "base64"}
    else:
        texts = values
    return Sent(members | {"data": nest(texts, shape) if draw(st.booleans()) else texts}, None, values)


@st.composite
def requests(draw: st.DrawFn, *, with_binary: bool) -> Body:
    """A whole request."""
    n_instances = draw(st.integers(1, LARGEST_AXIS))
    names = draw(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=MOST_TENSORS, unique=True))
    sent = [
        draw(tensors(n_instances=n_instances, name=name, is_binary=with_binary and draw(st.booleans())))
        for name in names
    ]
    document: dict[str, Any] = {"inputs": [tensor.members for tensor in sent]}
    document |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "id": st.text(max_size=4),
                "outputs": st.just([{"name": "y"}]),
                "parameters": st.sampled_from([{}, {"binary_data_output": True}, {"content_type": "np"}]),
            },
        )
    )
    text = json.dumps(document, ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(1))).encode()
    values = {tensor.members["name"]: tensor.values for tensor in sent}
    if not with_binary:
        return Body(text, {}, values)
    tail = b"".join(tensor.binary for tensor in sent if tensor.binary is not None)
    return Body(text + tail, {HEADER: str(len(text)).encode()}, values)


def v2_json() -> st.SearchStrategy[Body]:
    """V2 as JSON alone."""
    return requests(with_binary=False)


def v2_binary() -> st.SearchStrategy[Body]:
    """V2 with the binary tensor extension: all, some or none of the tensors after the JSON."""
    return requests(with_binary=True)


def as_json(value: Any) -> Any:
    """A value of V1 as it is written."""
    return {"b64": b64encode(value).decode()} if type(value) is bytes else value


@st.composite
def v1(draw: st.DrawFn) -> Body:
    """V1: rows, named values or columns; `values` are the rows, records or columns."""
    scalar = st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(2**53), 2**53),
        st.booleans(),
        st.none(),
        st.text(max_size=4),
        st.binary(max_size=4),
    )
    n_instances, n_features = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rows = draw(
        st.lists(st.lists(scalar, min_size=n_features, max_size=n_features), min_size=n_instances, max_size=n_instances)
    )
    names = [f"f{index}" for index in range(n_features)]
    form = draw(st.sampled_from(["rows", "records", "columns"]))
    if form == "rows":
        values: Any = rows
        document: dict[str, Any] = {"instances": [[as_json(value) for value in row] for row in rows]}
    elif form == "records":
        values = [dict(zip(names, row, strict=True)) for row in rows]
        document = {"instances": [{name: as_json(value) for name, value in record.items()} for record in values]}
    else:
        values = {name: [row[index] for row in rows] for index, name in enumerate(names)}
        document = {"inputs": {name: list(map(as_json, column)) for name, column in values.items()}}
    document |= draw(st.sampled_from([{}, {"signature_name": "s"}, {"parameters": {"p": 1}}]))
    return Body(json.dumps(document).encode(), {}, values)
