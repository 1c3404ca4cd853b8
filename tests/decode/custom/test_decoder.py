from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from guard import GuardMiddleware, GuardSettings, MalformedRequest, Screener
from guard.decode import DecodeLimits
from guard.decode.custom.decoder import CustomDecoder
from guard.decode.custom.returned import read_returned
from guard.errors import ConfigError, RequestError, ScoringError
from guard.inference import Datatype, InferenceRequest, Layout, Passage, Tensor, WireFormat
from guard.protection import code_digest

Write = Callable[[str], str]

CONTRACT = '[features.a]\ntype = "number"\nmaximum = 10\n[features.b]\ntype = "category"\nallowed = ["x"]\n'
FLOATS = np.array([[1.5, 2.5]])


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module that Python finds; gives `module:decode`."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def run(code: str) -> str:
        (tmp_path / "mine_for_a_test.py").write_text(code)
        return "mine_for_a_test:decode"

    yield run
    for name in set(sys.modules) - before:
        del sys.modules[name]


def returning(returned: Any, limits: DecodeLimits) -> InferenceRequest | None:
    module = ModuleType("returns_for_a_test")
    module.decode = lambda body, headers, path: returned  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        decoder = CustomDecoder("returns_for_a_test:decode")
    finally:
        del sys.modules[module.__name__]
    return decoder.decode(b"", headers={}, path="/", limits=limits)


@pytest.mark.parametrize(
    ("returned", "layout", "data", "n_instances"),
    [
        ([[1, 2.5], (None, "a")], Layout.ROWS, [[1, 2.5], [None, "a"]], 2),
        ([np.array([1.0, 2.0])], Layout.ROWS, [[1.0, 2.0]], 1),
        ([1, 2], Layout.ROWS, [[1], [2]], 2),
        ([{"a": 1}, {"a": None}], Layout.RECORDS, [{"a": 1}, {"a": None}], 2),
        ([{"a": np.float32(1.5), "b": np.str_("x")}], Layout.RECORDS, [{"a": 1.5, "b": "x"}], 1),
        ({"a": 1, "b": "x"}, Layout.RECORDS, [{"a": 1, "b": "x"}], 1),
        ({"a": [1, 2], "b": np.array(["x", "y"])}, Layout.COLUMNS, {"a": [1, 2], "b": ["x", "y"]}, 2),
        ({"a": np.array([[1.5], [2.5]]), "b": (1, np.int8(2))}, Layout.COLUMNS, {"a": [1.5, 2.5], "b": [1, 2]}, 2),
        (["a", "b"], Layout.TEXTS, (Passage("text", "a", "[0]"), Passage("text", "b", "[1]")), 2),
    ],
)
def test_returned_values_are_read(
    limits: DecodeLimits, returned: Any, layout: Layout, data: Any, n_instances: int
) -> None:
    request = returning(returned, limits)

    assert request == InferenceRequest(WireFormat.CUSTOM, layout, data, n_instances)


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (FLOATS, Datatype.FP64),
        (FLOATS.astype(np.float16), Datatype.FP16),
        (FLOATS.astype(">f4"), Datatype.FP32),
        (FLOATS.astype(np.uint8), Datatype.UINT8),
        (FLOATS > 2, Datatype.BOOL),
    ],
)
def test_matrix_is_one_tensor(limits: DecodeLimits, array: Any, datatype: Datatype) -> None:
    request = read_returned(array, limits=limits)

    (tensor,) = request.data
    assert (request.layout, request.n_instances, request.is_plain) == (Layout.TENSORS, 1, False)
    assert (tensor.datatype, tensor.shape) == (datatype, (1, 2))
    assert tensor.data.dtype == datatype.numpy
    np.testing.assert_array_equal(tensor.data, array)


@pytest.mark.parametrize(
    ("returned", "n_images"),
    [
        (np.zeros((4, 5, 3), np.uint8), 1),
        (np.zeros((2, 4, 5, 1), np.uint8), 2),
        ([np.zeros((4, 5, 3), np.uint8), np.zeros((1, 2, 4), np.uint8)], 2),
    ],
)
def test_images_are_read(limits: DecodeLimits, returned: Any, n_images: int) -> None:
    request = read_returned(returned, limits=limits)

    assert (request.layout, request.n_instances, len(request.data)) == (Layout.IMAGES, n_images, n_images)
    assert {image.ndim for image in request.data} == {3}


