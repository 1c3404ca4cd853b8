"""Ranks and cuts, against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from guard.detectors.promise import (
    Promise,
    calibration_rows_needed,
    crowd_rank,
    cut,
    is_extrapolated,
    rank,
    rank_count_limit,
    upper_rate,
)


@pytest.mark.parametrize(
    ("n", "fpr", "expected"),
    [(99, 0.01, 1), (98, 0.01, 0), (199, 0.01, 2), (99, 0.29, 29), (999, 0.001, 1), (10, 0.5, 5)],
)
def test_rank_without_confidence(n: int, fpr: float, expected: int) -> None:
    assert rank(n, fpr) == expected


@pytest.mark.parametrize(
    ("n", "expected"), [(298, 0), (299, 1), (500, 2), (1000, 5), (2000, 13), (5000, 39), (10000, 84)]
)
def test_rank_with_confidence(n: int, expected: int) -> None:
    assert rank(n, 0.01, 0.95) == expected


def test_rank_with_confidence_is_the_largest_whose_quantile_keeps_the_rate() -> None:
    k = rank(3000, 0.02, 0.9)

    assert stats.beta.ppf(0.9, k, 3001 - k) <= 0.02 < stats.beta.ppf(0.9, k + 1, 3000 - k)


@pytest.mark.parametrize(("n", "k"), [(99, 1), (500, 5), (1000, 10), (20000, 200)])
def test_upper_rate_is_the_quantile_of_the_beta(n: int, k: int) -> None:
    assert upper_rate(n, k) == pytest.approx(stats.beta.ppf(0.95, k, n + 1 - k), rel=1e-6)


@pytest.mark.parametrize("n", [99, 150, 1000, 7777, 200_000])
@pytest.mark.parametrize("fpr", [0.01, 0.05])
def test_cut_separates_the_rank_from_the_next_in_float32(n: int, fpr: float) -> None:
    k = rank(n, fpr)

    assert float(np.float32(k / (n + 1))) <= cut(n, fpr) < float(np.float32((k + 1) / (n + 1)))
    assert np.float32(k / (n + 1)) <= np.float32(cut(n, fpr))


@pytest.mark.parametrize("confidence", [None, 0.95])
def test_cut_of_a_rate_that_is_not_carried_is_extrapolated(confidence: float | None) -> None:
    found = cut(150, 0.001, confidence)

    assert found == 0.001
    assert is_extrapolated(found, 150)


def test_cut_with_confidence_spares_the_last_rank() -> None:
    # 150 rows carry 1 % on average, not with 95 % confidence.
    assert is_extrapolated(cut(150, 0.01, 0.95), 150)


@pytest.mark.parametrize(
    ("fpr", "confidence"), [(0.01, None), (0.001, None), (0.03, None), (0.01, 0.95), (0.001, 0.95)]
)
def test_calibration_rows_needed_are_the_fewest(fpr: float, confidence: float | None) -> None:
    n = calibration_rows_needed(fpr, confidence)

    assert rank(n, fpr, confidence) == 1
    assert rank(n - 1, fpr, confidence) == 0


def test_promise_says_what_it_would_take() -> None:
    assert "999 would" in Promise(0.001, 150).describe()
    assert "k = 1 of n + 1 = 151" in Promise(0.01, 150).describe()


def test_approximate_promise_gives_no_bound() -> None:
    told = Promise(0.01, 150, 0.5).describe(approximate=True)

    assert "with probability about 0.662% (k = 1 of n + 1 = 151)" in told
    assert "confidence" not in told
    assert "95 %" not in told


@pytest.mark.parametrize(
    ("n", "m", "rate"), [(150, 10, 0.005), (1000, 100, 0.005), (20000, 1024, 0.0005), (50, 3, 0.05)]
)
def test_rank_count_limit_is_the_quantile_of_the_beta_binomial(n: int, m: int, rate: float) -> None:
    k0 = crowd_rank(n)
    law = stats.betabinom(m, k0, n + 1 - k0)

    limit = rank_count_limit(n, m, rate)

    assert law.sf(limit - 1) <= rate < law.sf(limit - 2)


def test_rank_count_limit_is_out_of_reach_for_a_tiny_batch() -> None:
    assert rank_count_limit(1000, 2, 0.005) == 3


def test_rank_count_limit_keeps_its_rate_on_exchangeable_scores() -> None:
    random, n, m, rate = np.random.default_rng(5), 200, 40, 0.05
    limit = rank_count_limit(n, m, rate)
    scores = random.normal(size=(4000, n + m))

    calibration, batch = np.sort(scores[:, :n]), scores[:, n:]
    p = np.array([(1 + n - np.searchsorted(c, b)) / (n + 1) for c, b in zip(calibration, batch, strict=True)])
    flagged = np.mean((p <= crowd_rank(n) / (n + 1) + 1e-9).sum(axis=1) >= limit)

    assert flagged <= rate + 4 * np.sqrt(rate / 4000)
    assert flagged > rate / 10
