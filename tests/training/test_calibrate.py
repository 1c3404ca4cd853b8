"""Weights, tables and tails."""

import numpy as np
import pytest
from scipy import stats

from guard.training.calibrate import calibrate, fit_tail, lookup_p_values, weigh


def test_weights_of_a_range_that_no_select_row_left() -> None:
    weights = weigh({"forest": np.linspace(0.3, 0.5, 100, dtype=np.float32), "range": np.full(100, -0.2, np.float32)})

    assert weights.range_base == pytest.approx(np.log10(101))
    assert weights.range_scale == pytest.approx(0.1)


def test_weights_shrink_the_mean_excess_of_a_range() -> None:
    beyond = np.full(100, -0.2, np.float32)
    beyond[:3] = 0.5

    weights = weigh({"forest": np.linspace(0.3, 0.5, 100, dtype=np.float32), "range": beyond})

    assert weights.range_scale == pytest.approx((1.5 + 0.1) / 4)
    assert weights.range_base == pytest.approx(np.log10(101 / 4))


def test_weights_of_a_forest_that_scores_alike_are_finite() -> None:
    assert weigh({"forest": np.full(50, 0.4, np.float32)}).forest_scale == pytest.approx(1e-3)


def test_table_of_few_rows_is_exact() -> None:
    scores = np.array([1, 2, 2, 3], dtype=np.float32)

    found = calibrate(scores, rates=(0.3,), confidence=None)

    assert found.exact
    np.testing.assert_allclose(lookup_p_values(found), [1, 4 / 5, 2 / 5, 1 / 5])
    np.testing.assert_allclose(found.p_value([0.5, 1, 1.5, 2, 3]), [1, 1, 4 / 5, 4 / 5, 2 / 5])


def test_table_of_many_rows_is_exact_at_the_extremes_and_conservative_in_the_bulk() -> None:
    scores = np.random.default_rng(0).normal(size=30_000).astype(np.float32)
    n = len(scores)

    found = calibrate(scores, rates=(0.01,), confidence=None)

    ordered = np.sort(scores)
    exact = (1 + n - np.searchsorted(ordered, ordered)) / (n + 1)
    given = found.p_value(ordered)
    extreme = exact <= 0.1
    assert not found.exact
    assert len(found.scores) < 6000
    np.testing.assert_allclose(given[extreme], exact[extreme])
    assert (given >= exact * (1 - 1e-12)).all()
    assert (given - exact).max() < 1e-3


def test_tail_of_exponential_scores_is_about_exponential() -> None:
    tail = fit_tail(np.random.default_rng(1).exponential(2.0, 50_000).astype(np.float32))

    assert tail.shape < 0.1
    assert tail.start >= 2.0 * np.log(50_000) * 0.8


def test_tail_of_heavy_scores_finds_their_shape() -> None:
    scores = stats.genpareto.rvs(0.3, size=50_000, random_state=2).astype(np.float32)

    assert fit_tail(scores).shape == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("n", [20, 99, 199])
def test_tail_of_few_scores_is_exponential(n: int) -> None:
    tail = fit_tail(stats.genpareto.rvs(0.5, size=n, random_state=3).astype(np.float32))

    assert tail.shape == 0


@pytest.mark.parametrize("shape", [0.0, 0.3])
@pytest.mark.parametrize("n", [50, 500, 5000])
def test_tail_starts_at_the_largest_score_or_later(shape: float, n: int) -> None:
    scores = stats.genpareto.rvs(shape, size=n, random_state=n).astype(np.float32)

    tail = fit_tail(scores)

    assert tail.start >= scores.max()
    assert tail.start == float(np.float32(tail.start))


def test_tail_of_tied_scores_has_a_scale() -> None:
    assert fit_tail(np.ones(500, np.float32)).scale > 0
