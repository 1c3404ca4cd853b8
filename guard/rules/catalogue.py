"""All rules, in the order of their ids."""

from __future__ import annotations

import hashlib
import json

from guard.rules.contract import CONTRACT_RULES
from guard.rules.evidence import EVIDENCE_RULES
from guard.rules.internal import INTERNAL_RULES
from guard.rules.protocol import PROTOCOL_RULES
from guard.rules.quality import QUALITY_RULES
from guard.rules.rule import Rule

__all__ = ["BY_ID", "RULES", "rules_digest"]

RULES: tuple[Rule, ...] = PROTOCOL_RULES + CONTRACT_RULES + QUALITY_RULES + EVIDENCE_RULES + INTERNAL_RULES

BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}


def rules_digest() -> str:
    """SHA-256, in hexadecimal, of the ids, kinds, actions, statuses and messages of all rules."""
    lines = [[rule.id, rule.kind, rule.action.label, rule.status, rule.message] for rule in RULES]
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()
