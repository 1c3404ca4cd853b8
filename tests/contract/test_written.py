"""Contracts written as TOML."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType, Relation, parse_contract, to_toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


@given(TEXT, TEXT, TEXT)
def test_any_text_is_read_back_as_it_was(name: str, value: str, comment: str) -> None:
    feature = Feature(name, FeatureType.CATEGORY, allowed=(value, 1, 2.5, True), description=value)

    text = to_toml(Contract((feature,)), comment=comment)

    (read,) = parse_contract(text).features
    assert read == feature


def test_everything_declared_is_written() -> None:
    contract = Contract(
        (
            Feature("a", FeatureType.NUMBER, minimum=-1e-300, maximum=2**53, pointer="/x/a"),
            Feature("b", FeatureType.STRING, pattern='["\\\\]+', nullable=True, pointer="/x~1y"),
        ),
        (Relation("a < 5"),),
        datatype="FP32",
        instances="/rows",
    )

    assert parse_contract(to_toml(contract)) == contract


@pytest.mark.parametrize("hidden", ["\n", "\x1b", "\x7f", "\x9b", "\u202e", "\u2028", "\ufeff", "\U000e0041"])
def test_what_isn_t_printed_is_escaped(hidden: str) -> None:
    text = to_toml(Contract((Feature(f"a{hidden}", FeatureType.NUMBER),)), comment=f"of{hidden}[features.b]")

    assert hidden == "\n" or hidden not in text
    assert list(tomllib.loads(text)["features"]) == [f"a{hidden}"]
