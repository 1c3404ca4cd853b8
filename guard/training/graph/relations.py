"""Relations as nodes of the graph: comparisons of gathered columns, and one tree a relation for the rest.

Whole numbers, orders and equalities are comparisons, decided all at once; domains, ranges, implications,
dependences, and what sums and products of two features may be, are trees of one operator. A comparison with NaN is
false, and a tree's NaN goes the false way: a relation holds where a value is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.relations import KINDS, LARGEST, Kind, Statement
from guard.errors import TrainingError
from guard.training.graph.nodes import FLOAT, GraphBuilder
from guard.training.graph.trees import Trees

__all__ = ["add_relations"]

COMPARED: Final = KINDS[:3]
"""The kinds decided by comparison; they come first among the cards, so that no column has to change places."""

BROKEN, HOLDS = 1.0, 0.0

# Grows a subtree, and gives its root.
Grow = Callable[[], int]


def add_relations(graph: GraphBuilder, x: str, relations: Sequence[Statement]) -> str:
    """Add nodes for relations, one at least, that stand in the order of KINDS; give the name of their output.

    The output is float32 [N, r], 1 where a row of `x`, float32 [N, d], breaks a relation, else 0, as
    `guard.detectors.relations.holds` has it.
    """
    n_features = graph.n_features
    _check(relations, n_features)
    compared = [relation for relation in relations if relation.kind in COMPARED]
    others = relations[len(compared) :]
    parts = []
    if compared:
        parts.append(_compare(graph, x, compared, n_features))
    if others:
        derived = _Derived(n_features)
        trees = _trees(others, derived)
        parts.append(graph.sum_trees(_widened(graph, x, derived), trees))
    return _concat(graph, parts)


def _check(relations: Sequence[Statement], n_features: int) -> None:
    order = [KINDS.index(relation.kind) for relation in relations]
    if not order or order != sorted(order):
        raise TrainingError("relations become a graph in the order in which mining gives them, and one at least")
    if max(max(relation.features) for relation in relations) >= n_features:
        raise TrainingError(f"a relation names a feature beyond the {n_features} that the graph has")


class _Derived:
    """What trees read as further features: sums of two, `a + factor * b`, then what products lack to a whole number.

    The relations of sums come before those of products.
    """

    def __init__(self, n_features: int) -> None:
        self._first = n_features
        self.sums: dict[tuple[int, int, float], int] = {}
        self.products: dict[tuple[int, int], int] = {}

    def sum(self, a: int, b: int, *, factor: float) -> int:
        """Give the place of a sum."""
        return self.sums.setdefault((a, b, factor), self._first + len(self.sums))

    def fraction(self, a: int, b: int) -> int:
        """Give the place of a product's distance from the nearest whole number."""
        return self.products.setdefault((a, b), self._first + len(self.sums) + len(self.products))


def _widened(graph: GraphBuilder, x: str, derived: _Derived) -> str:
    columns = [x]
    if derived.sums:
        left, right, factors = zip(*derived.sums, strict=True)
        product = graph.node("Mul", _gather(graph, x, right), graph.constant(factors))
        columns.append(graph.node("Add", _gather(graph, x, left), product))
    if derived.products:
        left, right = zip(*derived.products, strict=True)
        product = graph.node("Mul", _gather(graph, x, left), _gather(graph, x, right))
        nearest = graph.node("Floor", graph.node("Add", product, graph.constant(0.5)))
        columns.append(graph.node("Sub", product, nearest))
    return _concat(graph, columns)


def _concat(graph: GraphBuilder, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)


def _compare(graph: GraphBuilder, x: str, relations: list[Statement], n_features: int) -> str:
    """Broken is: x > floor(x), a > b, |c1 x1 + c2 x2 + ... - offset| > tolerance."""
    integral = [relation.features[0] for relation in relations if relation.kind == "integral"]
    orders = [relation.features for relation in relations if relation.kind == "order"]
    equalities = [relation for relation in relations if relation.kind == "equality"]
    above = []
    if integral or orders:
        # One column more for each feature costs less than one node more.
        wide = graph.node("Concat", x, graph.node("Floor", x), axis=1) if integral else x
        left = _gather(graph, x, integral + [a for a, _ in orders])
        right = _gather(graph, wide, [n_features + place for place in integral] + [b for _, b in orders])
        above.append(graph.node("Greater", left, right))
    if equalities:
        above.append(_unequal(graph, x, equalities))
    return graph.node("Cast", _concat(graph, above), to=FLOAT)


def _gather(graph: GraphBuilder, x: str, places: npt.ArrayLike) -> str:
    return graph.node("Gather", x, graph.constant(places, dtype=np.int64), axis=1)


def _unequal(graph: GraphBuilder, x: str, equalities: list[Statement]) -> str:
    # Term by term, in the order in which NumPy adds them: a matrix product would make NaN of another's infinity. And
    # finite, since a term that only fills up has the factor 0. Unlike Clip, Min and Max pass NaN on.
    bounded = graph.node("Max", graph.node("Min", x, graph.constant([LARGEST])), graph.constant([-LARGEST]))
    n_terms = max(len(relation.features) for relation in equalities)
    places = np.array([_padded(relation.features, n_terms, relation.features[0]) for relation in equalities])
    factors = np.array([_padded(relation.numbers[:-2], n_terms, 0.0) for relation in equalities])
    total = ""
    for term in range(n_terms):
        product = graph.node("Mul", _gather(graph, bounded, places[:, term]), graph.constant(factors[:, term]))
        total = graph.node("Add", total, product) if total else product
    offsets, tolerances = zip(*(relation.numbers[-2:] for relation in equalities), strict=True)
    distance = graph.node("Abs", graph.node("Sub", total, graph.constant(offsets)))
    return graph.node("Greater", distance, graph.constant(tolerances))


