"""Families of relations that new rows would break too often."""

import numpy as np

from guard.training.mining.budget import within_budget
from guard.training.mining.candidate import Candidate


def test_a_family_that_luck_brought_through_is_cut_to_its_strongest() -> None:
    select = np.zeros((400, 41), dtype=np.float32)
    # Each but the first is broken by one row of its own: any half of the rows misses half of them.
    select[np.arange(40) * 7, np.arange(1, 41)] = -1
    weak = [Candidate("order", (0, place), 100 - place) for place in range(1, 41)]
    strong = [Candidate("order", (place, 0), 1000) for place in range(1, 9)]

    other = Candidate("positive_implies_positive", (0, 1), 1)

    kept = within_budget([*weak, *strong, other], select)

    assert other in kept
    assert 4 <= len(kept) <= 9
    assert set(kept) <= {*strong, other}


def test_what_no_row_breaks_is_all_kept() -> None:
    candidates = [Candidate("order", (a, b), 30) for a in range(5) for b in range(5) if a != b]

    assert set(within_budget(candidates, np.ones((50, 5), dtype=np.float32))) == set(candidates)
