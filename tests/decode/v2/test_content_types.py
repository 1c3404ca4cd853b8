from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from guard.errors import MalformedRequest
from guard.inference import Fault, InferenceRequest

Reader = Callable[..., InferenceRequest]


def body_of(*data: Any, datatype: str = "BYTES", of_tensor: Any = ..., of_request: Any = ...) -> str:
    tensor: dict[str, Any] = {"name": "x", "shape": [1, len(data)], "datatype": datatype, "data": list(data)}
    document: dict[str, Any] = {"inputs": [tensor]}
    if of_tensor is not ...:
        tensor["parameters"] = {"content_type": of_tensor}
    if of_request is not ...:
        document["parameters"] = {"content_type": of_request}
    return json.dumps(document)


def told(faults: tuple[Fault, ...]) -> list[tuple[str, str | None]]:
    return [(fault.rule, fault.where) for fault in faults]


@pytest.mark.parametrize("content_type", ["np", "pd", "str", "datetime", "json", "hg_json", "raw"])
def test_known_content_type_leaves_texts_as_they_are(read: Reader, content_type: str) -> None:
    request = read(body_of("YQ==", "b", of_tensor=content_type, of_request=content_type))

    assert (request.data[0].data.tolist(), request.faults) == ([["YQ==", "b"]], ())


@pytest.mark.parametrize("content_type", ["base64", "pillow_image"])
@pytest.mark.parametrize("of_request", [..., "np", "str"])
def test_base64_of_a_tensor_is_decoded_whatever_the_request_says(
    read: Reader, content_type: str, of_request: Any
) -> None:
    request = read(body_of("YQ==", "AP8=", of_tensor=content_type, of_request=of_request))

    assert (request.data[0].data.tolist(), request.faults) == ([[b"a", b"\x00\xff"]], ())


@pytest.mark.parametrize("text", ["YQ", "YR==", "not base64", "é"])
def test_text_that_mlserver_would_pass_as_it_is_is_refused(read: Reader, text: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body_of("YQ==", text, of_tensor="base64"))

    assert (caught.value.rule, caught.value.where) == ("G126", "inputs[0].data[1]")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (body_of("a", of_tensor="Base64"), "inputs[0].parameters"),
        (body_of("a", of_tensor=""), "inputs[0].parameters"),
        (body_of("a", of_tensor="\u001b" * 500), "inputs[0].parameters"),
        (body_of("a", of_request="custom"), "parameters"),
        (body_of("YQ==", of_request="base64"), "parameters"),
        (body_of(1, datatype="INT32", of_tensor="base64"), "inputs[0].parameters"),
    ],
)
def test_uncertain_content_type_is_a_fault(read: Reader, body: str, where: str) -> None:
    request = read(body)

    assert told(request.faults) == [("G119", where)]
    assert "\u001b" not in request.faults[0].detail
    assert len(request.faults[0].detail) < 600
    assert request.data[0].data.dtype == request.data[0].datatype.numpy


@pytest.mark.parametrize("content_type", [None, 1, ["np"], {}])
@pytest.mark.parametrize("member", ["of_tensor", "of_request"])
def test_content_type_that_is_no_string_is_refused(read: Reader, member: str, content_type: Any) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body_of("a", **{member: content_type}))

    assert caught.value.rule == "G116"


@pytest.mark.parametrize("parameters", [None, 1, "np", []])
def test_parameters_of_a_request_are_an_object(read: Reader, parameters: Any) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}

    with pytest.raises(MalformedRequest) as caught:
        read(json.dumps({"inputs": [tensor], "parameters": parameters}))

    assert (caught.value.rule, caught.value.where) == ("G116", "parameters")
