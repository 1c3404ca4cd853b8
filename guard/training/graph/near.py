"""The graph's part for nearest prototypes: one matrix product for the distances in all spaces, one TopK."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from guard.training.graph.nodes import FLOAT, INT64, GraphBuilder
from guard.training.parts.near import Near, Space
from guard.training.rows.encode import ForestColumn

__all__ = ["PLACES", "add_encoded", "add_near"]

PLACES = "places"

# Standard deviations beyond which a value is no farther: its square stays finite in float32.
FARTHEST = 1e4

# The largest spread over the smallest, and either's size, up to which squares of what isn't standardised stay finite.
LIKE_SIZE, LARGE = 1e6, 1e13

# The squared distance of what only fills up.
NEVER_NEAR = 1e30

Floats = npt.NDArray[np.float64]


def add_encoded(graph: GraphBuilder, x: str, columns: tuple[ForestColumn, ...]) -> str:
    """Add the encoded row, float32 [N, e], of the raw one; the columns are numbers, then categories, then indicators.

    Missing values are filled, categories are the logarithms of their frequencies, indicators 0 or 1.
    """
    numbers = [column for column in columns if column.kind == "value" and not len(column.frequencies)]
    categories = [column for column in columns if len(column.frequencies)]
    indicators = [column for column in columns if column.kind == "missing"]
    found = [_numbers(graph, x, numbers)] if numbers else []
    if categories:
        found.append(_frequencies(graph, x, categories))
    if indicators:
        missing = graph.node("IsNaN", _chosen(graph, x, indicators))
        found.append(graph.node("Cast", missing, to=FLOAT))
    return found[0] if len(found) == 1 else graph.node("Concat", *found, axis=1)


def _numbers(graph: GraphBuilder, x: str, columns: list[ForestColumn]) -> str:
    values = _chosen(graph, x, columns)
    if not any(column.nullable for column in columns):
        # A NaN makes all distances NaN, and the forest's part, and so the score.
        return values
    fills = graph.constant([[column.fill for column in columns]])
    return graph.node("Where", graph.node("IsNaN", values), fills, values)


def _frequencies(graph: GraphBuilder, x: str, columns: list[ForestColumn]) -> str:
    """Look all categories up in one table: for each, the unseen, its codes, what is put for a missing one."""
    codes = _chosen(graph, x, columns)
    sizes = [len(column.frequencies) for column in columns]
    # Whatever is no code of its own, too large as well as -1, counts as unseen.
    known = graph.node("Less", codes, graph.constant([sizes]))
    numbered = graph.node("Max", graph.node("Where", known, codes, graph.constant(-1.0)), graph.constant(-1.0))
    placed = graph.node("Where", graph.node("IsNaN", codes), graph.constant([sizes]), numbered)
    tables = [np.concatenate([[column.unseen], column.frequencies, [column.fill]]) for column in columns]
    starts = np.concatenate([[0], np.cumsum([len(table) for table in tables])[:-1]]) + 1
    places = graph.node("Cast", graph.node("Add", placed, graph.constant([starts])), to=INT64)
    return graph.node("Gather", graph.constant(np.concatenate(tables)), places)


def _chosen(graph: GraphBuilder, x: str, columns: list[ForestColumn]) -> str:
    places = [column.feature for column in columns]
    if places == list(range(graph.n_features)):
        return x
    return graph.node("Gather", x, graph.constant(places, dtype=np.int64), axis=1)


def add_near(graph: GraphBuilder, encoded: str, near: Near) -> str:
    """Add what `near.mix` makes of the distances to the nearest prototypes of each space, float32 [N, spaces * mix].

    PLACES, which they are, int64 [N, spaces, k], is an output of the graph.
    """
    row, near = _centred(graph, encoded, near)
    n_spaces, m = len(near.spaces), _most(near)
    squared = graph.node(
        "Reshape", _squared_distances(graph, row, near), graph.constant([-1, n_spaces, m], dtype=np.int64)
    )
    k = min(len(near.mix.weights), *(len(space.prototypes) for space in near.spaces))
    graph.add(
        "TopK", squared, graph.constant([k], dtype=np.int64), outputs=["squares", PLACES], axis=2, largest=0, sorted=1
    )
    graph.export(PLACES, ["N", n_spaces, k], integral=True)
    distances = graph.node("Sqrt", graph.node("Relu", "squares"))
    mixed = graph.node("MatMul", distances, graph.constant(_mix(near, k)))
    return graph.node("Reshape", mixed, graph.constant([-1, n_spaces * len(near.mix.names)], dtype=np.int64))


def _centred(graph: GraphBuilder, encoded: str, near: Near) -> tuple[str, Near]:
    """Add the row less its mean, without what is too far for float32, and give the scales that it then needs.

    Where the spreads are of like size, standardising is left to the products that follow: a node less.
    """
    centred = graph.node("Sub", encoded, graph.constant([near.mean]))
    least, most = near.inverse.min(), near.inverse.max()
    if most > LIKE_SIZE * least or most > LARGE or least < 1 / LARGE:
        scaled = graph.node("Mul", centred, graph.constant([near.inverse]))
        return graph.node("Clip", scaled, graph.constant(-FARTHEST), graph.constant(FARTHEST)), near
    farthest = FARTHEST / least
    row = graph.node("Clip", centred, graph.constant(-farthest), graph.constant(farthest))
    spaces = tuple(space._replace(scale=space.scale * near.inverse) for space in near.spaces)
    return row, near._replace(spaces=spaces)


def _most(near: Near) -> int:
    """How many prototypes the space with the most has; the others are filled up with ones that are never near."""
    return max(len(space.prototypes) for space in near.spaces)


def _filled_up(block: Floats, m: int, fill: float) -> Floats:
    """Columns up to m."""
    width = [(0, 0)] * (block.ndim - 1) + [(0, m - block.shape[-1])]
    return np.pad(block, width, constant_values=fill)


def _mix(near: Near, k: int) -> Floats:
    """The weights of k distances, where there are fewer prototypes than wanted: the farthest stands for the missing."""
    weights = near.mix.weights[:k].copy()
    weights[-1] += near.mix.weights[k:].sum(axis=0)
    return weights


def _squared_distances(graph: GraphBuilder, row: str, near: Near) -> str:
    """Weighted squares in all spaces, [N, spaces * m]: `w |b|^2 - 2 w b.p + w |p|^2` for b the scaled row.

    One product for all spaces: with the standardised row and its squared norms in each scaling. Where rows are
    projected, one product for each.
    """
    squares = graph.node("Mul", row, row)
    norms = np.stack([space.scale**2 for space in near.spaces], axis=1)
    if near.spaces[0].projection is None:
        joined = graph.node("Concat", row, graph.node("MatMul", squares, graph.constant(norms)), axis=1)
        matrix, offsets = _product(near)
        return graph.node("Gemm", joined, graph.constant(matrix), graph.constant(offsets))
    found = []
    for place, space in enumerate(near.spaces):
        norm = graph.node("MatMul", squares, graph.constant(norms[:, place : place + 1]))
        found.append(_projected(graph, row, norm, space, _most(near)))
    return graph.node("Concat", *found, axis=1)


def _projected(graph: GraphBuilder, row: str, norm: str, space: Space, m: int) -> str:
    assert space.projection is not None  # noqa: S101 - the caller has looked
    directions = space.projection.directions
    coordinates = graph.node("MatMul", row, graph.constant(space.scale[:, None] * directions))
    joined = graph.node("Concat", coordinates, norm, axis=1)
    matrix = np.concatenate([-2 * (space.prototypes @ directions).T, np.ones((1, len(space.prototypes)))])
    matrix = _filled_up(matrix * space.weights, m, 0.0)
    offsets = _filled_up((space.prototypes**2).sum(axis=1) * space.weights, m, NEVER_NEAR)
    return graph.node("Gemm", joined, graph.constant(matrix), graph.constant(offsets))


def _product(near: Near) -> tuple[Floats, Floats]:
    """What a standardised row and its norms, [e + spaces], are multiplied with, and what is added."""
    blocks, spaces, m = [], near.spaces, _most(near)
    for place, space in enumerate(spaces):
        block = np.zeros((len(space.scale) + len(spaces), len(space.prototypes)))
        block[: len(space.scale)] = -2 * (space.scale[:, None] * space.prototypes.T) * space.weights
        block[len(space.scale) + place] = space.weights
        blocks.append(_filled_up(block, m, 0.0))
    offsets = [_filled_up((space.prototypes**2).sum(axis=1) * space.weights, m, NEVER_NEAR) for space in spaces]
    return np.concatenate(blocks, axis=1), np.concatenate(offsets)
