"""Who decides: a pure truth table from findings and settings to an action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guard.settings import GuardSettings
from guard.verdict import Action, Finding, Kind

__all__ = ["Decision", "decide"]


class Decision(NamedTuple):
    """The action, and the HTTP status that a rejection has (None unless it is one)."""

    action: Action
    status: int | None


_ALLOWED = Decision(Action.ALLOW, None)


def decide(findings: Sequence[Finding], settings: GuardSettings) -> Decision:
    """The highest action that a finding asks for; nothing is added up.

    The first finding that asks for a rejection gives its status. The mode plays no part: in `monitor`
    the decision says what `enforce` would have done.
    """
    if not findings:
        return _ALLOWED
    deciding = max(findings, key=lambda finding: _asked(finding, settings))
    action = _asked(deciding, settings)
    if action is not Action.REJECT:
        return Decision(action, None)
    return Decision(action, deciding.status or settings.reject_status)


def _asked(finding: Finding, settings: GuardSettings) -> Action:
    if finding.kind is Kind.ERROR and settings.on_error == "allow":
        return Action.FLAG
    return finding.action
