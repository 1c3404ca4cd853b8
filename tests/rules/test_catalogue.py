"""The rules as data."""

import re
from dataclasses import replace

import pytest

from guard.rules import BY_ID, RULES, Rule, rules_digest
from guard.verdict import Action, Kind


def test_rule_ids_are_unique_and_ascending() -> None:
    ids = [rule.id for rule in RULES]

    assert sorted(set(ids)) == ids
    assert dict(zip(ids, RULES, strict=True)) == BY_ID


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"G[1-9]\d\d", rule.id)
    assert rule.title
    assert rule.title[-1] != "."
    assert rule.message.endswith(".")
    assert rule.tags
    assert all(re.fullmatch(r"AML\.T\d{4}(\.\d{3})?|ML(0[1-9]|10):2023", tag) for tag in rule.tags)
    assert any(tag.startswith("ML") for tag in rule.tags)
    assert rule.references
    assert all(re.fullmatch(r"https://\S+", reference) for reference in rule.references)


@pytest.mark.parametrize(
    ("prefix", "exceptions", "action", "kind"),
    [
        ("G1", {}, Action.REJECT, Kind.PROTOCOL),
        ("G2", {}, Action.REJECT, Kind.CONTRACT),
        ("G3", {}, Action.ALLOW, Kind.TRAFFIC),
    ],
)
def test_family_asks_for(prefix: str, exceptions: dict[str, Action], action: Action, kind: Kind) -> None:
    family = [rule for rule in RULES if rule.id.startswith(prefix)]

    assert family
    assert {rule.kind for rule in family} == {kind}
    assert {rule.id: rule.action for rule in family} == {rule.id: action for rule in family} | exceptions


@pytest.mark.parametrize(
    ("rule_id", "action", "kind", "status"),
    [
        ("G101", Action.REJECT, Kind.PROTOCOL, 413),
        ("G103", Action.REJECT, Kind.PROTOCOL, 400),
        ("G109", Action.REJECT, Kind.PROTOCOL, 415),
        ("G113", Action.REJECT, Kind.PROTOCOL, 408),
        ("G114", Action.REJECT, Kind.PROTOCOL, 503),
        ("G115", Action.REJECT, Kind.PROTOCOL, 415),
        ("G118", Action.REJECT, Kind.PROTOCOL, 400),
        ("G205", Action.REJECT, Kind.CONTRACT, None),
        ("G501", Action.FLAG, Kind.EVIDENCE, None),
        ("G502", Action.FLAG, Kind.EVIDENCE, None),
        ("G503", Action.REJECT, Kind.COVERAGE, 400),
        ("G511", Action.ALLOW, Kind.EVIDENCE, None),
        ("G512", Action.ALLOW, Kind.EVIDENCE, None),
        ("G513", Action.ALLOW, Kind.EVIDENCE, None),
        ("G514", Action.ALLOW, Kind.EVIDENCE, None),
        ("G515", Action.ALLOW, Kind.EVIDENCE, None),
        ("G901", Action.REJECT, Kind.ERROR, 503),
        ("G902", Action.REJECT, Kind.ERROR, 503),
        ("G903", Action.ALLOW, Kind.COVERAGE, None),
        ("G904", Action.REJECT, Kind.CONTRACT, 400),
    ],
)
def test_rule_asks_for(rule_id: str, action: Action, kind: Kind, status: int | None) -> None:
    rule = BY_ID[rule_id]

    assert (rule.action, rule.kind, rule.status) == (action, kind, status)


def test_limits_and_errors_are_fixed() -> None:
    fixed = {rule.id for rule in RULES if rule.is_fixed}

    protocol = {rule.id for rule in RULES if rule.id.startswith("G1")} - {"G105", "G106", "G119", "G120"}
    assert fixed == protocol | {"G901", "G902", "G903", "G904"}


def test_rules_digest_is_that_of_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules_digest()
    monkeypatch.setattr("guard.rules.catalogue.RULES", (replace(RULES[0], status=400), *RULES[1:]))

    after = rules_digest()

    assert re.fullmatch(r"[0-9a-f]{64}", before)
    assert after != before
