"""Nothing that a client sends gives a 500, or an exception from guard."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard import GuardMiddleware, GuardSettings

DETECTOR = Path(__file__).parents[2] / "models" / "breast_cancer" / "detector.onnx"

# 2xx is the app's; the rest are guard's declared outcomes.
OUTCOMES = {200, 400, 413, 415, 422}


async def accept(_scope: Any, receive: Any, send: Any) -> None:
    """An app that reads its body and is content."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def guarded() -> GuardMiddleware:
    variables = {"GUARD_MODE": "enforce", "GUARD_DETECTOR": str(DETECTOR), "GUARD_JOURNAL": "off"}
    return GuardMiddleware(accept, GuardSettings.from_environ(variables))


def status_of(
    guarded: GuardMiddleware, chunks: list[bytes], *, path: str = "/v2/models/m/infer", headers: Any = ()
) -> int:
    messages: list[Any] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    framing = [(b"transfer-encoding", b"chunked"), *headers]
    scope = {"type": "http", "method": "POST", "path": path, "headers": framing, "client": ("127.0.0.1", 1)}
    asyncio.run(guarded(scope, receive, send))
    return int(answers[0]["status"])


NUMBERS = st.integers() | st.floats() | st.booleans() | st.none()
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=4) | NUMBERS,
        "shape": st.lists(st.integers(-2, 40), max_size=3) | st.just([1, 30]),
        "datatype": st.sampled_from(["FP32", "FP64", "INT64", "BOOL", "BYTES", "x"]),
        "data": st.lists(NUMBERS, max_size=4) | st.lists(NUMBERS, min_size=30, max_size=30),
        "parameters": st.just({"binary_data_size": 4}) | st.just({}),
    },
)
DOCUMENT = st.recursive(NUMBERS | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=5), x))


@given(chunks=st.lists(st.binary(max_size=60), max_size=4))
@settings(max_examples=200)
def test_any_bytes_have_a_declared_outcome(guarded: GuardMiddleware, chunks: list[bytes]) -> None:
    assert status_of(guarded, chunks) in OUTCOMES


@given(document=DOCUMENT)
@settings(max_examples=200)
def test_any_json_has_a_declared_outcome(guarded: GuardMiddleware, document: Any) -> None:
    assert status_of(guarded, [json.dumps(document).encode()]) in OUTCOMES


@given(tensors=st.lists(TENSOR, max_size=3))
@settings(max_examples=300)
def test_any_tensors_have_a_declared_outcome(guarded: GuardMiddleware, tensors: Any) -> None:
    assert status_of(guarded, [json.dumps({"inputs": tensors}).encode()]) in OUTCOMES


@given(
    path=st.text(max_size=40).map(lambda text: f"/{text}"), value=st.binary(max_size=30), name=st.binary(max_size=20)
)
def test_any_path_and_header_have_a_declared_outcome(
    guarded: GuardMiddleware, path: str, value: bytes, name: bytes
) -> None:
    named = [(name, value), (b"content-type", value), (b"x-request-id", value), (b"X-Guard-" + name, value)]

    assert status_of(guarded, [b'{"a": 1}'], path=path, headers=named) in OUTCOMES


def test_hostile_text_in_path_headers_and_names_reaches_the_journal_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'guard.db'}"
    variables = {"GUARD_MODE": "enforce", "GUARD_DETECTOR": str(DETECTOR), "GUARD_JOURNAL": url}
    guarded = GuardMiddleware(accept, GuardSettings.from_environ(variables))
    hostile = "\ud800\x00\x1b[31m\u202e"

    body = json.dumps({hostile: 2**70}).encode()
    status = status_of(guarded, [body], path=f"/{hostile}", headers=[(b"x-request-id", b"\xff\x00\x1b")])
    guarded.recorder.close()

    from guard.journal.reader import JournalReader

    (entry,) = JournalReader(url).entries()
    assert status == 400
    assert entry.route == f"/{hostile}"
    assert guarded.recorder.dropped == 0
