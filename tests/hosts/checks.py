"""What every host is asked over HTTP: bare, with guard watching, and with guard refusing, which forwards in two ways.

Each check is a generator of faults in words; none means passed.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.hosts.process import Running
from tests.hosts.table import HERE, Call, Host

__all__ = ["CHECKS", "MODES", "Observed", "observe"]

# Of these, `canonical` is enforce with GUARD_FORWARD=canonical.
MODES = ("off", "monitor", "enforce", "canonical")
REFUSING = ("enforce", "canonical")

TIMEOUT_S = 60.0

# A host pauses 0.4 s between two pieces of a stream; less than this between first and last means it was held back.
STREAMED_S = 0.2

TITLES = {400: "The request can't be read", 422: "The request was refused"}


class Answer(NamedTuple):
    """What came back over HTTP; `spread_s` is the time between its first and last piece."""

    status: int
    content_type: str
    body: bytes
    spread_s: float = 0.0

    @property
    def value(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Observed(NamedTuple):
    """All answers of one run of a host: by kind and name of the request, and what its own client said."""

    answers: Mapping[tuple[str, str], Answer]
    spoken: list[dict[str, Any]]


def observe(host: Host, running: Running, python: Path) -> Observed:
    """Send every request of the table, and let the host's own client speak."""
    answers = {("health", ""): _get(running, host.health)}
    for kind, calls in _calls(host).items():
        answers |= {(kind, call.name): _post(running, call) for call in calls}
    return Observed(answers, _speak(host, running, python))


def _calls(host: Host) -> dict[str, tuple[Call, ...]]:
    stream = (host.stream,) if host.stream else ()
    return {"honest": host.honest, "malformed": host.malformed, "hostile": host.hostile, "stream": stream}


def _get(running: Running, path: str) -> Answer:
    answer = httpx.get(f"{running.url}{path}", timeout=TIMEOUT_S)
    return Answer(answer.status_code, answer.headers.get("content-type", ""), b"")


def _post(running: Running, call: Call) -> Answer:
    url, headers = f"{running.url}{call.path}", dict(call.headers)
    with httpx.stream("POST", url, content=call.body, headers=headers, timeout=TIMEOUT_S) as answer:
        pieces = [(time.monotonic(), piece) for piece in answer.iter_raw()]
    body = b"".join(piece for _, piece in pieces)
    spread_s = pieces[-1][0] - pieces[0][0] if pieces else 0.0
    return Answer(answer.status_code, answer.headers.get("content-type", ""), body, spread_s)


def _speak(host: Host, running: Running, python: Path) -> list[dict[str, Any]]:
    if host.client is None:
        return []
    command = [str(python), "-P", str(HERE / "speak.py"), str(host.client), str(running.port)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"the client failed: {done.stderr[-2000:]}")
    spoken: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return spoken


def check_bare(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """The host itself answers what is honest, and what breaks the contract: else the other checks show nothing."""
    for kind, calls in _calls(host).items():
        for call in calls if kind != "malformed" else ():
            answer = seen["off"].answers[kind, call.name]
            if answer.status != 200 or call.holds.encode() not in answer.body:
                yield f"bare, {kind} {call.name}: {answer.status} {answer.body[:300]!r}"


def check_health(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """The health path answers behind guard."""
    for mode, observed in seen.items():
        status = observed.answers["health", ""].status
        if status != 200:
            yield f"{mode}: {status}"


def check_honest(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """Honest requests are answered as by the bare host."""
    for mode in REFUSING:
        for call in host.honest:
            yield from _differences(seen, mode, ("honest", call.name))


def check_monitor(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """In monitor, no answer is another than the bare host's."""
    for kind, calls in _calls(host).items():
        for call in calls:
            yield from _differences(seen, "monitor", (kind, call.name))


def check_malformed(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """Malformed bodies are refused in enforce."""
    for mode in REFUSING:
        for call in host.malformed:
            yield from _faults_in(seen[mode].answers["malformed", call.name], 400, f"{mode}, {call.name}")


def check_hostile(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """What breaks the contract is refused in enforce."""
    for mode in REFUSING:
        for call in host.hostile:
            yield from _faults_in(seen[mode].answers["hostile", call.name], 422, f"{mode}, {call.name}")


def check_stream(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """A streaming answer comes through whole and piece by piece."""
    if host.stream is None:
        return
    key = ("stream", host.stream.name)
    for mode in REFUSING:
        yield from _differences(seen, mode, key)
    for mode, observed in seen.items():
        if observed.answers[key].spread_s < STREAMED_S:
            yield f"{mode}: all pieces within {observed.answers[key].spread_s:.3f} s"


def check_client(host: Host, seen: Mapping[str, Observed]) -> Iterator[str]:
    """The host's own client gets the same answer, and raises its own error with guard's message where refused."""
    for mode in MODES[1:]:
        for bare, behind in zip(seen["off"].spoken, seen[mode].spoken, strict=True):
            who = f"{mode}, {bare['client']}, {bare['request']}"
            if "answer" not in bare:
                yield f"{who}: bare, it raised {bare['error']}: {bare['message']}"
            elif mode in REFUSING and bare["request"] == "hostile":
                yield from _faults_in_error(behind, who)
            elif behind != bare:
                yield f"{who}: {behind} in place of {bare}"


def _differences(seen: Mapping[str, Observed], mode: str, key: tuple[str, str]) -> Iterator[str]:
    bare, behind = seen["off"].answers[key], seen[mode].answers[key]
    if bare[:3] != behind[:3]:
        yield f"{mode}, {' '.join(key)}: {behind[:3]} in place of {bare[:3]}"


def _faults_in(answer: Answer, status: int, name: str) -> Iterator[str]:
    """Compare a refusal with what it should be: a problem document with `error` as text."""
    if answer.status != status:
        yield f"{name}: {answer.status} in place of {status}: {answer.body[:300]!r}"
        return
    if answer.content_type.partition(";")[0] not in {"application/json", "application/problem+json"}:
        yield f"{name}: the Content-Type is {answer.content_type}"
    problem = answer.value
    if (problem["title"], problem["status"]) != (TITLES[status], status) or TITLES[status] not in problem["error"]:
        yield f"{name}: {problem}"


def _faults_in_error(behind: Mapping[str, Any], who: str) -> Iterator[str]:
    if "error" not in behind:
        yield f"{who}: it raised nothing, and got {behind['answer']}"
    elif TITLES[422] not in behind["message"]:
        yield f"{who}: {behind['error']} without guard's message: {behind['message']}"


CHECKS: dict[str, Callable[[Host, Mapping[str, Observed]], Iterator[str]]] = {
    "bare": check_bare,
    "health": check_health,
    "honest": check_honest,
    "monitor": check_monitor,
    "malformed": check_malformed,
    "hostile": check_hostile,
    "stream": check_stream,
    "client": check_client,
}
