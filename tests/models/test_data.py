from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guard.demo.assets import read_rows
from models.build import SEED
from models.data import Rows, load_rows, split


@pytest.fixture(scope="module")
def rows() -> Rows:
    return load_rows()


def keys(rows: Rows) -> set[bytes]:
    return {row.tobytes() for row in rows.values}


def test_load_rows_gives_both_classes(rows: Rows) -> None:
    assert rows.values.shape == (569, 30)
    assert np.bincount(rows.malignant).tolist() == [357, 212]


@pytest.mark.parametrize("seed", range(3))
def test_split_puts_every_row_in_one_part(rows: Rows, seed: int) -> None:
    training, heldout = split(rows, seed=seed)

    assert len(training.values) + len(heldout.values) == len(rows.values)
    assert keys(training).isdisjoint(keys(heldout))
    assert keys(training) | keys(heldout) == keys(rows)


def test_split_keeps_classes_beside_their_rows(rows: Rows) -> None:
    classes = {row.tobytes(): malignant for row, malignant in zip(rows.values, rows.malignant, strict=True)}

    _, heldout = split(rows, seed=0)

    assert [classes[row.tobytes()] for row in heldout.values] == heldout.malignant.tolist()


def test_split_of_another_seed_is_another(rows: Rows) -> None:
    assert keys(split(rows, seed=0)[1]) != keys(split(rows, seed=1)[1])


def test_committed_heldout_rows_were_in_no_training(rows: Rows, committed: Path) -> None:
    training, heldout = split(rows, seed=SEED)

    _, stored = read_rows(committed / "heldout.csv")

    assert {row.tobytes() for row in stored} == keys(heldout)
    assert {row.tobytes() for row in stored}.isdisjoint(keys(training))
