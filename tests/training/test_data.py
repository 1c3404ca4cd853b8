"""Columns: types, missing values, and what is refused."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from guard.errors import TrainingError
from guard.training.data import Selection, from_array, from_frame


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, None], "integer"),
        ([1.0, 2.0, None], "number"),
        ([True, False, None], "boolean"),
        (["x", "y", None], "category"),
        (["1.5", "nan", None], "number"),
        ([1, 2, 3], "integer"),
    ],
)
def test_frame_column_has_the_type_of_its_values(values: list[object], kind: str) -> None:
    (column,) = from_frame(pl.DataFrame({"a": values})).columns

    assert column.type == kind


@pytest.mark.parametrize("values", [[1, None], [1.0, float("nan")], [True, None], ["x", None], ["1.5", "nan"]])
def test_frame_column_tells_missing_values(values: list[object]) -> None:
    (column,) = from_frame(pl.DataFrame({"a": values}, strict=False)).columns

    assert column.missing.tolist() == [False, True]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, 2, None], ["1", "2", None]),
        ([1.0, 2.5, float("nan")], ["1", "2.5", None]),
        ([True, False], ["true", "false"]),
    ],
)
def test_categorical_column_has_the_texts_that_requests_are_read_as(values: list[object], texts: list[str]) -> None:
    (column,) = from_frame(pl.DataFrame({"a": values}), selection=Selection(categorical=["a"])).columns

    assert column.type == "category"
    assert column.texts == texts


def test_array_columns_are_named_by_place() -> None:
    dataset = from_array(np.zeros((3, 2), dtype=np.int64), selection=Selection(drop=["f0"]))

    assert [(column.name, column.type) for column in dataset.columns] == [("f1", "integer")]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([dt.date(2020, 1, 1)], "holds dates or times .*days since"),
        ([dt.datetime(2020, 1, 1)], "holds dates or times"),  # noqa: DTZ001 - as files hold them
        ([[1, 2]], "which no feature is"),
        ([b"x"], "which no feature is"),
        ([f"id{row}" for row in range(100)], "100 different texts .*--drop"),
        ([f"id{row % 1001}" for row in range(5000)], "1001 different texts"),
    ],
)
def test_frame_column_that_is_no_feature(values: list[object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        from_frame(pl.DataFrame({"a": values}))
