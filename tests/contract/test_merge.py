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


POINTED = tuple(replace(feature, pointer=f"/old/{feature.name}") for feature in LEARNED.features)


def test_merge_keeps_the_pointers_of_either() -> None:
    bare = Contract((Feature("a", FeatureType.NUMBER, minimum=0),), datatype="FP64")
    pointed = replace(LEARNED, features=POINTED, datatype="FP32", instances="/rows")

    declared_later = merge(replace(pointed, datatype=None), replace(LEARNED, datatype="FP32"))
    learned_with_them = merge(bare, pointed)

    assert declared_later is not None
    assert learned_with_them is not None
    for merged in (declared_later, learned_with_them):
        assert [feature.pointer for feature in merged.features] == ["/old/a", "/old/k", "/old/b"]
        assert merged.instances == "/rows"
    assert (declared_later.datatype, learned_with_them.datatype) == ("FP32", "FP64")


def test_merge_takes_all_pointers_from_one_contract() -> None:
    declared = Contract((Feature("a", FeatureType.NUMBER),), instances="/new")

    merged = merge(declared, replace(LEARNED, features=POINTED, instances="/old"))

    assert merged is not None
    assert merged.instances == "/new"
    assert {feature.pointer for feature in merged.features} == {None}


def test_merge_of_too_few_pointers_names_those_missing() -> None:
    declared = Contract((Feature("a", FeatureType.NUMBER, pointer="/a"),), source="c.toml")

    with pytest.raises(ContractError) as caught:
        merge(declared, LEARNED)

    assert [line.split(" has no pointer")[0] for line in str(caught.value).splitlines()] == [
        'c.toml: features."k"',
        'c.toml: features."b"',
    ]


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
