"""The ONNX graph, node by node: each costs a third of a microsecond or more per call, so there are few.

Input `x`, float32 [N, d]: the raw row. Outputs, those in brackets where there is such a thing:

* `parts`, float32 [N, P], in the order of `votes_of`; `score`, `p_value`, float32 [N, 1];
* `places`, int64 [N, spaces, k], the nearest prototypes in each space; `rows`, float32 [m, d], a fit row for each
  prototype of the last space;
* (`broken`), float32 [N, r], 1 where a mined relation is; (`class`, `group`), int64 [N].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import MANIFEST_KEY, Calibration, FeatureCard, Manifest, PartCard
from guard.detectors.relations import RelationCard
from guard.training.calibrate import LEAST_COUNT, LEAST_DECADES, Vote
from guard.training.graph.conditional import add_conditional
from guard.training.graph.near import add_encoded, add_near
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.graph.relations import add_relations
from guard.training.graph.score import CALIBRATION_PREFIX, add_p_value, add_score
from guard.training.graph.trees import Trees
from guard.training.parts.conditional import Conditional
from guard.training.parts.forest import FoldedForest
from guard.training.parts.near import Near
from guard.training.protected.classes import ClassFunction
from guard.training.rows.encode import ForestColumn

__all__ = ["Learned", "build_graph", "recalibrate", "votes_of"]

# Where the class is known, how many decades less the votes count that don't know it, and the distance to it alone.
GENERAL_DISCOUNT, DISTANCE_DISCOUNT = 1.0, 0.3

Matrix = npt.NDArray[np.float32]

# Of the chance that what held in n rows breaks in the next one, 1 / n, what the tests for surprise and the margins of
# mining leave.
BREAKS_PER_RELATION = 0.01

BROKEN, CLASS, GROUP, RELATION_WEIGHTS = "broken", "class", "group", "relation_weights"
"""Names of outputs, and of the one input that may be left out."""


class Learned(NamedTuple):
    """What the fit rows taught.

    `columns` are those that distances are taken in, `nearest` the rows [m, d] to show. Relations were mined from
    `n_mined` rows.
    """

    features: tuple[FeatureCard, ...]
    forest: FoldedForest
    columns: tuple[ForestColumn, ...]
    near: Near
    nearest: Matrix
    forest_discount: float
    relations: tuple[RelationCard, ...] = ()
    conditional: Conditional | None = None
    classes: ClassFunction | None = None
    groups: tuple[int, ...] = ()
    n_mined: int = 0

    @property
    def breaks_expected(self) -> float:
        """The share of clean rows that should break some relation, as far as their number and that of the rows tell."""
        return BREAKS_PER_RELATION * len(self.relations) / max(self.n_mined, 1)

    @property
    def n_groups(self) -> int:
        """How many groups of classes are calibrated apart."""
        return max(self.groups, default=0) + 1


def votes_of(learned: Learned) -> tuple[Vote, ...]:
    """The parts of the score, in their order in the graph's output."""
    near, conditional = learned.near, learned.conditional is not None
    general = GENERAL_DISCOUNT if conditional else 0.0
    votes = [
        Vote(f"near_{space.name}_{name}", "near", discount=general, rescaled=conditional)
        for space in near.spaces
        for name in near.mix.names
    ]
    votes.append(Vote("forest", "forest", discount=learned.forest_discount + general))
    if conditional:
        votes.append(Vote("class_doubt", "class", by_group=True, rescaled=True))
        votes.append(Vote("class_distance", "class", by_group=True, rescaled=True))
        votes.append(Vote("class_distance_alone", "class_distance", by_group=True, discount=DISTANCE_DISCOUNT))
    if any(card.type == "category" for card in learned.features):
        votes.append(Vote("unseen", "unseen", one_sided=True))
    if learned.relations:
        votes.append(
            Vote("relations", "relations", one_sided=True, on_top=conditional, expected=learned.breaks_expected)
        )
    return tuple(votes)


