"""The table of modes and outcomes, line by line."""

import asyncio
from typing import Any

import pytest

from guard import Action, GuardMiddleware, Mode
from guard.journal import Journal
from guard.journal.reader import JournalReader
from guard.screening import Screener

HONEST = b'{"a": 1, "b": 2}'
BREAKS_CONTRACT = b'{"a": 11, "b": 2}'
UNREADABLE = b'{"a": 1, '
NOT_JSON = b"\x93MUMPY\x01\x00"


def rules(probe: Any) -> list[str]:
    return [finding.rule_id for finding in probe.verdict.findings]


@pytest.mark.parametrize(
    ("body", "headers", "variables", "status", "rule"),
    [
        pytest.param(BREAKS_CONTRACT, (), {}, 422, "G205", id="contract"),
        pytest.param(BREAKS_CONTRACT, (), {"reject_status": "403"}, 403, "G205", id="contract-403"),
        pytest.param(UNREADABLE, (), {}, 400, "G103", id="unreadable"),
        pytest.param(HONEST * 99, (), {"max_body_bytes": "64"}, 413, "G101", id="too-long"),
        pytest.param(HONEST, ((b"content-encoding", b"gzip"),), {}, 415, "G109", id="encoded"),
        pytest.param(NOT_JSON, (), {}, 415, "G115", id="no-decoder"),
        pytest.param(NOT_JSON, (), {"paths": "/predict"}, 415, "G115", id="no-decoder-listed"),
        pytest.param(
            HONEST, ((b"content-length", b"16"), (b"transfer-encoding", b"chunked")), {}, 400, "G117", id="two-lengths"
        ),
    ],
)
def test_outcome_of_what_enforce_refuses(
    call: Any, probe: Any, settings: Any, body: bytes, headers: Any, variables: dict[str, str], status: int, rule: str
) -> None:
    refused = call(GuardMiddleware(probe, settings("enforce", **variables)), body, headers=headers)
    assert refused.status == status
    assert refused.headers[b"content-type"] == b"application/problem+json"
    assert probe.bodies == []

    passed = call(GuardMiddleware(probe, settings("monitor", **variables)), body, headers=headers)
    assert passed.status == 200
    assert probe.bodies == [body]
    assert rules(probe) == [rule]
    assert probe.verdict.action.label == "reject"
    assert not probe.verdict.rejected


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_outcome_of_an_honest_request_is_to_pass(call: Any, probe: Any, settings: Any, mode: str) -> None:
    answer = call(GuardMiddleware(probe, settings(mode)), HONEST[:5], HONEST[5:])

    assert answer.status == 200
    assert probe.bodies == [HONEST]
    assert probe.verdict.action.label == "allow"
    assert rules(probe) == []


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
@pytest.mark.parametrize("body", [NOT_JSON, b'{"user": "ann", "word": "secret"}'])
def test_outcome_without_a_decoder_on_another_path_is_a_finding(
    call: Any, probe: Any, settings: Any, mode: str, body: bytes
) -> None:
    answer = call(GuardMiddleware(probe, settings(mode, paths="/v2/**")), body, path="/login")

    assert answer.status == 200
    assert rules(probe) == ["G903"]
    assert probe.verdict.action.label == "allow"


@pytest.mark.parametrize(("body", "status"), [(BREAKS_CONTRACT, 422), (UNREADABLE, 400)])
def test_outcome_on_an_unlisted_path_is_no_way_round(
    call: Any, probe: Any, settings: Any, body: bytes, status: int
) -> None:
    answer = call(GuardMiddleware(probe, settings(paths="/v2/**")), body, path="/elsewhere")

    assert answer.status == status


def test_outcome_of_a_late_body(call: Any, probe: Any, settings: Any) -> None:
    async def run(mode: str) -> list[Any]:
        sent: list[Any] = []
        body = [{"type": "http.request", "body": HONEST[:5], "more_body": True}]
        rest = {"type": "http.request", "body": HONEST[5:], "more_body": False}

        async def receive() -> Any:
            if body:
                return body.pop()
            await asyncio.sleep(0.1)
            return rest

        async def send(message: Any) -> None:
            sent.append(message)

        guarded = GuardMiddleware(probe, settings(mode, body_idle_s="0.03"))
        await guarded(scope, receive, send)
        return sent

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-length", b"16")],
        "state": {},
        "client": None,
    }
    assert asyncio.run(run("enforce"))[0]["status"] == 408
    assert asyncio.run(run("monitor"))[0]["status"] == 200
    assert probe.bodies == [HONEST]
    assert rules(probe) == ["G113"]


def test_outcome_over_the_byte_budget(call: Any, probe: Any, settings: Any) -> None:
    body = HONEST + b" " * 100
    tight = {"max_body_bytes": "100", "max_inflight_bytes": "800"}

    async def run(guarded: GuardMiddleware) -> int | None:
        guarded._budget.take("another", 90)
        for client in range(7):
            guarded._budget.take(str(client), 100)
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": HONEST, "more_body": False}]

        async def receive() -> Any:
            return messages.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(b"content-length", b"16")],
            "client": ("1", 1),
        }
        await guarded(scope, receive, send)
        return int(sent[0]["status"])

    assert len(body) > 100
    assert asyncio.run(run(GuardMiddleware(probe, settings("enforce", **tight)))) == 503
    assert asyncio.run(run(GuardMiddleware(probe, settings("monitor", **tight)))) == 200
    assert rules(probe) == ["G114"]


