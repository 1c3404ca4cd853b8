"""Rules: what is checked, as reviewed data. Rules find; the policy decides."""

from guard.rules.catalogue import BY_ID, RULES, rules_digest
from guard.rules.evaluation import MOST_FINDINGS, evaluate, is_clean_row, to_finding, to_findings
from guard.rules.evidence import MINED_RELATION
from guard.rules.exclusions import NONE_DISABLED, DisabledRules
from guard.rules.rule import Broken, Rule

__all__ = [
    "BY_ID",
    "MINED_RELATION",
    "MOST_FINDINGS",
    "NONE_DISABLED",
    "RULES",
    "Broken",
    "DisabledRules",
    "Rule",
    "evaluate",
    "is_clean_row",
    "rules_digest",
    "to_finding",
    "to_findings",
]
