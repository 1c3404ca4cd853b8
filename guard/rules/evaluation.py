"""From faults and tables to findings.

A clean table, which nearly every one is, costs one combined check per family; the rules are gone through one by one
only where that doesn't hold.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from guard.contract.compiled import Compiled
from guard.features import Table
from guard.inference import Fault
from guard.rules.catalogue import BY_ID
from guard.rules.contract import CONTRACT_RULES, contract_holds, row_holds
from guard.rules.exclusions import NONE_DISABLED, DisabledRules
from guard.rules.quality import QUALITY_RULES, is_unremarkable
from guard.rules.rule import Broken, Rule
from guard.verdict import Action, Finding

__all__ = ["MOST_FINDINGS", "evaluate", "is_clean_row", "to_finding", "to_findings"]

# Of one rule in one request. A hostile batch breaks a rule in every cell; the journal needs a few, and the count.
MOST_FINDINGS = 20


def is_clean_row(row: npt.NDArray[np.float32], compiled: Compiled) -> bool:
    """Whether `evaluate` would find nothing in one row [1, d] of finite numbers; False also where only it can tell."""
    if not compiled.is_simple or row.shape[1] != len(compiled.bounds):
        return False
    first, last = compiled.ends
    if first != last and row.item(first) == row.item(last):
        return False
    return compiled.is_free or row_holds(row.tolist()[0], compiled)


def evaluate(table: Table, *, disabled: DisabledRules = NONE_DISABLED) -> list[Finding]:
    """Check a table against its contract, and for quality.

    At most MOST_FINDINGS of a rule, in the order of instances, and one more that counts the rest. The faults that
    reading left in the table aren't among them: `to_findings` is for those.
    """
    findings: list[Finding] = []
    if not contract_holds(table):
        findings += _check(CONTRACT_RULES, table, disabled)
    # What couldn't be read is empty: rows would be the same, or incomplete, for no other reason.
    if table.unreadable is None and not is_unremarkable(table):
        findings += _check(QUALITY_RULES, table, disabled)
    return findings


def to_findings(faults: Iterable[Fault], *, disabled: DisabledRules = NONE_DISABLED) -> list[Finding]:
    """Turn faults into findings, less those that are switched off.

    At most MOST_FINDINGS of a rule, and one more that counts the rest.
    """
    findings: list[Finding] = []
    counts: dict[str, int] = {}
    for fault in faults:
        if disabled.covers(fault.rule, fault.feature):
            continue
        counts[fault.rule] = count = counts.get(fault.rule, 0) + 1
        if count <= MOST_FINDINGS:
            findings.append(to_finding(fault))
    return findings + [_rest(BY_ID[rule], count) for rule, count in counts.items() if count > MOST_FINDINGS]


def to_finding(fault: Fault, *, action: Action | None = None) -> Finding:
    """Turn one fault into a finding; `action` where it isn't the rule's own, as for p-values."""
    rule = BY_ID[fault.rule]
    return Finding(
        rule_id=rule.id,
        action=rule.action if action is None else action,
        kind=rule.kind,
        message=fault.detail or rule.message,
        instance=fault.instance,
        feature=fault.feature,
        where=fault.where,
        status=rule.status,
    )


def _check(rules: Iterable[Rule], table: Table, disabled: DisabledRules) -> list[Finding]:
    findings: list[Finding] = []
    for rule in rules:
        if rule.check is not None and not disabled.covers(rule.id, None):
            findings += _findings(rule, rule.check(table), disabled)
    return findings


def _findings(rule: Rule, broken: Broken, disabled: DisabledRules) -> list[Finding]:
    excluded = [place for place, name in enumerate(broken.features) if disabled.covers(rule.id, name)]
    mask = broken.mask
    if excluded:
        mask = mask.copy()
        mask[:, excluded] = False
    cells = np.argwhere(mask)
    findings = [
        to_finding(Fault(rule.id, broken.describe(instance, place), instance, broken.features[place]))
        for instance, place in cells[:MOST_FINDINGS].tolist()
    ]
    if len(cells) > MOST_FINDINGS:
        findings.append(_rest(rule, len(cells)))
    return findings


def _rest(rule: Rule, count: int) -> Finding:
    return to_finding(Fault(rule.id, f"and {count - MOST_FINDINGS:,} more: {rule.title}"))
