"""Sums that are one of two, shares of counts, and features that equal one of two others."""

import numpy as np
import pytest

from guard.detectors.relations import holds
from tests.training.mining.tables import mine, table

N = 1500


def of_kind(kind: str, **columns: np.ndarray) -> list[str]:
    features, X = table(**columns)
    return [card.text for card in mine(features, X) if card.kind == kind]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_shares_of_a_whole_that_may_be_missing_add_up(random: np.random.Generator) -> None:
    inside, present = random.random(N), random.random(N) < 0.7
    features, X = table(inside=inside * present, outside=(1 - inside) * present, other=random.random(N))

    (card,) = [card for card in mine(features, X) if card.kind == "two_sums"]

    assert card.features == (0, 1)
    assert card.text.startswith("`inside` + `outside` == 0 or `inside` + `outside` >= 0.99999")
    swapped = X.copy()
    swapped[:, 0] = np.roll(X[:, 0], 1)
    assert holds([card], X).all()
    assert not holds([card], swapped).all()
    assert holds([card], np.zeros((1, 3), dtype=np.float32)).all()


def test_shares_that_dont_add_up_in_some_rows_are_no_relation(random: np.random.Generator) -> None:
    inside = random.random(N)

    assert of_kind("two_sums", inside=inside, outside=np.where(random.random(N) < 0.9, 1 - inside, 0)) == []


def test_few_values_add_up_by_accident(random: np.random.Generator) -> None:
    flag = (random.random(N) < 0.5).astype(float)

    assert of_kind("two_sums", flag=flag, other=1 - flag) == []


@pytest.mark.parametrize("extreme", [np.maximum, np.minimum])
def test_the_larger_or_smaller_of_two_is_one_of_them(random: np.random.Generator, extreme: np.ufunc) -> None:
    a, b = random.poisson(12, (2, N))

    assert of_kind("either", a=a, b=b, most=extreme(a, b)) == ["`most` == `a` or `most` == `b`"]


def test_what_equals_neither_now_and_then_is_no_relation(random: np.random.Generator) -> None:
    a, b = random.poisson(12, (2, N))

    assert of_kind("either", a=a, b=b, most=np.maximum(a, b) + (random.random(N) < 0.05)) == []


def test_a_copy_needs_no_alternative(random: np.random.Generator) -> None:
    a, b = random.poisson(12, (2, N))

    assert of_kind("either", a=a, b=b, c=a) == []


def test_counts_that_are_mostly_zero_equal_each_other_by_accident(random: np.random.Generator) -> None:
    counts = random.poisson(3, (6, N)) * (random.random((6, N)) < 0.02)

    assert of_kind("either", **{f"n{place}": column for place, column in enumerate(counts)}) == []


def test_a_share_of_a_count_times_the_count_is_whole(random: np.random.Generator) -> None:
    n, other = random.poisson(50, (2, N)) + 1
    features, X = table(n=n, share=np.round(random.binomial(n, 0.3) / n, 9), other=other)

    (card,) = [card for card in mine(features, X) if card.kind == "share"]

    assert card.text == "`share` * `n` is a whole number"
    moved = X.copy()
    moved[:, 0] = np.roll(X[:, 0], 1)
    assert holds([card], X).all()
    assert holds([card], moved).mean() < 0.5


def test_a_share_of_something_else_is_no_relation(random: np.random.Generator) -> None:
    n, other = random.poisson(50, (2, N)) + 1

    assert of_kind("share", other=other, share=random.binomial(n, 0.3) / n) == []


def test_missing_values_hold(random: np.random.Generator) -> None:
    a, b = random.poisson(12, (2, N)).astype(float)
    features, X = table(a=a, b=b, most=np.maximum(a, b))
    X[::7, 0] = np.nan
    X[:, 2] = np.fmax(X[:, 0], X[:, 1])

    either = [card for card in mine(features, X) if card.kind == "either"]

    assert holds(either, np.full((2, 3), np.nan, dtype=np.float32)).all()
