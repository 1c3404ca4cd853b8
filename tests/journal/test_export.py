from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from guard.journal import Entry, Journal
from guard.journal.export import CSV_COLUMNS, csv_row, entry_object, to_json
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail, LabelName

NAN, INF = float("nan"), float("inf")

Stored = Callable[..., EntryDetail]


@pytest.fixture
def stored(open_journal: Callable[..., Journal], make_entry: Callable[..., Entry], url: str) -> Stored:
    """An entry, written and read again."""

    def store(**changes: object) -> EntryDetail:
        journal = open_journal(body="full")
        journal.append(make_entry("an-id", **changes))
        assert journal.close() == 0
        reader = JournalReader(url, clock=lambda: 0.0)
        reader.label(["an-id"], LabelName.BENIGN, reviewer="ann", reason="seen before")
        return reader.entry("an-id")

    return store


def test_object_has_what_is_promised(stored: Stored) -> None:
    got = entry_object(stored(body=b"\xff\0"))

    assert {"event_id", "time", "action", "client", "route", "findings", "digests"} <= set(got)
    assert got["findings"] == [
        {
            "rule_id": "G501",
            "action": "flag",
            "kind": "evidence",
            "message": "p-value 0.004",
            "instance": 0,
            "feature": "mean radius",
            "where": None,
            "status": None,
        }
    ]
    assert got["digests"]["detector"] == "d" * 64
    assert got["features"] == [[14.5, 600.0]]
    assert got["labels"] == [
        {"label": "benign", "reviewer": "ann", "reason": "seen before", "time": "1970-01-01T00:00:00.000000Z"}
    ]
    assert base64.b64decode(got["body_base64"]) == b"\xff\0"


def test_what_json_has_no_number_for(stored: Stored) -> None:
    entry = stored(features=[[NAN, INF], [-INF, 1.0]], scores=[INF, NAN], p_values=[NAN, 0.5], n_instances=2)

    got = json.loads(to_json(entry_object(entry)))

    assert got["features"] == [[None, "Infinity"], ["-Infinity", 1.0]]
    assert got["scores"] == ["Infinity", None]
    assert got["p_values"] == [None, 0.5]
    assert got["max_score"] == "Infinity"


def test_line_is_printable_ascii_and_says_the_same(stored: Stored) -> None:
    hostile = "\x1b]0;x\x07\x7f\x9b\u202e\u2028\ud800\0"
    entry = stored(client=hostile, path=hostile, texts={"mean area": [hostile]})

    line = to_json(entry_object(entry))

    assert all(" " <= char <= "~" for char in line)
    got = json.loads(line)
    assert (got["client"], got["route"], got["texts"]) == (hostile, hostile, {"mean area": [hostile]})


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("plain", "plain"),
        ("\x1b[2J\x7f", "\\u001b[2J\\u007f"),
        ('a "b"', 'a "b"'),
    ],
)
def test_cell_is_no_formula_and_no_control(stored: Stored, client: str, shown: str) -> None:
    cells = dict(zip(CSV_COLUMNS, csv_row(stored(client=client)), strict=True))

    assert cells["client"] == shown


def test_cells_of_lists_are_json(stored: Stored) -> None:
    cells = dict(zip(CSV_COLUMNS, csv_row(stored(body=None)), strict=True))

    assert json.loads(cells["features"]) == [[14.5, 600.0]]
    assert json.loads(cells["rules"]) == ["G501"]
    assert (cells["event_id"], cells["label"], cells["body_base64"]) == ("an-id", "benign", "")
