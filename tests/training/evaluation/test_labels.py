"""Which labelled rows are clean."""

import numpy as np
import pytest

from guard.errors import TrainingError
from guard.training.evaluation.labels import read_labels
from guard.training.evaluation.scored import Coded


def column(*texts: str | None) -> Coded:
    names = tuple(dict.fromkeys(text for text in texts if text is not None))
    return Coded(names, np.array([-1 if text is None else names.index(text) for text in texts]))


@pytest.mark.parametrize("clean", ["0", "0.0", "false", "False", "no", "normal", "Normal.", " BENIGN ", "legitimate"])
def test_usual_labels_of_clean_rows(clean: str) -> None:
    labels = read_labels(column(clean, "1", "neptune", None), name="y")

    assert labels.clean.tolist() == [True, False, False, False]
    assert labels.anomalous.tolist() == [False, True, True, False]


def test_labels_that_were_named_count_alone() -> None:
    labels = read_labels(column("1", "-1", "0"), name="y", clean=["1"])

    assert labels.clean.tolist() == [True, False, False]
    assert labels.anomalous.tolist() == [False, True, True]


def test_a_column_without_clean_rows_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"no row is clean by column 'y', which holds '1', '-1'; say with --clean"):
        read_labels(column("1", "-1"), name="y")
