"""No row is in two shares."""

import numpy as np
import pytest

from guard.training.rows.split import rows_needed, share_sizes, split_rows, thin_out


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


@pytest.mark.parametrize("n", [0, 40, 101, 12345, 1_000_000])
def test_sizes_are_those_of_the_split(n: int) -> None:
    assert tuple(map(len, split_rows(n, seed=0))) == share_sizes(n)


def test_thinned_out_rows_are_some_of_the_rows_in_order() -> None:
    rows = np.arange(0, 3000, 3)

    kept = thin_out(rows, most=100, seed=1)

    assert len(kept) == 100
    assert (np.diff(kept) > 0).all()
    assert np.isin(kept, rows).all()
    assert not np.array_equal(kept, thin_out(rows, most=100, seed=2))


def test_few_rows_are_not_thinned_out() -> None:
    assert thin_out(np.arange(100), most=100, seed=1).tolist() == list(range(100))
