"""Rows whose ends differ."""

import numpy as np
import pytest

from guard.detectors.manifest import FeatureCard
from guard.training.rows.drift import drifting


def cards(n: int) -> tuple[FeatureCard, ...]:
    return tuple(FeatureCard(name=f"f{place}", type="number", nullable=True, missing=0) for place in range(n))


def test_exchangeable_rows_hardly_ever_drift() -> None:
    named = 0
    for seed in range(300):
        rows = np.random.default_rng(seed).normal(size=(400, 10)).astype(np.float32)
        named += bool(drifting(rows, np.arange(400), cards(10)))

    assert named <= 2


def test_features_that_drift_are_named_the_most_different_first() -> None:
    rows = np.random.default_rng(0).normal(size=(2000, 4)).astype(np.float32)
    rows[:, 1] += np.linspace(0, 1, 2000)
    rows[:, 3] += np.linspace(0, 9, 2000)

    found = drifting(rows, np.arange(2000), cards(4))

    assert [drift.name for drift in found] == ["f3", "f1"]
    assert found[0].distance == pytest.approx(1)


def test_positions_and_not_the_order_given_say_what_comes_first() -> None:
    random = np.random.default_rng(0)
    positions = random.permutation(2000)
    rows = random.normal(size=(2000, 1)).astype(np.float32) + (positions / 500)[:, None].astype(np.float32)

    assert drifting(rows, positions, cards(1))
    assert not drifting(rows, np.arange(2000), cards(1))


def test_missing_values_that_become_more_drift() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(4000, 2)).astype(np.float32)
    rows[random.random(4000) < np.linspace(0, 0.5, 4000), 1] = np.nan

    assert [drift.name for drift in drifting(rows, np.arange(4000), cards(2))] == ["f1"]


def test_difference_too_small_to_matter_is_not_named() -> None:
    rows = np.random.default_rng(0).normal(size=(500_000, 1)).astype(np.float32)
    rows[:, 0] += np.linspace(0, 0.06, 500_000)

    assert not drifting(rows, np.arange(500_000), cards(1))


@pytest.mark.parametrize("n", [0, 9, 10, 40])
def test_few_rows_say_nothing(n: int) -> None:
    rows = np.arange(n, dtype=np.float32)[:, None]

    assert not drifting(rows, np.arange(n), cards(1))
