from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guard.errors import JournalError
from guard.journal import Entry, Journal
from guard.journal.filters import Filters
from guard.journal.reader import JournalReader
from guard.journal.records import Gap, LabelName
from guard.verdict import Action, Finding, Kind, Mode

Open = Callable[..., Journal]
Make = Callable[..., Entry]

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def filled(open_journal: Open, url: str) -> Callable[..., JournalReader]:
    """A reader of a journal that holds these entries."""

    def fill(*entries: Entry, **options: Any) -> JournalReader:
        journal = open_journal(**options)
        for entry in entries:
            assert journal.append(entry)
        assert journal.close() == 0
        return JournalReader(url, clock=lambda: 42.0)

    return fill


Filled = Callable[..., JournalReader]


def test_entry_comes_back_as_it_was(filled: Filled, make_entry: Make) -> None:
    findings = (
        Finding(rule_id="G205", action=Action.REJECT, kind=Kind.CONTRACT, message="too \ud800 large", instance=1,
                feature="mean\0area", where="inputs[0]", status=422),
        Finding(rule_id="G302", action=Action.ALLOW, kind=Kind.TRAFFIC, message=""),
    )  # fmt: skip
    entry = make_entry(
        "an-id", action=Action.REJECT, mode=Mode.ENFORCE, status=422, findings=findings, n_instances=2,
        scores=[0.5, INF], p_values=[NAN, 0.25], features=[[NAN, INF], [-0.0, 5e-324]],
        texts={"mean area": ["\x9b\u202e", None]}, body=b'{"a": 1180591620717411303424, "b": "\\ud800\0"}\xff',
        request_id="\x1b[2J", traceparent="00-ab", path="/a\\b", client="ü", content_type=None,
    )  # fmt: skip

    got = filled(entry, body="full").entry("an-id")

    assert got.findings == findings
    assert got.digests == entry.verdict.digests
    assert entry.features is not None
    assert got.features is not None
    assert got.features.tobytes() == entry.features.tobytes()
    assert got.features.shape == (2, 2)
    assert got.scores is not None
    assert got.scores.tolist() == [0.5, INF]
    np.testing.assert_array_equal(got.p_values, [NAN, 0.25])
    assert (got.texts, got.body, got.body_kept) == (entry.texts, entry.body, "full")
    row = got.row
    assert (row.action, row.mode, row.rejected, row.status) == (Action.REJECT, Mode.ENFORCE, True, 422)
    assert (row.min_p_value, row.max_score, row.n_instances, row.n_findings) == (0.25, INF, 2, 2)
    assert (row.request_id, row.traceparent, row.route, row.client) == ("\x1b[2J", "00-ab", "/a\\b", "ü")
    assert (row.method, row.model, row.protocol, row.reason) == ("POST", "tumours", "v2", "flagged")
    assert (row.rules, row.labels, row.sequence, got.content_type) == (("G205", "G302"), (), 1, None)


def test_headers_come_back_as_they_were(filled: Filled, make_entry: Make) -> None:
    headers = (("content-type", 'a/b;c="\\\x00\xff"'), ("content-encoding", "gzip"))

    assert filled(make_entry("an-id", headers=headers)).entry("an-id").headers == dict(headers)


def test_entry_of_a_journal_without_headers_has_its_content_type(filled: Filled, make_entry: Make, path: Path) -> None:
    reader = filled(make_entry("typed"), make_entry("untyped", content_type=None))
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE entries DROP COLUMN headers")
        connection.execute("DELETE FROM schema_version WHERE version > 1")
    connection.close()

    assert reader.entry("typed").headers == {"content-type": "application/json"}
    assert reader.entry("untyped").headers == {}
    assert [entry.headers for entry in reader.details()] == [{}, {"content-type": "application/json"}]


def test_old_journal_is_written_on_with_headers(
    filled: Filled, open_journal: Open, make_entry: Make, path: Path, url: str
) -> None:
    reader = filled(make_entry("old"))
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE entries DROP COLUMN headers")
        connection.execute("DELETE FROM schema_version WHERE version > 1")
    connection.close()

    journal = open_journal()
    assert journal.append(make_entry("new", headers=(("content-encoding", "gzip"),)))
    assert journal.close() == 0

    for reading in (reader, JournalReader(url)):
        assert reading.entry("new").headers == {"content-encoding": "gzip"}
        assert reading.entry("old").headers == {"content-type": "application/json"}
        assert reading.entry("new").content_type == "application/json"


def test_artifact_comes_back_by_its_digest(open_journal: Open, make_entry: Make, url: str) -> None:
    journal = open_journal()
    journal.add_artifact("detector", "d" * 64, b"\0\xff")
    assert journal.append(make_entry())
    assert journal.close() == 0

    reader = JournalReader(url)

    assert reader.artifact("d" * 64) == b"\0\xff"
    assert reader.artifact("e" * 64) is None


def test_unreadable_request_comes_back(filled: Filled, make_entry: Make) -> None:
    entry = make_entry(
        "an-id", features=None, feature_names=None, scores=None, p_values=None, n_instances=0, model=None,
        protocol=None, client=None,
    )  # fmt: skip

    got = filled(entry).entry("an-id")

    assert (got.features, got.scores, got.p_values, got.feature_names, got.body) == (None, None, None, (), None)
    assert (got.row.model, got.row.min_p_value) == (None, None)


