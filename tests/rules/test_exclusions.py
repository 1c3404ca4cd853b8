"""GUARD_DISABLED_RULES."""

import datetime as dt
import logging

import pytest

from guard.errors import ConfigError
from guard.rules import DisabledRules

TODAY = dt.date(2026, 7, 1)


def test_nothing_disabled() -> None:
    disabled = DisabledRules.parse((), today=TODAY)

    assert disabled == DisabledRules()
    assert not disabled.covers("G205", None)
    assert not disabled.covers("G205", "a")


def test_rule_disabled_wholly() -> None:
    disabled = DisabledRules.parse(["G302 clients pad their batches"], today=TODAY)

    assert disabled.covers("G302", None)
    assert disabled.covers("G302", "a")
    assert not disabled.covers("G301", None)


def test_rule_disabled_for_features() -> None:
    entries = ['G205:"mean radius" sensor 3 is off', 'G205:"b" until 2026-07-01 recalibration', 'G209:"a <= b" units']

    disabled = DisabledRules.parse(entries, today=TODAY)

    assert disabled.covers("G205", "mean radius")
    assert disabled.covers("G205", "b")
    assert disabled.covers("G209", "a <= b")
    assert not disabled.covers("G205", None)
    assert not disabled.covers("G205", "c")
    assert not disabled.covers("G206", "b")


def test_expired_exclusion_applies_again_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="guard"):
        disabled = DisabledRules.parse(['G205:"b" until 2026-06-30 recalibration'], today=TODAY)

    assert not disabled.covers("G205", "b")
    assert [(record.name, record.levelname) for record in caplog.records] == [("guard", "WARNING")]
    assert "G205 ended on 2026-06-30" in caplog.text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("G999 because", "G999 is not a rule"),
        ("G20 because", "G20 is not a rule; did you mean"),
        ("G205", "the reason is missing"),
        ('G205:"a"', "the reason is missing"),
        ('G205:"a" until 2027-01-01', "the reason is missing"),
        ("G205 until soon because", "'soon' is not a date"),
        ("G205 until 20270101 because", "'20270101' is not a date"),
        ("G205 until 2027-02-30 because", "'2027-02-30' is not a date"),
        ("G205:a because", "expected ID"),
        ('G205:"a"because', "expected ID"),
        ('G205:"" because', "expected ID"),
        ("G101 because", "can't be switched off"),
        ("G111 because", "can't be switched off"),
        ("G901 because", "can't be switched off"),
    ],
)
def test_exclusion_faulty(entry: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DisabledRules.parse([entry], today=TODAY)

    assert len(caught.value.faults) == 1
    assert message in caught.value.faults[0]


def test_exclusions_faults_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        DisabledRules.parse(["G999 x", "G205", "G302 fine", "G901 x"], today=TODAY)

    assert len(caught.value.faults) == 3
