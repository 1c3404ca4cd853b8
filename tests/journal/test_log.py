from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from guard.journal import Entry
from guard.journal.log import iso_time, log_entry
from guard.verdict import Action, Finding, Kind, Mode

LOGGER = logging.getLogger("guard.test_log")


def logged(entry: Entry, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    caplog.clear()
    with caplog.at_level(logging.INFO, logger=LOGGER.name):
        log_entry(LOGGER, entry)
    (record,) = caplog.records
    return record


def test_line_tells_what_was_decided(make_entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture) -> None:
    entry = make_entry("an-id", p_values=[0.5, 0.004], n_instances=2, body=b"body", time_s=1_800_000_000.25)

    line = json.loads(logged(entry, caplog).getMessage())

    assert line == {
        "time": "2027-01-15T08:00:00.250000Z",
        "event_id": "an-id",
        "action": "flag",
        "mode": "monitor",
        "rejected": False,
        "status": None,
        "model": "tumours",
        "route": "/v2/models/tumours/infer",
        "client": "client-1",
        "rules": ["G501"],
        "min_p_value": 0.004,
        "digests": {"detector": "d" * 12, "contract": None, "rules": "a" * 12, "settings": "5" * 12, "code": "c" * 12},
    }


@pytest.mark.parametrize(
    ("mode", "action", "level"),
    [
        (Mode.MONITOR, Action.FLAG, logging.INFO),
        (Mode.MONITOR, Action.REJECT, logging.INFO),
        (Mode.ENFORCE, Action.FLAG, logging.INFO),
        (Mode.ENFORCE, Action.REJECT, logging.WARNING),
    ],
)
def test_level_is_warning_where_guard_refused(
    make_entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture, mode: Mode, action: Action, level: int
) -> None:
    assert logged(make_entry(mode=mode, action=action, status=422), caplog).levelno == level


def test_sampled_entry_isnt_logged(make_entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=LOGGER.name):
        log_entry(LOGGER, make_entry(reason="sampled"))

    assert not caplog.records


@pytest.mark.parametrize("text", ["a\n{}", "\x1b[2J", "\x7f\x9b", "\u202e", "\ud800", "%s %(x)d {0}", '"}', "\u2028"])
def test_text_of_a_client_stays_within_its_string(
    make_entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture, text: str
) -> None:
    record = logged(make_entry(path=text, model=text), caplog)

    message = record.getMessage()
    assert all(" " <= char <= "~" for char in message)
    assert json.loads(message)["route"] == text
    assert record.msg == "%s"


def test_rule_is_named_once(make_entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture) -> None:
    found = [Finding(rule_id=r, action=Action.FLAG, kind=Kind.CONTRACT, message="") for r in ("G205", "G201", "G205")]

    line = json.loads(logged(make_entry(findings=tuple(found)), caplog).getMessage())

    assert line["rules"] == ["G205", "G201"]


def test_score_that_isnt_a_number_is_null(make_entry: Callable[..., Entry], caplog: pytest.LogCaptureFixture) -> None:
    line = json.loads(logged(make_entry(p_values=[float("nan")]), caplog).getMessage())

    assert line["min_p_value"] is None


def test_iso_time_ends_in_z() -> None:
    assert iso_time(0.0) == "1970-01-01T00:00:00.000000Z"
