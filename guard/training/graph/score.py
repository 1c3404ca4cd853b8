"""The graph's end: from parts to one score, and from that to a p-value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import Calibration, PartCard
from guard.training.calibrate import LN10
from guard.training.graph.nodes import FLOAT, GraphBuilder
from guard.training.graph.trees import Lookup, lookup_tree

__all__ = ["CALIBRATION_PREFIX", "add_p_value", "add_score"]

# The names of everything that a calibration can change begin so.
CALIBRATION_PREFIX = "p_"

# A slope that makes "nothing found" weigh less than anything else: no evidence, rather than evidence of 0 decades,
# which would tie the bulk of the rows at one p-value.
NO_EVIDENCE_SLOPE = 1e9

Floats = npt.NDArray[np.float64]


def add_score(graph: GraphBuilder, parts: str, cards: tuple[PartCard, ...], *, group: str | None) -> str:
    """Add `score`, the highest vote in decades; `parts` are float32 [N, P], `group` int64 [N], None where there is one.

    A NaN in any part makes every vote NaN, by the matrix product.
    """
    starts, rates = (np.array([getattr(card, name) for card in cards]) for name in ("start", "scale"))
    rates = 1 / (rates * LN10)
    shares, bases = _votes(cards)
    values = parts
    if group is not None:
        values = graph.node("Sub", values, _of_group(graph, starts, group))
    if any(card.one_sided for card in cards):
        # These start at 0.
        slopes = [NO_EVIDENCE_SLOPE if card.one_sided else 1.0 for card in cards]
        values = graph.node("PRelu", values, graph.constant(slopes))
    if group is None:
        shares = shares * rates[:, :1]
        bases = bases - starts[:, 0] @ shares
    else:
        values = graph.node("Mul", values, _of_group(graph, rates, group))
    votes = graph.node("Gemm", values, graph.constant(shares), graph.constant(bases))
    return graph.node("ReduceMax", votes, graph.constant([1], dtype=np.int64), keepdims=1, output="score")


def _of_group(graph: GraphBuilder, values: Floats, group: str) -> str:
    """Constants [P, G] as a row for each instance."""
    return graph.node("Gather", graph.constant(values.T), group)


def _votes(cards: tuple[PartCard, ...]) -> tuple[Floats, Floats]:
    """How much each part has of each vote, [P, V], and the decades that each begins with, [V]."""
    names = list(dict.fromkeys(card.vote for card in cards))
    shares = np.array([[float(card.vote == name) for name in names] for card in cards])
    shares /= shares.sum(axis=0)
    on_top = [names.index(card.vote) for card in cards if card.on_top]
    # What counts on top of others is a vote alone, and one more with each of them: where it found nothing, all of
    # these are far below zero.
    others = np.delete(shares, on_top, axis=1)
    shares = np.concatenate([shares, *(others + shares[:, [place]] for place in on_top)], axis=1)
    return shares, np.array([card.base for card in cards]) @ shares


def add_p_value(graph: GraphBuilder, score: str, calibrations: Sequence[Calibration], *, group: str | None) -> None:
    """Add `p_value`; `group` is the place of an instance's calibration, int64 [N], None where there is one."""
    graph.prefix = CALIBRATION_PREFIX
    tables = [Lookup(*calibration.table()) for calibration in calibrations]
    if group is not None:
        column = graph.node("Unsqueeze", group, graph.constant([1], dtype=np.int64))
        score = graph.node("Concat", score, graph.node("Cast", column, to=FLOAT), axis=1)
    graph.sum_trees(score, lookup_tree(tables), output="p_value")