def build_graph(
    learned: Learned,
    *,
    cards: tuple[PartCard, ...] = (),
    calibrations: Sequence[Calibration] = (),
    manifest: Manifest | None = None,
) -> bytes:
    """Assemble the graph as far as is known, and give the bytes of the file: same arguments, same bytes."""
    graph = GraphBuilder(len(learned.features))
    index, group = _classes(graph, learned)
    parts = graph.node("Concat", *_parts(graph, learned, index), axis=1, output="parts", width=len(votes_of(learned)))
    if cards:
        score = add_score(graph, parts, cards, group=group)
        if calibrations:
            add_p_value(graph, score, calibrations, group=group)
    return graph.serialize(_properties(manifest))


def recalibrate(content: bytes, calibrations: Sequence[Calibration], manifest: Manifest) -> bytes:
    """Give a detector other calibrations and another manifest, and leave everything else as it is."""
    graph = GraphBuilder.reopen(content, without=CALIBRATION_PREFIX)
    add_p_value(graph, "score", calibrations, group=GROUP if len(calibrations) > 1 else None)
    return graph.serialize(_properties(manifest))


def _properties(manifest: Manifest | None) -> dict[str, str]:
    return {} if manifest is None else {MANIFEST_KEY: manifest.to_json()}


def _parts(graph: GraphBuilder, learned: Learned, index: str | None) -> list[str]:
    """The columns of `parts`, in their order; `index` is the class, int64 [N]."""
    features = learned.features
    encoded = add_encoded(graph, INPUT, learned.columns)
    graph.export(graph.constant(learned.nearest, name="rows"), list(learned.nearest.shape))
    found = [add_near(graph, encoded, learned.near), graph.sum_trees(INPUT, learned.forest.trees)]
    if learned.conditional is not None and index is not None:
        doubt, distance = add_conditional(graph, encoded, index, learned.conditional)
        # The distance has a vote of its own too.
        found += [doubt, distance, distance]
    if any(card.type == "category" for card in features):
        found.append(graph.sum_trees(INPUT, _unseen(features)))
    if learned.relations:
        found.append(_relations(graph, learned.relations))
    return found


def _classes(graph: GraphBuilder, learned: Learned) -> tuple[str | None, str | None]:
    """Add the class that the protected model predicts, and its group, int64 [N] each; None where there is but one."""
    if learned.classes is None:
        return None, None
    graph.export(graph.rename(learned.classes.add(graph, INPUT), CLASS), ["N"], integral=True)
    if learned.n_groups == 1:
        return CLASS, None
    group = graph.node("Gather", graph.constant(learned.groups, dtype=np.int64), CLASS)
    graph.export(graph.rename(group, GROUP), ["N"], integral=True)
    return CLASS, GROUP


def _relations(graph: GraphBuilder, relations: tuple[RelationCard, ...]) -> str:
    """Add the sum of the decades of the relations that a row breaks, less a little: 0 decades are no evidence."""
    broken = graph.rename(add_relations(graph, INPUT, relations), BROKEN)
    graph.export(broken, ["N", len(relations)])
    weights = np.array([[relation.decades] for relation in relations], dtype=np.float32)
    return graph.node("Gemm", broken, graph.default(RELATION_WEIGHTS, weights), graph.constant([-LEAST_DECADES]))


def _unseen(features: tuple[FeatureCard, ...]) -> Trees:
    """Three stumps a category, whose sum is 1 for a code that isn't one of its own: -1, the unseen, or too large."""
    trees = Trees()
    trees.stump(0, np.inf, true=-LEAST_COUNT, false=-LEAST_COUNT)
    for place, card in enumerate(features):
        if card.type == "category":
            trees.stump(place, -0.5, true=1.0, false=0.0)
            # In two, so that a missing value, which goes the false way, counts as seen.
            trees.stump(place, len(card.categories) - 0.5, true=-1.0, false=0.0)
            trees.stump(place, np.inf, true=1.0, false=0.0)
    return trees
