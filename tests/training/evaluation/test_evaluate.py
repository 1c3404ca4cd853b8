"""A detector's figures on rows that it hasn't seen."""

import numpy as np
import pytest

from guard.detectors import Detector
from guard.detectors.detector import open_detector
from guard.training import fit_detector
from guard.training.evaluation.evaluate import evaluate_rows, measure_rate
from guard.training.evaluation.labels import Labels
from guard.training.evaluation.scored import Coded, Group, ScoredRows, groups_of, score_matrix

ALL = (Group("all", 999, None),)


def scored(p_values: list[float], group: list[int] | None = None) -> ScoredRows:
    p_value = np.array(p_values, dtype=np.float32)
    places = np.zeros(len(p_value), dtype=np.int64) if group is None else np.array(group)
    return ScoredRows(-np.log10(p_value), p_value, places, {}, {})


@pytest.fixture(scope="module")
def detector(rows: np.ndarray) -> Detector:
    return open_detector(fit_detector(rows).content, source="the test's")


def test_rate_counts_flagged_and_extrapolated() -> None:
    rate = measure_rate(scored([0.5] * 97 + [0.01, 0.001, 0.0001]), ALL, 0.01)

    assert (rate.flagged.count, rate.flagged.n, rate.extrapolated) == (3, 100, 1)
    assert rate.promised == 0.01
    assert (rate.verdict, rate.most) == ("within", 3)


def test_rate_above_the_point() -> None:
    rate = measure_rate(scored([0.5] * 90 + [0.01] * 10), ALL, 0.01)

    assert rate.verdict == "above"
    assert rate.flagged.low > 0.04


def test_rate_that_the_calibration_does_not_carry_has_no_verdict() -> None:
    rate = measure_rate(scored([0.5, 0.0005, 1e-5]), ALL, 0.0001)

    assert (rate.verdict, rate.covered_rows, rate.flagged.count, rate.extrapolated) == ("nothing promised", 0, 1, 1)


def test_rate_of_groups_judges_each_by_its_own_calibration() -> None:
    groups = (Group("a", 999, None), Group("b", 49, None))
    rows = scored([0.5, 0.009, 0.009, 0.02], [0, 0, 1, 1])

    rate = measure_rate(rows, groups, 0.01)

    # Of group b, p = 0.009 is extrapolated, and no promise covers it.
    assert (rate.flagged.count, rate.extrapolated, rate.covered, rate.covered_rows) == (2, 1, 1, 2)


def test_rate_of_a_detector_that_keeps_its_promise_is_within_it_in_nearly_every_test() -> None:
    random = np.random.default_rng(0)
    over = 0
    for _ in range(400):
        calibration, fresh = np.sort(random.random(499)), random.random(1000)
        p_values = (1 + 499 - np.searchsorted(calibration, fresh)) / 500
        rate = measure_rate(scored(p_values.tolist()), (Group("all", 499, None),), 0.02)
        over += rate.verdict == "above"

    assert 0 < over < 0.05 * 400


def test_evaluation_without_labels_takes_all_rows_as_clean(detector: Detector) -> None:
    found = evaluate_rows(
        score_matrix(detector, np.random.default_rng(5).normal(size=(400, 5))),
        groups_of(detector.manifest),
        flag_fpr=0.01,
        reject_fpr=0.001,
    )

    assert (found.rows, found.clean, found.anomalous) == (400, 400, 0)
    assert found.detection is None
    assert not found.kinds
    assert found.flag.verdict == "within"
    assert found.reject.verdict == "nothing promised"


def test_evaluation_leaves_out_rows_without_score_or_label(detector: Detector) -> None:
    matrix = np.random.default_rng(5).normal(size=(10, 5))
    matrix[0, 0] = np.nan
    labels = Labels(np.arange(10) < 4, np.arange(10) > 6)

    found = evaluate_rows(
        score_matrix(detector, matrix), groups_of(detector.manifest), labels=labels, flag_fpr=0.01, reject_fpr=0.001
    )

    assert (found.rows, found.clean, found.anomalous, found.unscored, found.unlabelled) == (10, 3, 3, 1, 3)


def test_evaluation_by_kind_and_part() -> None:
    rows = scored([0.5] * 100 + [0.0005, 0.0004, 0.6, 0.7])
    kinds = Coded(("near", "far"), np.array([-1] * 100 + [1, 1, 0, 0]))
    part = np.zeros(104, dtype=np.float32)
    part[100:102] = 1
    labels = Labels(np.arange(104) < 100, np.arange(104) >= 100)

    found = evaluate_rows(
        rows._replace(carried={"kind": kinds}, parts={"forest": part}),
        ALL,
        labels=labels,
        flag_fpr=0.01,
        reject_fpr=0.001,
        kind="kind",
    )

    assert found.detection is not None
    assert (found.detection.recall_1, found.detection.auroc) == (0.5, 0.5)
    assert list(found.kinds) == ["far", "near"]
    assert (found.kinds["far"].recall_1, found.kinds["near"].recall_1) == (1.0, 0.0)
    far = found.kinds["far"].flagged
    assert far is not None
    assert (far.count, far.n) == (2, 2)
    assert found.parts["forest"].auroc == 0.75


def test_groups_are_told_apart() -> None:
    groups = (Group("a", 999, None), Group("b", 999, None))
    rows = scored([0.5, 0.5, 0.005, 0.001, 0.9], [0, 1, 1, 0, 1])
    labels = Labels(np.array([1, 1, 1, 0, 0], dtype=bool), np.array([0, 0, 0, 1, 1], dtype=bool))

    found = evaluate_rows(rows, groups, labels=labels, flag_fpr=0.01, reject_fpr=0.001)

    a, b = found.groups
    assert (a.flag.flagged.count, a.flag.flagged.n, b.flag.flagged.count, b.flag.flagged.n) == (0, 1, 1, 2)
    assert a.detection is not None
    assert b.detection is not None
    assert (a.detection.auroc, b.detection.auroc) == (1.0, 0.0)


def test_a_part_with_two_votes_is_told_once() -> None:
    part = np.array([1, 2, 3, 4], dtype=np.float32)
    rows = scored([0.5] * 4)._replace(parts={"one": part, "one_alone": part.copy(), "other": part[::-1].copy()})
    labels = Labels(np.array([True, True, False, False]), np.array([False, False, True, True]))

    found = evaluate_rows(rows, ALL, labels=labels, flag_fpr=0.01, reject_fpr=0.001)

    assert list(found.parts) == ["one", "other"]
