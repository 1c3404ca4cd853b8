"""What each kind of relation says, in NumPy."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from guard.detectors.relations import Kind, RelationCard, holds

NAN, INF = math.nan, math.inf


def card(
    kind: Kind, features: tuple[int, ...], numbers: tuple[float, ...] = (), table: tuple[tuple[int, ...], ...] = ()
) -> RelationCard:
    return RelationCard(
        id="R001", kind=kind, text="words", features=features, numbers=numbers, table=table,
        support=50, checked=10, broken=0, decades=1.0,
    )  # fmt: skip


CASES: list[tuple[RelationCard, list[float], bool]] = [
    (card("integral", (0,)), [3, 0], True),
    (card("integral", (0,)), [3.5, 0], False),
    (card("integral", (0,)), [-3.5, 0], False),
    (card("integral", (0,)), [INF, 0], True),
    (card("order", (0, 1)), [1, 1], True),
    (card("order", (0, 1)), [1.0000001, 1], False),
    (card("order", (0, 1)), [INF, INF], True),
    (card("order", (0, 1)), [INF, 1], False),
    (card("equality", (0, 1), (1, -1, 0, 0.5)), [2, 2.5], True),
    (card("equality", (0, 1), (1, -1, 0, 0.5)), [2, 3], False),
    (card("equality", (0, 1), (1, -1, 0, 0.5)), [INF, 3], False),
    (card("equality", (0, 1), (1, -1, 0, 0.5)), [INF, INF], True),
    (card("domain", (0,), (-1, 0.5, 2)), [0.5, 0], True),
    (card("domain", (0,), (-1, 0.5, 2)), [0.6, 0], False),
    (card("domain", (0,), (-1, 0.5, 2)), [INF, 0], False),
    (card("range", (0,), (-1, 2)), [2, 0], True),
    (card("range", (0,), (-1, 2)), [2.0000002, 0], False),
    (card("range", (0,), (-1, 2)), [-INF, 0], False),
    (card("positive_implies_positive", (0, 1)), [1, 1], True),
    (card("positive_implies_positive", (0, 1)), [1, 0], False),
    (card("positive_implies_positive", (0, 1)), [-1, -1], True),
    (card("zero_implies_zero", (0, 1)), [0, 0], True),
    (card("zero_implies_zero", (0, 1)), [-0.0, -1], False),
    (card("zero_implies_zero", (0, 1)), [1, 1], True),
    (card("determines", (0, 1), table=((2,), ())), [0, 2], True),
    (card("determines", (0, 1), table=((2,), ())), [0, 1], False),
    (card("determines", (0, 1), table=((2,), ())), [0, -1], False),
    (card("determines", (0, 1), table=((2,), ())), [1, 1], True),
    (card("determines", (0, 1), table=((2,), ())), [-1, 1], True),
]


@pytest.mark.parametrize(("relation", "row", "expected"), CASES)
def test_relation_holds(relation: RelationCard, row: list[float], expected: bool) -> None:
    assert holds([relation], np.array([row], dtype=np.float32)).tolist() == [[expected]]


@pytest.mark.parametrize("relation", [case[0] for case in CASES])
def test_a_missing_value_holds(relation: RelationCard) -> None:
    rows = np.array([[NAN, NAN], [NAN, 7.5], [0, NAN], [1.0, NAN]], dtype=np.float32)
    concerned = np.isnan(rows[:, list(relation.features)]).any(axis=1)

    assert holds([relation], rows)[concerned].all()


def test_a_card_comes_back_from_json() -> None:
    written = card("determines", (0, 1), table=((2,), ()))

    assert RelationCard.model_validate_json(written.model_dump_json()) == written


@pytest.mark.parametrize("change", [{"kind": "other"}, {"decades": math.inf}, {"extra": 1}, {"features": ("0",)}])
def test_a_bad_card_is_refused(change: dict[str, object]) -> None:
    fields = card("order", (0, 1)).model_dump() | change

    with pytest.raises(ValidationError):
        RelationCard.model_validate(fields)