@pytest.mark.parametrize(
    ("layout", "data"),
    [
        (Layout.RECORDS, [{"a": 1}]),
        (Layout.ROWS, [[1]]),
        (Layout.COLUMNS, {"a": [1]}),
        (Layout.TENSORS, (Tensor("a", Datatype.FP64, (1, 2), FLOATS),)),
        (Layout.TEXTS, (Passage("user", "a", "a"),)),
    ],
)
def test_request_of_one_s_own_is_taken_but_its_claims(limits: DecodeLimits, layout: Layout, data: Any) -> None:
    request = read_returned(InferenceRequest(WireFormat.V2, layout, data, 1, is_plain=True), limits=limits)

    assert request == InferenceRequest(WireFormat.CUSTOM, layout, data, 1)


@pytest.mark.parametrize(
    "returned",
    [
        5,
        "text",
        {1, 2},
        object(),
        np.zeros(3),
        np.zeros((1, 2), dtype=object),
        np.zeros((1, 2), dtype=complex),
        np.zeros((1, 2), dtype="U3"),
        np.zeros((2, 2, 3)),
        np.zeros((2, 2, 7), np.uint8),
        [np.zeros((2, 2, 3))],
        [object()],
        [[object()]],
        [{"a": np.zeros(3)}],
        [{1: 2}],
        {"a": np.zeros(1, dtype=object)},
        {"a": np.zeros((2, 2))},
        {1: [2]},
        InferenceRequest(WireFormat.CUSTOM, Layout.ROWS, [{"a": 1}], 1),
        InferenceRequest(WireFormat.CUSTOM, Layout.TENSORS, [], 1),
        InferenceRequest(WireFormat.CUSTOM, Layout.TENSORS, (Tensor("a", Datatype.FP32, (1, 2), FLOATS),), 1),
        InferenceRequest(WireFormat.CUSTOM, Layout.TENSORS, (Tensor("a", Datatype.FP64, (2, 1), FLOATS),), 1),
        InferenceRequest(WireFormat.CUSTOM, Layout.TEXTS, ("a",), 1),
    ],
    ids=repr,
)
def test_wrong_return_value_is_our_error(limits: DecodeLimits, caplog: pytest.LogCaptureFixture, returned: Any) -> None:
    with pytest.raises(ScoringError):
        returning(returned, limits)

    assert "GUARD_DECODER: returns_for_a_test:decode returned an" in caplog.text.replace("returned a ", "returned an ")


@pytest.mark.parametrize(
    ("returned", "rule"),
    [
        ([[1]] * 17, "G111"),
        (np.zeros((17, 2)), "G111"),
        ({"a": [1] * 17}, "G111"),
        (["a"] * 17, "G111"),
        (np.zeros((17, 1, 1, 1), np.uint8), "G111"),
        ([], "G208"),
        (np.zeros((0, 2)), "G208"),
        ({"a": []}, "G208"),
        ([[1], {"a": 1}], "G116"),
        ({"a": [1], "b": [1, 2]}, "G129"),
        ({"a": [1], "b": 2}, "G129"),
    ],
    ids=repr,
)
def test_what_a_client_may_cause_is_the_client_s_fault(limits: DecodeLimits, returned: Any, rule: str) -> None:
    with pytest.raises(RequestError) as caught:
        returning(returned, limits)

    assert caught.value.rule == rule


@pytest.mark.parametrize(
    "raised",
    [
        "ValueError('secret')",
        "KeyError('secret')",
        "TypeError()",
        "IndexError()",
        "RecursionError()",
        "b'\\xff'.decode()",
    ],
)
def test_what_parsers_raise_is_g129_by_its_type_alone(write: Write, limits: DecodeLimits, raised: str) -> None:
    statement = raised if "decode" in raised else f"raise {raised}"
    decoder = CustomDecoder(write(f"def decode(body, headers, path):\n    {statement}\n"))

    with pytest.raises(MalformedRequest) as caught:
        decoder.decode(b"", headers={}, path="/", limits=limits)

    assert caught.value.rule == "G129"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        ("guard.MalformedRequest('no', rule='G116')", MalformedRequest),
        ("OSError()", OSError),
        ("ZeroDivisionError()", ZeroDivisionError),
    ],
)
def test_other_exceptions_pass_through(write: Write, limits: DecodeLimits, raised: str, expected: Any) -> None:
    decoder = CustomDecoder(write(f"import guard\ndef decode(body, headers, path):\n    raise {raised}\n"))

    with pytest.raises(expected) as caught:
        decoder.decode(b"", headers={}, path="/", limits=limits)

    assert getattr(caught.value, "rule", "G116") == "G116"


