"""No row is in two shares."""

import numpy as np
import pytest

from guard.training.split import rows_needed, split_rows


@pytest.mark.parametrize("n", [40, 99, 100, 569, 12345, 1_000_000])
def test_split_puts_every_row_in_one_share(n: int) -> None:
    shares = split_rows(n, seed=3)

    together = np.concatenate(shares)

    assert len(together) == n
    assert len(np.unique(together)) == n


def test_split_depends_on_the_seed_alone() -> None:
    assert (split_rows(100, seed=1).fit == split_rows(100, seed=1).fit).all()
    assert not (split_rows(100, seed=1).fit == split_rows(100, seed=2).fit).all()


@pytest.mark.parametrize("n_calibrate", [99, 299, 999, 2995])
def test_rows_needed_are_the_fewest(n_calibrate: int) -> None:
    n = rows_needed(n_calibrate)

    assert len(split_rows(n, seed=0).calibrate) >= n_calibrate
    assert len(split_rows(n - 1, seed=0).calibrate) < n_calibrate
