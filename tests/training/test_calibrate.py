"""Weights, tables and tails."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from guard.detectors.manifest import PartCard
from guard.detectors.votes import votes
from guard.training.calibrate import LEAST_TAIL_SHAPE, Vote, calibrate, fit_tail, weigh

FOREST = Vote("forest", "forest", discount=0.25)
RELATIONS = Vote("relations", "relations", one_sided=True)


def weighed(vote: Vote, values: npt.ArrayLike) -> PartCard:
    column = np.asarray(values, dtype=np.float32)
    (card,) = weigh(column[:, None], [vote], np.zeros(len(column), dtype=np.int64), n_groups=1)
    return card


def test_weights_of_relations_that_no_select_row_broke() -> None:
    card = weighed(RELATIONS, np.zeros(100))

    assert card.base == pytest.approx(np.log10(101))
    assert card.scale == pytest.approx((3.0,))


def test_weights_of_relations_say_how_rare_the_worst_is_and_no_rarer() -> None:
    sums = np.zeros(9999)
    sums[:3] = [2.0, 2.0, 60.0]

    card = weighed(RELATIONS, sums)

    assert card.base == pytest.approx(np.log10(10_000 / 4))
    worst = card.base + (60 - card.start[0]) / (card.scale[0] * np.log(10))
    assert worst == pytest.approx(4, abs=0.01)


def test_weights_of_relations_that_clean_rows_often_break_are_less() -> None:
    often, seldom = np.zeros(1000), np.zeros(1000)
    often[:40], seldom[:2] = 2.0, 2.0

    assert weighed(RELATIONS, often).base < 0.2
    assert weighed(RELATIONS, seldom).base == pytest.approx(np.log10(1001 / 3))


def test_weights_of_relations_are_counted_on_fresh_rows_alone() -> None:
    sums = np.zeros(200, dtype=np.float32)
    sums[:50] = 2.0
    fresh = np.arange(200) >= 100

    (card,) = weigh(sums[:, None], [RELATIONS], np.zeros(200, dtype=np.int64), n_groups=1, fresh=fresh)

    assert card.base == pytest.approx(np.log10(101))


def test_weights_of_an_unseen_category_are_as_rare_as_it_is() -> None:
    card = weighed(Vote("unseen", "unseen", one_sided=True), np.repeat([-0.5, 0.5, 1.5], [95, 4, 1]))

    one = card.base + 0.5 / (card.scale[0] * np.log(10))
    assert one == pytest.approx(np.log10(101 / 6))


def test_weights_of_an_exponential_part_are_decades_of_rarity() -> None:
    card = weighed(FOREST, np.random.default_rng(0).exponential(0.3, 100_000))

    at_one_in_1000 = 0.3 * np.log(1000)
    decades = card.base + (at_one_in_1000 - card.start[0]) / (card.scale[0] * np.log(10))
    assert decades == pytest.approx(3 - 0.25, abs=0.05)


def test_weights_of_groups_are_their_own() -> None:
    values = np.concatenate([np.linspace(0, 1, 100), np.linspace(10, 30, 100)]).astype(np.float32)

    (card,) = weigh(values[:, None], [FOREST._replace(by_group=True)], np.repeat([0, 1], 100), n_groups=2)

    assert card.start == pytest.approx((0.9, 28.0))
    assert card.scale == pytest.approx((0.0545, 1.0909), rel=0.01)


def test_weights_of_a_small_group_are_those_of_all() -> None:
    values = np.linspace(0, 1, 130).astype(np.float32)

    (card,) = weigh(values[:, None], [FOREST._replace(by_group=True)], np.repeat([0, 1], [100, 30]), n_groups=2)

    assert card.start[1] == pytest.approx(0.9)


def test_weights_of_a_rescaled_vote_make_its_mean_decades() -> None:
    random = np.random.default_rng(1)
    parts = random.exponential(1.0, (50_000, 2)).astype(np.float32)
    pair = [Vote("a", "both", rescaled=True), Vote("b", "both", rescaled=True)]

    cards = weigh(parts, pair, np.zeros(len(parts), dtype=np.int64), n_groups=1)

    mean = votes(parts, cards)["both"]
    assert np.quantile(mean, 0.9) == pytest.approx(1, abs=0.01)
    assert np.mean(mean >= 2) == pytest.approx(0.01, rel=0.3)


def test_weights_of_a_part_that_scores_alike_are_finite() -> None:
    assert weighed(FOREST, np.full(50, 0.4)).scale == pytest.approx((1e-3,))


def test_table_of_few_rows_is_exact() -> None:
    scores = np.array([1, 2, 2, 3], dtype=np.float32)

    found = calibrate(scores, rates=(0.3,), confidence=None)

    assert found.exact
    np.testing.assert_allclose(found.table()[1][:4], [1, 4 / 5, 2 / 5, 1 / 5])
    np.testing.assert_allclose(found.p_value([0.5, 1, 1.5, 2, 3]), [1, 1, 4 / 5, 4 / 5, 2 / 5])


def test_table_of_many_rows_is_exact_at_the_extremes_and_conservative_in_the_bulk() -> None:
    scores = np.random.default_rng(0).normal(size=30_000).astype(np.float32)
    n = len(scores)

    found = calibrate(scores, rates=(0.01,), confidence=None)

    ordered = np.sort(scores)
    # As high, within the tolerance.
    tied = (ordered.astype(np.float64) + 1e-4 * np.maximum(1, np.abs(ordered))).astype(np.float32)
    exact = (1 + n - np.searchsorted(tied, ordered)) / (n + 1)
    given = found.p_value(ordered)
    extreme = exact <= 0.1
    assert not found.exact
    assert len(found.scores) < 6000
    np.testing.assert_allclose(given[extreme], exact[extreme])
    assert (given >= exact * (1 - 1e-12)).all()
    assert (given - exact).max() < 1e-3


def test_table_takes_scores_within_the_tolerance_for_ties() -> None:
    found = calibrate(np.repeat([1.0, 2.0], 50).astype(np.float32), rates=(0.3,), confidence=None)

    np.testing.assert_allclose(found.p_value([2.0, 2.0001, 2.0003]), [51 / 101, 51 / 101, 1 / 101])


def test_tail_of_exponential_scores_starts_where_they_end_and_falls_more_slowly() -> None:
    tail = fit_tail(np.random.default_rng(1).exponential(2.0, 50_000).astype(np.float32))

    assert tail.shape == LEAST_TAIL_SHAPE
    assert tail.start >= 2.0 * np.log(50_000) * 0.8
    assert tail.scale == pytest.approx(2.0, rel=0.1)


def test_tail_of_heavy_scores_finds_their_shape() -> None:
    scores = stats.genpareto.rvs(0.8, size=50_000, random_state=2).astype(np.float32)

    assert fit_tail(scores).shape == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize("n", [20, 99, 199])
def test_tail_of_few_scores_has_the_least_shape(n: int) -> None:
    tail = fit_tail(stats.genpareto.rvs(0.9, size=n, random_state=3).astype(np.float32))

    assert tail.shape == LEAST_TAIL_SHAPE


@pytest.mark.parametrize("shape", [0.0, 0.3])
@pytest.mark.parametrize("n", [50, 500, 5000])
def test_tail_starts_at_the_largest_score_or_later(shape: float, n: int) -> None:
    scores = stats.genpareto.rvs(shape, size=n, random_state=n).astype(np.float32)

    tail = fit_tail(scores)

    assert tail.start >= scores.max()
    assert tail.start == float(np.float32(tail.start))


def test_tail_of_tied_scores_has_a_scale() -> None:
    assert fit_tail(np.ones(500, np.float32)).scale > 0
