"""GUARD_FORWARD=canonical: the host gets what guard read, with headers that fit; and memory stays within the budget."""

import asyncio
import contextlib
import csv
import gzip
import http.client
import json
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from guard import Action, GuardMiddleware, GuardSettings
from guard.journal.reader import JournalReader
from guard.review import replay
from guard.screening import Screener

HONEST = b'{"a": 1, "b": 2.50}'
WRITTEN = b'{"a":1,"b":2.5}'
GZIP = ((b"content-encoding", b"gzip"),)

DETECTOR = Path(__file__).parents[2] / "models" / "breast_cancer" / "detector.onnx"


def forwarded(probe: Any) -> dict[bytes, bytes]:
    """The headers that the app got; each name must stand once."""
    headers = probe.scopes[-1]["headers"]
    names = [name.lower() for name, _ in headers]
    assert len(names) == len(set(names))
    return {name.lower(): value for name, value in headers}


def rules(probe: Any) -> list[str]:
    return [finding.rule_id for finding in probe.verdict.findings]


def test_app_gets_guard_s_encoding_with_fitting_headers(call: Any, probe: Any, settings: Any) -> None:
    guarded = GuardMiddleware(probe, settings(forward="canonical"))
    headers = [(b"Content-Length", b"19"), (b"Content-MD5", b"x"), (b"X-Own", b"1"), (b"X-Guard-Score", b"0")]

    answer = call(guarded, HONEST[:7], HONEST[7:], headers=headers)

    assert answer.status == 200
    assert probe.bodies == [WRITTEN]
    assert forwarded(probe) == {
        b"host": b"localhost", b"x-own": b"1", b"content-length": b"%d" % len(WRITTEN),
        b"content-type": b"application/json",
    }  # fmt: skip
    assert guarded.held_bytes() == 0


def test_chunked_body_is_forwarded_with_a_length(call: Any, probe: Any, settings: Any) -> None:
    call(GuardMiddleware(probe, settings(forward="canonical")), HONEST, headers=[(b"transfer-encoding", b"chunked")])

    assert forwarded(probe)[b"content-length"] == b"%d" % len(WRITTEN)
    assert b"transfer-encoding" not in forwarded(probe)


@pytest.mark.parametrize(("mode", "forward"), [("monitor", "canonical"), ("enforce", "original")])
def test_otherwise_nothing_is_changed(call: Any, probe: Any, settings: Any, mode: str, forward: str) -> None:
    chosen = settings(mode, forward=forward, content_encodings="gzip")
    body = gzip.compress(HONEST)

    call(GuardMiddleware(probe, chosen), body, headers=GZIP)

    assert probe.bodies == [body]
    assert forwarded(probe)[b"content-encoding"] == b"gzip"
    assert rules(probe) == []


