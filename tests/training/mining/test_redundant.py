"""What is left implies what was left out."""

from hypothesis import given
from hypothesis import strategies as st

from guard.training.mining.candidate import Candidate
from guard.training.mining.redundant import without_redundant

Edge = tuple[int, int]
EDGES = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] != edge[1]), max_size=30)


def edges_of(candidates: list[Candidate], kind: str) -> set[Edge]:
    return {(c.features[0], c.features[1]) for c in candidates if c.kind == kind}


def implications(edges: set[Edge]) -> list[Candidate]:
    return [Candidate("positive_implies_positive", edge, 10 * edge[0] + edge[1]) for edge in edges]


def closure(edges: set[Edge]) -> set[Edge]:
    found = set(edges)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return {(a, b) for a, b in found if a != b}


@given(EDGES)
def test_reduction_keeps_what_is_implied(edges: set[Edge]) -> None:
    kept = edges_of(without_redundant(implications(edges)), "positive_implies_positive")

    assert kept <= edges
    assert closure(kept) == closure(edges)


@given(EDGES)
def test_of_a_chain_no_shortcut_is_kept(edges: set[Edge]) -> None:
    ascending = closure({(min(edge), max(edge)) for edge in edges})

    kept = edges_of(without_redundant(implications(ascending)), "positive_implies_positive")

    for edge in kept:
        assert edge not in closure(kept - {edge})


@given(EDGES, EDGES)
def test_orders_imply_implications(orders: set[Edge], edges: set[Edge]) -> None:
    acyclic = {(min(edge), max(edge)) for edge in orders}

    found = without_redundant([*implications(edges), *(Candidate("order", edge, 1) for edge in acyclic)])

    kept = edges_of(found, "order")
    positive = edges_of(found, "positive_implies_positive")
    assert closure(kept) == closure(acyclic)
    assert not positive & kept
    assert closure(kept | positive) == closure(acyclic | edges)