def test_pages_go_from_newest_to_oldest_without_repeating(filled: Filled, make_entry: Make) -> None:
    reader = filled(*(make_entry(f"event-{i}", time_s=float(i // 2)) for i in range(7)))

    pages = []
    after = None
    while page := reader.entries(limit=3, after=after):
        pages.append([row.event_id[-1] for row in page])
        after = page[-1].cursor

    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]


@pytest.mark.parametrize("limit", [None, 1, 200, 205, 1000])
def test_details_are_read_over_several_pages(filled: Filled, make_entry: Make, limit: int | None) -> None:
    reader = filled(*(make_entry(f"event-{i:03}", time_s=float(i)) for i in range(405)))

    got = [entry.row.event_id for entry in reader.details(limit=limit)]

    assert got == [f"event-{i:03}" for i in reversed(range(405))][:limit]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), "abcd"),
        (Filters(action=Action.ALLOW), "d"),
        (Filters(action=Action.REJECT), "b"),
        (Filters(rule="G205"), "b"),
        (Filters(rule="G999"), ""),
        (Filters(model="other"), "c"),
        (Filters(client="c\0\ud800\\"), "c"),
        (Filters(route="/other"), "b"),
        (Filters(since_s=2.0), "bcd"),
        (Filters(until_s=2.0), "a"),
        (Filters(since_s=2.0, until_s=3.0), "b"),
        (Filters(label="benign"), "a"),
        (Filters(label="attack"), ""),
        (Filters(unlabelled=True), "bcd"),
        (Filters(min_score=0.8), "bc"),
        (Filters(max_score=0.8), "ab"),
        (Filters(min_p_value=0.001), "ab"),
        (Filters(max_p_value=0.001), "bc"),
        (Filters(model="tumours", min_score=0.8), "b"),
    ],
)
def test_filters_table(filled: Filled, make_entry: Make, filters: Filters, expected: str) -> None:
    broken = Finding(rule_id="G205", action=Action.REJECT, kind=Kind.CONTRACT, message="")
    reader = filled(
        make_entry("aaaa", time_s=1.0, scores=[0.7], p_values=[0.01]),
        make_entry("bbbb", time_s=2.0, scores=[0.8], p_values=[0.001], action=Action.REJECT, findings=(broken,),
                   path="/other"),
        make_entry("cccc", time_s=3.0, scores=[0.9], p_values=[0.0001], model="other", client="c\0\ud800\\"),
        make_entry("dddd", time_s=4.0, scores=None, p_values=None, action=Action.ALLOW, findings=(), reason="sampled"),
    )  # fmt: skip
    reader.label(["aaaa"], LabelName.ATTACK, reviewer="ann")
    reader.label(["aaaa"], LabelName.BENIGN, reviewer="bob")

    found = "".join(sorted(row.event_id[0] for row in reader.entries(filters)))

    assert found == expected
    assert sum(reader.counts(filters).values()) == len(expected)


@pytest.mark.parametrize("given", ["0190aa-1111", "0190aa", "1111"])
def test_entry_is_found_by_a_unique_beginning_or_end(filled: Filled, make_entry: Make, given: str) -> None:
    reader = filled(make_entry("0190aa-1111"), make_entry("0190bb-2222"))

    assert reader.entry(given).row.event_id == "0190aa-1111"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0190", "several events"),
        ("nope", "no event 'nope'"),
        ("", "no event"),
        ("____", "no event"),
        ("%", "no event"),
        ("11", "no event"),
    ],
)
def test_entry_that_isnt_meant_clearly_is_refused(filled: Filled, make_entry: Make, given: str, message: str) -> None:
    reader = filled(make_entry("0190aa-1111"), make_entry("0190bb-2222"))

    with pytest.raises(JournalError, match=message):
        reader.entry(given)


def test_labels_are_added_to_and_the_newest_counts(filled: Filled, make_entry: Make) -> None:
    reader = filled(make_entry("one-entry"), make_entry("two-entry"))

    labelled = reader.label(["one-entry", "two-", "one-"], LabelName.ATTACK, reviewer="ann")
    reader.label(["one-entry"], LabelName.DATA_BUG, reviewer="bob", reason="unit \ud800 mix-up")

    assert labelled == ["one-entry", "two-entry"]
    row = reader.entry("one-entry").row
    assert row.label == "data_bug"
    assert [tuple(label) for label in row.labels] == [
        ("attack", "ann", None, 42.0),
        ("data_bug", "bob", "unit \ud800 mix-up", 42.0),
    ]


def test_labels_go_to_all_or_to_none(filled: Filled, make_entry: Make) -> None:
    reader = filled(make_entry("one-entry"))

    with pytest.raises(JournalError, match="no event 'nope'"):
        reader.label(["one-entry", "nope"], LabelName.ATTACK, reviewer="ann")

    assert reader.entry("one-entry").row.labels == ()


def test_gaps_are_told_by_writer(filled: Filled, make_entry: Make, path: Path) -> None:
    reader = filled(*(make_entry() for _ in range(6)))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM findings")
        connection.execute("DELETE FROM entries WHERE sequence IN (1, 2, 5)")
    connection.close()

    gaps = reader.gaps()

    writer = reader.entries()[0].writer
    assert gaps == [Gap(writer, 1, 2), Gap(writer, 5, 5)]


def test_journal_that_isnt_there_is_not_made(path: Path, url: str) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        JournalReader(url)

    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"not a database, but longer than the header of one: " * 20])
def test_file_that_is_no_journal_is_refused(path: Path, url: str, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(JournalError, match=r"no journal of guard|not a database"):
        JournalReader(url)


def test_newer_journal_is_refused(path: Path, url: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER, applied_s DOUBLE)")
        connection.execute("INSERT INTO schema_version VALUES (99, 0)")
    connection.close()

    with pytest.raises(JournalError, match="schema version 99"):
        JournalReader(url)
