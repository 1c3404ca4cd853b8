"""Linear equalities."""

import numpy as np
import pytest

from guard.detectors.relations import holds
from guard.training.mining import mine_relations
from tests.training.mining.tables import mine, number, table

N = 1500


def equalities(**columns: np.ndarray) -> list[str]:
    features, X = table(**columns)
    return [card.text for card in mine(features, X) if card.kind == "equality"]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_copies_equal_the_first(random: np.random.Generator) -> None:
    a = random.poisson(9, N)

    assert equalities(a=a, b=random.normal(size=N), c=a, d=a) == ["`a` == `c`", "`a` == `d`"]


def test_sums_of_whole_numbers_are_exact(random: np.random.Generator) -> None:
    a, b, c = random.poisson(9, (3, N))

    assert equalities(a=a, b=b, c=c, total=a + b + 2 * c) == ["`a` + `b` + 2 * `c` == `total`"]


def test_shares_add_up_to_a_whole(random: np.random.Generator) -> None:
    shares = random.dirichlet(np.ones(7), N).T * 100

    (found,) = equalities(**{f"s{place}": share for place, share in enumerate(shares)})

    assert found.startswith("`s0` + `s1` + `s2` + `s3` + `s4` + `s5` + `s6` >= 99.9")


def test_units_are_converted_with_a_tolerance(random: np.random.Generator) -> None:
    celsius = random.normal(15, 10, N)
    features, X = table(c=celsius, f=1.8 * celsius + 32, other=random.normal(size=N))

    (card,) = [card for card in mine(features, X) if card.kind == "equality"]

    assert card.features == (0, 1)
    assert card.numbers[0] / card.numbers[1] == pytest.approx(-1.8)
    moved = X.copy()
    moved[:, 1] += 0.1
    assert holds([card], X).all()
    assert not holds([card], moved).any()


def test_two_sums_that_share_a_feature_are_told_apart(random: np.random.Generator) -> None:
    a, b, c = random.normal(size=(3, N))
    features, X = table(a=a, b=b, c=c, ab=a + b, bc=b + c)

    found = [card for card in mine(features, X) if card.kind == "equality"]

    assert len(found) == 2
    moved = X.copy()
    moved[:, 1] += 1
    assert not holds(found, moved).all(axis=1).any()


def test_strong_correlation_is_no_equality(random: np.random.Generator) -> None:
    a = random.normal(size=N)

    assert equalities(a=a, b=a + 0.02 * random.normal(size=N)) == []


def test_fewer_rows_than_features_equal_nothing(random: np.random.Generator) -> None:
    X = random.normal(size=(100, 90)).astype(np.float32)

    assert not any(card.kind == "equality" for card in mine(tuple(number(f"f{j}") for j in range(90)), X))


def test_rare_coincidences_are_no_copies() -> None:
    column = np.zeros(N)
    column[:3] = 1

    assert equalities(a=column, b=column) == []


def test_missing_values_are_left_out(random: np.random.Generator) -> None:
    a, b = random.poisson(9, (2, N)).astype(float)
    total = a + b
    a[random.random(N) < 0.1] = np.nan

    assert equalities(a=a, b=b, total=total) == ["`a` + `b` == `total`"]


def test_selection_rows_widen_the_tolerance(random: np.random.Generator) -> None:
    part = random.normal(50, 20, N)
    features, X = table(part=part, rest=100 - part)
    rounded = X[:300].copy()
    rounded[:2, 1] += 1e-3

    (narrow,) = [card for card in mine_relations(features, X[300:], X[:300]) if card.kind == "equality"]
    (wide,) = [card for card in mine_relations(features, X[300:], rounded) if card.kind == "equality"]

    assert narrow.numbers[-1] < 1e-3 <= wide.numbers[-1]
    assert (narrow.broken, wide.broken) == (0, 2)
