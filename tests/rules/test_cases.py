"""Each rule by its file of positives and negatives.

In a case file, `contract` is TOML; each case is a `body`, or odd bytes as `base64`, with the instance and the
feature that a positive's finding names; `limits` are those of JSON, where others than the defaults show the rule.

A file with `settings` (GUARD_ variables, where {detector} is the demo's) is run through the middleware. Its cases
may have `headers`, a `path` and `settings` of their own; the body may come in `chunks`, be `unfinished`, or be
`rows` of the held-out data, each times its `scale`.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard.contract import parse_contract
from guard.decode import DecodeLimits, decode
from guard.errors import RequestError
from guard.features import extract
from guard.inference import Fault
from guard.rules import BY_ID, RULES, evaluate, to_findings
from guard.verdict import Finding

CASES = Path(__file__).parent / "cases"

DEFAULT_LIMITS = {"max_depth": 64, "max_containers": 100_000, "max_instances": 1024}

TESTS = Path(__file__).parents[1]

# Shown by time, by other requests, by a fault of guard itself, or only where a reader asks for reasons.
SHOWN_ELSEWHERE = {
    "G113": TESTS / "middleware" / "test_outcomes.py",
    "G114": TESTS / "middleware" / "test_outcomes.py",
    "G511": TESTS / "detectors" / "test_explain.py",
    "G512": TESTS / "detectors" / "test_explain.py",
    "G513": TESTS / "detectors" / "test_reasons.py",
    "G514": TESTS / "detectors" / "test_reasons.py",
    "G515": TESTS / "detectors" / "test_reasons.py",
    "G901": TESTS / "middleware" / "test_outcomes.py",
    "G902": TESTS / "middleware" / "test_outcomes.py",
}

Serve = Callable[[dict[str, Any], dict[str, Any]], list[Finding]]

FILES: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CASES.glob("*.yaml"))
}


def cases(member: str) -> list[Any]:
    return [
        pytest.param(file, case, id=f"{rule_id}-{number}")
        for rule_id, file in FILES.items()
        for number, case in enumerate(file[member])
    ]


def find(file: dict[str, Any], case: dict[str, Any], serve: Serve) -> list[Finding]:
    if "settings" in file:
        return serve(file, case)
    body = base64.b64decode(case["base64"]) if "base64" in case else case["body"].encode()
    contract = parse_contract(file["contract"])
    limits = DecodeLimits(**DEFAULT_LIMITS | file.get("limits", {}))
    try:
        request = decode(body, limits=limits, allow_non_finite=contract.allows_missing)
    except RequestError as error:
        return to_findings([Fault(error.rule, error.detail, where=error.where)])
    table = extract(request, contract)
    return to_findings(request.faults + table.faults) + evaluate(table)


@pytest.mark.parametrize(("file", "case"), cases("positives"))
def test_positive_found(serve: Serve, file: dict[str, Any], case: dict[str, Any]) -> None:
    findings = [finding for finding in find(file, case, serve) if finding.rule_id == file["rule"]]

    assert findings
    if {"instance", "feature"} & case.keys():
        assert (case.get("instance"), case.get("feature")) in [(f.instance, f.feature) for f in findings]


@pytest.mark.parametrize(("file", "case"), cases("negatives"))
def test_negative_passed(serve: Serve, file: dict[str, Any], case: dict[str, Any]) -> None:
    found = {finding.rule_id for finding in find(file, case, serve)}

    assert file["rule"] not in found


@pytest.mark.parametrize("rule_id", [rule.id for rule in RULES if rule.id not in SHOWN_ELSEWHERE])
def test_rule_has_cases(rule_id: str) -> None:
    file = FILES[rule_id]

    assert file["rule"] == rule_id
    assert len(file["positives"]) >= 2
    assert len(file["negatives"]) >= 2


@pytest.mark.parametrize("rule_id", SHOWN_ELSEWHERE)
def test_rule_without_cases_is_tested_elsewhere(rule_id: str) -> None:
    assert rule_id in BY_ID
    assert f'"{rule_id}"' in SHOWN_ELSEWHERE[rule_id].read_text(encoding="utf-8")


def test_no_case_file_is_left_over() -> None:
    assert set(FILES) <= set(BY_ID) - set(SHOWN_ELSEWHERE)
