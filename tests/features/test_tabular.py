"""InferenceRequest to Table, in every layout."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType
from guard.features import extract
from guard.inference import Datatype, Fault, InferenceRequest, Layout, Tensor, WireFormat

BuildTensor = Callable[..., Tensor]
BuildRequest = Callable[[Layout, Any], InferenceRequest]

NUMBERS = Contract((Feature("a", FeatureType.NUMBER), Feature("b c", FeatureType.INTEGER)))
ONE = Contract((Feature("a", FeatureType.NUMBER),))
MIXED = Contract(
    (
        Feature("n", FeatureType.NUMBER),
        Feature("t", FeatureType.BOOLEAN),
        Feature("k", FeatureType.CATEGORY, categories=("x", "3", "true"), nullable=True),
        Feature("s", FeatureType.STRING),
    )
)
NAN = math.nan


def briefly(faults: tuple[Fault, ...]) -> list[tuple[str, int | None, str | None]]:
    return [(fault.rule, fault.instance, fault.feature) for fault in faults]


@pytest.mark.parametrize(
    ("layout", "data"),
    [
        (Layout.RECORDS, [{"b c": 2, "a": 1.5}, {"a": 3, "b c": 4.0}]),
        (Layout.ROWS, [[1.5, 2], [3, 4.0]]),
        (Layout.COLUMNS, {"b c": [2, 4.0], "a": [1.5, 3]}),
        (Layout.COLUMNS, {"b c": [[2], [4.0]], "a": [1.5, 3]}),
    ],
)
def test_json_numbers_read(request_of: BuildRequest, layout: Layout, data: Any) -> None:
    table = extract(request_of(layout, data), NUMBERS)

    assert table.values.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert table.values.dtype == np.float64
    assert table.faults == ()
    assert table.unreadable is None
    assert table.texts == {}
    assert table.n_instances == 2


@pytest.mark.parametrize("datatype", [Datatype.FP32, Datatype.FP64, Datatype.INT8, Datatype.UINT64, Datatype.INT64])
@pytest.mark.parametrize(("data", "expected"), [([[1, 2], [3, 4]], [[1, 2], [3, 4]]), ([1, 2], [[1, 2]])])
def test_matrix_tensor_read(
    request_of: BuildRequest, tensor: BuildTensor, datatype: Datatype, data: Any, expected: Any
) -> None:
    table = extract(request_of(Layout.TENSORS, (tensor(data, datatype=datatype),)), NUMBERS)

    assert table.values.tolist() == expected
    assert table.faults == ()


def test_matrix_tensor_is_copied(request_of: BuildRequest, tensor: BuildTensor) -> None:
    given_tensor = tensor([[1, 2]])

    table = extract(request_of(Layout.TENSORS, (given_tensor,)), NUMBERS)

    assert not np.shares_memory(table.values, given_tensor.data)


def test_tensor_for_each_feature_read(request_of: BuildRequest, tensor: BuildTensor) -> None:
    tensors = (tensor([[2], [4]], name="b c", datatype=Datatype.INT64), tensor([1.5, 3], name="a"))

    table = extract(request_of(Layout.TENSORS, tensors), NUMBERS)

    assert table.values.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert table.faults == ()


@pytest.mark.parametrize("name", ["a", "other"])
@pytest.mark.parametrize(("data", "n"), [([[1], [2]], 2), ([1], 1)])
def test_matrix_tensor_of_one_feature(
    request_of: BuildRequest, tensor: BuildTensor, name: str, data: Any, n: int
) -> None:
    table = extract(request_of(Layout.TENSORS, (tensor(data, name=name),)), ONE)

    assert table.n_instances == n
    assert table.faults == ()


def test_mixed_types_read(request_of: BuildRequest) -> None:
    data = [{"n": 1, "t": True, "k": 3, "s": "q"}, {"n": 0.5, "t": 0, "k": True, "s": ""}]

    table = extract(request_of(Layout.RECORDS, data), MIXED)

    np.testing.assert_array_equal(table.values, [[1, 1, 1, NAN], [0.5, 0, 2, NAN]])
    assert table.texts == {"k": ["3", "true"], "s": ["q", ""]}
    assert table.faults == ()
    assert not table.missing.any()


def test_mixed_tensors_read(request_of: BuildRequest, tensor: BuildTensor) -> None:
    tensors = (
        tensor([1, 2], name="n", datatype=Datatype.FP32),
        tensor([True, False], name="t", datatype=Datatype.BOOL),
        tensor([b"x", "\N{SNOWMAN}"], name="k", datatype=Datatype.BYTES),
        tensor([[b"q"], ["r"]], name="s", datatype=Datatype.BYTES),
    )

    table = extract(request_of(Layout.TENSORS, tensors), MIXED)

    np.testing.assert_array_equal(table.values, [[1, 1, 0, NAN], [2, 0, -1, NAN]])
    assert table.texts == {"k": ["x", "\N{SNOWMAN}"], "s": ["q", "r"]}
    assert table.faults == ()


def test_numeric_matrix_read_into_booleans_and_categories(request_of: BuildRequest, tensor: BuildTensor) -> None:
    contract = Contract(MIXED.features[:3])

    table = extract(request_of(Layout.TENSORS, (tensor([[1, 0, 3], [2, 0.5, NAN]]),)), contract)

    np.testing.assert_array_equal(table.values, [[1, 0, 1], [2, NAN, NAN]])
    assert table.texts == {"k": ["3", None]}
    assert briefly(table.faults) == [("G203", 1, "t")]


def test_unseen_category_keeps_its_text(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.RECORDS, [{"n": 1, "t": True, "k": "new", "s": "q"}]), MIXED)

    assert table.values[0, 2] == -1
    assert table.texts["k"] == ["new"]
    assert table.faults == ()


@pytest.mark.parametrize(
    "record", [{"n": None, "t": None, "k": None, "s": None}, {"n": NAN, "t": NAN, "k": NAN, "s": NAN}]
)
def test_null_is_missing(request_of: BuildRequest, record: dict[str, Any]) -> None:
    table = extract(request_of(Layout.RECORDS, [record]), MIXED)

    assert np.isnan(table.values).all()
    assert table.texts == {"k": [None], "s": [None]}
    assert table.missing.all()
    assert table.faults == ()


def test_absent_nullable_feature_is_missing(request_of: BuildRequest, tensor: BuildTensor) -> None:
    record = extract(request_of(Layout.RECORDS, [{"n": 1, "t": True, "s": "q"}]), MIXED)
    column = extract(request_of(Layout.COLUMNS, {"n": [1], "t": [True], "s": ["q"]}), MIXED)

    for table in (record, column):
        assert table.missing.tolist() == [[False, False, True, False]]
        assert table.texts["k"] == [None]
        assert table.faults == ()
        assert table.unreadable is None


FAULTS: list[tuple[Contract, Layout, Any, list[tuple[str, int | None, str | None]]]] = [
    (NUMBERS, Layout.RECORDS, [{"a": 1, "b c": 2}, {"a": 1}], [("G201", 1, "b c")]),
    (NUMBERS, Layout.COLUMNS, {"a": [1]}, [("G201", None, "b c")]),
    (NUMBERS, Layout.RECORDS, [{"a": 1, "b c": 2, "d": 3}], [("G202", 0, "d")]),
    (NUMBERS, Layout.RECORDS, [{"A": 1, "b c": 2}], [("G202", 0, "A"), ("G201", 0, "a")]),
    (NUMBERS, Layout.COLUMNS, {"a": [1], "b c": [2], "d": [3]}, [("G202", None, "d")]),
    (NUMBERS, Layout.RECORDS, [{"a": "1", "b c": 2}], [("G203", 0, "a")]),
    (NUMBERS, Layout.RECORDS, [{"a": True, "b c": 2}], [("G203", 0, "a")]),
    (NUMBERS, Layout.RECORDS, [{"a": [1], "b c": {"b64": ""}}], [("G203", 0, "a"), ("G203", 0, "b c")]),
    (NUMBERS, Layout.ROWS, [[1, 2], [1, False]], [("G203", 1, "b c")]),
    (NUMBERS, Layout.ROWS, [[1, 2], [1, 2, 3], [1], []], [("G208", 1, None), ("G208", 2, None), ("G208", 3, None)]),
    (NUMBERS, Layout.ROWS, ["ab"], [("G208", 0, None)]),
    (NUMBERS, Layout.ROWS, [], [("G208", None, None)]),
    (NUMBERS, Layout.RECORDS, [], [("G208", None, None)]),
    (NUMBERS, Layout.COLUMNS, {"a": [1, 2], "b c": [1]}, [("G208", None, "a")]),
    (NUMBERS, Layout.COLUMNS, {"a": 1, "b c": [1]}, [("G208", None, "a")]),
    (MIXED, Layout.ROWS, [["1", 2, {}, 1]], [("G203", 0, name) for name in "ntks"]),
    (MIXED, Layout.ROWS, [[1, "true", ["x"], b"\xff"]], [("G203", 0, name) for name in "tks"]),
]


@pytest.mark.parametrize(("contract", "layout", "data", "expected"), FAULTS)
def test_faults_named(
    request_of: BuildRequest,
    contract: Contract,
    layout: Layout,
    data: Any,
    expected: list[tuple[str, int | None, str | None]],
) -> None:
    table = extract(request_of(layout, data), contract)

    assert briefly(table.faults) == expected


def test_faulty_cells_are_unreadable_not_missing(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.RECORDS, [{"a": "1"}, {"a": 1, "b c": None}]), NUMBERS)

    assert table.unreadable is not None
    assert table.unreadable.tolist() == [[True, True], [False, False]]
    assert table.missing.tolist() == [[False, False], [False, True]]


def test_row_of_another_length_leaves_the_others_readable(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.ROWS, [[1, 2], [1]]), NUMBERS)

    assert table.values[0].tolist() == [1, 2]
    assert table.unreadable is not None
    assert table.unreadable.tolist() == [[False, False], [True, True]]


def test_unknown_feature_alone_leaves_everything_readable(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.RECORDS, [{"a": 1, "b c": 2, "d": 3}]), NUMBERS)

    assert table.values.tolist() == [[1, 2]]
    assert table.unreadable is None


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        ([[1, 2, 3]], "x", [("G208", None, None)]),
        ([[[1, 2]]], "x", [("G208", None, None)]),
        ([1, 2, 3], "x", [("G208", None, None)]),
        ([1, 2, 3], "a", [("G201", None, "b c")]),
        ([[1, 2, 3]], "a", [("G208", None, "a"), ("G201", None, "b c")]),
    ],
)
def test_lone_tensor_of_another_shape(
    request_of: BuildRequest, tensor: BuildTensor, data: Any, name: str, expected: list[Any]
) -> None:
    table = extract(request_of(Layout.TENSORS, (tensor(data, name=name),)), NUMBERS)

    assert briefly(table.faults) == expected
    assert table.unreadable is not None


def test_tensors_with_other_names(request_of: BuildRequest, tensor: BuildTensor) -> None:
    tensors = (tensor([1], name="a"), tensor([1], name="b"), tensor([[1, 2]], name="b c"))

    table = extract(request_of(Layout.TENSORS, tensors), NUMBERS)

    assert briefly(table.faults) == [("G202", None, "b"), ("G208", None, "b c")]


@pytest.mark.parametrize(
    ("datatype", "data"),
    [(Datatype.BOOL, [[True, False]]), (Datatype.BOOL, [True, False]), (Datatype.BYTES, [["1", "2"]])],
)
def test_matrix_tensor_of_another_type(
    request_of: BuildRequest, tensor: BuildTensor, datatype: Datatype, data: Any
) -> None:
    table = extract(request_of(Layout.TENSORS, (tensor(data, datatype=datatype),)), NUMBERS)

    assert briefly(table.faults) == [("G203", 0, "a"), ("G203", 0, "b c")]
    assert np.isnan(table.values).all()


def test_faults_of_a_kind_are_capped_and_counted(request_of: BuildRequest) -> None:
    records = [{"a": "x", "b c": 1, f"extra {i}": 1} for i in range(30)]

    table = extract(request_of(Layout.RECORDS, records), NUMBERS)

    wrong = [fault for fault in table.faults if fault.rule == "G203"]
    unknown = [fault for fault in table.faults if fault.rule == "G202"]
    assert len(wrong) == len(unknown) == 21
    assert wrong[-1] == Fault("G203", "and 10 more instances", None, "a")
    assert unknown[-1].detail == "and 10 more names that aren't features"


def test_rows_of_another_length_are_capped_and_counted(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.ROWS, [[1]] * 30), NUMBERS)

    assert len(table.faults) == 21
    assert table.faults[-1] == Fault("G208", "and 10 more instances of another length")


def test_long_unknown_name_is_cut(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.RECORDS, [{"a": 1, "b c": 1, "x" * 5000: 1}]), NUMBERS)

    assert table.faults[0].feature == "x" * 100


def test_integer_beyond_float64_is_infinite(request_of: BuildRequest) -> None:
    for layout, data in ((Layout.RECORDS, [{"a": 10**400, "b c": 1}]), (Layout.ROWS, [[-(10**400), 1]])):
        table = extract(request_of(layout, data), NUMBERS)

        assert np.isinf(table.values[0, 0])
        assert table.faults == ()


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
)


@given(st.lists(st.dictionaries(st.sampled_from(["n", "t", "k", "s", "z"]), VALUES), max_size=4))
def test_any_records_give_a_table(records: list[dict[str, Any]]) -> None:
    request = InferenceRequest(
        wire_format=WireFormat.RECORDS, layout=Layout.RECORDS, data=records, n_instances=len(records)
    )

    table = extract(request, MIXED)

    assert table.values.shape == (len(records), 4)
    assert table.missing.shape == table.values.shape
    assert {name: len(texts) for name, texts in table.texts.items()} == {"k": len(records), "s": len(records)}


@given(st.lists(st.lists(VALUES, max_size=3) | VALUES, max_size=4))
def test_any_rows_give_a_table(rows: list[Any]) -> None:
    request = InferenceRequest(wire_format=WireFormat.ROWS, layout=Layout.ROWS, data=rows, n_instances=len(rows))

    table = extract(request, NUMBERS)

    assert table.values.shape == (len(rows), 2)
    assert (table.unreadable is None) == (not any(fault.rule != "G202" for fault in table.faults))


@given(st.lists(st.tuples(st.floats(), st.integers()), min_size=1, max_size=4))
def test_fast_path_gives_what_the_exact_one_does(rows: list[tuple[float, int]]) -> None:
    records = [{"a": a, "b c": b} for a, b in rows]
    with_stranger = [record | {"d": 1} for record in records]

    fast = extract(_records(records), NUMBERS)
    exact = extract(_records(with_stranger), NUMBERS)

    np.testing.assert_array_equal(fast.values, exact.values)


def _records(records: list[dict[str, Any]]) -> InferenceRequest:
    return InferenceRequest(
        wire_format=WireFormat.RECORDS, layout=Layout.RECORDS, data=records, n_instances=len(records)
    )
