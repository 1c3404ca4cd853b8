"""Which entries a reader asks for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from guard.journal.schema import entries, findings, labels
from guard.verdict import Action

__all__ = ["Filters", "conditions", "parse_time"]

Condition = sa.ColumnElement[bool]

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All that is given must hold. Times count from the epoch; `since_s` is included, `until_s` is not.

    Scores are an entry's highest, p-values its lowest, and bounds are included. `label` is the entry's newest.
    """

    action: Action | None = None
    rule: str | None = None
    model: str | None = None
    client: str | None = None
    route: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    label: str | None = None
    unlabelled: bool = False
    min_score: float | None = None
    max_score: float | None = None
    min_p_value: float | None = None
    max_p_value: float | None = None


def parse_time(text: str, *, now_s: float) -> float:
    """The time of ISO 8601 text, UTC where it names no zone, or of `2h` and the like: so long before now.

    Raises ValueError.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return now_s - int(ago[1]) * _SECONDS[ago[2]]
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; expected ISO 8601, or 30m, 2h, 7d, 4w ago") from None
    return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()


def conditions(filters: Filters) -> list[Condition]:
    """The filters as SQL conditions on the table of entries."""
    given = {field.name: getattr(filters, field.name) for field in fields(filters)}
    return [_CONDITIONS[name](value) for name, value in given.items() if value is not None and value is not False]


def _has_rule(rule: str) -> Condition:
    return entries.c.id.in_(sa.select(findings.c.entry_id).where(findings.c.rule_id == rule))


def _newest_label_is(label: str) -> Condition:
    newest = sa.select(labels.c.label).where(labels.c.entry_id == entries.c.id).order_by(labels.c.id.desc()).limit(1)
    return newest.scalar_subquery() == str(label)


def _has_no_label(_: bool) -> Condition:  # noqa: FBT001 - the value of a filter, as the others take
    return ~sa.exists().where(labels.c.entry_id == entries.c.id)


_CONDITIONS: dict[str, Callable[[Any], Condition]] = {
    "action": lambda action: entries.c.action == action.label,
    "rule": _has_rule,
    "model": lambda model: entries.c.model == model,
    "client": lambda client: entries.c.client == client,
    "route": lambda route: entries.c.route == route,
    "since_s": lambda time_s: entries.c.time_s >= time_s,
    "until_s": lambda time_s: entries.c.time_s < time_s,
    "label": _newest_label_is,
    "unlabelled": _has_no_label,
    "min_score": lambda score: entries.c.max_score >= score,
    "max_score": lambda score: entries.c.max_score <= score,
    "min_p_value": lambda p_value: entries.c.min_p_value >= p_value,
    "max_p_value": lambda p_value: entries.c.min_p_value <= p_value,
}
