"""Entries as JSON and as rows of CSV.

JSON has no NaN and no infinities: NaN is null, an infinity the text `Infinity` or `-Infinity`. A kept body
is base64. Whatever isn't printable ASCII is escaped, so that a file may be looked at in a terminal.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.journal.log import iso_time
from guard.journal.records import EntryDetail, EntryRow, LabelRow
from guard.verdict import Finding

__all__ = ["CSV_COLUMNS", "csv_row", "entry_object", "row_object", "to_json"]

CSV_COLUMNS = (
    "event_id", "time", "action", "mode", "rejected", "status", "reason", "client", "route", "method", "model",
    "protocol", "request_id", "traceparent", "n_instances", "n_findings", "min_p_value", "max_score", "rules",
    "label", "findings", "digests", "scores", "p_values", "feature_names", "features", "texts", "labels", "body_base64",
    "content_type", "headers", "body_kept",
)  # fmt: skip

_LISTED = (
    "mode", "rejected", "status", "reason", "client", "route", "method", "model", "protocol", "request_id",
    "traceparent", "n_instances", "n_findings", "min_p_value", "max_score",
)  # fmt: skip

# A spreadsheet runs a cell that begins so as a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row_object(row: EntryRow) -> dict[str, Any]:
    """An entry of the list, ready for JSON."""
    return {
        "event_id": row.event_id,
        "time": iso_time(row.time_s),
        "action": row.action.label,
        **{name: _number(getattr(row, name)) for name in _LISTED},
        "rules": list(row.rules),
        "label": row.label,
    }


def entry_object(entry: EntryDetail) -> dict[str, Any]:
    """An entry with everything that is kept of it, ready for JSON."""
    return {
        **row_object(entry.row),
        "findings": [_finding(finding) for finding in entry.findings],
        "digests": asdict(entry.digests),
        "scores": _numbers(entry.scores),
        "p_values": _numbers(entry.p_values),
        "feature_names": list(entry.feature_names),
        "features": None if entry.features is None else [_numbers(row) for row in entry.features],
        "texts": dict(entry.texts),
        "labels": [_label(label) for label in entry.row.labels],
        "content_type": entry.content_type,
        "headers": dict(entry.headers),
        "body_kept": entry.body_kept,
        "body_base64": None if entry.body is None else base64.b64encode(entry.body).decode(),
    }


def to_json(value: dict[str, Any]) -> str:
    """One line of ASCII."""
    # JSON leaves DEL as it is; it can stand only within a string.
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")


def csv_row(entry: EntryDetail) -> list[str]:
    """The cells of CSV_COLUMNS; lists and objects as JSON, text as JSON writes it without the quotes."""
    values = entry_object(entry)
    return [_cell(values[name]) for name in CSV_COLUMNS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")
    text = json.dumps(value)[1:-1].replace('\\"', '"').replace("\x7f", "\\u007f")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _finding(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "action": finding.action.label, "kind": str(finding.kind)}


def _label(label: LabelRow) -> dict[str, Any]:
    return {"label": label.label, "reviewer": label.reviewer, "reason": label.reason, "time": iso_time(label.time_s)}


def _numbers(values: npt.NDArray[np.float64] | None) -> list[Any] | None:
    return None if values is None else [_number(value) for value in values.tolist()]


def _number(value: Any) -> Any:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    if math.isnan(value):
        return None
    return "Infinity" if value > 0 else "-Infinity"
