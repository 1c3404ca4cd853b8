"""What the fit rows teach: a forest, prototypes, ranges, relations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import open_session
from guard.detectors.manifest import FeatureCard
from guard.detectors.options import FitOptions
from guard.training.graph.build import Learned
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.mining import mine_relations
from guard.training.parts.conditional import fit_conditional
from guard.training.parts.forest import FoldedForest, fit_forest, fold
from guard.training.parts.near import Space, fit_near
from guard.training.protected.classes import predict
from guard.training.protected.predicted import Predicted
from guard.training.rows.encode import forest_columns, forest_matrix

__all__ = ["Rows", "is_fresh", "learn", "run"]

# How many decades more the forest must say than the prototypes, to be heard: as a rule it adds noise to what the
# distances say, and yet it is another's view, of rows that hide among their like.
FOREST_DISCOUNT = 1.0

# The share of contaminated rows, the most isolated ones, that no prototype comes from.
TRIMMED = 0.05

# Rows that are scored at once while fitting: what bounds its memory.
CHUNK_ROWS = 4096

# Of the rows, where all of them fit: the share that relations are chosen on.
CHOOSE_SHARE = 0.2

Matrix = npt.NDArray[np.float32]


class Rows(NamedTuple):
    """Raw rows of the three shares, float32 [n, d] each."""

    fit: Matrix
    select: Matrix
    calibrate: Matrix


def learn(
    features: tuple[FeatureCard, ...], rows: Rows, *, options: FitOptions, classes: Predicted | None = None
) -> Learned:
    """Learn from the fit rows; the select rows choose which relations hold, or a part of the fit rows."""
    columns = forest_columns(features, rows.fit)
    matrix = forest_matrix(rows.fit, columns)
    forest = fold(fit_forest(matrix, seed=options.seed), columns, features, rows=matrix)
    ordered = tuple(sorted(columns, key=lambda column: (column.kind == "missing", len(column.frequencies) > 0)))
    near_rows = rows.fit if options.rows == "clean" else _trimmed(rows.fit, forest)
    near = fit_near(
        forest_matrix(near_rows, ordered),
        ordered,
        seed=options.seed,
        clean=options.rows == "clean",
        private=options.private,
    )
    conditional = None
    if classes is not None:
        n_classes = len(classes.function.names)
        encoded = forest_matrix(near_rows, ordered)
        codes = classes.fit if len(near_rows) == len(rows.fit) else predict(classes.function, near_rows)
        conditional = fit_conditional(encoded, codes, n_classes=n_classes, seed=options.seed)
    mined, chosen_on = _mined(rows, options.seed)
    return Learned(
        features,
        forest,
        ordered,
        near,
        _shown(near_rows, near.spaces[-1], features),
        FOREST_DISCOUNT,
        mine_relations(features, mined, chosen_on),
        conditional,
        None if classes is None else classes.function,
        () if classes is None else classes.groups,
        len(mined),
    )


def _shown(rows: Matrix, space: Space, features: tuple[FeatureCard, ...]) -> Matrix:
    """A row for each prototype: the one that it stands for, or the mean of them, float32 [m, d].

    Of categories and booleans the most common; where some have no value, the mean of the others.
    """
    if all(len(members) == 1 for members in space.members):
        return rows[np.concatenate(space.members)]
    shown = np.empty((len(space.members), len(features)), dtype=np.float32)
    for place, members in enumerate(space.members):
        shown[place] = [_typical(rows[members, at], card) for at, card in enumerate(features)]
    return shown


def _typical(values: Matrix, card: FeatureCard) -> float:
    present = values[~np.isnan(values)]
    if len(present) * 2 < len(values) or not len(present):
        return np.nan
    if card.type in {"category", "boolean"}:
        distinct, counts = np.unique(present, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(present.mean(dtype=np.float64))


def _trimmed(rows: Matrix, forest: FoldedForest) -> Matrix:
    """The rows without the most isolated ones."""
    graph = GraphBuilder(rows.shape[1])
    graph.sum_trees(INPUT, forest.trees, output="isolation")
    isolation = run(graph.serialize(), "isolation", rows)[:, 0]
    return rows[isolation <= np.quantile(isolation, 1 - TRIMMED)]


def _mined(rows: Rows, seed: int) -> tuple[Matrix, Matrix]:
    """The rows that relations are mined from, and those that choose among them."""
    if len(rows.select):
        return rows.fit, rows.select[~is_fresh(rows.select, seed)]
    chosen = np.random.default_rng([seed, len(rows.fit)]).random(len(rows.fit)) < CHOOSE_SHARE
    return rows.fit[~chosen], rows.fit[chosen]


def is_fresh(select: Matrix, seed: int) -> npt.NDArray[np.bool_]:
    """Which of the select rows choose no relation, bool [n]: a random half, which says how often the chosen break."""
    return np.random.default_rng([seed, len(select)]).permutation(len(select)) >= len(select) // 2


def run(graph: bytes, output: str, rows: Matrix) -> Matrix:
    """One output of a graph for raw rows, float32 [n, d]."""
    session = open_session(graph, source="the new detector")
    chunks = [rows[start : start + CHUNK_ROWS] for start in range(0, max(len(rows), 1), CHUNK_ROWS)]
    return np.concatenate([session.run([output], {INPUT: chunk})[0] for chunk in chunks])
