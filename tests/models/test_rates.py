from __future__ import annotations

from pathlib import Path

import pytest

from models.rates import Rate, measure, over

SEEDS = range(20)


def test_rates_keep_the_promise_in_all_but_one_of_20_seeds(committed: Path, tmp_path: Path) -> None:
    contract = (committed / "contract.toml").read_text(encoding="utf-8")

    rates = list(measure(SEEDS, contract=contract, folder=tmp_path))

    assert [rate.seed for rate in rates] == list(SEEDS)
    assert over(rates) <= 1, rates


@pytest.mark.parametrize(("flagged", "is_over"), [(5, 0), (6, 1)])
def test_over_begins_past_the_promise(flagged: int, is_over: int) -> None:
    rate = Rate(seed=0, n_calibration=150, n_rows=142, flagged=flagged, rejected=0, most=5)

    assert over([rate]) == is_over