def test_callable_gets_body_headers_and_path(write: Write, limits: DecodeLimits) -> None:
    code = "def decode(body, headers, path):\n    return {'a': body, 'b': headers['x-mine'], 'c': path}\n"

    request = CustomDecoder(write(code)).decode(b"\0", headers={b"x-mine": b"\xe9"}, path="/p", limits=limits)

    assert request is not None
    assert request.data == [{"a": b"\0", "b": "\xe9", "c": "/p"}]


@pytest.mark.parametrize(
    ("code", "name", "found"),
    [
        ("", "decode", "has no 'decode'"),
        ("decode = 5", "decode", "expected a callable"),
        ("def decode(body): ...", "decode", "expected decode(body, headers, path)"),
        ("async def decode(body, headers, path): ...", "decode", "async"),
        ("import no_such_module", "decode", "no module 'no_such_module'"),
        ("1 +", "decode", "SyntaxError"),
        ("class A:\n    decode = None", "A.decode", "expected a callable"),
    ],
)
def test_decoder_that_can_t_be_used_fails_at_start(write: Write, code: str, name: str, found: str) -> None:
    write(code)

    with pytest.raises(ConfigError, match="GUARD_DECODER is 'mine_for_a_test:") as caught:
        Screener(GuardSettings.from_environ({"GUARD_DECODER": f"mine_for_a_test:{name}"}))

    assert found in str(caught.value)


def test_module_that_isn_t_there_fails_at_start() -> None:
    with pytest.raises(ConfigError, match="no module 'no_such_module'"):
        Screener(GuardSettings.from_environ({"GUARD_DECODER": "no_such_module:decode"}))


def screener(tmp_path: Path, reference: str) -> Screener:
    (tmp_path / "contract.toml").write_text(CONTRACT)
    environ = {"GUARD_DECODER": reference, "GUARD_CONTRACT": str(tmp_path / "contract.toml")}
    return Screener(GuardSettings.from_environ(environ))


def test_contract_is_enforced_on_what_the_decoder_returns(write: Write, tmp_path: Path) -> None:
    reference = write(
        "def decode(body, headers, path):\n    a, b = body.decode().split()\n    return {'a': float(a), 'b': b}\n"
    )

    found = screener(tmp_path, reference)

    assert [finding.rule_id for finding in found.screen(b"1 x").findings] == []
    assert [finding.rule_id for finding in found.screen(b"11 y").findings] == ["G205", "G206"]
    assert found.screen(b"1 x").protocol == "custom"


def test_body_that_isn_t_the_decoder_s_is_read_by_guard(write: Write, tmp_path: Path) -> None:
    found = screener(tmp_path, write("def decode(body, headers, path):\n    return None\n"))

    verdict = found.screen(b'{"a": 11, "b": "x"}')

    assert [finding.rule_id for finding in verdict.findings] == ["G205"]
    assert verdict.protocol == "records"


def test_code_digest_covers_the_decoder(write: Write, tmp_path: Path) -> None:
    one = screener(tmp_path, write("def decode(body, headers, path):\n    return None\n")).screen(b"{}").digests.code
    del sys.modules["mine_for_a_test"]
    other = screener(tmp_path, write("def decode(body, headers, path):\n    return  None\n")).screen(b"{}").digests.code

    assert len({one, other, code_digest()}) == 3
    source = (tmp_path / "mine_for_a_test.py").read_bytes()
    assert other == hashlib.sha256(f"{code_digest()}\0{hashlib.sha256(source).hexdigest()}".encode()).hexdigest()


@pytest.mark.parametrize(("body", "status"), [(b".", 503), (b"x", 400)])
def test_middleware_tells_the_decoder_s_fault_from_the_client_s(write: Write, body: bytes, status: int) -> None:
    reference = write("def decode(body, headers, path):\n    return object() if body == b'.' else int(body)\n")
    settings = GuardSettings.from_environ({"GUARD_DECODER": reference, "GUARD_MODE": "enforce", "GUARD_JOURNAL": "off"})
    sent: list[Any] = []

    async def exchange() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/p", "http_version": "1.1", "client": None}
        headers = [(b"content-length", b"1")]
        await GuardMiddleware(receive, settings)({**scope, "headers": headers}, receive, send)  # type: ignore[arg-type]

    asyncio.run(exchange())

    assert sent[0]["status"] == status
