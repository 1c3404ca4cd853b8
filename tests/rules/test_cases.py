"""Each rule that a body can show, by its file of positives and negatives.

In a case file, `contract` is TOML; each case is a `body`, or odd bytes as `base64`, with the instance and the
feature that a positive's finding names; `limits` are those of JSON, where others than the defaults show the rule.
"""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard.contract import parse_contract
from guard.decode import JsonLimits, decode
from guard.errors import RequestError
from guard.features import extract
from guard.inference import Fault
from guard.rules import BY_ID, RULES, evaluate, to_findings
from guard.verdict import Finding

CASES = Path(__file__).parent / "cases"

DEFAULT_LIMITS = {"max_depth": 64, "max_containers": 100_000, "max_instances": 1024}

# Shown by headers, by time, or by the transport.
NOT_BY_BODY = {"G101", "G109", "G113", "G114", "G117", "G118"}
SHOWN = [rule.id for rule in RULES if rule.id < "G400" and rule.id not in NOT_BY_BODY]

FILES: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CASES.glob("*.yaml"))
}


def cases(member: str) -> list[Any]:
    return [
        pytest.param(file, case, id=f"{rule_id}-{number}")
        for rule_id, file in FILES.items()
        for number, case in enumerate(file[member])
    ]


def find(file: dict[str, Any], case: dict[str, str]) -> list[Finding]:
    body = base64.b64decode(case["base64"]) if "base64" in case else case["body"].encode()
    contract = parse_contract(file["contract"])
    limits = JsonLimits(**DEFAULT_LIMITS | file.get("limits", {}))
    try:
        request = decode(body, limits=limits, allow_non_finite=contract.allows_missing)
    except RequestError as error:
        return to_findings([Fault(error.rule, error.detail, where=error.where)])
    table = extract(request, contract)
    return to_findings(request.faults + table.faults) + evaluate(table)


@pytest.mark.parametrize(("file", "case"), cases("positives"))
def test_positive_found(file: dict[str, Any], case: dict[str, Any]) -> None:
    findings = [finding for finding in find(file, case) if finding.rule_id == file["rule"]]

    assert findings
    if {"instance", "feature"} & case.keys():
        assert (case.get("instance"), case.get("feature")) in [(f.instance, f.feature) for f in findings]


@pytest.mark.parametrize(("file", "case"), cases("negatives"))
def test_negative_passed(file: dict[str, Any], case: dict[str, Any]) -> None:
    found = {finding.rule_id for finding in find(file, case)}

    assert file["rule"] not in found


@pytest.mark.parametrize("rule_id", SHOWN)
def test_rule_has_cases(rule_id: str) -> None:
    file = FILES[rule_id]

    assert file["rule"] == rule_id
    assert len(file["positives"]) >= 2
    assert len(file["negatives"]) >= 2


def test_no_case_file_is_left_over() -> None:
    assert set(FILES) <= set(BY_ID)
