"""A large matrix of which next to nothing was sent is refused before it is made."""

from collections.abc import Callable
from typing import Any

import pytest

from guard.contract import Contract, Feature, FeatureType
from guard.features import extract
from guard.inference import InferenceRequest, Layout

BuildRequest = Callable[[Layout, Any], InferenceRequest]

N, D = 1024, 100
NAMES = [f"f{j}" for j in range(D)]
WIDE = Contract(tuple(Feature(name, FeatureType.NUMBER) for name in NAMES))
SPARSE = Contract(tuple(Feature(name, FeatureType.NUMBER, nullable=True) for name in NAMES))


@pytest.mark.parametrize(
    ("layout", "data"),
    [
        (Layout.RECORDS, [{} for _ in range(N)]),
        (Layout.RECORDS, [{"f0": 1.5} for _ in range(N)]),
        (Layout.ROWS, [[] for _ in range(N)]),
        (Layout.ROWS, [[1.5] for _ in range(N)]),
        (Layout.COLUMNS, {"f0": [1.5] * N}),
        (Layout.COLUMNS, {"f0": [1.5] * N, "other": [1.5] * N}),
    ],
)
def test_hollow_request_is_refused_without_its_matrix(request_of: BuildRequest, layout: Layout, data: Any) -> None:
    table = extract(request_of(layout, data), WIDE)

    assert table.values.shape == (0, D)
    assert {fault.rule for fault in table.faults} == {"G208"}


@pytest.mark.parametrize("layout", [Layout.RECORDS, Layout.ROWS, Layout.COLUMNS])
def test_full_request_of_the_same_size_is_read(request_of: BuildRequest, layout: Layout) -> None:
    data: Any = {
        Layout.RECORDS: [dict.fromkeys(NAMES, 1.5)] * N,
        Layout.ROWS: [[1.5] * D] * N,
        Layout.COLUMNS: {name: [1.5] * N for name in NAMES},
    }[layout]

    table = extract(request_of(layout, data), WIDE)

    assert table.values.shape == (N, D)
    assert table.faults == ()


def test_sparse_request_is_read_where_features_may_be_missing(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.RECORDS, [{"f0": 1.5}] * N), SPARSE)

    assert table.values.shape == (N, D)
    assert table.faults == ()


def test_small_request_says_what_is_missing(request_of: BuildRequest) -> None:
    table = extract(request_of(Layout.RECORDS, [{"f0": 1.5}] * 3), WIDE)

    assert {fault.rule for fault in table.faults} == {"G201"}
