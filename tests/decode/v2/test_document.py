from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from guard.decode import DecodeLimits, decode
from guard.errors import MalformedRequest, NotScorable, RequestError
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

Reader = Callable[..., InferenceRequest]

LIMITS = DecodeLimits(max_depth=64, max_containers=10_000, max_instances=1000)


def body_of(*tensors: dict[str, Any], **members: Any) -> str:
    return json.dumps({"inputs": list(tensors), **members})


def tensor(**members: Any) -> dict[str, Any]:
    """A tensor of one row, 1.5 and 2.5, less the members that are given as an ellipsis."""
    whole = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2.5], **members}
    return {name: value for name, value in whole.items() if value is not ...}


def only(request: InferenceRequest) -> Tensor:
    (found,) = request.data
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize(
    ("given_members", "expected"),
    [
        ({}, np.array([[1.5, 2.5]], np.float32)),
        ({"data": [[1.5, 2.5]]}, np.array([[1.5, 2.5]], np.float32)),
        ({"data": [1, 2.5], "datatype": "FP64"}, np.array([[1, 2.5]], np.float64)),
        ({"data": [None, 1]}, np.array([[np.nan, 1]], np.float32)),
        ({"data": [None, 1], "datatype": "FP64"}, np.array([[np.nan, 1]], np.float64)),
        ({"data": [1, 2], "shape": [2]}, np.array([1, 2], np.float32)),
        ({"data": [[[1], [2]], [[3], [4]]], "shape": [2, 2, 1]}, np.array([[[1], [2]], [[3], [4]]], np.float32)),
        ({"data": [[], []], "shape": [2, 0]}, np.zeros((2, 0), np.float32)),
        ({"data": [[], []], "shape": [2, 0, 3]}, np.zeros((2, 0, 3), np.float32)),
        ({"data": [], "shape": [2, 0]}, np.zeros((2, 0), np.float32)),
        ({"data": [True, False], "datatype": "BOOL"}, np.array([[True, False]])),
        ({"data": ["a", "é"], "datatype": "BYTES"}, np.array([["a", "é"]], object)),
        ({"data": [-128, 127], "datatype": "INT8"}, np.array([[-128, 127]], np.int8)),
        ({"data": [0, 65535], "datatype": "UINT16"}, np.array([[0, 65535]], np.uint16)),
        ({"data": [-(2**31), 2**31 - 1], "datatype": "INT32"}, np.array([[-(2**31), 2**31 - 1]], np.int32)),
        ({"data": [0, 7], "datatype": "UINT64", "parameters": {}}, np.array([[0, 7]], np.uint64)),
        ({"data": [], "shape": [1, 0], "datatype": "INT64"}, np.zeros((1, 0), np.int64)),
    ],
)
def test_tensor_is_cast(read: Reader, given_members: dict[str, Any], expected: np.ndarray[Any, Any]) -> None:
    request = read(body_of(tensor(**given_members)))

    found = only(request)
    assert (request.wire_format, request.layout, request.faults) == (WireFormat.V2, Layout.TENSORS, ())
    assert (found.shape, found.datatype.numpy, found.data.dtype) == (expected.shape, expected.dtype, expected.dtype)
    assert request.n_instances == expected.shape[0]
    np.testing.assert_array_equal(found.data, expected)


def test_several_tensors_keep_their_order_and_names(read: Reader) -> None:
    body = body_of(
        tensor(name="b", shape=[2], data=[1, 2]),
        tensor(name="a", shape=[2, 1], data=["x", "y"], datatype="BYTES"),
        id="7",
        parameters={"binary_data_output": True},
        outputs=[{"name": "y"}],
    )

    request = read(body)

    assert [(found.name, found.datatype, found.shape) for found in request.data] == [
        ("b", Datatype.FP32, (2,)),
        ("a", Datatype.BYTES, (2, 1)),
    ]
    assert (request.n_instances, request.faults) == (2, ())


NOT_A_NUMBER = "inputs[0].data[1]"


