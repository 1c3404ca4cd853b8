"""The short way through V2 against the exact one."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.decode import DecodeLimits
from guard.decode.json.strict import load_json
from guard.decode.v2.document import decode_v2
from guard.decode.v2.plain import decode_plain
from guard.errors import RequestError
from guard.inference import InferenceRequest

LIMITS = DecodeLimits(max_depth=64, max_containers=1000, max_instances=4)


def exactly(body: bytes) -> InferenceRequest | None:
    """What the exact decoders make of a body; None where they refuse it or have anything to say."""
    try:
        document = load_json(body, limits=LIMITS, allow_non_finite=False)
        request = decode_v2(document.value, limits=LIMITS)
    except RequestError:
        return None
    return None if request is None or document.faults or request.faults else request


def tensor(**members: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2]} | members


def body_of(*tensors: Any, **members: Any) -> bytes:
    return json.dumps({"inputs": list(tensors)} | members).encode()


@pytest.mark.parametrize(
    "body",
    [
        body_of(tensor()),
        body_of(tensor(datatype="FP64", data=[1e15, -2])),
        body_of(tensor(shape=[2, 1])),
        body_of(tensor(data=[[1, 2]])),
        body_of(tensor(data=[[1], [2.5]], shape=[2, 1])),
        body_of(tensor(data=[2**53 - 1, 0], datatype="FP64")),
        body_of(tensor(name="reals")),
        body_of(tensor(name="data")),
        body_of(tensor(shape=[4, 300], data=[0.0, 1] * 600)),
        body_of(tensor(shape=[4, 300], data=[[0.1] * 300] * 4)),
        body_of(tensor(shape=[1, 1000], data=[math.pi] * 1000, datatype="FP64"), id="a" * 5000),
        body_of(tensor(name="[{" * 9)),
        body_of(tensor(), id="a"),
    ],
)
def test_plain_reads_the_ordinary_request_as_the_exact_decoder_does(body: bytes) -> None:
    plain, exact = decode_plain(body, limits=LIMITS), exactly(body)

    assert plain is not None
    assert exact is not None
    assert plain.is_plain
    np.testing.assert_array_equal(plain.data[0].data, exact.data[0].data)
    assert plain.data[0].data.dtype == exact.data[0].data.dtype
    assert plain.n_instances == exact.n_instances


@pytest.mark.parametrize(
    "body",
    [
        body_of(tensor(data=[True, 1])),
        body_of(tensor(data=["1", 1])),
        body_of(tensor(data=[None, 1])),
        body_of(tensor(data=[1e39, 1])),
        body_of(tensor(data=[2**53 + 1, 1])),
        body_of(tensor(data=[[1], [2]])),
        body_of(tensor(data=[[1, 2], [3]], shape=[2, 2])),
        body_of(tensor(data=[[1, 2], 3, 4], shape=[2, 2])),
        body_of(tensor(data=[1, 2, [3, 4]], shape=[2, 2])),
        body_of(tensor(data=[[1, 2]] * 2, shape=[1, 4])),
        body_of(tensor(data=[[[1, 2]]])),
        body_of(tensor(data=[[True, 2]])),
        body_of(tensor(data=[])),
        body_of(tensor(data=[0.5] * 1000 + [True], shape=[1, 1001])),
        body_of(tensor(data=[0.5] * 1000 + [None], shape=[1, 1001])),
        body_of(tensor(data=[0.5] * 1000 + ["1"], shape=[1, 1001])),
        body_of(tensor(data=[0.5] * 1000 + [2**53 + 1], shape=[1, 1001])),
        body_of(tensor(data=[0.5] * 1000 + [-(2**53) - 1], shape=[1, 1001])),
        body_of(tensor(data=[0.5] * 1000 + [10**25], shape=[1, 1001])),
        body_of(tensor(data=[0.5] * 1000 + [1e39], shape=[1, 1001])),
        body_of(tensor(data=[[1]] * 1001, shape=[1001, 1])),
        body_of(tensor(), id="[" * 5000),
        body_of(tensor(data=[10**25, 1])),
        body_of(tensor(data=[1e300, 1], datatype="FP64")),
        body_of(tensor(), id=7),
        body_of(tensor(), id=2**60),
        body_of(tensor(), id=[]),
        body_of(tensor(), id={}),
        body_of(tensor()).replace(b"1.5", b"0." + b"1" * 401),
        body_of(tensor(shape=[1, 1001], data=[0.5] * 1000 + [1.25])).replace(b"1.25", b"1." + b"2" * 400 + b"0"),
        b'{"inputs":[{"\\u0064ata":[true,2],"name":"data","shape":[1,2],"datatype":"FP32"}]}',
        body_of(tensor(data="ab")),
        body_of(tensor(data={"a": 1, "b": 2})),
        body_of(tensor(shape=[1, 3])),
        body_of(tensor(shape=[True, 2])),
        body_of(tensor(shape=[2])),
        body_of(tensor(shape=[0, 0], data=[])),
        body_of(tensor(shape=[-1, -2])),
        body_of(tensor(shape="12")),
        body_of(tensor(shape=[5, 1], data=[1, 2, 3, 4, 5])),
        body_of(tensor(datatype="INT64")),
        body_of(tensor(datatype="fp32")),
        body_of(tensor(datatype=["FP32"])),
        body_of(tensor(name="")),
        body_of(tensor(name=3)),
        body_of(tensor(name="a:b")),
        body_of(tensor(other=1)),
        body_of(tensor(), tensor(name="y")),
        body_of(tensor(), instances=[]),
        body_of(tensor(), parameters=1),
        body_of(tensor(), id="a", outputs=1),
        body_of([1, 2, 3, 4]),
        body_of(tensor())[:-1],
        body_of(tensor()) + b"x",
        b'{"inputs": 3}',
        b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1],"data":[2]}]}',
        b'{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[NaN]}]}',
        b"",
        b"{}",
        b"[]",
        b"\xff",
    ],
)
def test_plain_leaves_anything_else_to_the_exact_decoders(body: bytes) -> None:
    assert decode_plain(body, limits=LIMITS) is None


@pytest.mark.parametrize("n_values", [1, 1000])
def test_number_of_too_many_digits_is_found_wherever_it_stands(n_values: int) -> None:
    data = [0.5] * (n_values - 1) + [1.25]
    for shift in range(192):
        body = body_of(tensor(name="n" * (shift + 1), shape=[1, n_values], data=data))

        assert decode_plain(body, limits=LIMITS) is not None
        assert decode_plain(body.replace(b"1.25", b"1." + b"2" * 401), limits=LIMITS) is None


VALUES = st.one_of(st.floats(width=32), st.floats(), st.integers(), st.booleans(), st.none(), st.text(max_size=2))
SHAPES = st.lists(st.integers(-1, 3), max_size=3) | st.just([True, 1])


@given(
    data=st.lists(VALUES, max_size=6),
    shape=SHAPES,
    datatype=st.sampled_from(["FP32", "FP64", "INT32", "BOOL", "x"]),
    name=st.text(max_size=3),
)
@settings(max_examples=500)
def test_plain_never_disagrees_with_the_exact_decoder(data: Any, shape: Any, datatype: str, name: str) -> None:
    body = body_of(tensor(data=data, shape=shape, datatype=datatype, name=name))

    plain = decode_plain(body, limits=LIMITS)

    if plain is not None:
        exact = exactly(body)
        assert exact is not None
        assert exact.data[0].name == plain.data[0].name
        np.testing.assert_array_equal(plain.data[0].data, exact.data[0].data)
        assert np.isfinite(plain.data[0].data).all()
