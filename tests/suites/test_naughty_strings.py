"""Each of the big list of naughty strings, wherever a client can put it: into the journal, and out of it again."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

import pytest
from prometheus_client import REGISTRY
from rich.console import Console

from guard import GuardSettings
from guard.cli.review_entry import print_entry
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail
from guard.problem import problem_body
from guard.verdict import Mode
from tests.suites.exchange import CONTRACT, Answer, Gate, event_id
from tests.suites.terminal import is_inert, is_plain, show, unstyled

STRINGS = 515

# Requests after which the metrics are counted for the first time.
FIRST = 50


class Request(NamedTuple):
    """A request with the string in it, and the column of the journal where it has to be found."""

    place: str
    text: str
    path: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


def build(place: str, text: str) -> Request:
    """A request that is refused for its amount, with the string at a place that the client chooses."""
    raw = text.encode()
    row: dict[str, Any] = {"amount": 99, "kind": "plain"}
    path, headers = b"/infer", [(b"content-type", b"application/json")]
    if place == "name":
        row[text] = 1
    elif place == "category":
        row["kind"] = text
    elif place == "model":
        path = b"/models/" + quote_from_bytes(raw, safe="").encode() + b"/score"
    elif place == "path":
        path = b"/infer/" + quote_from_bytes(raw).encode()
    else:
        headers = [(name, value) for name, value in headers if name != place.encode()]
        headers.append((place.encode(), raw))
    return Request(place, text, path, headers, json.dumps(row, ensure_ascii=False).encode())


PLACES = ("name", "category", "x-request-id", "traceparent", "content-type", "path", "model")


class Journaled(NamedTuple):
    """What was sent and answered, in its order, and the journal that has it."""

    requests: list[Request]
    answers: list[Answer]
    url: str
    log: list[str]
    series: tuple[int, int]

    def entries(self) -> list[EntryDetail]:
        """The entries in the order of the requests."""
        found = {entry.row.event_id: entry for entry in JournalReader(self.url).details()}
        return [found[event_id(answer)] for answer in self.answers]


def count_series() -> int:
    return sum(len(metric.samples) for metric in REGISTRY.collect() if metric.name.startswith("guard"))


@pytest.fixture(scope="module")
def journaled(strings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Journaled:
    folder = tmp_path_factory.mktemp("naughty")
    (folder / "contract.toml").write_text(CONTRACT)
    url = f"sqlite:///{folder}/guard.db"
    chosen = GuardSettings(mode=Mode.ENFORCE, contract=str(folder / "contract.toml"), journal=url, journal_body="full")
    requests = [build(place, text) for place in PLACES for text in strings]
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("guard")
    logger.addHandler(handler)
    try:
        with Gate(chosen) as gate:
            answers = asyncio.run(send_all(gate, requests[:FIRST]))
            before = count_series()
            answers += asyncio.run(send_all(gate, requests[FIRST:]))
            after = count_series()
    finally:
        logger.removeHandler(handler)
    assert gate.guard.recorder.dropped == 0
    return Journaled(requests, answers, url, lines, (before, after))


async def send_all(gate: Gate, requests: list[Request]) -> list[Answer]:
    return [await gate.send(request.body, path=request.path, headers=request.headers) for request in requests]


def as_latin_1(text: str) -> str:
    return text.encode().decode("latin-1")


# Where the string is found again, by the place where it stood.
FOUND: dict[str, Callable[[dict[str, Any]], Any]] = {
    "name": lambda entry: list(json.loads(base64.b64decode(entry["body_base64"])))[-1],
    "category": lambda entry: entry["texts"]["kind"][0],
    "path": lambda entry: entry["route"].removeprefix("/infer/"),
    "model": lambda entry: entry["route"].removeprefix("/models/").removesuffix("/score"),
    "x-request-id": lambda entry: entry["request_id"],
    "traceparent": lambda entry: entry["traceparent"],
    "content-type": lambda entry: entry["content_type"],
}


def test_every_string_is_exported_as_it_was_sent(journaled: Journaled) -> None:
    exported = {entry["event_id"]: entry for entry in map(json.loads, show(journaled.url, "export").splitlines())}
    assert len(exported) == len(PLACES) * STRINGS
    found = dict.fromkeys(FOUND, 0)
    for request, answer in zip(journaled.requests, journaled.answers, strict=True):
        entry = exported[event_id(answer)]
        assert base64.b64decode(entry["body_base64"]) == request.body
        if request.place in FOUND:
            expected = (
                as_latin_1(request.text) if "-" in request.place or request.place == "traceparent" else request.text
            )
            assert FOUND[request.place](entry) == expected
            found[request.place] += 1
    assert found == dict.fromkeys(FOUND, STRINGS)


def test_every_string_is_refused_and_read_back(journaled: Journaled) -> None:
    for request, answer, entry in zip(journaled.requests, journaled.answers, journaled.entries(), strict=True):
        assert answer.status in {400, 415, 422}
        assert entry.body == request.body
        if request.place == "model":
            # A router may read the others in two ways: whose model they are isn't told.
            assert entry.row.model in {None, request.text.partition(":")[0]}


def test_models_are_told_where_the_path_is_certain(journaled: Journaled) -> None:
    models = [entry.row.model for entry in journaled.entries() if entry.row.model is not None]

    assert len(models) > 200


def test_no_answer_tells_anything_of_the_string(journaled: Journaled) -> None:
    for answer in journaled.answers:
        assert answer.body == problem_body(answer.status, event_id=event_id(answer), path="/")
        assert answer.headers.keys() == {
            b"content-type", b"content-length", b"cache-control", b"x-should-retry"
        } or answer.headers[b"connection"] == b"close"  # fmt: skip


def test_log_lines_are_json_in_ascii(journaled: Journaled) -> None:
    events = [json.loads(line)["event_id"] for line in journaled.log]

    assert events == list(map(event_id, journaled.answers))
    assert all(line.isascii() and line.isprintable() for line in journaled.log)


def test_no_string_is_a_label_of_a_metric(journaled: Journaled, strings: list[str]) -> None:
    values = {
        value
        for metric in REGISTRY.collect()
        if metric.name.startswith("guard")
        for sample in metric.samples
        for value in sample.labels.values()
    }

    assert values
    assert all(re.fullmatch(r"[a-z_]+|G\d{3}|[\d.e+-]+|\+Inf|[a-f0-9]{12,64}", value) for value in values)
    assert {value for value in values if value in strings and not value.isdigit()} <= {"none", "true", "false"}
    before, after = journaled.series
    assert after - before < 20  # of rules that hadn't spoken


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("export",), ("export", "--format", "csv")])
def test_lists_hold_nothing_but_visible_characters(journaled: Journaled, arguments: tuple[str, ...]) -> None:
    whole = show(journaled.url, *arguments, "--limit", "10000")
    newest = show(journaled.url, *arguments, "--limit", "1000", colour=True)

    assert len(whole.splitlines()) >= len(PLACES) * STRINGS
    assert len(newest.splitlines()) >= 1000
    assert is_inert(whole)
    assert is_inert(unstyled(newest))


def test_every_string_is_shown_without_control_characters(journaled: Journaled) -> None:
    console = Console(file=io.StringIO(), width=200)
    shown = set()
    for index, (request, entry) in enumerate(zip(journaled.requests, journaled.entries(), strict=True)):
        # Each string once: in another place from one to the next.
        if PLACES[index % STRINGS % len(PLACES)] == request.place:
            print_entry(console, entry, reasons=None)
            shown.add(index % STRINGS)

    assert len(shown) == STRINGS
    assert is_inert(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "coloured"])
@pytest.mark.parametrize("place", PLACES)
def test_terminal_of_a_reviewer_gets_no_control_characters(journaled: Journaled, place: str, colour: bool) -> None:
    sent = zip(journaled.requests, journaled.answers, strict=True)
    # A header's bytes are Latin-1 to ASGI: in it, any that isn't ASCII may be a control character.
    odd = [answer for request, answer in sent if request.place == place and not is_plain(request.text)]

    for answer in odd[::8]:
        page = show(journaled.url, "show", event_id(answer), colour=colour)
        assert is_inert(unstyled(page) if colour else page)
        assert (unstyled(page) != page) == colour
    assert len(odd) > 60