def _padded(values: Sequence[float], length: int, fill: float) -> list[float]:
    return [*values, *([fill] * (length - len(values)))]


class _Segments(NamedTuple):
    """What becomes of x: `then[i]` for the first i with x <= `upto[i]`. The last of `then` is for NaN."""

    upto: list[float]
    then: list[Grow]


def _trees(relations: Sequence[Statement], derived: _Derived) -> Trees:
    trees = Trees(n_targets=len(relations))
    for target, relation in enumerate(relations):
        trees.start_tree()
        _GROW[relation.kind](_Planter(trees, target, derived), relation)
    return trees


class _Planter:
    """Grows the tree of one relation."""

    def __init__(self, trees: Trees, target: int, derived: _Derived) -> None:
        self._trees = trees
        self._target = target
        self.derived = derived

    def broken(self) -> int:
        return self._trees.leaf(BROKEN, target=self._target)

    def holds(self) -> int:
        return self._trees.leaf(HOLDS, target=self._target)

    def look_up(self, feature: int, segments: _Segments) -> int:
        """Grow a balanced tree over the segments."""
        upto, then = segments
        if not upto:
            return then[0]()
        middle = (len(then) - 1) // 2
        node = self._trees.branch(feature, upto[middle])
        true = self.look_up(feature, _Segments(upto[:middle], then[: middle + 1]))
        false = self.look_up(feature, _Segments(upto[middle + 1 :], then[middle + 1 :]))
        self._trees.connect(node, true=true, false=false)
        return node

    def among(self, feature: int, values: Sequence[float], *, found: Grow, else_: Grow) -> int:
        """Grow a tree that tells the values, ascending, from all others; a missing one holds."""
        upto: list[float] = []
        then: list[Grow] = []
        for value in values:
            upto += [_below(value), value]
            then += [else_, found]
        return self.look_up(feature, _Segments([*upto, math.inf], [*then, else_, self.holds]))


def _below(value: float) -> float:
    """The next lower float32."""
    return float(np.nextafter(np.float32(value), np.float32(-np.inf)))


def _domain(planter: _Planter, relation: Statement) -> None:
    planter.among(relation.features[0], relation.numbers, found=planter.holds, else_=planter.broken)


def _range(planter: _Planter, relation: Statement) -> None:
    low, high = relation.numbers
    then = [planter.broken, planter.holds, planter.broken, planter.holds]
    planter.look_up(relation.features[0], _Segments([_below(low), high, math.inf], then))


def _positive(planter: _Planter, relation: Statement) -> None:
    a, b = relation.features

    def positive() -> int:
        return planter.look_up(b, _Segments([0.0], [planter.broken, planter.holds]))

    planter.look_up(a, _Segments([0.0, math.inf], [planter.holds, positive, planter.holds]))


def _zero(planter: _Planter, relation: Statement) -> None:
    a, b = relation.features

    def zero() -> int:
        return planter.among(b, [0.0], found=planter.holds, else_=planter.broken)

    planter.among(a, [0.0], found=zero, else_=planter.holds)


def _determines(planter: _Planter, relation: Statement) -> None:
    a, b = relation.features
    upto: list[float] = []
    then: list[Grow] = []
    for code, allowed in enumerate(relation.table):
        if allowed:
            upto += [_below(code), float(code)]
            then += [planter.holds, _allowing(planter, b, allowed)]
    planter.look_up(a, _Segments(upto, [*then, planter.holds]))


def _allowing(planter: _Planter, feature: int, allowed: Sequence[int]) -> Grow:
    return lambda: planter.among(feature, sorted(allowed), found=planter.holds, else_=planter.broken)


def _two_sums(planter: _Planter, relation: Statement) -> None:
    (a, b), (low, high) = relation.features, relation.numbers
    total = planter.derived.sum(a, b, factor=1.0)
    ends = [(0.0, 0.0), (low, high)]
    upto = [bound for least, most in ends for bound in (_below(least), most)]
    planter.look_up(total, _Segments([*upto, math.inf], [planter.broken, planter.holds] * 3))


def _either(planter: _Planter, relation: Statement) -> None:
    a, b, c = relation.features
    first, second = (planter.derived.sum(a, other, factor=-1.0) for other in (b, c))

    def differs() -> int:
        return planter.among(second, [0.0], found=planter.holds, else_=planter.broken)

    planter.among(first, [0.0], found=planter.holds, else_=differs)


def _share(planter: _Planter, relation: Statement) -> None:
    (a, b), (tolerance,) = relation.features, relation.numbers
    then = [planter.broken, planter.holds, planter.broken, planter.holds]
    planter.look_up(planter.derived.fraction(a, b), _Segments([_below(-tolerance), tolerance, math.inf], then))


_GROW: dict[Kind, Callable[[_Planter, Statement], None]] = {
    "domain": _domain,
    "range": _range,
    "positive_implies_positive": _positive,
    "zero_implies_zero": _zero,
    "determines": _determines,
    "two_sums": _two_sums,
    "either": _either,
    "share": _share,
}
