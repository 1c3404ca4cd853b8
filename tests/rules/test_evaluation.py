"""From faults and tables to findings."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType, Relation
from guard.features import Table
from guard.inference import Fault
from guard.rules import BY_ID, MOST_FINDINGS, RULES, DisabledRules, evaluate, to_finding, to_findings
from guard.rules.contract import contract_holds
from guard.rules.quality import is_unremarkable
from guard.verdict import Action, Finding, Kind

BuildTable = Callable[[Contract, list[dict[str, Any]]], Table]

CONTRACT = Contract(
    (
        Feature("a", FeatureType.NUMBER, minimum=0, maximum=10),
        Feature("b", FeatureType.INTEGER, nullable=True, allowed=(1, 2, 3)),
        Feature("k", FeatureType.CATEGORY, allowed=("x", "y"), nullable=True),
        Feature("s", FeatureType.STRING, pattern="[a-z]*"),
    ),
    (Relation("a <= b"), Relation('if k == "x" then a > 0')),
)
CLEAN = {"a": 1, "b": 2, "k": "x", "s": "q"}


def off(*entries: str) -> DisabledRules:
    return DisabledRules.parse(entries, today=dt.date(2026, 7, 1))


def briefly(findings: list[Finding]) -> list[tuple[str, int | None, str | None]]:
    return [(finding.rule_id, finding.instance, finding.feature) for finding in findings]


def test_clean_table_has_no_findings(table_of: BuildTable) -> None:
    table = table_of(CONTRACT, [CLEAN, CLEAN | {"a": 2}])

    findings = evaluate(table)

    assert findings == []
    assert contract_holds(table)
    assert is_unremarkable(table)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"b": 2.5}, [("G204", 0, "b"), ("G206", 0, "b")]),
        ({"a": -1, "k": "y"}, [("G205", 0, "a")]),
        ({"a": 11, "b": None}, [("G205", 0, "a"), ("G303", 0, None)]),
        ({"k": "z"}, [("G206", 0, "k")]),
        ({"b": 4}, [("G206", 0, "b")]),
        ({"a": None}, [("G207", 0, "a")]),
        ({"s": None}, [("G207", 0, "s")]),
        ({"a": 3}, [("G209", 0, "a <= b")]),
        ({"a": 0}, [("G209", 0, 'if k == "x" then a > 0')]),
        ({"s": "Q"}, [("G210", 0, "s")]),
        ({"a": float("-inf"), "k": "y"}, [("G211", 0, "a")]),
        ({"b": None}, [("G303", 0, None)]),
        ({"k": None}, [("G303", 0, None)]),
    ],
)
def test_broken_rule_found(
    table_of: BuildTable, changes: dict[str, Any], expected: list[tuple[str, int | None, str | None]]
) -> None:
    table = table_of(CONTRACT, [CLEAN | changes])

    assert briefly(evaluate(table)) == expected


def test_finding_has_what_its_rule_says(table_of: BuildTable) -> None:
    findings = evaluate(table_of(CONTRACT, [CLEAN, CLEAN | {"a": 11, "b": None}]))

    assert findings[0] == Finding(
        rule_id="G205",
        action=Action.REJECT,
        kind=Kind.CONTRACT,
        message="11 is above the maximum, 10",
        instance=1,
        feature="a",
    )


def test_bounds_admit_what_an_fp32_tensor_can_send(table_of: BuildTable) -> None:
    contract = Contract((Feature("a", FeatureType.NUMBER, minimum=0.3, maximum=0.7, allowed=(0.3, 0.7)),))

    findings = evaluate(table_of(contract, [{"a": float(np.float32(0.3))}, {"a": float(np.float32(0.7))}]))

    assert findings == []


def test_lone_surrogate_matches_no_pattern(table_of: BuildTable) -> None:
    contract = Contract((Feature("s", FeatureType.STRING, pattern=".*"),))

    assert briefly(evaluate(table_of(contract, [{"s": "\ud800"}]))) == [("G210", 0, "s")]


def test_unreadable_cells_break_nothing_else(table_of: BuildTable) -> None:
    table = table_of(CONTRACT, [CLEAN | {"a": "x", "s": 5}, CLEAN | {"a": "x", "s": 5}])

    assert [fault.rule for fault in table.faults] == ["G203"] * 4
    assert evaluate(table) == []


def test_disabled_rule_is_not_found(table_of: BuildTable) -> None:
    table = table_of(CONTRACT, [CLEAN | {"a": 11, "b": None}])

    assert evaluate(table, disabled=off("G205 x", "G303 x")) == []


def test_disabled_feature_is_not_found(table_of: BuildTable) -> None:
    contract = Contract((Feature("a", FeatureType.NUMBER, maximum=1), Feature("b", FeatureType.NUMBER, maximum=1)))
    table = table_of(contract, [{"a": 2, "b": 2}])

    assert briefly(evaluate(table, disabled=off('G205:"a" x'))) == [("G205", 0, "b")]


def test_disabled_relation_is_not_found(table_of: BuildTable) -> None:
    table = table_of(CONTRACT, [CLEAN | {"a": 3}])

    assert evaluate(table, disabled=off('G209:"a <= b" x')) == []


def test_findings_of_a_table_are_capped_and_counted(table_of: BuildTable) -> None:
    contract = Contract(tuple(Feature(f"f{i}", FeatureType.NUMBER, maximum=i) for i in range(87)))
    table = table_of(contract, [{f"f{i}": 100 + n + i for i in range(87)} for n in range(1000)])

    findings = evaluate(table)

    assert len(findings) == MOST_FINDINGS + 1
    assert {finding.rule_id for finding in findings} == {"G205"}
    assert findings[-1].message == "and 86,980 more: out of bounds"
    assert findings[-1].instance is None
    assert findings[-1].action is Action.REJECT


def test_faults_become_findings_of_their_rules() -> None:
    findings = to_findings([Fault("G104", "twice", where="inputs[0]"), Fault("G101", "")])

    assert findings == [
        Finding(
            rule_id="G104",
            action=Action.REJECT,
            kind=Kind.PROTOCOL,
            message="twice",
            where="inputs[0]",
            status=400,
        ),
        Finding(
            rule_id="G101",
            action=Action.REJECT,
            kind=Kind.PROTOCOL,
            message=BY_ID["G101"].message,
            status=413,
        ),
    ]


def test_faults_are_capped_and_counted_by_rule() -> None:
    faults = [Fault("G203", "x", i) for i in range(50)] + [Fault("G202", "y")]

    findings = to_findings(faults)

    assert [finding.rule_id for finding in findings] == ["G203"] * 20 + ["G202", "G203"]
    assert findings[-1].message == "and 30 more: wrong type"


def test_faults_disabled_leave_room_for_others() -> None:
    faults = [Fault("G203", "x", i, "a") for i in range(50)] + [Fault("G203", "x", 0, "b")]

    assert briefly(to_findings(faults, disabled=off('G203:"a" x'))) == [("G203", 0, "b")]


def test_finding_with_another_action() -> None:
    assert to_finding(Fault("G501", "p = 0.0001", 3), action=Action.REJECT).action is Action.REJECT


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 1, 1, 1]], [("G301", 0, None)]),
        ([[1, 2, 3, 1], [0, 0, 0, 0]], [("G301", 1, None)]),
        ([[1, 2, 3, 1]], []),
        ([[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 4]], [("G302", 2, None)]),
    ],
)
def test_quality_of_numbers(
    table_of: BuildTable, rows: list[list[float]], expected: list[tuple[str, int | None, str | None]]
) -> None:
    contract = Contract(tuple(Feature(name, FeatureType.NUMBER) for name in "abcd"))

    findings = evaluate(table_of(contract, [dict(zip("abcd", row, strict=True)) for row in rows]))

    assert briefly(findings) == expected
    assert {finding.action for finding in findings} <= {Action.ALLOW}


def test_duplicates_differ_by_text(table_of: BuildTable) -> None:
    contract = Contract((Feature("k", FeatureType.CATEGORY), Feature("s", FeatureType.STRING)))

    findings = evaluate(table_of(contract, [{"k": k, "s": s} for k, s in ("ux", "vx", "uy", "vx")]))

    assert briefly(findings) == [("G302", 3, None)]


def test_equal_small_rows_are_unremarkable(table_of: BuildTable) -> None:
    contract = Contract(tuple(Feature(name, FeatureType.INTEGER) for name in "abc"))

    assert evaluate(table_of(contract, [{"a": 0, "b": 0, "c": 0}])) == []


ANY = st.sampled_from([None, -1, 0, 1, 2, 2.5, 3, 11, float("inf"), "x", "y", "z", "Q", True])
RECORDS = st.lists(
    st.fixed_dictionaries({name: ANY | st.just(value) for name, value in CLEAN.items()}), min_size=1, max_size=4
)


@given(RECORDS)
def test_quick_check_lets_nothing_past_the_rules(table_of: BuildTable, records: list[dict[str, Any]]) -> None:
    table = table_of(CONTRACT, records)

    contract_broken = any(rule.check and rule.check(table).mask.any() for rule in RULES if rule.id.startswith("G2"))
    quality_broken = any(rule.check and rule.check(table).mask.any() for rule in RULES if rule.id.startswith("G3"))

    # It may send a clean table to the rules, and never a broken one past them.
    assert not (contract_holds(table) and contract_broken)
    assert not (is_unremarkable(table) and quality_broken)
