from __future__ import annotations

import csv
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard import Action, GuardSettings, Screener
from guard.contract import Contract, parse_contract
from guard.decode import DecodeLimits, Source, decode
from guard.errors import MalformedRequest, NotScorable, RequestError
from guard.features import extract
from guard.inference import Datatype, InferenceRequest, WireFormat
from guard.paths import Protocol
from tests.strategies.v2 import Body, v1, v2_binary, v2_json

LIMITS = DecodeLimits(max_depth=16, max_containers=10_000, max_instances=16)
HEADER = b"inference-header-content-length"


def read(body: bytes, *, length: int | None = None, contract: Contract | None = None) -> InferenceRequest:
    headers = {} if length is None else {HEADER: str(length).encode()}
    source = Source(Protocol.V2, headers, contract)
    return decode(body, limits=LIMITS, allow_non_finite=False, source=source)


def tensor(size: Any = 8, **members: Any) -> dict[str, Any]:
    """A tensor of one row of two FP32 after the JSON, less the members that are given as an ellipsis."""
    parameters = {"binary_data_size": size}
    whole = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": parameters, **members}
    return {name: value for name, value in whole.items() if value is not ...}


def send(*tensors: dict[str, Any], tail: bytes = b"", lead: str = "", **members: Any) -> InferenceRequest:
    text = (lead + json.dumps({"inputs": list(tensors), **members})).encode()
    return read(text + tail, length=len(text))


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def contract_of(*kinds: str, datatype: str | None = None) -> Contract:
    request = "" if datatype is None else f'[request]\ndatatype = "{datatype}"\n'
    features = [f'[features.f{index}]\ntype = "{kind}"\n' for index, kind in enumerate(kinds)]
    return parse_contract(request + "".join(features))


@pytest.mark.parametrize(
    ("datatype", "tail", "expected"),
    [
        ("BOOL", b"\x00\x01", [False, True]),
        ("INT8", b"\x80\x7f", [-128, 127]),
        ("UINT8", b"\x00\xff", [0, 255]),
        ("INT16", b"\x01\x00\x00\x80", [1, -32768]),
        ("UINT16", b"\x01\x00\xff\xff", [1, 65535]),
        ("INT32", struct.pack("<2i", -1, 2**31 - 1), [-1, 2**31 - 1]),
        ("UINT32", struct.pack("<2I", 1, 2**32 - 1), [1, 2**32 - 1]),
        ("INT64", struct.pack("<2q", -1, 2**63 - 1), [-1, 2**63 - 1]),
        ("UINT64", struct.pack("<2Q", 1, 2**64 - 1), [1, 2**64 - 1]),
        ("FP16", b"\x00\x3c\x00\xc0", [1.0, -2.0]),
        ("BF16", b"\x80\x3f\x49\x40", [1.0, 3.140625]),
        ("FP32", floats(1.5, -2.5), [1.5, -2.5]),
        ("FP64", struct.pack("<2d", 1.1, 1e300), [1.1, 1e300]),
        ("BYTES", texts(b"", b"\xff\x00a"), [b"", b"\xff\x00a"]),
    ],
)
@pytest.mark.parametrize("lead", ["", " ", "   "])
def test_elements_are_read_little_endian(datatype: str, tail: bytes, expected: list[Any], lead: str) -> None:
    request = send(tensor(len(tail), datatype=datatype), tail=tail, lead=lead)

    (found,) = request.data
    assert (request.wire_format, request.n_instances, request.faults) == (WireFormat.V2_BINARY, 1, ())
    assert found.data.dtype == Datatype(datatype).numpy
    assert found.data.tolist() == [expected]
    assert found.data.flags.aligned


def test_several_tensors_take_the_bytes_in_their_order() -> None:
    request = send(
        tensor(8, name="a"),
        {"name": "b", "shape": [1, 1], "datatype": "INT32", "data": [7]},
        tensor(6, name="c", datatype="BYTES", shape=[1]),
        tail=floats(1, 2) + texts(b"hi"),
        id="7",
        outputs=[{"name": "y", "parameters": {"binary_data": True}}],
    )

    assert [found.data.tolist() for found in request.data] == [[[1, 2]], [[7]], [b"hi"]]
    assert request.wire_format is WireFormat.V2_BINARY


def test_empty_tensor_takes_no_bytes() -> None:
    request = send(tensor(0, shape=[1, 0]), tensor(0, name="y", shape=[1, 0], datatype="BYTES"))

    assert [found.data.shape for found in request.data] == [(1, 0), (1, 0)]


@pytest.mark.parametrize("data", [[1.5, 2.5], [[1.5, 2.5]], [1.5, None]])
def test_json_alone_is_v2_whatever_the_header(data: list[Any]) -> None:
    request = send(tensor(data=data, parameters=...))

    assert request.wire_format is WireFormat.V2
    assert request.data[0].data[0, 0] == 1.5


