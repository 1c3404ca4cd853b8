"""The drafted contract."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import FeatureType, parse_contract
from guard.detectors.manifest import FeatureCard
from guard.detectors.relations import RelationCard
from guard.training.mining import contract_text
from tests.training.mining.tables import Matrix, category, mine, number, table

N = 2000

Mined = tuple[tuple[FeatureCard, ...], Matrix, tuple[RelationCard, ...]]


@pytest.fixture(scope="module")
def mined() -> Mined:
    random = np.random.default_rng(0)
    low, country = random.poisson(4, N), random.integers(0, 3, N)
    features, X = table(
        low=low,
        high=low + random.poisson(3, N),
        total=random.normal(3, 1, N),
        net=np.zeros(N),
        flag=random.random(N) < 0.4,
        clicks=np.zeros(N),
    )
    X[:, 3] = X[:, 2] * np.float32(0.8)
    X[:, 5] = np.where(X[:, 4] == 1, random.integers(1, 9, N), 0)
    features = (*features[:4], number("flag", "boolean"), features[5], category("city", 6), category("country", 3))
    X = np.column_stack([X, country * 2 + random.integers(0, 2, N), country]).astype(np.float32)
    return features, X, mine(features, X)


def test_it_parses_and_says_each_relation_that_the_grammar_can(mined: Mined) -> None:
    features, _, relations = mined

    contract = parse_contract(contract_text(features, relations))

    texts = [relation.text for relation in contract.relations]
    assert contract.names == tuple(card.name for card in features)
    assert all(r.text in texts for r in relations if len(r.features) > 1 and r.kind != "determines")
    assert 'if `city` == "city3" then `country` == "country1"' in texts
    assert "if `flag` then `clicks` > 0" in texts


def test_features_have_their_bounds_and_types(mined: Mined) -> None:
    features, _, relations = mined

    contract = parse_contract(contract_text(features, relations))

    by_name = {feature.name: feature for feature in contract.features}
    assert by_name["low"].type is FeatureType.INTEGER
    assert by_name["low"].minimum == 0
    assert by_name["total"].maximum is not None
    assert by_name["flag"].type is FeatureType.BOOLEAN
    assert by_name["country"].allowed == ("country0", "country1", "country2")
    assert all(feature.nullable for feature in contract.features)


def test_the_rows_keep_the_contract(mined: Mined) -> None:
    features, X, relations = mined
    contract = parse_contract(contract_text(features, relations))
    texts: dict[str, list[str | None]] = {
        card.name: [card.categories[int(code)] for code in X[:, place]]
        for place, card in enumerate(features)
        if card.type == "category"
    }

    compiled = contract.compiled
    broken = np.stack([relation.broken(X.astype(np.float64), texts) for relation in compiled.relations])
    numbers = X[:, compiled.numbers]

    assert not broken.any()
    assert (numbers >= compiled.low[compiled.numbers]).all()
    assert (numbers <= compiled.high[compiled.numbers]).all()


def test_rare_categories_are_only_proposed() -> None:
    rare = category("kind", 3).model_copy(update={"counts": (1, 50, 90)})

    text = contract_text((rare,), ())

    assert '# allowed = ["kind0", "kind1", "kind2"]' in text
    assert parse_contract(text).features[0].allowed is None


def test_what_a_contract_cant_say_is_a_comment() -> None:
    order = RelationCard(
        id="R001", kind="order", text="`a`b` <= `c`", features=(0, 1), support=30, checked=10, broken=0, decades=1.0
    )

    text = contract_text((number("a`b"), number("c")), (order,))

    assert "can't say" in text
    assert parse_contract(text).relations == ()


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), st.text(st.characters(codec="utf-8"), max_size=9)
)
def test_no_name_escapes_its_place(name: str, text: str) -> None:
    features = (number(name), category("kind", 1).model_copy(update={"categories": (text,)}))
    if name == "kind":
        return
    card = RelationCard(
        id="R001",
        kind="order",
        text=f"`{name}` <= `{name}`",
        features=(0, 0),
        support=30,
        checked=9,
        broken=0,
        decades=1.0,
    )

    contract = parse_contract(contract_text(features, (card,)))

    assert contract.names == (name, "kind")
    assert contract.features[1].allowed == (text,)
