"""The checks of hosts find what they look for; run with no host at all."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.hosts.checks import CHECKS, MODES, TITLES, Answer, Observed
from tests.hosts.table import HOSTS, Host

HOST = HOSTS["starlette"]
JSON = "application/json"


def refusal(status: int) -> Answer:
    title = TITLES[status]
    problem = {"title": title, "status": status, "error": f"{title} (guard, event e1)"}
    return Answer(status, "application/problem+json", json.dumps(problem).encode())


def spoken(kind: str, **told: Any) -> dict[str, Any]:
    return {"client": "own", "request": kind, **told}


def observed(mode: str) -> Observed:
    """What a good host answers in a mode."""
    answers = {("health", ""): Answer(200, JSON, b"")}
    answers |= {("honest", call.name): Answer(200, JSON, b"3.5") for call in HOST.honest}
    enforced = mode in {"enforce", "canonical"}
    for call in HOST.malformed:
        answers["malformed", call.name] = refusal(400) if enforced else Answer(500, "text/plain", b"oh")
    for call in HOST.hostile:
        answers["hostile", call.name] = refusal(422) if enforced else Answer(200, JSON, b"101.0")
    answers["stream", "stream"] = Answer(200, JSON, b"3.5 7.0", spread_s=0.8)
    refused = spoken("hostile", error="OwnError", message=f"{TITLES[422]} (guard, event e1)")
    return Observed(answers, [spoken("honest", answer=3.5), refused if enforced else spoken("hostile", answer=101.0)])


def seen_with(mode: str, key: tuple[str, str], answer: Answer) -> dict[str, Observed]:
    """A good host's answers, but for one."""
    seen = {each: observed(each) for each in MODES}
    seen[mode] = Observed({**seen[mode].answers, key: answer}, seen[mode].spoken)
    return seen


def found(host: Host, seen: Mapping[str, Observed]) -> set[str]:
    return {name for name, check in CHECKS.items() if list(check(host, seen))}


def test_good_host_has_no_faults() -> None:
    assert found(HOST, {mode: observed(mode) for mode in MODES}) == set()


@pytest.mark.parametrize(
    ("check", "mode", "key", "answer"),
    [
        ("bare", "off", ("hostile", "records"), Answer(500, JSON, b"")),
        ("health", "enforce", ("health", ""), Answer(503, JSON, b"")),
        ("honest", "enforce", ("honest", "records"), Answer(200, JSON, b"3.4")),
        ("honest", "canonical", ("honest", "records"), Answer(200, "text/plain", b"3.5")),
        ("monitor", "monitor", ("malformed", "truncated"), refusal(400)),
        ("malformed", "enforce", ("malformed", "truncated"), refusal(422)),
        ("malformed", "enforce", ("malformed", "duplicate key"), Answer(200, JSON, b"101.0")),
        ("hostile", "canonical", ("hostile", "records"), Answer(200, JSON, b"101.0")),
        ("hostile", "enforce", ("hostile", "records"), refusal(422)._replace(content_type="text/html")),
        ("stream", "enforce", ("stream", "stream"), Answer(200, JSON, b"3.5 7.0", spread_s=0.0)),
        ("stream", "enforce", ("stream", "stream"), Answer(200, JSON, b"3.5", spread_s=0.8)),
    ],
)
def test_bad_answer_is_found(check: str, mode: str, key: tuple[str, str], answer: Answer) -> None:
    assert check in found(HOST, seen_with(mode, key, answer))


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("enforce", [spoken("honest", error="E", message="x"), observed("enforce").spoken[1]]),
        ("enforce", [spoken("honest", answer=3.5), spoken("hostile", answer=101.0)]),
        ("enforce", [spoken("honest", answer=3.5), spoken("hostile", error="E", message="422 Unprocessable Entity")]),
        ("monitor", observed("enforce").spoken),
        ("off", observed("enforce").spoken),
    ],
)
def test_client_that_is_told_otherwise_is_found(mode: str, told: list[dict[str, Any]]) -> None:
    seen = {each: observed(each) for each in MODES}
    seen[mode] = Observed(seen[mode].answers, told)

    assert found(HOST, seen) == {"client"}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_host_s_requirements_are_pinned(host: Host) -> None:
    lines = (host.place / host.requirements).read_text().splitlines()

    assert any(line.partition("[")[0].partition("==")[0] == host.distribution for line in lines)
    assert all("==" in line for line in lines)