@pytest.mark.parametrize(
    ("given_members", "rule", "where"),
    [
        ({"name": ...}, "G116", "inputs[0].name"),
        ({"name": ""}, "G116", "inputs[0].name"),
        ({"name": 1}, "G116", "inputs[0].name"),
        ({"shape": ...}, "G116", "inputs[0].shape"),
        ({"shape": 2}, "G116", "inputs[0].shape"),
        ({"shape": []}, "G116", "inputs[0].shape"),
        ({"shape": [-1, 2]}, "G116", "inputs[0].shape"),
        ({"shape": [True, 2]}, "G116", "inputs[0].shape"),
        ({"shape": [1.0, 2]}, "G116", "inputs[0].shape"),
        ({"shape": ["1", 2]}, "G116", "inputs[0].shape"),
        ({"shape": [1] * 33}, "G116", "inputs[0].shape"),
        ({"shape": [1, 3]}, "G116", "inputs[0].shape"),
        ({"shape": [1, 2**32, 2**32]}, "G116", "inputs[0].shape"),
        ({"shape": [17, 2]}, "G111", "inputs[0].shape"),
        ({"shape": [10**12, 10**12]}, "G111", "inputs[0].shape"),
        ({"datatype": ...}, "G116", "inputs[0].datatype"),
        ({"datatype": "FP16"}, "G116", "inputs[0].datatype"),
        ({"datatype": "BF16"}, "G116", "inputs[0].datatype"),
        ({"datatype": "fp32"}, "G116", "inputs[0].datatype"),
        ({"datatype": ["FP32"]}, "G116", "inputs[0].datatype"),
        ({"data": ...}, "G116", "inputs[0].data"),
        ({"data": None}, "G116", "inputs[0].data"),
        ({"data": 1.5}, "G116", "inputs[0].data"),
        ({"data": [1.5, "2.5"]}, "G116", NOT_A_NUMBER),
        ({"data": [1.5, True]}, "G116", NOT_A_NUMBER),
        ({"data": [1.5, [2.5]]}, "G116", NOT_A_NUMBER),
        ({"data": [1.5, {}]}, "G116", NOT_A_NUMBER),
        ({"data": [[1.5, 2.5], []]}, "G116", "inputs[0].data"),
        ({"data": [[1.5], [2.5]], "shape": [2, 2]}, "G116", "inputs[0].data"),
        ({"data": [[1, 2], [3]], "shape": [2, 2]}, "G116", "inputs[0].data"),
        ({"data": [[1, 2], 3], "shape": [2, 2]}, "G116", "inputs[0].data"),
        ({"data": [[1, 2, 3, 4]], "shape": [1, 2, 2]}, "G116", "inputs[0].data"),
        ({"data": [[[1], [2]]]}, "G116", "inputs[0].data[0]"),
        ({"data": [1, 1.0], "datatype": "INT32"}, "G116", NOT_A_NUMBER),
        ({"data": [1, None], "datatype": "INT32"}, "G116", NOT_A_NUMBER),
        ({"data": [1, True], "datatype": "INT32"}, "G116", NOT_A_NUMBER),
        ({"data": [1, 128], "datatype": "INT8"}, "G116", NOT_A_NUMBER),
        ({"data": [1, -1], "datatype": "UINT32"}, "G116", NOT_A_NUMBER),
        ({"data": [1, 2**63], "datatype": "INT64"}, "G116", NOT_A_NUMBER),
        ({"data": [True, 1], "datatype": "BOOL"}, "G116", NOT_A_NUMBER),
        ({"data": ["a", 1], "datatype": "BYTES"}, "G116", NOT_A_NUMBER),
        ({"data": ["a", None], "datatype": "BYTES"}, "G116", NOT_A_NUMBER),
        ({"parameters": 1}, "G116", "inputs[0].parameters"),
        ({"parameters": {"binary_data_size": 8}}, "G119", "inputs[0].parameters"),
        ({"parameters": {"shared_memory_region": "r"}}, "G119", "inputs[0].parameters"),
    ],
)
def test_bad_tensor_is_refused(read: Reader, given_members: dict[str, Any], rule: str, where: str) -> None:
    body = body_of(tensor(**given_members))

    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize(
    ("given_members", "rule", "where"),
    [
        ({"shape": [0, 2], "data": []}, "G208", "inputs[0].shape"),
        ({"data": ..., "parameters": {"binary_data_size": 8}}, "G116", "inputs[0].parameters"),
        ({"data": ..., "parameters": {"shared_memory_region": "r"}}, "G116", "inputs[0].parameters"),
    ],
)
def test_tensor_without_elements_is_not_scorable(
    read: Reader, given_members: dict[str, Any], rule: str, where: str
) -> None:
    body = body_of(tensor(**given_members))

    with pytest.raises(NotScorable) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        ('{"inputs":[]}', "G116", "inputs"),
        ('{"inputs":[{"x":1}]}', "G116", "inputs[0].name"),
        (json.dumps({"inputs": [tensor(), 1]}), "G116", "inputs[1]"),
        (body_of(tensor(), tensor()), "G119", "inputs[1].name"),
        (body_of(tensor(), tensor(name="y", shape=[2, 1])), "G208", "inputs[1].shape"),
        (body_of(tensor(), instances=[[1.5, 2.5]]), "G119", "the document"),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(read: Reader, body: str, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (body_of(tensor(), model="m"), "the document"),
        (body_of(tensor(content="1")), "inputs[0]"),
    ],
)
def test_unknown_member_is_a_fault(read: Reader, body: str, where: str) -> None:
    request = read(body)

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G119", where)]


