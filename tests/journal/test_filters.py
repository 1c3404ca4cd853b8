from __future__ import annotations

import pytest

from guard.journal.filters import parse_time

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("30s", NOW_S - 30),
        ("5m", NOW_S - 300),
        ("2h", NOW_S - 7200),
        ("7d", NOW_S - 604_800),
        ("4w", NOW_S - 4 * 604_800),
        ("2027-01-15", 1_799_971_200.0),
        ("2027-01-15T08:00:00", NOW_S),
        ("2027-01-15T08:00:00Z", NOW_S),
        ("2027-01-15T10:00:00+02:00", NOW_S),
    ],
)
def test_time_as_people_write_it(text: str, time_s: float) -> None:
    assert parse_time(text, now_s=NOW_S) == time_s


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2h ago", "yesterday", "2027-13-01", "٢h "])
def test_time_that_cant_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="expected ISO 8601"):
        parse_time(text, now_s=NOW_S)