def test_non_finite_elements_are_left_to_the_contract() -> None:
    request = send(tensor(), tail=floats(float("nan"), float("inf")))

    assert (request.faults, request.is_plain) == ((), False)
    np.testing.assert_array_equal(request.data[0].data, [[np.nan, np.inf]])


@pytest.mark.parametrize(
    ("given", "tail", "expected"),
    [
        (tensor(), floats(1, 2), True),
        (tensor(16, datatype="FP64"), struct.pack("<2d", 1, 2), True),
        (tensor(other=1), floats(1, 2), False),
        (tensor(shape=[1, 2, 1]), floats(1, 2), False),
        (tensor(datatype="INT32"), floats(1, 2), False),
    ],
)
def test_one_matrix_of_finite_numbers_is_plain(given: dict[str, Any], tail: bytes, expected: bool) -> None:
    assert send(given, tail=tail).is_plain is expected


@pytest.mark.parametrize(
    ("given", "tail", "rule", "where"),
    [
        (tensor(data=[1, 2]), floats(1, 2), "G119", "inputs[0].parameters"),
        (tensor(0, data=[1, 2]), b"", "G119", "inputs[0].parameters"),
        (tensor(parameters={"binary_data_size": 8, "shared_memory_region": "r"}), b"", "G119", "inputs[0].parameters"),
        (tensor(-8), floats(1, 2), "G116", "inputs[0].parameters"),
        (tensor(8.0), floats(1, 2), "G116", "inputs[0].parameters"),
        (tensor("8"), floats(1, 2), "G116", "inputs[0].parameters"),
        (tensor(None), floats(1, 2), "G116", "inputs[0].parameters"),
        (tensor(True, shape=[1], datatype="BOOL"), b"\x01", "G116", "inputs[0].parameters"),
        (tensor(9), floats(1, 2), "G116", "inputs[0].parameters"),
        (tensor(2**64 - 1), floats(1, 2), "G116", "inputs[0].parameters"),
        (tensor(8), floats(1, 2)[:-1], "G116", "inputs[0].parameters"),
        (tensor(7), floats(1, 2), "G116", "inputs[0].shape"),
        (tensor(4), floats(1), "G116", "inputs[0].shape"),
        (tensor(8, shape=[1, 3]), floats(1, 2), "G116", "inputs[0].shape"),
        (tensor(8, shape=[2, 2**31, 2**31]), floats(1, 2), "G116", "inputs[0].shape"),
        (tensor(0, shape=[2, 2**63]), b"", "G116", "inputs[0].shape"),
        (tensor(8, shape=[17, 2]), floats(1, 2), "G111", "inputs[0].shape"),
        (tensor(8, datatype="FP8"), floats(1, 2), "G116", "inputs[0].datatype"),
        (tensor(2, datatype="BOOL"), b"\x01\x02", "G116", "inputs[0].data[1]"),
        (tensor(), floats(1, 2) + b"x", "G110", "the body"),
        (tensor(data=[1, 2], parameters=...), b"x", "G110", "the body"),
        (tensor(8, shape=[10**9], datatype="BYTES"), bytes(8), "G111", "inputs[0].shape"),
        (tensor(8, shape=[1, 10**9], datatype="BYTES"), bytes(8), "G116", "inputs[0].shape"),
        (tensor(8, datatype="BYTES"), texts(b"", b"a")[:8], "G116", "inputs[0].data"),
        (tensor(9, datatype="BYTES"), texts(b"", b""), "G116", "inputs[0].parameters"),
        (tensor(8, datatype="BYTES"), struct.pack("<II", 0, 1), "G116", "inputs[0].data"),
        (tensor(8, datatype="BYTES"), struct.pack("<II", 2**32 - 1, 0), "G116", "inputs[0].data"),
        (tensor(12, datatype="BYTES"), texts(b"", b"", b""), "G116", "inputs[0].data"),
        (tensor(9, datatype="BYTES", shape=[1, 1]), texts(b"a", b""), "G116", "inputs[0].data"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(given: dict[str, Any], tail: bytes, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        send(given, tail=tail)

    assert (caught.value.rule, caught.value.where) == (rule, where)


def test_text_that_reaches_into_the_next_tensor_is_refused() -> None:
    first, second = tensor(8, name="a", datatype="BYTES"), tensor(8, name="b", datatype="BYTES")

    with pytest.raises(MalformedRequest) as caught:
        send(first, second, tail=struct.pack("<II", 0, 8) + texts(b"", b""))

    assert (caught.value.rule, caught.value.where) == ("G116", "inputs[0].data")


def test_shared_memory_is_not_scorable() -> None:
    with pytest.raises(NotScorable) as caught:
        send(tensor(parameters={"shared_memory_region": "r", "shared_memory_byte_size": 8}))

    assert (caught.value.rule, caught.value.where) == ("G116", "inputs[0].parameters")


def test_binary_size_without_the_header_is_not_scorable() -> None:
    with pytest.raises(NotScorable) as caught:
        read(json.dumps({"inputs": [tensor()]}).encode())

    assert caught.value.rule == "G116"


@pytest.mark.parametrize(
    ("body", "length", "rule"),
    [
        (b'{"inputs":[]}', 14, "G117"),
        (b'{"inputs":[]}', 10**11, "G117"),
        (b'{"inputs":[]}', 13, "G116"),
        (b'{"instances":[[1]]}', 19, "G116"),
        (b"[1]", 3, "G116"),
        (b'{"inputs":[]}', 5, "G103"),
        (b'{"inputs":[{"name":"x"}],"inputs":[]}', 37, "G104"),
        (b'{"inputs":[{"name":NaN}]}', 25, "G105"),
        (b"\x00\x01\x02", 3, "G108"),
    ],
)
def test_json_header_is_read_strictly(body: bytes, length: int, rule: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body, length=length)

    assert caught.value.rule == rule


@pytest.mark.parametrize("content_type", ["base64", "pillow_image"])
def test_base64_beside_a_binary_size_is_a_fault(content_type: str) -> None:
    parameters = {"binary_data_size": 5, "content_type": content_type}

    request = send(tensor(shape=[1], datatype="BYTES", parameters=parameters), tail=texts(b"a"))

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G119", "inputs[0].parameters")]
    assert request.data[0].data.tolist() == [b"a"]


@pytest.mark.parametrize(
    ("datatype", "body", "expected"),
    [
        ("FP32", floats(1, 2), [1, 2]),
        ("UINT8", b"\x01\x02", [1, 2]),
        ("BF16", b"\x80\x3f\x80\xbf", [1, -1]),
        ("FP64", struct.pack("<2d", 1, 2), [1, 2]),
    ],
)
def test_raw_tensor_is_one_instance_of_the_contract(datatype: str, body: bytes, expected: list[Any]) -> None:
    contract = contract_of("number", "number", datatype=datatype)

    request = read(body, length=0, contract=contract)

    assert (request.wire_format, request.n_instances, request.data[0].shape) == (WireFormat.V2_BINARY, 1, (1, 2))
    assert request.data[0].data.tolist() == [expected]


def test_raw_text_is_the_whole_body() -> None:
    request = read(b"\x01\x00\x00\x00a", length=0, contract=contract_of("string", datatype="BYTES"))

    assert request.data[0].data.tolist() == [[b"\x01\x00\x00\x00a"]]


@pytest.mark.parametrize(
    ("body", "contract", "kind", "rule"),
    [
        (floats(1, 2), None, NotScorable, "G116"),
        (floats(1, 2), contract_of("number", "number"), NotScorable, "G116"),
        (b"ab", contract_of("string", "string", datatype="BYTES"), NotScorable, "G116"),
        (floats(1), contract_of("number", "number", datatype="FP32"), MalformedRequest, "G116"),
        (floats(1, 2, 3, 4), contract_of("number", "number", datatype="FP32"), MalformedRequest, "G116"),
        (b"", contract_of("number", datatype="FP32"), MalformedRequest, "G116"),
        (b"[1,222]\n", contract_of("number", "number", datatype="FP32"), MalformedRequest, "G117"),
        (b'{"a":1}', contract_of("string", datatype="BYTES"), MalformedRequest, "G117"),
    ],
)
def test_raw_tensor_that_the_contract_does_not_tell_is_refused(
    body: bytes, contract: Contract | None, kind: type[RequestError], rule: str
) -> None:
    with pytest.raises(kind) as caught:
        read(body, length=0, contract=contract)

    assert caught.value.rule == rule


def test_contract_of_pointers_reads_no_binary_tensors() -> None:
    contract = parse_contract('[features.a]\ntype = "number"\npointer = "/a"\n')

    with pytest.raises(NotScorable) as caught:
        read(b'{"a":1}', length=7, contract=contract)

    assert caught.value.rule == "G116"


@pytest.mark.parametrize("lead", ["", " "])
def test_features_are_taken_from_arrays_over_the_body(lead: str) -> None:
    tensors = [tensor(2, name="f0", shape=[2], datatype="BOOL"), tensor(8, name="f1", shape=[2, 1])]

    request = send(*tensors, tail=b"\x00\x01" + floats(0.5, 2.5), lead=lead)
    table = extract(request, contract_of("boolean", "number"))

    assert table.faults == ()
    assert table.values.tolist() == [[0, 0.5], [1, 2.5]]


@pytest.mark.parametrize("shift", [0, 1e6])
def test_binary_row_is_scored_as_json_is(shift: float) -> None:
    model = Path(__file__).parents[3] / "models" / "breast_cancer"
    screener = Screener(GuardSettings.from_environ({"GUARD_DETECTOR": str(model / "detector.onnx")}))
    with (model / "heldout.csv").open(encoding="utf-8", newline="") as file:
        row = list(csv.reader(file))[1]
    array = np.array([row], np.float32) + np.float32(shift)
    text = json.dumps({"inputs": [tensor(array.nbytes, shape=[1, array.size])]})
    as_json = json.dumps({"inputs": [tensor(parameters=..., shape=[1, array.size], data=array.tolist())]})

    binary = screener.screen(
        text.encode() + array.tobytes(), headers={"Inference-Header-Content-Length": str(len(text))}, path="/predict"
    )
    plain = screener.screen(as_json.encode(), path="/predict")

    assert (binary.protocol, plain.protocol) == ("v2-binary", "v2")
    assert (binary.action, binary.scores, binary.findings) == (plain.action, plain.scores, plain.findings)
    assert (binary.action is Action.ALLOW) is (shift == 0)


def test_bytes_of_tritonclient_are_read() -> None:
    client = pytest.importorskip("tritonclient.http")
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "FP32": np.array([[1.5, -2]], np.float32),
        "FP16": np.array([[1.5, -2]], np.float16),
        "BOOL": np.array([[True, False]]),
        "BYTES": np.array([[b"a", b""]], object),
    }
    inputs = []
    for datatype, array in arrays.items():
        given = client.InferInput(f"of {datatype}", list(array.shape), datatype)
        inputs.append(given.set_data_from_numpy(array, binary_data=True))
    inputs.append(client.InferInput("flat", [1, 2], "INT64").set_data_from_numpy(np.array([[1, 2]]), binary_data=False))

    body, length = client.InferenceServerClient.generate_request_body(inputs)
    request = read(body, length=length)

    assert request.faults == ()
    assert [found.data.tolist() for found in request.data] == [*(array.tolist() for array in arrays.values()), [[1, 2]]]


def check_values(sent: Body, found: InferenceRequest) -> None:
    assert found.faults == ()
    for name, values in sent.values.items():
        (array,) = [given.data for given in found.data if given.name == name]
        flat = [value.decode() if type(value) is bytes else value for value in array.ravel().tolist()]
        assert flat == [value.decode() if type(value) is bytes else value for value in values]


@given(v2_json() | v2_binary())
def test_valid_v2_comes_back_as_it_was_sent(sent: Body) -> None:
    source = Source(Protocol.V2, sent.headers)

    check_values(sent, decode(sent.body, limits=LIMITS, allow_non_finite=False, source=source))


@given(v1())
def test_valid_v1_comes_back_as_it_was_sent(sent: Body) -> None:
    request = decode(sent.body, limits=LIMITS, allow_non_finite=False, source=Source(Protocol.V1))

    assert (request.wire_format, request.faults, request.data) == (WireFormat.V1, (), sent.values)


def outcome(body: bytes, source: Source) -> str | None:
    """The rule that a body breaks; None where it is accepted."""
    try:
        decode(body, limits=LIMITS, allow_non_finite=False, source=source)
    except RequestError as error:
        return error.rule
    return None


@given(v2_binary(), st.data())
def test_altered_body_is_read_or_refused_by_a_rule(sent: Body, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sent.body)))
    inserted = data.draw(st.binary(max_size=2))
    body = sent.body[:at] + inserted + sent.body[at + data.draw(st.integers(0, 2)) :]

    rule = outcome(body, Source(Protocol.V2, sent.headers))

    assert rule is None or rule.startswith(("G1", "G2"))


@pytest.mark.parametrize("protocol", [Protocol.INVOCATIONS, Protocol.ANY, Protocol.V2])
@pytest.mark.parametrize(
    ("content_type", "is_told"),
    [
        (b"text/csv", True),
        (b"multipart/form-data; boundary=b", True),
        (b"application/octet-stream", False),
        (b"application/vnd.sagemaker-triton.binary+json", False),
        (b"application/json", False),
        (None, False),
    ],
)
def test_type_of_another_format_beside_the_length_is_told(
    protocol: Protocol, content_type: bytes | None, is_told: bool
) -> None:
    # To MLflow, which heeds no length, these are a line of five names and a row of five numbers.
    text = json.dumps({"inputs": [tensor(20, shape=[1, 5])]}).encode()
    headers = {HEADER: b"%d" % len(text)} | ({} if content_type is None else {b"content-type": content_type})
    body = text + b"\n9e9,9e9,9e9,9e9,9e9"
    request = decode(body, limits=LIMITS, allow_non_finite=False, source=Source(protocol, headers))

    assert [fault.rule for fault in request.faults] == ["G120"] * is_told
    assert not (request.is_plain and is_told)
