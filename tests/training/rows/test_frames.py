"""Columns of frames: types by all rows, missing values, and what is refused."""

import datetime as dt

import polars as pl
import pytest

from guard.contract import FeatureType
from guard.errors import TrainingError
from guard.training.rows.data import Dataset, Selection
from guard.training.rows.frames import TextTypes, frame_source, from_frame


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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([dt.date(2020, 1, 1)], "holds dates or times .*days since"),
        ([dt.datetime(2020, 1, 1)], "holds dates or times"),  # noqa: DTZ001 - as files hold them
        ([[1, 2]], "which no feature is"),
        ([b"x"], "which no feature is"),
    ],
)
def test_frame_column_that_is_no_feature(values: list[object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        from_frame(pl.DataFrame({"a": values}))


@pytest.mark.parametrize(
    ("texts", "starts", "expected"),
    [
        (["1", "2", "-7"], "integer", "integer"),
        (["1", None, "2.5"], "integer", "number"),
        (["1", "nan"], "integer", "number"),
        (["1", "2"], "number", "number"),
        (["true", "FALSE", None], "integer", "boolean"),
        (["true", "false"], "number", "string"),
        (["1", "true"], "integer", "string"),
        (["true", "1"], "integer", "string"),
        (["1", "2.5", "x"], "integer", "string"),
        (["x", "1"], "integer", "string"),
        ([None, None], "integer", "string"),
        ([None, "1"], "integer", "integer"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_texts_have_the_narrowest_type_of_them_all(
    texts: list[str | None], starts: str, expected: str, size: int
) -> None:
    types = TextTypes(["a"], starts=FeatureType(starts))

    for part in pl.DataFrame({"a": texts}, schema={"a": pl.String}).iter_slices(size):
        types.add(part)

    assert types.types == {"a": expected}


def test_a_text_in_the_last_chunk_makes_texts_of_all_numbers() -> None:
    frame = pl.DataFrame({"a": ["01", "2.0", "x"]})

    chunks = list(frame_source(frame, chunk_rows=1).chunks())

    assert Dataset.join(chunks).columns[0].texts == ["01", "2.0", "x"]


def test_texts_that_are_numbers_are_categories_as_numbers_are() -> None:
    frame = pl.DataFrame({"a": ["01", "2.0", "2.5"]})

    (column,) = from_frame(frame, selection=Selection(categorical=["a"])).columns

    assert column.texts == ["1", "2", "2.5"]


def test_column_of_classes_is_no_feature() -> None:
    frame = pl.DataFrame({"a": [1, 2], "class": [True, False]})

    dataset = from_frame(frame, selection=Selection(predictions="class"))

    assert [column.name for column in dataset.columns] == ["a"]
    assert dataset.predicted == ["true", "false"]
