"""The declared contract, told from the learned one and written as TOML."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType, Relation, merge, parse_contract, to_toml
from guard.review.declared import declared_part

# Whatever UTF-8 holds: no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
BOUNDS = st.none() | st.floats(-1e6, 0)


@st.composite
def features(draw: st.DrawFn, name: str) -> Feature:
    match draw(st.sampled_from(["number", "category", "integer", "boolean"])):
        case "number":
            return Feature(name, FeatureType.NUMBER, minimum=draw(BOUNDS), nullable=draw(st.booleans()))
        case "integer":
            return Feature(name, FeatureType.INTEGER, maximum=7.0, allowed=(1, 2, draw(st.integers(-9, 7))))
        case "boolean":
            return Feature(name, FeatureType.BOOLEAN, allowed=draw(st.none() | st.just((True,))))
        case _:
            allowed = draw(st.none() | st.tuples(TEXTS, st.integers(-(2**53), 2**53), st.booleans()))
            return Feature(
                name, FeatureType.CATEGORY, allowed=allowed, pattern=draw(st.none() | st.just(r"[a-z\"\\]*"))
            )


contracts = (
    st.lists(TEXTS, min_size=1, max_size=4, unique=True)
    .flatmap(lambda names: st.tuples(*(features(name) for name in names)))
    .map(Contract)
)


@given(contracts)
def test_toml_reads_back_as_the_same_contract(contract: Contract) -> None:
    assert parse_contract(to_toml(contract)).digest == contract.digest


LEARNED = Contract(
    (
        Feature("a", FeatureType.NUMBER),
        Feature("b", FeatureType.NUMBER, nullable=True),
        Feature("kind", FeatureType.CATEGORY, categories=("x", "y")),
    ),
    (Relation("a <= 9"),),
)


def test_what_is_declared_of_the_request_is_read_back_and_told() -> None:
    pointed = tuple(Feature(f.name, f.type, nullable=f.nullable, pointer=f"/~1{f.name}") for f in LEARNED.features)
    kept = merge(Contract(pointed, datatype="FP16", instances=""), LEARNED)
    assert kept is not None

    part = declared_part(kept, LEARNED)

    assert part is not None
    assert merge(parse_contract(to_toml(part)), LEARNED) == kept


def test_nothing_declared() -> None:
    assert declared_part(LEARNED, LEARNED) is None


def test_declared_part_merges_to_what_was_kept() -> None:
    declared = Contract(
        (
            Feature("kind", FeatureType.CATEGORY, allowed=("x",), description="of what"),
            Feature("a", FeatureType.INTEGER, minimum=0),
            Feature("b", FeatureType.NUMBER, nullable=True),
        ),
        (Relation("a <= b"),),
    )
    kept = merge(declared, LEARNED)
    assert kept is not None

    part = declared_part(kept, LEARNED)

    assert part is not None
    assert part.relations == declared.relations
    assert all(feature.categories == () for feature in part.features)
    merged = merge(parse_contract(to_toml(part)), LEARNED)
    assert merged is not None
    assert merged.digest == kept.digest


def test_without_what_was_learned_all_of_it_was_declared() -> None:
    assert declared_part(LEARNED, None) is LEARNED
