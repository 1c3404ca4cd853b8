"""Contract: construction, digest, tables."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from guard.contract import Contract, Feature, FeatureType, Relation, category_text
from guard.errors import ContractError

A = Feature("a", FeatureType.NUMBER, minimum=0)
B = Feature("b", FeatureType.CATEGORY, allowed=("x", 3, True))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3.0", "3.0"),
        (3, "3"),
        (3.0, "3"),
        (0.1, "0.1"),
        (True, "true"),
        (False, "false"),
        (-0.0, "0"),
        (1e20, str(10**20)),
    ],
)
def test_category_text(value: str | float | bool, text: str) -> None:
    assert category_text(value) == text


def test_contract_tells_names_and_nullability() -> None:
    contract = Contract((A, B))

    assert contract.names == ("a", "b")
    assert not contract.allows_missing
    assert Contract((A, replace(B, nullable=True))).allows_missing


@pytest.mark.parametrize(
    ("features", "relations", "message"),
    [
        ((), (), "no feature is declared"),
        ((A, A), (), 'features."a" is declared twice'),
        ((replace(A, minimum=5, maximum=1),), (), "above its maximum"),
        ((A,), (Relation("a <= c"),), "`c` is not a feature"),
    ],
)
def test_contract_faulty(features: tuple[Feature, ...], relations: tuple[Relation, ...], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Contract(features, relations, source="here")


def test_contract_digest_ignores_what_cannot_alter_a_verdict() -> None:
    contract = Contract((A, B), source="one")

    same = Contract((replace(A, description="of something", minimum=0.0), B), source="other")

    assert contract.digest == same.digest
    assert len(contract.digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        Contract((B, A)),
        Contract((replace(A, minimum=1), B)),
        Contract((replace(A, nullable=True), B)),
        Contract((A, replace(B, categories=("x",)))),
        Contract((A, B), (Relation("a > 0"),)),
    ],
)
def test_contract_digest_differs(other: Contract) -> None:
    assert Contract((A, B)).digest != other.digest


def test_compiled_bounds_admit_the_nearest_float32() -> None:
    feature = Feature("a", FeatureType.NUMBER, minimum=0.3, maximum=0.1 + 0.6)

    compiled = Contract((feature,)).compiled

    assert compiled.low[0] <= min(0.3, float(np.float32(0.3)))
    assert compiled.high[0] >= max(0.7, float(np.float32(0.7)))
    assert compiled.high[0] < 0.7 + 1e-7


def test_compiled_codes_are_learned_or_else_allowed() -> None:
    learned = replace(B, categories=("y", "x"))

    assert Contract((B,)).compiled.codes == {"b": {"x": 0, "3": 1, "true": 2}}
    assert Contract((learned,)).compiled.codes == {"b": {"y": 0, "x": 1}}


def test_pattern_without_google_re2_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(ContractError, match=r"pip install 'inference-guard\[contract\]'"):
        Contract((Feature("a", FeatureType.STRING, pattern="x"),))