def test_outcome_of_a_body_cut_off_by_the_client(call: Any, probe: Any, settings: Any) -> None:
    cut = call(GuardMiddleware(probe, settings("enforce")), HONEST[:6], headers=[(b"content-length", b"16")], gone=True)
    assert cut.status == 400
    assert probe.bodies == []

    passed = call(
        GuardMiddleware(probe, settings("monitor")), HONEST[:6], headers=[(b"content-length", b"16")], gone=True
    )
    assert passed.messages == []
    assert probe.bodies == [HONEST[:6]]
    assert probe.saw_disconnect


class _Breaks(Screener):
    """A screener with a fault of its own."""

    def examine(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret of the client")


class _Late(Screener):
    """A screener that takes too long."""

    def examine(self, *_: Any, **__: Any) -> Any:
        import time

        time.sleep(0.2)
        return super().examine(*_, **__)


@pytest.mark.parametrize(
    ("mode", "on_error", "status"),
    [("enforce", "reject", 503), ("enforce", "allow", 200), ("monitor", "reject", 200), ("monitor", "allow", 200)],
)
@pytest.mark.parametrize("padding", [0, 70_000], ids=["inline", "in a thread"])
@pytest.mark.parametrize(("screener", "rule"), [(_Breaks, "G901"), (_Late, "G902")])
def test_outcome_of_guard_s_own_failure(
    call: Any,
    probe: Any,
    settings: Any,
    caplog: Any,
    mode: str,
    on_error: str,
    status: int,
    screener: Any,
    rule: str,
    padding: int,
) -> None:
    chosen = settings(mode, on_error=on_error, score_timeout_ms="50")
    guarded = GuardMiddleware(probe, chosen)
    guarded.examiner.screener = screener(chosen)

    answer = call(guarded, HONEST + b" " * padding)

    assert answer.status == status
    if status == 200:
        assert rules(probe) == [rule]
    assert "secret" not in caplog.text


def test_outcome_in_mode_off_is_to_look_at_nothing(call: Any, probe: Any, settings: Any) -> None:
    answer = call(GuardMiddleware(probe, settings("off")), UNREADABLE)

    assert answer.status == 200
    assert probe.verdict is None


def test_outcome_on_an_excluded_path_is_to_look_at_nothing(call: Any, probe: Any, settings: Any) -> None:
    answer = call(GuardMiddleware(probe, settings(exclude_paths="/predict")), UNREADABLE)

    assert answer.status == 200
    assert probe.verdict is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "POST"])
def test_outcome_without_a_body_is_to_pass(call: Any, probe: Any, settings: Any, method: str) -> None:
    assert call(GuardMiddleware(probe, settings()), method=method).status == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "QUERY"])
def test_outcome_with_a_body_is_screened_whatever_the_method(call: Any, probe: Any, settings: Any, method: str) -> None:
    assert call(GuardMiddleware(probe, settings()), UNREADABLE, method=method).status == 400


def test_outcome_is_journaled_with_what_enforce_would_have_done(
    call: Any, probe: Any, settings: Any, tmp_path: Any
) -> None:
    guarded = GuardMiddleware(probe, settings("monitor"))

    call(guarded, HONEST)
    call(guarded, BREAKS_CONTRACT, headers=[(b"x-request-id", b"r-1"), (b"content-length", b"17")])
    guarded.recorder.close()

    entries = JournalReader(f"sqlite:///{tmp_path / 'guard.db'}").entries()
    assert [(entry.action, entry.mode, entry.rejected, entry.status) for entry in entries] == [
        (Action.REJECT, Mode.MONITOR, False, None)
    ]
    assert entries[0].request_id == "r-1"


@pytest.mark.parametrize(
    ("mode", "on_journal_error", "status"),
    [("enforce", "reject", 503), ("enforce", "allow", 200), ("monitor", "reject", 200)],
)
def test_outcome_of_a_flag_that_can_t_be_journaled(
    call: Any, probe: Any, settings: Any, mode: str, on_journal_error: str, status: int
) -> None:
    """A failure of ours that GUARD_ON_ERROR lets pass is a flag; no entry fits into this queue."""
    guarded = GuardMiddleware(probe, settings(mode, on_error="allow", on_journal_error=on_journal_error))
    guarded.examiner.screener = _Breaks(guarded.settings)
    guarded.recorder.journal = Journal("off", queue_bytes=1)

    assert call(guarded, HONEST).status == status
    assert guarded.recorder.dropped == 1


def test_rejection_tells_the_client_nothing_of_the_reason(call: Any, probe: Any, settings: Any) -> None:
    answer = call(GuardMiddleware(probe, settings()), BREAKS_CONTRACT)

    text = answer.body.decode() + repr(answer.headers)
    assert "G205" not in text
    assert "maximum" not in text
    assert set(answer.json) == {"type", "title", "status", "instance", "error"}
