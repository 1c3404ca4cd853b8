"""Relations of one feature."""

import numpy as np
import pytest

from tests.training.mining.tables import mine, number, table

N = 2000
RANDOM = np.random.default_rng(0)


def kinds(column: np.ndarray, kind: str = "number") -> dict[str, tuple[float, ...]]:
    _, X = table(x=column)
    return {card.kind: card.numbers for card in mine((number("x", kind),), X)}


def test_whole_numbers_have_a_range_of_whole_numbers() -> None:
    found = kinds(RANDOM.poisson(30, N))

    assert set(found) == {"integral", "range"}
    assert all(bound.is_integer() for bound in found["range"])


def test_a_declared_integer_needs_no_relation_that_says_so() -> None:
    assert set(kinds(RANDOM.poisson(30, N), "integer")) == {"range"}


def test_large_float32_are_whole_by_their_format() -> None:
    assert set(kinds(RANDOM.uniform(1e8, 1e9, N))) == {"range"}


@pytest.mark.parametrize("values", [[0, 1], [-1, 0, 1], [0.25, 0.5, 7], [3]])
def test_a_few_values_often_seen_are_a_domain(values: list[float]) -> None:
    column = np.resize(values, N)

    assert kinds(column) == {"domain": tuple(sorted(map(float, values)))}


def test_a_tail_of_rare_counts_is_no_domain() -> None:
    column = np.concatenate([np.zeros(1900), np.full(90, 1), np.full(9, 2), [3]])

    found = kinds(RANDOM.permutation(column))

    assert set(found) == {"integral", "range"}
    assert found["range"][1] > 3


def test_a_rare_indicator_is_a_domain_all_the_same() -> None:
    column = np.zeros(N)
    column[[500, 900, 1500]] = 1

    assert kinds(column) == {"domain": (0, 1)}


def test_a_domain_that_selection_rows_leave_becomes_a_range() -> None:
    column = np.resize([0.0, 1, 2], N)
    column[7] = 3

    assert set(kinds(column)) == {"integral", "range"}


def test_a_bound_that_many_rows_share_has_no_margin_and_a_tail_has() -> None:
    column = np.minimum(RANDOM.exponential(1, N), 1.5)

    low, high = kinds(column)["range"]

    assert high == 1.5
    assert low < column.min()


def test_constants_say_nothing_where_others_had_single_exceptions() -> None:
    X = np.zeros((1000, 12), dtype=np.float32)
    X[np.arange(300, 310), np.arange(10)] = 1
    features = tuple(number(f"f{place}") for place in range(12))

    assert not any(card.kind == "domain" and len(card.numbers) == 1 for card in mine(features, X))
    assert any(card.kind == "domain" and len(card.numbers) == 1 for card in mine(features[10:], X[:, 10:]))
