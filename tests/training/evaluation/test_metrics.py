"""How well scores tell anomalies from clean rows."""

import math

import numpy as np
import pytest
from sklearn import metrics

from guard.training.evaluation.metrics import auroc, recall_at, roc


@pytest.fixture(params=[None, 1], ids=["distinct", "tied"])
def scores(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    clean, anomalous = random.normal(size=300), random.normal(1, 1.5, size=70)
    return (clean, anomalous) if request.param is None else (clean.round(request.param), anomalous.round(request.param))


def test_auroc_is_that_of_scikit_learn(scores: tuple[np.ndarray, np.ndarray]) -> None:
    clean, anomalous = scores
    labels = np.repeat([0, 1], [len(clean), len(anomalous)])

    assert auroc(clean, anomalous) == pytest.approx(metrics.roc_auc_score(labels, np.concatenate(scores)), abs=1e-12)


def test_roc_has_the_area_of_auroc(scores: tuple[np.ndarray, np.ndarray]) -> None:
    clean, anomalous = (part[part <= 3] for part in scores)

    curve = roc(clean, anomalous)
    at_zero = np.concatenate([[0.0], curve.false_positive_rate]), np.concatenate([[0.0], curve.recall])

    assert curve.recall[-1] == curve.false_positive_rate[-1] == 1
    assert np.trapezoid(at_zero[1], at_zero[0]) == pytest.approx(auroc(clean, anomalous), abs=0.02)


@pytest.mark.parametrize(("rate", "expected"), [(0.01, 0.5), (0.05, 0.75), (0.0, 0.25), (0.019, 0.5)])
def test_recall_counts_strictly_above_the_score_that_leaves_its_share(rate: float, expected: float) -> None:
    clean = np.arange(100.0)

    assert recall_at(clean, np.array([98.5, 200.0, 94.0, 98.0]), rate) == expected


def test_recall_at_a_rate_that_is_not_exact_in_binary() -> None:
    # 0.29 * 100 is 28.999999999999996.
    assert recall_at(np.arange(100.0), np.array([70.5]), 0.29) == 1


def test_recall_with_ties_never_passes_more_clean_rows_than_asked() -> None:
    clean = np.repeat([0.0, 1.0], [90, 10])

    assert recall_at(clean, np.array([1.0, 2.0]), 0.05) == 0.5


def test_without_clean_rows_or_anomalies_nothing_is_known() -> None:
    none = np.empty(0)

    assert math.isnan(auroc(none, np.ones(1)))
    assert math.isnan(recall_at(np.ones(1), none, 0.01))
