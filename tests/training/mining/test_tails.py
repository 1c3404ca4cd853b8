"""Bounds beyond what was seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from guard.training.mining.tails import bounds, ends_at_zero, outward, reach_for

FINITE = st.floats(-(2.0**119), 2.0**119, width=32)


@given(arrays(np.float32, st.integers(1, 60), elements=FINITE), st.booleans())
def test_bounds_hold_every_value_in_float32(values: np.ndarray, integral: bool) -> None:
    low, high = outward(*bounds(values), integral=integral)

    assert np.float32(low) == low
    assert np.float32(high) == high
    assert (values >= np.float32(low)).all()
    assert (values <= np.float32(high)).all()


@pytest.mark.parametrize("shape", ["normal", "exponential", "lognormal", "uniform"])
def test_new_values_seldom_lie_outside(shape: str) -> None:
    random = np.random.default_rng(0)
    n, outside = 1000, 0
    for _ in range(100):
        values = getattr(random, shape)(size=2 * n).astype(np.float32)
        low, high = bounds(values[:n])
        outside += int(((values[n:] < low) | (values[n:] > high)).sum())

    # Without a margin, two in a thousand rows: 200.
    assert outside <= 50


def test_differences_that_peter_out_just_above_zero_have_no_reason_to_stay_there() -> None:
    random = np.random.default_rng(1)
    chance = random.normal(size=5000).astype(np.float32)

    assert not ends_at_zero(chance - chance.min())
    assert ends_at_zero(chance - chance.min() + 3)
    assert ends_at_zero(np.maximum(chance, 0))
    assert ends_at_zero(random.exponential(size=5000).astype(np.float32))


@pytest.mark.parametrize(("n", "d"), [(200, 30), (1000, 100), (10_000, 10)])
def test_many_features_of_few_rows_reach_farther(n: int, d: int) -> None:
    random = np.random.default_rng(2)
    reach = reach_for(n, d)
    outside = []
    for _ in range(10):
        X = random.normal(size=(2 * n, d)).astype(np.float32)
        limits = np.array([bounds(column, reach=reach) for column in X[:n].T])
        outside.append(((X[n:] < limits[:, 0]) | (X[n:] > limits[:, 1])).any(axis=1).mean())

    assert reach_for(100 * n, d) <= reach <= reach_for(n, 100 * d)
    assert np.mean(outside) <= 0.004
