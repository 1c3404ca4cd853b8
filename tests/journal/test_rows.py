from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from guard.journal import Entry
from guard.journal.backlog import Numbered
from guard.journal.rows import MAX_FINDINGS, BodyKept, entry_rows, extreme, header_values, text_columns
from guard.journal.schema import entries, findings
from guard.journal.text import unescape
from guard.verdict import Action, Finding, Kind

NAN = float("nan")


def as_row(entry: Entry, body: BodyKept = "features") -> dict[str, Any]:
    rows = entry_rows(Numbered(7, entry), writer="w", body=body)
    return dict(zip(list(entries.c.keys())[1:], rows.entry, strict=True))


def test_every_column_has_a_value(make_entry: Callable[..., Entry]) -> None:
    rows = entry_rows(Numbered(7, make_entry()), writer="w", body="full")

    assert len(rows.entry) == len(entries.c) - 1
    assert {len(row) for row in rows.findings} == {len(findings.c) - 1}


@pytest.mark.parametrize(
    ("setting", "kept", "has_features", "has_body"),
    [("none", "none", False, False), ("features", "features", True, False), ("full", "full", True, True)],
)
def test_body_setting_decides_what_is_kept(
    make_entry: Callable[..., Entry], setting: BodyKept, kept: str, has_features: bool, has_body: bool
) -> None:
    row = as_row(make_entry(body=b"{}", texts={"a": ["x"]}), setting)

    assert row["body_kept"] == kept
    assert (row["features"] is not None, row["texts"] is not None) == (has_features, has_features)
    assert (row["body"] is not None) == has_body


def test_unreadable_request_keeps_its_body_alone(make_entry: Callable[..., Entry]) -> None:
    entry = make_entry(body=b"\xff{", features=None, feature_names=None, scores=None, p_values=None, n_instances=0)

    row = as_row(entry, "full")

    assert (row["body"], row["body_kept"], row["features"], row["min_p_value"]) == (b"\xff{", "full", None, None)
    assert as_row(entry, "features")["body_kept"] == "none"


@pytest.mark.parametrize(
    ("values", "smallest", "largest"),
    [([0.3, 0.1, 0.2], 0.1, 0.3), ([NAN, 0.5], 0.5, 0.5), ([NAN], None, None), ([], None, None)],
)
def test_extreme_passes_over_nan(values: list[float], smallest: float | None, largest: float | None) -> None:
    array = np.array(values)

    assert (extreme(np.fmin, array), extreme(np.fmax, array)) == (smallest, largest)


def test_findings_over_the_bound_keep_what_asks_for_most(make_entry: Callable[..., Entry]) -> None:
    mild = Finding(rule_id="G302", action=Action.ALLOW, kind=Kind.TRAFFIC, message="")
    severe = Finding(rule_id="G201", action=Action.REJECT, kind=Kind.CONTRACT, message="")
    entry = make_entry(findings=(*[mild] * MAX_FINDINGS, severe))

    rows = entry_rows(Numbered(1, entry), writer="w", body="none")

    assert len(rows.findings) == MAX_FINDINGS
    assert rows.findings[0][1] == "G201"
    assert as_row(entry)["n_findings"] == MAX_FINDINGS + 1


def test_texts_come_back_as_they_were(make_entry: Callable[..., Entry]) -> None:
    texts: dict[str, list[str | None]] = {"ci\0ty": ["\ud83d\ude00", "😀", None, "\\ud800", "\x9b"]}

    stored = as_row(make_entry(texts=texts))["texts"]

    assert stored.isascii()
    assert text_columns(stored) == texts


@pytest.mark.parametrize(
    "headers",
    [(), (("content-encoding", "gzip"),), (("content-type", 'a"\\\0\x9bÿ'), ("inference-header-content-length", "9"))],
)
def test_headers_come_back_as_they_were(make_entry: Callable[..., Entry], headers: Any) -> None:
    stored = as_row(make_entry(headers=headers))["headers"]

    assert stored is None or stored.isascii()
    assert header_values(stored and unescape(stored)) == dict(headers)


def test_features_of_another_order_in_memory_are_stored_by_row(make_entry: Callable[..., Entry]) -> None:
    matrix = np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])
    entry = make_entry(features=matrix)

    assert np.frombuffer(as_row(entry)["features"], "<f8").tolist() == [1.0, 2.0, 3.0, 4.0]