def test_model_name_that_kserve_s_client_says_again_is_no_fault(read: Reader) -> None:
    assert read(body_of(tensor(), id="1", model_name="m", outputs=[], parameters={})).faults == ()


@pytest.mark.parametrize("second", [None, 0.5])
def test_value_that_overflows_fp32_is_a_fault_of_its_instance(read: Reader, second: float | None) -> None:
    request = read(body_of(tensor(shape=[3, 2], data=[1, second, 2, -1e39, 1e300, 3])))

    (fault,) = request.faults
    assert (fault.rule, fault.instance, fault.where) == ("G105", 1, "inputs[0].data[3]")
    assert only(request).data[1, 1] == -np.inf


def test_non_finite_tokens_are_values_where_they_are_allowed(read: Reader) -> None:
    body = '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[NaN,Infinity,-Infinity]}]}'

    request = read(body, allow_non_finite=True)

    np.testing.assert_array_equal(only(request).data, [[np.nan, np.inf, -np.inf]])
    assert request.faults == ()


@pytest.mark.parametrize("fill", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("intruder", [True, False, "1", None])
def test_intruder_in_a_long_tensor_is_found(fill: float, intruder: Any) -> None:
    body = body_of(tensor(shape=[1, 1000], data=[fill] * 600 + [intruder] + [fill] * 399)).encode()

    if intruder is None:
        assert np.isnan(only(decode(body, limits=LIMITS, allow_non_finite=False)).data[0, 600])
        return
    with pytest.raises(MalformedRequest) as caught:
        decode(body, limits=LIMITS, allow_non_finite=False)
    assert caught.value.where == "inputs[0].data[600]"


arrays = st_numpy.arrays(
    st.sampled_from([np.float32, np.float64, np.int8, np.uint32, np.int64, np.bool_]),
    st_numpy.array_shapes(min_dims=1, max_dims=4, max_side=4),
    elements={"allow_nan": False, "allow_infinity": False},
)
NAMES = {datatype.numpy: datatype.value for datatype in Datatype}


@given(arrays, st.booleans())
def test_array_comes_back_as_it_was_sent(array: np.ndarray[Any, Any], nested: bool) -> None:
    data = array.tolist() if nested else array.ravel().tolist()
    body = body_of(tensor(shape=list(array.shape), datatype=NAMES[array.dtype], data=data))

    found = only(decode(body.encode(), limits=LIMITS, allow_non_finite=False)).data

    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def outcome(body: bytes) -> str | None:
    """The rule that a body breaks; None where it is accepted."""
    try:
        decode(body, limits=LIMITS, allow_non_finite=True)
    except RequestError as error:
        return error.rule
    return None


odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1, 2, 2**63, 2**70, 1.0, 1e300, "1", "FP32", "BYTES", "INT8", [], {}, [[]]]
)
shaped = st.lists(st.integers(-1, 3) | odd, max_size=3)
data_like = st.recursive(odd, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
tensor_like = st.fixed_dictionaries(
    {},
    optional={
        "name": odd,
        "shape": shaped | odd,
        "datatype": st.sampled_from([*Datatype]) | odd,
        "data": data_like,
        "parameters": odd | st.dictionaries(st.sampled_from(["binary_data_size", "a"]), odd, max_size=1),
        "other": odd,
    },
)


@given(st.lists(tensor_like | odd, max_size=3))
def test_nothing_but_request_errors_comes_of_tensor_like_objects(inputs: list[Any]) -> None:
    body = json.dumps({"inputs": inputs}).encode()

    rule = outcome(body)

    assert rule is None or rule.startswith(("G1", "G2"))
