"""Slow headers and slow bodies: all cases on all servers at once, since nothing but time passes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.servers.wire import CHUNKS, HONEST, JSON, Answer, Server, assert_echoed, chunks, compose, request

WHOLE = request(HONEST)
HEAD = WHOLE[: -len(HONEST)]


class Slow(NamedTuple):
    """What is sent, and the pause between the pieces; the deadlines are 0.8 s of idling and 2 s in all."""

    pieces: tuple[bytes, ...]
    pause_s: float


CASES = {
    # the server's business, which guard doesn't hinder
    "header": Slow((HEAD[:30], HEAD[30:60], HEAD[60:] + HONEST), 0.8),
    "within the deadlines": Slow((WHOLE[:-20], WHOLE[-20:-10], WHOLE[-10:]), 0.2),
    "stalled": Slow((WHOLE[:-10], WHOLE[-10:]), 1.5),
    "stalled after the headers": Slow((HEAD, HONEST), 1.5),
    "trickling": Slow((HEAD, *(HONEST[at : at + 8] for at in range(0, len(HONEST), 8))), 0.4),
    "stalled in a chunk": Slow((compose(CHUNKS, JSON, body=chunks(HONEST)[:20]), chunks(HONEST)[20:]), 1.5),
    # h11 takes neither for the end of a chunk, and waits for more
    "bare line feeds": Slow((compose(CHUNKS, JSON, body=chunks(HONEST).replace(b"\r\n", b"\n")), b""), 1.5),
    "vast chunk size": Slow((compose(CHUNKS, JSON, body=b"1%016x\r\n%s" % (len(HONEST), HONEST)), b""), 1.5),
}
SERVED = {"header", "within the deadlines"}
UNENDING = {"bare line feeds", "vast chunk size"}


class Outcome(NamedTuple):
    """The answers, and how long they took."""

    answers: list[Answer]
    seconds: float


def send(server: Server, case: Slow) -> Outcome:
    start = time.monotonic()
    answers = server.exchange(*case.pieces, pause_s=case.pause_s)
    return Outcome(answers, time.monotonic() - start)


@pytest.fixture(scope="session")
def outcomes(servers: dict[str, Server]) -> Mapping[tuple[str, str], Outcome]:
    keys = [
        (name, case)
        for name, server in servers.items()
        for case in CASES
        # In monitor it is for the app behind to give up.
        if server.mode == "enforce" or case not in UNENDING
    ]
    with ThreadPoolExecutor(len(keys)) as pool:
        sent = {key: pool.submit(send, servers[key[0]], CASES[key[1]]) for key in keys}
        return {key: future.result() for key, future in sent.items()}


@pytest.mark.parametrize("case", [case for case in CASES if case not in UNENDING])
def test_slow_request(server: Server, outcomes: Mapping[tuple[str, str], Outcome], case: str) -> None:
    (answer,), seconds = outcomes[f"{server.name}/{server.mode}", case]

    if case in SERVED:
        assert_echoed(answer, HONEST)
        assert answer.json["action"] == "allow"
    elif server.mode == "monitor":
        assert_echoed(answer, HONEST)
        assert answer.json["rules"] == ["G113"]
    else:
        assert answer.status == 408
        assert answer.headers["connection"] == "close"
        assert seconds < 6


@pytest.mark.parametrize("case", sorted(UNENDING))
def test_body_without_an_end_is_refused_in_time(
    enforcing: Server, outcomes: Mapping[tuple[str, str], Outcome], case: str
) -> None:
    (answer,), seconds = outcomes[f"{enforcing.name}/enforce", case]

    waits = enforcing.name in {"uvicorn-h11", "hypercorn"}
    assert answer.status == (408 if waits else 400)
    assert seconds < 6
