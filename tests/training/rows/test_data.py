"""Columns of arrays: types, missing values, chunks."""

import numpy as np
import pytest

from guard.training.rows.data import Dataset, Selection, array_source, from_array, to_texts


def test_array_columns_are_named_by_place() -> None:
    dataset = from_array(np.zeros((3, 2), dtype=np.int64), selection=Selection(drop=["f0"]))

    assert [(column.name, column.type) for column in dataset.columns] == [("f1", "integer")]


@pytest.mark.parametrize(
    ("dtype", "kind"), [(np.bool_, "boolean"), (np.int8, "integer"), (np.uint64, "integer"), (np.float32, "number")]
)
def test_array_columns_have_the_type_of_the_array(dtype: type, kind: str) -> None:
    (column,) = from_array(np.zeros((3, 1), dtype=dtype)).columns

    assert column.type == kind
    assert column.values is not None
    assert column.values.dtype == np.float64


@pytest.mark.parametrize("chunk_rows", [1, 3, 7, 100])
def test_chunks_of_an_array_are_the_array(chunk_rows: int) -> None:
    rows = np.random.default_rng(0).integers(0, 3, size=(7, 2)).astype(np.float64)
    rows[2] = np.nan
    selection = Selection(categorical=["f1"])

    source = array_source(lambda: rows, selection=selection, chunk_rows=chunk_rows)

    chunks = list(source.chunks())
    assert [chunk.n_rows for chunk in chunks[:-1]] == [chunk_rows] * (len(chunks) - 1)
    joined, whole = Dataset.join(chunks), from_array(rows, selection=selection)
    np.testing.assert_array_equal(joined.columns[0].values, rows[:, 0])
    assert joined.columns[1].texts == whole.columns[1].texts
    assert joined.n_rows == source.n_rows == 7


def test_array_of_whose_columns_one_is_the_class() -> None:
    source = array_source(lambda: np.array([[0.5, 1.0], [0.25, 2.0]]), selection=Selection(predictions="f1"))

    (chunk,) = source.chunks()

    assert source.names == ("f0",)
    assert chunk.predicted == ["1", "2"]


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        ([1, 2, None], ["1", "2", None]),
        ([1.0, 2.5, float("nan")], ["1", "2.5", None]),
        ([True, False], ["true", "false"]),
        (["x", "1.0"], ["x", "1.0"]),
    ],
)
def test_texts_are_those_that_requests_are_read_as(cells: list[object], texts: list[str | None]) -> None:
    assert to_texts(cells) == texts


def test_taken_rows_keep_their_order() -> None:
    dataset = from_array(
        np.array([[0.0, 5, 1], [1, 6, 2], [2, 7, 3]]), selection=Selection(drop=["f1"], categorical=["f2"])
    )

    taken = dataset.take(np.array([2, 0]))

    assert taken.columns[0].values is not None
    assert (taken.columns[0].values.tolist(), taken.columns[1].texts, taken.n_rows) == ([2, 0], ["3", "1"], 2)
