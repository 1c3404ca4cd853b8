from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guard.detectors.flag_count import beta_binomial_point, binomial_interval, flag_count_points, most_flags
from guard.detectors.promise import Promise


@pytest.mark.parametrize(("n_trials", "alpha", "beta"), [(142, 1, 150), (142, 2, 199), (10, 5, 5), (1, 1, 99)])
@pytest.mark.parametrize("share", [0.5, 0.975, 0.999])
def test_beta_binomial_point_is_scipys(share: float, n_trials: int, alpha: int, beta: int) -> None:
    expected = stats.betabinom(n_trials, alpha, beta).ppf(share)

    assert beta_binomial_point(share, n_trials=n_trials, alpha=alpha, beta=beta) == expected


def test_beta_binomial_point_of_everything_is_every_trial() -> None:
    assert beta_binomial_point(1.0, n_trials=3, alpha=1, beta=1) == 3


def test_most_flags_of_split_conformal_is_exceeded_in_one_test_of_forty() -> None:
    rng = np.random.default_rng(0)
    n, m, fpr = 199, 142, 0.01
    most = most_flags(Promise(fpr, n), n_rows=m)

    over = 0
    for _ in range(2000):
        calibration, fresh = np.sort(rng.random(n)), rng.random(m)
        p_values = (1 + n - np.searchsorted(calibration, fresh)) / (n + 1)
        over += int((p_values <= fpr).sum()) > most

    assert 0.005 < over / 2000 < 0.035


def test_most_flags_below_the_resolution_is_none() -> None:
    assert most_flags(Promise(0.001, 150), n_rows=142) == 0


def test_most_flags_of_an_exact_rate_counts_the_row_at_the_rate() -> None:
    at_the_rate, below = Promise(0.01, 199), Promise(0.0099, 199)

    assert most_flags(at_the_rate, n_rows=100) > most_flags(below, n_rows=100)


def test_flag_count_points_of_two_groups_are_those_of_the_sum() -> None:
    groups = [(Promise(0.01, 999), 500), (Promise(0.01, 299), 300), (Promise(0.001, 100), 1000)]
    rng = np.random.default_rng(0)
    drawn = sum(rng.binomial(m, rng.beta(p.k, p.n_calibration + 1 - p.k, 200_000)) for p, m in groups if p.carried)

    low, high = flag_count_points(groups, 0.025, 0.975)

    assert np.mean(drawn <= high) >= 0.974 > np.mean(drawn <= high - 2)
    assert np.mean(drawn <= low) >= 0.024 > np.mean(drawn <= low - 2)


@pytest.mark.parametrize(
    ("count", "n"), [(0, 10), (1, 10), (10, 10), (7, 10), (12, 1000), (99_000, 100_000), (400_000, 1_000_000)]
)
def test_binomial_interval_is_scipys(count: int, n: int) -> None:
    expected = stats.binomtest(count, n).proportion_ci(method="exact")

    assert binomial_interval(count, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
