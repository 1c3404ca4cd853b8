"""Clean rows that come together, as one request each."""

import numpy as np

from guard.training.evaluation.batches import LARGEST_BATCH, judge_batches
from guard.training.evaluation.scored import Coded, Group, ScoredRows

ALL = (Group("all", 999, None),)


def scored(p_values: np.ndarray, customers: np.ndarray) -> ScoredRows:
    p_value = p_values.astype(np.float32)
    names = tuple(map(str, range(int(customers.max()) + 1)))
    carried = {"who": Coded(names, customers)}
    return ScoredRows(-np.log10(p_value), p_value, np.zeros(len(p_value), dtype=np.int64), {}, carried)


def test_clustered_requests_are_flagged_less_or_more_often_than_shuffled_ones() -> None:
    # A hundredth of the customers has all the unusual rows, twenty each.
    random = np.random.default_rng(0)
    customers = np.repeat(np.arange(500), 20)
    unusual = customers < 5
    p_values = np.where(unusual, random.uniform(0.0001, 0.0005, 10_000), random.uniform(0.05, 1, 10_000))

    found = judge_batches(scored(p_values, customers), ALL, column="who", flag_fpr=0.01, reject_fpr=0.001)

    assert (found.clustered.n, found.shuffled.n) == (500, 500)
    assert found.clustered.count == 5
    assert (found.smallest, found.median, found.largest) == (20, 20.0, 20)


def test_exchangeable_requests_are_flagged_as_promised() -> None:
    random = np.random.default_rng(1)
    customers = np.repeat(np.arange(2000), 5)

    found = judge_batches(scored(random.random(10_000), customers), ALL, column="who", flag_fpr=0.05, reject_fpr=0.001)

    assert found.clustered.low < 0.05
    assert found.shuffled.low < 0.05


def test_a_large_group_makes_several_requests_and_rows_without_group_none() -> None:
    customers = np.repeat([0, 1, -1], [LARGEST_BATCH + 10, 3, 4])

    found = judge_batches(
        scored(np.full(len(customers), 0.5), customers), ALL, column="who", flag_fpr=0.01, reject_fpr=0.001
    )

    assert (found.clustered.n, found.smallest, found.largest) == (3, 3, LARGEST_BATCH)


def test_no_groups_at_all() -> None:
    rows = scored(np.array([0.5]), np.array([0]))
    rows = rows._replace(carried={"who": Coded((), np.array([-1]))})

    found = judge_batches(rows, ALL, column="who", flag_fpr=0.01, reject_fpr=0.001)

    assert (found.clustered.n, found.largest) == (0, 0)
