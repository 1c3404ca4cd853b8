"""Reasons of several rows, from a detector's bytes."""

import numpy as np
import numpy.typing as npt
import pytest

from guard.detectors import explain
from guard.errors import DetectorError
from guard.training import FittedDetector

NAMES = ("age", "income", "kind", "vip", "version")


@pytest.fixture
def rows() -> npt.NDArray[np.float64]:
    """A typical row, one of an unheard-of age, one of an unseen kind."""
    return np.array([[50, 20, 2, 0, 3], [500, 20, 2, 0, 3], [50, 20, -1, 0, 3]], dtype=np.float64)


def test_explain_names_what_is_wrong_with_each_instance(mixed: FittedDetector, rows: npt.NDArray[np.float64]) -> None:
    found = explain(mixed.content, rows, [0, 1, 2], names=NAMES)

    assert [(fault.rule, fault.instance, fault.feature) for fault in found] == [("G511", 1, "age"), ("G512", 2, "kind")]


def test_explain_explains_only_who_is_asked_for(mixed: FittedDetector, rows: npt.NDArray[np.float64]) -> None:
    (found,) = explain(mixed.content, rows, [2], names=NAMES)

    assert found.instance == 2


def test_explain_finds_columns_by_name(mixed: FittedDetector, rows: npt.NDArray[np.float64]) -> None:
    shuffled = [3, 1, 4, 0, 2]
    widened = np.column_stack([np.full(3, 1e9), rows[:, shuffled]])
    names = ("undeclared", *(NAMES[place] for place in shuffled))

    assert explain(mixed.content, widened, [1, 2], names=names) == explain(mixed.content, rows, [1, 2], names=NAMES)


def test_explain_takes_a_column_that_isnt_there_as_missing(
    mixed: FittedDetector, rows: npt.NDArray[np.float64]
) -> None:
    assert explain(mixed.content, rows[:, 1:2], [1], names=["income"]) == []


@pytest.mark.parametrize("instance", [-1, 3])
def test_explain_of_an_instance_that_isnt_there_is_nothing(
    mixed: FittedDetector, rows: npt.NDArray[np.float64], instance: int
) -> None:
    rows[:, 0] = 500

    assert explain(mixed.content, rows, [instance], names=NAMES) == []


def test_explain_refuses_what_is_no_detector(rows: npt.NDArray[np.float64]) -> None:
    with pytest.raises(DetectorError, match="from somewhere"):
        explain(b"not ONNX", rows, [0], names=NAMES, source="from somewhere")
