"""Leave out what others imply: `a <= c` beside `a <= b` and `b <= c`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from guard.training.mining.candidate import Candidate

__all__ = ["without_redundant"]

Edge = tuple[int, int]
Edges = dict[Edge, Candidate]


def without_redundant(pairs: Sequence[Candidate]) -> list[Candidate]:
    """Keep of the relations of two features a small set that implies the rest.

    `a <= b` also implies that `a > 0` implies `b > 0`.
    """
    orders = _reduced(_edges(pairs, "order"))
    positive = _reduced(_edges(pairs, "positive_implies_positive"), given=orders)
    zero = _reduced(_edges(pairs, "zero_implies_zero"))
    return [*orders.values(), *positive.values(), *zero.values()]


def _edges(pairs: Iterable[Candidate], kind: str) -> Edges:
    """Edges between features, the strongest first."""
    chosen = sorted((pair for pair in pairs if pair.kind == kind), key=lambda pair: (-pair.support, pair.features))
    return {(pair.features[0], pair.features[1]): pair for pair in chosen}


def _reduced(edges: Edges, *, given: Collection[Edge] = ()) -> Edges:
    """Reduce transitively, with other edges given: features that imply each other are one, and joined apart."""
    head = _heads([*edges, *given])
    known = {(head[a], head[b]) for a, b in given if head[a] != head[b]}
    joined: Edges = {}
    inner: dict[int, Edges] = {}
    for (a, b), candidate in edges.items():
        if head[a] == head[b]:
            inner.setdefault(head[a], {})[a, b] = candidate
        else:
            joined.setdefault((head[a], head[b]), candidate)
    detours = _detours([*joined, *known])
    kept = [candidate for edge, candidate in joined.items() if edge not in known and edge not in detours]
    for root, ring in inner.items():
        within = [edge for edge in given if head[edge[0]] == head[edge[1]] == root]
        kept += _ring(root, ring, within)
    return {(candidate.features[0], candidate.features[1]): candidate for candidate in kept}


def _heads(edges: Collection[Edge]) -> dict[int, int]:
    """For each feature the first of those that it leads to and that lead to it."""
    reach = _reachable(edges)
    return {
        node: min([node, *(other for other in _members(ends) if reach[other] >> node & 1)])
        for node, ends in reach.items()
    }


def _detours(edges: Collection[Edge]) -> set[Edge]:
    """Of edges without a cycle, those beside which there is a longer way."""
    reach = _reachable(edges)
    beyond: dict[int, int] = {}
    for a, b in edges:
        beyond[a] = beyond.get(a, 0) | reach[b]
    return {(a, b) for a, b in edges if beyond[a] >> b & 1}


def _ring(root: int, ring: Edges, given: Iterable[Edge]) -> list[Candidate]:
    """The edges of a tree from the root, and of one towards it: every member then leads to every other."""
    free = list(given)
    forward = _tree(root, [*free, *ring])
    backward = _tree(root, [(b, a) for a, b in (*free, *ring)])
    chosen = dict.fromkeys([*forward, *((b, a) for a, b in backward)])
    return [ring[edge] for edge in chosen if edge in ring and edge not in free]


def _tree(root: int, edges: Iterable[Edge]) -> list[Edge]:
    successors: dict[int, list[int]] = {}
    for a, b in edges:
        successors.setdefault(a, []).append(b)
    seen, waiting, found = {root}, [root], []
    for node in waiting:
        for following in successors.get(node, ()):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
                found.append((node, following))
    return found


def _reachable(edges: Iterable[Edge]) -> Mapping[int, int]:
    """For each node the nodes that it leads to, as bits (Warshall)."""
    reach: dict[int, int] = {}
    for a, b in edges:
        reach[a] = reach.get(a, 0) | 1 << b
        reach.setdefault(b, 0)
    for middle in sorted(reach):
        bit, beyond = 1 << middle, reach[middle]
        for node, ends in reach.items():
            if ends & bit:
                reach[node] = ends | beyond
    return reach


def _members(bits: int) -> list[int]:
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
