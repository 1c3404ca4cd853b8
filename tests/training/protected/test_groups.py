"""Which classes are calibrated by themselves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from guard.detectors.promise import calibration_rows_needed
from guard.training.protected.groups import choose_groups


def test_groups_of_common_classes_are_their_own() -> None:
    assert choose_groups([500, 500], n_calibrate=1000, rate=0.01) == (0, 1)


def test_groups_of_rare_classes_are_shared() -> None:
    assert choose_groups([1000, 60, 1000, 60, 60], n_calibrate=2000, rate=0.01) == (0, 2, 1, 2, 2)


def test_groups_that_together_are_too_rare_take_the_rarest_of_the_others() -> None:
    assert choose_groups([1000, 20, 500, 5], n_calibrate=1500, rate=0.01) == (0, 1, 1, 1)


def test_groups_of_few_rows_are_one() -> None:
    assert choose_groups([100, 100, 3], n_calibrate=120, rate=0.01) == (0, 0, 0)


def test_groups_of_one_class() -> None:
    assert choose_groups([900], n_calibrate=500, rate=0.01) == (0,)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=12), st.integers(99, 5000))
def test_groups_are_numbered_without_gaps_and_carry_the_rate(counts: list[int], n_calibrate: int) -> None:
    groups = choose_groups(counts, n_calibrate=n_calibrate, rate=0.01)

    assert sorted(set(groups)) == list(range(max(groups) + 1))
    if max(groups) > 0:
        expected = np.bincount(groups, weights=counts) / max(sum(counts), 1) * n_calibrate
        assert (expected >= calibration_rows_needed(0.01)).all()
