"""Clean rows that break the contract declared for them."""

import polars as pl
import pytest

from guard.contract import Contract, parse_contract
from guard.training.rows.breaches import MOST_CHECKED, checked_rows, find_breaches
from guard.training.rows.data import Selection
from guard.training.rows.frames import from_frame

TYPES = {"a": "number", "b": "number", "flag": "boolean", "kind": "category", "note": "string"}


@pytest.fixture
def clean() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "a": [0.1, 2.0, 3.0, 4.0],
            "b": [1.0, 2.0, None, 4.5],
            "flag": [0, 1, 2, 1],
            "kind": ["x", "y", None, "x"],
            "note": ["1a", "2b", None, "c"],
        }
    )


def declared(**lines: str) -> Contract:
    base = {"b": "nullable = true", "kind": "nullable = true", "note": "nullable = true", "flag": "nullable = true"}
    text = "\n".join(
        f'[features.{name}]\ntype = "{"number" if name == "flag" and "flag" not in lines else kind}"\n'
        f"{lines.get(name, base.get(name, ''))}"
        for name, kind in TYPES.items()
    )
    return parse_contract(f"relations = [{lines.get('relations', '')}]\n{text}\n", source="test")


@pytest.mark.parametrize(
    ("lines", "by_name"),
    [
        ({}, {}),
        ({"a": "minimum = 0.1"}, {}),
        ({"a": "minimum = 1\nmaximum = 3"}, {"a": 2}),
        ({"b": ""}, {"b": 1}),
        ({"kind": 'allowed = ["x"]\nnullable = true'}, {"kind": 1}),
        ({"kind": 'allowed = ["x"]'}, {"kind": 2}),
        ({"note": 'pattern = "[0-9][a-z]"\nnullable = true'}, {"note": 1}),
        ({"note": ""}, {"note": 1}),
        ({"flag": ""}, {"flag": 1}),
        ({"relations": '{ require = "a < b" }'}, {"a < b": 1}),
    ],
)
def test_breaches_are_counted_by_feature_or_relation(
    clean: pl.DataFrame, lines: dict[str, str], by_name: dict[str, int]
) -> None:
    dataset = from_frame(clean, selection=Selection(categorical={"kind"}, texts={"note"}))

    found = find_breaches(dataset, declared(**lines))

    assert found.by_name == by_name
    assert found.rows == sum(by_name.values())


def test_row_that_breaks_twice_counts_once(clean: pl.DataFrame) -> None:
    dataset = from_frame(clean, selection=Selection(categorical={"kind"}, texts={"note"}))

    found = find_breaches(dataset, declared(a="maximum = 2", b="maximum = 4\nnullable = true"))

    assert (found.rows, found.checked, found.by_name) == (2, 4, {"a": 2, "b": 1})
    assert found.describe().startswith("2 of 4 rows break the contract and would be refused: a (2), b (1); the promise")


def test_many_rows_are_sampled_evenly() -> None:
    frame = pl.DataFrame({"a": range(4 * MOST_CHECKED)})
    contract = parse_contract(f'[features.a]\ntype = "integer"\nmaximum = {2 * MOST_CHECKED}\n', source="test")
    sample = from_frame(frame).take(checked_rows(frame.height))

    found = find_breaches(sample, contract, sampled=True)

    assert found.checked == MOST_CHECKED
    assert found.rows == pytest.approx(MOST_CHECKED / 2, abs=2)
    assert "sampled rows break" in found.describe()


@pytest.mark.parametrize("n", [0, 1, 7, MOST_CHECKED])
def test_few_rows_are_all_checked(n: int) -> None:
    assert checked_rows(n).tolist() == list(range(n))
