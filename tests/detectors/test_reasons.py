"""Reasons of a flagged row."""

import numpy as np
import pytest

from guard.detectors import Detector, reasons


@pytest.fixture
def row(mixed_detector: Detector) -> np.ndarray:
    return np.array([50, 20, 2, 0, 3], dtype=np.float64)


def test_reasons_of_a_typical_row_are_none(mixed_detector: Detector, row: np.ndarray) -> None:
    assert reasons(row, mixed_detector.manifest) == []


def test_reasons_of_a_missing_value_are_none(mixed_detector: Detector, row: np.ndarray) -> None:
    row[1] = np.nan

    assert reasons(row, mixed_detector.manifest) == []


def test_reasons_name_the_range_and_the_instance(mixed_detector: Detector, row: np.ndarray) -> None:
    row[0] = 500

    (found,) = reasons(row, mixed_detector.manifest, instance=7)

    assert (found.rule, found.feature, found.instance) == ("G511", "age", 7)
    assert found.detail == "500 lies outside the learned range, 18 to 89"


def test_reasons_begin_with_the_farthest(mixed_detector: Detector, row: np.ndarray) -> None:
    row[0], row[1] = 100, 1e9

    assert [fault.feature for fault in reasons(row, mixed_detector.manifest)] == ["income", "age"]


def test_reasons_name_a_departed_constant(mixed_detector: Detector, row: np.ndarray) -> None:
    row[4] = 4

    (found,) = reasons(row, mixed_detector.manifest)

    assert found.detail == "4, where every fitted row had 3"


def test_reasons_name_an_unseen_category(mixed_detector: Detector, row: np.ndarray) -> None:
    row[2] = -1

    (found,) = reasons(row, mixed_detector.manifest)

    assert (found.rule, found.feature) == ("G512", "kind")


def test_reasons_agree_with_the_graph(mixed_detector: Detector) -> None:
    random = np.random.default_rng(8)
    rows = np.column_stack([random.integers(0, 120, 200), random.lognormal(3, 2, 200), np.full((200, 3), [2, 0, 3])])

    outside = mixed_detector.parts(rows)["range"] > 0

    assert outside.tolist() == [bool(reasons(row, mixed_detector.manifest)) for row in rows]
    assert outside.any()
    assert not outside.all()
