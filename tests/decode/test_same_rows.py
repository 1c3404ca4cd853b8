"""One batch in every tabular format gives one and the same table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.decode import DecodeLimits, Source, decode
from guard.features import Table, extract
from guard.paths import PathPolicy
from guard.settings import GuardSettings
from tests.strategies.tabular import CONTRACT, ENCODERS, Request, tables

LIMITS = DecodeLimits(max_depth=8, max_containers=1000, max_instances=16)
PATHS = PathPolicy(GuardSettings.from_environ({}))

ROWS: list[list[Any]] = [[1.5, 2, "red", None], [-3, 40, "light blue", 0.25], [1e-3, -7, 'say "x"', 6]]


def read(request: Request) -> Table:
    source = Source(PATHS.match(request.path).protocol, request.headers, request.contract)
    decoded = decode(request.body, limits=LIMITS, allow_non_finite=False, source=source)
    assert decoded.faults == ()
    return extract(decoded, request.contract)


def assert_holds(table: Table, rows: list[list[Any]]) -> None:
    codes = CONTRACT.compiled.codes["kind"]
    expected = [[price, count, codes[kind], np.nan if ratio is None else ratio] for price, count, kind, ratio in rows]
    np.testing.assert_array_equal(table.values, np.array(expected, dtype=np.float64))
    assert table.texts == {"kind": [kind for _, _, kind, _ in rows]}
    assert table.faults == ()
    assert table.unreadable is None


@pytest.mark.parametrize("name", ENCODERS)
def test_every_format_gives_the_same_table(name: str) -> None:
    assert_holds(read(ENCODERS[name](ROWS)), ROWS)


@settings(max_examples=100)
@given(st.sampled_from(list(ENCODERS)), tables())
def test_any_rows_in_any_format_are_read_back(name: str, rows: list[list[Any]]) -> None:
    assert_holds(read(ENCODERS[name](rows)), rows)
