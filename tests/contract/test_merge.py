"""Laying the declared contract over the learned one."""

from dataclasses import replace

import pytest

from guard.contract import Contract, Feature, FeatureType, Relation, merge
from guard.errors import ContractError

LEARNED = Contract(
    (
        Feature("a", FeatureType.NUMBER),
        Feature("k", FeatureType.CATEGORY, categories=("y", "x"), nullable=True),
        Feature("b", FeatureType.INTEGER, nullable=True),
    ),
    source="detector",
)


def test_merge_with_nothing_is_the_other() -> None:
    assert merge(None, None) is None
    assert merge(LEARNED, None) is LEARNED
    assert merge(None, LEARNED) is LEARNED


def test_merge_lays_declared_over_learned() -> None:
    k = Feature("k", FeatureType.CATEGORY, allowed=("x",), description="kind")
    a = Feature("a", FeatureType.INTEGER, minimum=0)
    declared = Contract((k, a), (Relation('if k == "x" then a > 0'),), source="c.toml")

    merged = merge(declared, LEARNED)

    assert merged == Contract(
        (a, replace(k, categories=("y", "x")), LEARNED.features[2]), declared.relations, source="c.toml"
    )


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature("aa", FeatureType.NUMBER), "wasn't fitted with it; did you mean 'a'?"),
        (Feature("zzz", FeatureType.NUMBER), "wasn't fitted with it$"),
        (Feature("a", FeatureType.CATEGORY), "type is category, but the detector was fitted with it as a number"),
        (Feature("k", FeatureType.STRING), "type is string, but the detector was fitted with it as a category"),
        (Feature("a", FeatureType.NUMBER, nullable=True), "fitted without missing values"),
    ],
)
def test_merge_contradictory(feature: Feature, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        merge(Contract((feature,), source="c.toml"), LEARNED)


def test_merge_tells_every_contradiction() -> None:
    declared = Contract((Feature("zzz", FeatureType.NUMBER), Feature("k", FeatureType.NUMBER)), source="c.toml")

    with pytest.raises(ContractError) as caught:
        merge(declared, LEARNED)

    assert [line[:7] for line in str(caught.value).splitlines()] == ["c.toml:"] * 2
