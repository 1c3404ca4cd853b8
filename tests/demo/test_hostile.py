from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from guard import GuardSettings, Screener
from guard.demo.host import INFER_PATH
from guard.demo.hostile import TOO_LONG_BYTES, contract_breaking, malformed, missing
from guard.demo.traffic import DemoRequest, tensor, v2
from guard.verdict import Verdict

RULES = {
    "truncated JSON": "G103",
    "trailing bytes": "G110",
    "UTF-16": "G108",
    "byte order mark": "G108",
    "not UTF-8": "G108",
    "deep nesting": "G102",
    "not JSON": "G115",
    "duplicate keys": "G104",
    "instances beside inputs": "G119",
    "huge integer": "G106",
    "integer of 5,000 digits": "G107",
    "Infinity token": "G105",
    "shape against data": "G116",
    "negative shape": "G116",
    "unknown datatype": "G116",
    "values not of the datatype": "G116",
    "too many instances": "G111",
    "compressed body": "G109",
    "null value": "G207",
    "NaN token": "G105",
    "feature left out": "G201",
    "row too short": "G208",
    "null in a feature's tensor": "G207",
    "no value at all": "G208",
    "below the minimum": "G205",
    "above the maximum": "G205",
    "mean above worst": "G209",
    "unknown feature": "G202",
    "row too long": "G208",
    "text for a number": "G203",
    "infinite in float32": "G211",
}

# The middleware's business: the screener is given whole bodies.
OVER_LONG = "over the longest body"


@pytest.fixture(scope="module")
def screener(folder: Path) -> Screener:
    variables = {"GUARD_MODE": "enforce", "GUARD_CONTRACT": str(folder / "contract.toml"), "GUARD_JOURNAL": "off"}
    return Screener(GuardSettings.from_environ(variables))


@pytest.fixture(scope="module")
def hostile(heldout: npt.NDArray[np.float64], features: tuple[str, ...]) -> dict[str, DemoRequest]:
    row = heldout[0].tolist()
    requests = [*malformed(row), *missing(row, features), *contract_breaking(row, features)]
    return {request.variant: request for request in requests}


def screen(screener: Screener, request: DemoRequest) -> Verdict:
    return screener.screen(request.body, headers=request.headers, path=INFER_PATH)


@pytest.mark.parametrize(("variant", "rule"), RULES.items())
def test_hostile_request_is_rejected_for_what_it_is(
    screener: Screener, hostile: dict[str, DemoRequest], *, variant: str, rule: str
) -> None:
    verdict = screen(screener, hostile[variant])

    assert verdict.rejected
    assert rule in {finding.rule_id for finding in verdict.findings}


def test_hostile_request_without_its_fault_is_not_rejected(
    screener: Screener, heldout: npt.NDArray[np.float64]
) -> None:
    body = v2(tensor(heldout[0].tolist()))

    assert not screener.screen(body, path=INFER_PATH).rejected


def test_hostile_requests_are_all_in_the_table(hostile: dict[str, DemoRequest]) -> None:
    assert set(hostile) == {*RULES, OVER_LONG}


def test_over_long_body_is_just_over_the_default_limit(hostile: dict[str, DemoRequest]) -> None:
    assert len(hostile[OVER_LONG].body) == TOO_LONG_BYTES == GuardSettings.from_environ({}).max_body_bytes + 1


def test_malformed_bodies_are_of_many_kinds(heldout: npt.NDArray[np.float64]) -> None:
    bodies = {request.body for request in malformed(heldout[0].tolist())}

    assert len(bodies) >= 8
