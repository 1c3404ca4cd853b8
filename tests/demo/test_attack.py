from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from guard.demo.attack import attack
from guard.demo.host import OnnxModel

Rows = npt.NDArray[np.float32]

NORMAL = np.array([3.0, -4.0, 0.0], dtype=np.float32)


def over_plane(rows: Rows) -> npt.NDArray[np.int64]:
    return (rows @ NORMAL > 1).astype(np.int64)


def anything(rows: Rows) -> npt.NDArray[np.bool_]:
    return np.ones(len(rows), dtype=np.bool_)


@pytest.fixture
def rows() -> Rows:
    return np.random.default_rng(1).standard_normal((60, 3)).astype(np.float32)


def test_attack_flips_every_label(rows: Rows) -> None:
    attacked = attack(rows, predict=over_plane, obeys=anything, seed=0)

    assert len(attacked.rows) == len(rows)
    assert (over_plane(attacked.rows) != over_plane(rows[attacked.origins])).all()


def test_attack_ends_nearly_as_close_as_the_boundary_is(rows: Rows) -> None:
    spread = rows.std(axis=0)
    least = np.abs(rows @ NORMAL - 1) / np.linalg.norm(NORMAL * spread)

    attacked = attack(rows, predict=over_plane, obeys=anything, seed=0)

    moved = np.linalg.norm((attacked.rows - rows) / spread, axis=1)
    assert np.median(moved / least) < 1.1


def test_attack_keeps_the_contract(rows: Rows) -> None:
    def third_positive(candidates: Rows) -> npt.NDArray[np.bool_]:
        kept: npt.NDArray[np.bool_] = candidates[:, 2] >= 0
        return kept

    attacked = attack(rows, predict=over_plane, obeys=third_positive, seed=0)

    assert 0 < len(attacked.rows) < len(rows)
    assert third_positive(attacked.rows).all()


def test_attack_with_a_seed_repeats(rows: Rows) -> None:
    first = attack(rows, predict=over_plane, obeys=anything, seed=3)
    second = attack(rows, predict=over_plane, obeys=anything, seed=3)

    np.testing.assert_array_equal(first.rows, second.rows)


def test_attack_on_rows_of_one_label_sends_nothing(rows: Rows) -> None:
    one_label = rows[over_plane(rows) == 1]

    attacked = attack(one_label, predict=over_plane, obeys=anything, seed=0)

    assert len(attacked.rows) == 0
    assert attacked.n_queries == len(one_label)


def test_attack_counts_every_query(rows: Rows) -> None:
    asked = []

    def counting(candidates: Rows) -> npt.NDArray[np.int64]:
        asked.append(len(candidates))
        return over_plane(candidates)

    attacked = attack(rows, predict=counting, obeys=anything, seed=0)

    assert attacked.n_queries == sum(asked)


def test_attack_on_the_demo_model_succeeds_on_most_rows(model: OnnxModel, heldout: npt.NDArray[np.float64]) -> None:
    rows = heldout.astype(np.float32)

    attacked = attack(rows, predict=model.predict, obeys=anything, seed=0)

    assert len(attacked.rows) > 0.9 * len(rows)
    assert (model.predict(attacked.rows) != model.predict(rows[attacked.origins])).all()
