"""From columns to cards and matrices."""

import numpy as np
import polars as pl
import pytest

from guard.errors import TrainingError
from guard.training.rows.data import Selection
from guard.training.rows.encode import describe, forest_columns, forest_matrix, quantiles, raw_matrix, with_medians
from guard.training.rows.frames import from_frame

FIT = np.arange(4)


def test_card_is_of_the_fit_rows_and_nullable_by_all() -> None:
    dataset = from_frame(pl.DataFrame({"a": [1.0, 2.0, 4.0, 3.0, None, 99.0], "b": [1, 2, 3, 4, 5, 6]}))

    first, second = describe(dataset, fit=FIT, nullable={"b"})

    assert (first.minimum, first.maximum, first.median, first.missing) == (1, 4, 2.5, 0)
    assert (first.nullable, second.nullable) == (True, True)


def test_categories_are_coded_the_rarest_first_and_unseen_as_minus_one() -> None:
    dataset = from_frame(pl.DataFrame({"a": ["x", "y", "x", None, "z", "y"]}))

    (card,) = cards = describe(dataset, fit=FIT)

    assert (card.categories, card.counts, card.missing) == (("y", "x"), (1, 2), 1)
    np.testing.assert_array_equal(raw_matrix(dataset, cards)[:, 0], [1, 0, 1, np.nan, -1, 0])


def test_column_without_a_value_in_the_fit_rows() -> None:
    dataset = from_frame(pl.DataFrame({"a": [None, None, None, None, 1.0]}))

    with pytest.raises(TrainingError, match="'a' has no value in the rows that fit"):
        describe(dataset, fit=FIT)


def test_frequencies_are_of_all_fit_rows_though_the_matrix_is_a_sample() -> None:
    dataset = from_frame(pl.DataFrame({"a": ["x", "y", "x", "x"]}))
    cards = describe(dataset, fit=FIT)
    rows = raw_matrix(dataset, cards)

    np.testing.assert_allclose(
        forest_matrix(np.array([[0], [1], [-1]], dtype=np.float32), forest_columns(cards, rows[:1]))[:, 0],
        np.log([1 / 4, 3 / 4, 1 / 5]),
        rtol=1e-6,
    )


def test_sample_without_any_value_of_a_feature_still_encodes() -> None:
    dataset = from_frame(
        pl.DataFrame({"a": ["x", "y", None, None], "b": [5.0, 6.0, None, None]}), selection=Selection()
    )
    rows = raw_matrix(dataset, cards := describe(dataset, fit=FIT))

    sampled = with_medians(cards, rows[2:])
    encoded = forest_matrix(rows[2:], forest_columns(sampled, rows[2:]))

    assert sampled[1].median == 5
    assert np.isfinite(encoded).all()


def test_quantiles_are_values_that_are_there() -> None:
    values = np.append(np.random.default_rng(0).permutation(200), [np.nan] * 50).astype(np.float32)

    assert quantiles(values) == (1, 9, 49, 99, 149, 189, 197)


def test_quantiles_of_nothing_are_none() -> None:
    assert quantiles(np.full(3, np.nan, dtype=np.float32)) == ()
