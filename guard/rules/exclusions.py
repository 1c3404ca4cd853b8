"""Rules that the operator switched off: GUARD_DISABLED_RULES."""

from __future__ import annotations

import datetime as dt
import difflib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from guard.errors import ConfigError
from guard.rules.catalogue import BY_ID

__all__ = ["NONE_DISABLED", "DisabledRules"]

logger = logging.getLogger("guard")

# ID, perhaps :"feature", perhaps the last day on which it counts, and why
ENTRY = re.compile(
    r'(?P<id>\w+)(?::"(?P<feature>[^"]+)")?(?:\s+until\s+(?P<until>\S+))?(?:\s+(?P<reason>\S.*))?', re.DOTALL
)


class _Entry(NamedTuple):
    rule_id: str
    feature: str | None
    until: dt.date | None


@dataclass(frozen=True, slots=True)
class DisabledRules:
    """Which rules don't count, wholly or for some features."""

    wholly: frozenset[str] = frozenset()
    by_feature: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, entries: Iterable[str], *, today: dt.date) -> Self:
        """Read entries `ID[:"feature"] [until YYYY-MM-DD] reason`; for G209 the feature is the relation's text.

        An entry counts through the day that it names; after it the rule applies again, with a warning at start. Raises
        ConfigError, which lists every bad entry.
        """
        faults: list[str] = []
        found = [entry for text in entries if (entry := _parse(text, faults))]
        if faults:
            raise ConfigError(faults)
        in_force = [entry for entry in found if not _has_expired(entry, today)]
        by_feature: dict[str, frozenset[str]] = {}
        for entry in in_force:
            if entry.feature is not None:
                by_feature[entry.rule_id] = by_feature.get(entry.rule_id, frozenset()) | {entry.feature}
        return cls(frozenset(entry.rule_id for entry in in_force if entry.feature is None), by_feature)

    def covers(self, rule_id: str, feature: str | None) -> bool:
        """Whether the rule is switched off for this feature, or wholly."""
        return rule_id in self.wholly or (feature is not None and feature in self.by_feature.get(rule_id, ()))


NONE_DISABLED = DisabledRules()


def _parse(text: str, faults: list[str]) -> _Entry | None:
    match = ENTRY.fullmatch(text.strip())
    problem = 'expected ID[:"feature"] [until YYYY-MM-DD] reason' if match is None else _problem(match)
    if match is None or problem:
        faults.append(f"GUARD_DISABLED_RULES has {text!r}; {problem}")
        return None
    until = match["until"]
    return _Entry(match["id"], match["feature"], dt.date.fromisoformat(until) if until else None)


def _problem(match: re.Match[str]) -> str | None:
    rule = BY_ID.get(match["id"])
    if rule is None:
        near = difflib.get_close_matches(match["id"], BY_ID, n=3)
        return f"{match['id']} is not a rule" + (f"; did you mean {' or '.join(near)}?" if near else "")
    if rule.is_fixed:
        return f"{rule.id} ({rule.title}) can't be switched off; limits have settings, and unread bodies aren't let in"
    if match["until"] and not _is_date(match["until"]):
        return f"{match['until']!r} is not a date; expected YYYY-MM-DD"
    if not match["reason"]:
        return "the reason is missing; whoever reads this later needs it"
    return None


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("YYYY-MM-DD")


def _has_expired(entry: _Entry, today: dt.date) -> bool:
    if entry.until is None or today <= entry.until:
        return False
    logger.warning(
        "GUARD_DISABLED_RULES: the exclusion of %s ended on %s; the rule applies again", entry.rule_id, entry.until
    )
    return True
