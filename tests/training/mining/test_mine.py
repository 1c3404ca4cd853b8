"""Mining as a whole: what was planted is found, and nothing else."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors.relations import KINDS, holds
from guard.training.mining import MOST_RELATIONS, mine_relations
from tests.training.mining.tables import Matrix, category, joint, mine, number, table

N = 2000


def independent(random: np.random.Generator, n: int, d: int) -> Matrix:
    """Columns of many shapes, that have nothing to do with each other."""
    shapes = [
        lambda q: random.random(n) < q,
        lambda q: random.poisson(5 * q, n),
        lambda q: random.normal(size=n),
        lambda q: random.exponential(size=n) * (random.random(n) < q),
        lambda q: random.integers(-2, 5, n),
        lambda q: random.lognormal(0, 1 + q, n),
    ]
    chosen = random.integers(0, len(shapes), d)
    columns = [shapes[place](random.uniform(0.01, 0.99)) for place in chosen]
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_independent_features_have_no_relation(seed: int) -> None:
    random = np.random.default_rng(seed)
    X = independent(random, int(random.choice([100, 500, 4000])), 30)

    found = mine(tuple(number(f"f{place}") for place in range(30)), X)

    assert joint(found) == []


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), n=st.sampled_from([1000, 2000, 6000]))
def test_planted_relations_are_found_among_noise(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    base, gain = random.poisson(4, n), random.poisson(2, n)
    part = random.normal(10, 3, n)
    active = random.random(n) < 0.5
    features, X = table(
        low=base,
        high=base + gain,
        part=part,
        rest=100 - part,
        clicks=np.where(active, random.integers(1, 9, n), 0),
        seconds=np.where(active, random.exponential(5, n) + 0.1, -(random.random(n) < 0.5).astype(float)),
        noise=random.normal(size=n),
    )

    found = joint(mine(features, X))

    assert "`low` <= `high`" in found
    assert any(text.startswith("`part` + `rest` >= ") for text in found)
    assert "if `clicks` > 0 then `seconds` > 0" in found
    assert not any("noise" in text for text in found)


def test_all_kinds_stand_in_order_with_ids_of_their_own() -> None:
    random = np.random.default_rng(0)
    a, country = random.poisson(5, N), random.integers(0, 3, N)
    signed = random.normal(size=N) * (random.random(N) < 0.6)
    flag = random.random(N) < 0.3
    inside, present, word = random.random(N), random.random(N) < 0.7, random.poisson(9, N)
    features, X = table(
        a=a,
        b=a + random.poisson(2, N),
        inside=inside * present,
        outside=(1 - inside) * present,
        word=word,
        longest=np.maximum(word, a),
        digits=random.binomial(30 + word, 0.3) / (30 + word),
        length=30 + word,
        flag=flag,
        x=signed,
        y=np.where(signed == 0, 0, random.normal(size=N)),
        half=a / 2,
        p=np.where(flag, random.exponential(1, N) + 0.01, 0),
    )
    city = country * 2 + random.integers(0, 2, N)
    features = (*features, category("city", 6), category("country", 3))
    X = np.column_stack([X, city, country]).astype(np.float32)

    found = mine(features, X)

    assert len({card.id for card in found}) == len(found)
    assert all(re.fullmatch("R[0-9a-f]{8}", card.id) for card in found)
    order = [(KINDS.index(card.kind), card.features) for card in found]
    assert order == sorted(order)
    assert {card.kind for card in found} == set(KINDS)
    texts = joint(found)
    assert "if `x` == 0 then `y` == 0" in texts
    assert "`city` determines `country`" in texts
    assert "`country` determines `city`" not in texts


def test_the_same_rows_give_the_same_relations() -> None:
    random = np.random.default_rng(1)
    X = np.sort(random.poisson(5, (800, 6)), axis=1).astype(np.float32)
    features = tuple(number(f"f{place}") for place in range(6))

    assert mine(features, X) == mine(features, X.copy())


def test_rows_that_mining_never_saw_seldom_break_what_it_found() -> None:
    random = np.random.default_rng(2)
    X = np.cumsum(random.lognormal(size=(6000, 12)) * (random.random((6000, 12)) < 0.5), axis=1).astype(np.float32)
    features = tuple(number(f"f{place}") for place in range(12))
    relations = mine_relations(features, X[:3000], X[3000:4000])

    assert len(joint(relations)) >= 11
    assert (~holds(relations, X[4000:])).any(axis=1).mean() <= 0.005


def test_relations_that_selection_rows_break_are_dropped() -> None:
    random = np.random.default_rng(3)
    low = random.poisson(4, N)
    features, X = table(low=low, high=low + random.poisson(3, N))
    select = X[:400].copy()
    select[:5, 1] = -1

    assert joint(mine_relations(features, X[400:], X[:400])) == ["`low` <= `high`"]
    assert joint(mine_relations(features, X[400:], select)) == []


def test_the_counts_of_a_card_are_those_of_the_selection_rows() -> None:
    random = np.random.default_rng(4)
    features, X = table(x=random.normal(size=1200))
    select = X[:200].copy()
    select[:20] = np.nan
    select[20] = 50

    (card,) = mine_relations(features, X[200:], select)

    assert (card.kind, card.support, card.checked, card.broken) == ("range", 1000, 180, 1)
    assert card.decades == pytest.approx(-np.log10(2 / 181))
    assert card.numbers[1] >= 50


def test_the_number_of_relations_is_capped_with_room_for_several_features() -> None:
    random = np.random.default_rng(5)
    X = random.normal(size=(400, 600)).astype(np.float32)
    X[:, :20] = np.sort(X[:, :20], axis=1)
    features = tuple(number(f"f{place}") for place in range(600))

    found = mine(features, X)

    assert len(found) == MOST_RELATIONS
    assert len(joint(found)) >= 1


def test_missing_values_and_texts_neither_break_nor_support() -> None:
    random = np.random.default_rng(6)
    low = random.poisson(4, N).astype(float)
    features, X = table(low=low, high=low + random.poisson(3, N), text=np.full(N, np.nan))
    X[random.random(X.shape) < 0.2] = np.nan
    features = (*features[:2], number("text", "string"))

    found = mine(features, X)

    assert joint(found) == ["`low` <= `high`"]
    assert all(2 not in card.features for card in found)


@pytest.mark.parametrize("n", [0, 5, 29])
def test_too_few_rows_show_nothing(n: int) -> None:
    features, X = table(a=np.arange(40.0), b=np.arange(40.0))

    assert mine_relations(features, X[:n], X[:n]) == ()


def test_a_law_survives_a_few_errors_in_many_rows() -> None:
    random = np.random.default_rng(7)
    low = random.poisson(4, 50_000)
    features, X = table(low=low, high=low + random.poisson(2, 50_000))
    X[[20_000, 30_000], 1] = -5

    assert joint(mine(features, X)) == ["`low` <= `high`"]
    X[15_000:16_000, 1] = -5
    assert "`low` <= `high`" not in joint(mine(features, X))