@pytest.mark.parametrize(("encoding", "encode"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_encoded_body_is_forwarded_decoded(call: Any, probe: Any, settings: Any, encoding: bytes, encode: Any) -> None:
    guarded = GuardMiddleware(probe, settings(forward="canonical", content_encodings="gzip,deflate"))

    call(guarded, encode(HONEST), headers=[(b"content-encoding", encoding)])

    assert probe.bodies == [WRITTEN]
    assert b"content-encoding" not in forwarded(probe)
    assert forwarded(probe)[b"content-length"] == b"%d" % len(WRITTEN)


@pytest.mark.parametrize(
    ("body", "headers", "status", "rule"),
    [
        (gzip.compress(b" " * 300_000 + HONEST), GZIP, 413, "G122"),
        (gzip.compress(HONEST)[:-1], GZIP, 400, "G123"),
        (gzip.compress(HONEST) * 2, GZIP, 400, "G123"),
        (HONEST, ((b"content-encoding", b"br"),), 415, "G109"),
        (HONEST, ((b"content-encoding", b"GZIP"),), 415, "G109"),
        (gzip.compress(HONEST), ((b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")), 415, "G109"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/elsewhere"])
def test_encoding_that_can_t_be_undone_is_refused(
    call: Any, probe: Any, settings: Any, body: bytes, headers: Any, status: int, rule: str, path: str
) -> None:
    more = {"content_encodings": "gzip", "paths": "/predict"}

    refused = call(GuardMiddleware(probe, settings(**more)), body, headers=headers, path=path)
    assert refused.status == status

    call(GuardMiddleware(probe, settings("monitor", **more)), body, headers=headers, path=path)
    assert rules(probe) == [rule]
    assert probe.bodies == [body]


def test_encoded_nothing_is_refused_where_inference_is_expected(call: Any, probe: Any, settings: Any) -> None:
    guarded = GuardMiddleware(probe, settings(content_encodings="gzip", paths="/predict"))

    assert call(guarded, gzip.compress(b""), headers=GZIP).status == 415
    assert call(guarded, gzip.compress(b""), headers=GZIP, path="/elsewhere").status == 200
    assert rules(probe) == ["G903"]


def test_long_body_is_judged_and_written_in_a_thread(call: Any, probe: Any, settings: Any) -> None:
    class Watched(Screener):
        threads: list[str]

        def canonicalise(self, *args: Any, **more: Any) -> Any:
            self.threads.append(threading.current_thread().name)
            return super().canonicalise(*args, **more)

    chosen = settings(forward="canonical", content_encodings="gzip")
    guarded = GuardMiddleware(probe, chosen)
    guarded.examiner.screener = watched = Watched(chosen)
    watched.threads = []

    call(guarded, HONEST + b" " * 70_000)
    call(guarded, gzip.compress(HONEST), headers=GZIP)
    call(guarded, HONEST)

    assert probe.bodies == [WRITTEN] * 3
    assert [name.startswith("guard-screen") for name in watched.threads] == [True, True, False]


def test_receive_after_the_body_delegates_and_remembers_a_disconnect(settings: Any, scope_of: Any) -> None:
    seen: list[Any] = []
    events = [
        {"type": "http.request", "body": HONEST[:4], "more_body": True},
        {"type": "http.request", "body": HONEST[4:], "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return events.pop(0)

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        seen.append(await receive())
        # As frameworks probe it: what is ready must come at the first step.
        with pytest.raises(StopIteration) as done:
            next(receive().__await__())
        seen.append(done.value.value)
        seen.append(await receive())

    async def send(_message: Any) -> None:
        raise AssertionError

    guarded = GuardMiddleware(app, settings(forward="canonical"))
    asyncio.run(guarded(scope_of(headers=[(b"content-length", b"19")]), receive, send))

    gone = {"type": "http.disconnect"}
    assert seen == [{"type": "http.request", "body": WRITTEN, "more_body": False}, gone, gone]
    assert guarded.held_bytes() == 0


def test_flagged_request_is_rewritten_too(call: Any, probe: Any, settings: Any) -> None:
    variables = {"detector": str(DETECTOR), "contract": "", "flag_fpr": "0.999999", "reject_fpr": "0"}
    with (DETECTOR.parent / "heldout.csv").open() as file:
        row = {name: float(value) for name, value in next(csv.DictReader(file)).items() if name != "target"}
    body = json.dumps(row, indent=1).encode()

    answer = call(GuardMiddleware(probe, settings(forward="canonical", **variables)), body)

    assert answer.status == 200
    assert probe.verdict.action is Action.FLAG
    assert probe.bodies == [json.dumps(row, separators=(",", ":")).encode()]


@pytest.mark.parametrize("body", [b"\x93MUMPY\x01\x00", b'{"user": "ann" }'])
@pytest.mark.parametrize("encoded", [False, True])
def test_unscreened_body_is_forwarded_as_it_came(
    call: Any,
    probe: Any,
    settings: Any,
    body: bytes,
    encoded: bool,
) -> None:
    chosen = settings(forward="canonical", paths="/v2/**", content_encodings="gzip")
    given_body = gzip.compress(body) if encoded else body

    call(GuardMiddleware(probe, chosen), given_body, path="/login", headers=GZIP if encoded else ())

    assert rules(probe) == ["G903"]
    assert probe.bodies == [given_body]
    assert (b"content-encoding" in forwarded(probe)) is encoded


class _CantWrite(Screener):
    """A screener that judges well, and fails to write."""

    def canonicalise(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret of the client")


class _WritesLate(Screener):
    """A screener that judges well, and takes too long to write."""

    def canonicalise(self, *args: Any, **more: Any) -> Any:
        time.sleep(0.2)
        return super().canonicalise(*args, **more)


@pytest.mark.parametrize(("on_error", "status"), [("reject", 503), ("allow", 200)])
@pytest.mark.parametrize("padding", [0, 70_000], ids=["inline", "in a thread"])
@pytest.mark.parametrize(("screener", "rule"), [(_CantWrite, "G901"), (_WritesLate, "G902")])
def test_failure_to_write_is_ours_and_told(
    call: Any, probe: Any, settings: Any, on_error: str, status: int, padding: int, screener: Any, rule: str
) -> None:
    chosen = settings(forward="canonical", on_error=on_error, score_timeout_ms="50")
    guarded = GuardMiddleware(probe, chosen)
    guarded.examiner.screener = screener(chosen)

    answer = call(guarded, HONEST + b" " * padding)

    assert answer.status == status
    assert guarded.held_bytes() == 0
    if status == 200:
        assert rules(probe) == [rule]
        assert probe.verdict.action is Action.FLAG


def test_no_room_for_the_new_body_is_503_and_journaled(call: Any, probe: Any, settings: Any, tmp_path: Path) -> None:
    chosen = settings(
        forward="canonical", content_encodings="gzip", max_body_bytes="4096", max_inflight_bytes="32768",
        journal_body="full",
    )  # fmt: skip
    guarded = GuardMiddleware(probe, chosen)
    for client in range(8):
        guarded._budget.take(str(client), 4096 if client else 4096 - 200)
    held = guarded.held_bytes()

    answer = call(guarded, gzip.compress(HONEST), headers=GZIP)
    assert answer.status == 200

    allowed = GuardMiddleware(probe, settings(forward="canonical", content_encodings="gzip"))
    long = gzip.compress(b"[" + b"[1, 2]," * 200 + b"[1, 2]]")
    assert call(allowed, long, headers=GZIP).status == 200
    assert len(probe.bodies[-1]) > 200 > len(long)

    answer = call(guarded, long, headers=GZIP)
    guarded.recorder.close()

    assert answer.status == 503
    assert guarded.held_bytes() == held
    reader = JournalReader(f"sqlite:///{tmp_path / 'guard.db'}")
    (entry,) = [entry for entry in reader.details() if entry.row.status]
    assert (entry.row.rules, entry.row.status, entry.body) == (("G114",), 503, None)
    # Judged again, its body would pass.
    assert not replay(reader, [entry]).actions


# An app that parses, with what guard let it have.
async def echo(request: Request) -> JSONResponse:
    body = await request.body()
    headers = {name: request.headers.get(name) for name in ("content-length", "content-type", "content-encoding")}
    length = request.headers.get("inference-header-content-length")
    document = json.loads(body[: None if length is None else int(length)])
    return JSONResponse({"document": document, "headers": headers, "n_bytes": len(body), "length": length})


def guarded_echo(settings: GuardSettings) -> GuardMiddleware:
    return GuardMiddleware(Starlette(routes=[Route("/{path:path}", echo, methods=["POST"])]), settings)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-(2**24), 2**24)


@given(rows=st.integers(1, 4), data=st.data())
def test_honest_request_is_equal_in_value_at_a_host_that_parses(rows: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(NUMBERS, min_size=2 * rows, max_size=2 * rows))
    document = {"inputs": [{"name": "x", "shape": [rows, 2], "datatype": "FP32", "data": values}], "id": "é\n\\"}
    body = json.dumps(document, indent=data.draw(st.none() | st.just(1))).encode()
    compressed = data.draw(st.booleans())
    variables = {"GUARD_MODE": "enforce", "GUARD_FORWARD": "canonical", "GUARD_CONTENT_ENCODINGS": "gzip"}
    app = guarded_echo(GuardSettings.from_environ({**variables, "GUARD_JOURNAL": "off"}))

    from tests.middleware.conftest import call_async

    answer = asyncio.run(
        call_async(app, gzip.compress(body) if compressed else body, headers=GZIP if compressed else (), path="/v2/x")
    )

    assert answer.status == 200
    assert repr(answer.json["document"]) == repr(document)
    assert answer.json["headers"] == {
        "content-length": str(answer.json["n_bytes"]), "content-type": "application/json", "content-encoding": None,
    }  # fmt: skip


@pytest.fixture
def served(settings: Any) -> Iterator[int]:
    """A real server, in a thread; the port that it listens on."""
    app = guarded_echo(settings(forward="canonical", contract="", content_encodings="gzip,deflate"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(500):
            if server.started:
                break
            time.sleep(0.01)
        assert server.started
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def post(port: int, body: Any, path: str, headers: dict[str, str]) -> Any:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())


def test_real_server_and_clients(served: int) -> None:
    tensor = triton.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(np.array([[1, 2, 3, 4]], np.float32), binary_data=True)
    body, length = triton.InferenceServerClient.generate_request_body([tensor])
    of_triton = {"Inference-Header-Content-Length": str(length), "Content-Encoding": "gzip"}

    binary = post(served, gzip.compress(body), "/v2/models/m/infer", of_triton)
    chunked = post(served, iter([b"[[1,", b" 2.50]", b"]"]), "/predict", {})
    long = post(served, json.dumps([[0.5] * 20_000], indent=1), "/predict", {"Content-Type": "text/plain"})

    assert binary["document"] == json.loads(body[:length])
    assert binary["n_bytes"] == int(binary["length"]) + 16
    assert binary["headers"]["content-encoding"] is None
    assert (chunked["document"], chunked["headers"]["content-length"]) == ([[1, 2.5]], "9")
    assert (long["document"], long["n_bytes"]) == ([[0.5] * 20_000], 80_003)
    for answer in (binary, chunked, long):
        assert answer["headers"]["content-length"] == str(answer["n_bytes"])


@pytest.mark.parametrize("forward", ["original", "canonical"])
@pytest.mark.parametrize(("clients", "admitted"), [(200, 80), (1, 10)], ids=["each their own", "all the same"])
def test_two_hundred_uploads_at_once_stay_within_the_budget(
    settings: Any, scope_of: Any, forward: str, clients: int, admitted: int
) -> None:
    body = HONEST + b" " * (100 - len(HONEST))
    everybody, most_held = asyncio.Event(), 0

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guarded = GuardMiddleware(
        app, settings(forward=forward, max_body_bytes="1000", max_inflight_bytes="8000", journal="off")
    )

    async def upload(number: int) -> int:
        pieces = [body[:-1], body[-1:]]
        statuses: list[int] = []

        async def receive() -> Any:
            nonlocal most_held
            most_held = max(most_held, guarded.held_bytes())
            if len(pieces) == 1:
                await everybody.wait()
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = scope_of(headers=[(b"transfer-encoding", b"chunked")], client=(f"10.0.0.{number % clients}", 1))
        await guarded(scope, receive, send)
        return statuses[0]

    async def run() -> list[int]:
        uploads = [asyncio.ensure_future(upload(number)) for number in range(200)]
        await asyncio.sleep(0.05)
        everybody.set()
        return await asyncio.gather(*uploads)

    statuses = asyncio.run(run())

    assert sorted(statuses) == [200] * admitted + [503] * (200 - admitted)
    assert guarded.held_bytes() == 0
    assert most_held <= (8000 if clients > 1 else 1000)
