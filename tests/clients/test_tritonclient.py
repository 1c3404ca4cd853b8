"""Triton's own client: JSON and binary tensors, plain and compressed."""

import struct
from typing import Any

import numpy as np
import pytest
import tritonclient.http
from tritonclient.utils import InferenceServerException

HONEST = np.array([[1.5, 2.0], [3.0, 4.0]], dtype=np.float32)
HOSTILE = np.array([[1.5, 2.0], [99.0, 4.0]], dtype=np.float32)

each_encoding = pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
each_form = pytest.mark.parametrize("binary", [False, True], ids=["JSON", "binary"])


def tensor(name: str, array: Any, datatype: str, *, binary: bool) -> Any:
    given = tritonclient.http.InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


@pytest.fixture
def infer() -> Any:
    """Ask a host for the sums, as the client's users do."""

    def ask(host: Any, *tensors: Any, model: str = "summing", **options: Any) -> Any:
        with tritonclient.http.InferenceServerClient(f"127.0.0.1:{host.port}", network_timeout=60) as client:
            return client.infer(model, list(tensors), request_id="1", **options).as_numpy("sum").tolist()

    return ask


@each_encoding
@each_form
def test_honest_request_is_served(numbers: Any, infer: Any, binary: bool, encoding: str | None) -> None:
    given = tensor("x", HONEST, "FP32", binary=binary)

    assert infer(numbers, given, request_compression_algorithm=encoding) == [3.5, 7.0]
    numbers.assert_one_served()


@each_form
def test_outputs_that_the_client_wants_in_json_are_served(numbers: Any, infer: Any, binary: bool) -> None:
    output = tritonclient.http.InferRequestedOutput("sum", binary_data=False)

    assert infer(numbers, tensor("x", HONEST, "FP32", binary=binary), outputs=[output]) == [3.5, 7.0]
    numbers.assert_one_served()


@pytest.mark.parametrize("datatype", ["FP16", "FP64", "INT8", "INT64", "UINT16"])
def test_binary_tensors_by_name_are_served(numbers: Any, infer: Any, datatype: str) -> None:
    dtype = tritonclient.utils.triton_to_np_dtype(datatype)
    columns = {"a": [1, 2, 3], "b": [4, 5, 6]}
    given = [
        tensor(name, np.array(values, dtype=dtype).reshape(3, 1), datatype, binary=True)
        for name, values in columns.items()
    ]

    assert infer(numbers, *given) == [5.0, 7.0, 9.0]
    numbers.assert_one_served()


def test_binary_tensor_beside_one_in_json_is_served(numbers: Any, infer: Any) -> None:
    a = tensor("a", HONEST[:, :1], "FP32", binary=False)
    b = tensor("b", HONEST[:, 1:], "FP32", binary=True)

    assert infer(numbers, a, b) == [3.5, 7.0]
    numbers.assert_one_served()


@each_form
def test_missing_value_of_a_nullable_feature_is_served(numbers: Any, infer: Any, binary: bool) -> None:
    """The client writes NaN into JSON, which is none."""
    given = tensor("x", np.array([[1.5, np.nan]], dtype=np.float32), "FP32", binary=binary)

    (answered,) = infer(numbers, given)

    assert np.isnan(answered)
    numbers.assert_one_served()


@each_form
def test_texts_are_served(unbounded: Any, infer: Any, binary: bool) -> None:
    texts = np.array([["caf\u00e9"], ["two\nlines"], [""]], dtype=np.object_)

    assert infer(unbounded, tensor("text", texts, "BYTES", binary=binary)) == [4.0, 9.0, 0.0]
    unbounded.assert_one_served()


def test_large_binary_tensor_is_served(unbounded: Any, infer: Any) -> None:
    image = np.full((1, 3, 224, 224), 0.5, dtype=np.float32)

    assert infer(unbounded, tensor("image", image, "FP32", binary=True)) == [75264.0]
    assert unbounded.assert_one_served()["sent"]["length"] > 600_000


@each_encoding
@each_form
def test_broken_contract_raises_the_client_s_own_error(
    numbers: Any, infer: Any, binary: bool, encoding: str | None
) -> None:
    with pytest.raises(InferenceServerException, match=r"The request was refused \(guard, event ") as caught:
        infer(numbers, tensor("x", HOSTILE, "FP32", binary=binary), request_compression_algorithm=encoding)

    assert caught.value.status() == "422"
    numbers.assert_one_refused(422)


@each_form
def test_shape_lie_raises_the_client_s_own_error(numbers: Any, infer: Any, binary: bool) -> None:
    given = tensor("x", HONEST, "FP32", binary=binary)
    given.set_shape([3, 2])

    with pytest.raises(InferenceServerException, match=r"The request can't be read \(guard, event ") as caught:
        infer(numbers, given)

    assert caught.value.status() == "400"
    numbers.assert_one_refused(400)


def test_shared_memory_raises_the_client_s_own_error(numbers: Any, infer: Any) -> None:
    given = tritonclient.http.InferInput("x", [2, 2], "FP32")
    given.set_shared_memory("region", struct.calcsize("4f"))

    with pytest.raises(InferenceServerException, match="The request can't be read") as caught:
        infer(numbers, given)

    assert caught.value.status() == "400"
    numbers.assert_one_refused(400)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_encoding_that_the_host_is_not_said_to_decode_raises_the_client_s_own_error(
    unbounded: Any, infer: Any, encoding: str
) -> None:
    given = tensor("x", HONEST, "FP32", binary=True)

    with pytest.raises(InferenceServerException, match="The request body is of no known kind") as caught:
        infer(unbounded, given, request_compression_algorithm=encoding)

    assert caught.value.status() == "415"
    unbounded.assert_one_refused(415)


@each_form
def test_missing_value_of_another_feature_raises_the_client_s_own_error(numbers: Any, infer: Any, binary: bool) -> None:
    given = tensor("x", np.array([[np.nan, 2.0]], dtype=np.float32), "FP32", binary=binary)

    with pytest.raises(InferenceServerException, match="The request was refused"):
        infer(numbers, given)

    numbers.assert_one_refused(422)
