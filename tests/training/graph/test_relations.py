"""The graph decides as NumPy does."""

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors.onnx_file import check_onnx
from guard.detectors.relations import KINDS, Kind, RelationCard, holds
from guard.errors import TrainingError
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.graph.relations import add_relations

D = 5
NUMBERS = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 1e30])
CELLS = st.one_of(
    NUMBERS,
    st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 1e-45, -1e-45, 3.4e38]),
    NUMBERS.map(lambda value: float(np.nextafter(np.float32(value), np.float32(9)))),
    NUMBERS.map(lambda value: float(np.nextafter(np.float32(value), np.float32(-9)))),
)
PAIRS = st.tuples(st.integers(0, D - 1), st.integers(0, D - 1))
CODES = st.lists(st.lists(st.integers(0, 3), max_size=3, unique=True).map(tuple), min_size=1, max_size=4).map(tuple)
ROWS = st.lists(st.lists(CELLS, min_size=D, max_size=D), min_size=1, max_size=20)


def card(
    kind: Kind, features: tuple[int, ...], numbers: tuple[float, ...] = (), table: tuple[tuple[int, ...], ...] = ()
) -> RelationCard:
    rounded = tuple(float(np.float32(value)) for value in numbers)
    return RelationCard(
        id="R001", kind=kind, text="", features=features, numbers=rounded, table=table,
        support=30, checked=9, broken=0, decades=1.0,
    )  # fmt: skip


@st.composite
def cards(draw: st.DrawFn) -> RelationCard:
    kind = draw(st.sampled_from(KINDS))
    pair = draw(PAIRS)
    if kind in {"integral", "domain", "range"}:
        numbers = sorted(draw(st.sets(NUMBERS, min_size=1, max_size=6)))
        bounds = {"integral": (), "domain": tuple(numbers), "range": (numbers[0], numbers[-1])}
        return card(kind, pair[:1], bounds[kind])
    if kind == "equality":
        places = draw(st.lists(st.integers(0, D - 1), min_size=2, max_size=4, unique=True))
        factors = draw(st.lists(st.sampled_from([1.0, -1.0, 2.0, 0.1]), min_size=len(places), max_size=len(places)))
        return card(kind, tuple(places), (*factors, draw(NUMBERS), draw(st.sampled_from([0.0, 0.5, 1e-3]))))
    if kind == "two_sums":
        low, high = sorted(draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0, 1e30]), min_size=2, max_size=2)))
        return card(kind, pair, (low, high))
    if kind == "share":
        return card(kind, pair, (draw(st.sampled_from([0.02, 0.25])),))
    if kind == "either":
        return card(kind, (*pair, draw(st.integers(0, D - 1))))
    return card(kind, pair, table=draw(CODES) if kind == "determines" else ())


def run(relations: list[RelationCard], rows: np.ndarray) -> np.ndarray:
    graph = GraphBuilder(D)
    broken = add_relations(graph, INPUT, relations)
    graph.node("Identity", broken, output="broken", width=len(relations))
    content = graph.serialize()
    check_onnx(content, source="test")
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {INPUT: rows})[0]
    return found


@settings(max_examples=150)
@given(st.lists(cards(), min_size=1, max_size=12), ROWS)
def test_graph_is_numpy(relations: list[RelationCard], cells: list[list[float]]) -> None:
    rows = np.array(cells, dtype=np.float32)
    ordered = sorted(relations, key=lambda relation: KINDS.index(relation.kind))

    broken = run(ordered, rows)

    assert broken.dtype == np.float32
    np.testing.assert_array_equal(broken, (~holds(ordered, rows)).astype(np.float32))


def test_large_batches_are_decided_alike() -> None:
    random = np.random.default_rng(0)
    rows = random.integers(-2, 4, (3000, D)).astype(np.float32) + random.choice([0, 0.5], (3000, D)).astype(np.float32)
    relations = [
        card("integral", (0,)),
        card("order", (1, 2)),
        card("equality", (0, 3), (1, -1, 0, 0.5)),
        *(card("domain", (place,), (-1, 0, 2.5)) for place in range(D)),
        card("range", (4,), (-1, 3)),
        card("positive_implies_positive", (3, 4)),
        card("zero_implies_zero", (2, 0)),
        card("two_sums", (1, 3), (2, 2.5)),
        card("either", (4, 0, 1)),
        card("share", (2, 4), (0.25,)),
    ]

    np.testing.assert_array_equal(run(relations, rows), ~holds(relations, rows))


@pytest.mark.parametrize(
    ("relations", "what"),
    [
        ([], "one at least"),
        ([card("range", (0,), (0, 1)), card("order", (0, 1))], "in the order"),
        ([card("order", (0, D))], f"beyond the {D}"),
    ],
)
def test_what_is_no_graph_is_refused(relations: list[RelationCard], what: str) -> None:
    with pytest.raises(TrainingError, match=what):
        add_relations(GraphBuilder(D), INPUT, relations)
