"""What an attacker knows of the data: rows of his own, and perhaps the relations that the detector has mined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import open_session
from guard.detectors.relations import RelationCard
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.graph.relations import add_relations

__all__ = ["Knowledge"]

Matrix = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class Knowledge(NamedTuple):
    """Rows of the class that he wants, float32 [n, d]; of all his rows the least, the largest, and what is whole.

    `relations` is a session of the relations that he knows, None where he knows none.
    """

    donors: Matrix
    low: Matrix
    high: Matrix
    whole: Bools
    relations: Any = None

    @classmethod
    def of(cls, rows: Matrix, wanted: Bools) -> Self:
        """Know rows, and which of them are of the class that is wanted."""
        whole = np.asarray((np.floor(rows) == rows).all(axis=0))
        return cls(rows[wanted], rows.min(axis=0), rows.max(axis=0), whole)

    def with_relations(self, relations: Sequence[RelationCard]) -> Knowledge:
        """Know these relations too."""
        graph = GraphBuilder(self.donors.shape[1])
        add = add_relations(graph, INPUT, tuple(relations))
        graph.export(graph.rename(add, "broken"), ["N", len(relations)])
        return self._replace(relations=open_session(graph.serialize(), source="the attacker's relations"))

    @property
    def aware(self) -> bool:
        """Whether he knows relations."""
        return self.relations is not None

    def repaired(self, rows: npt.NDArray[Any]) -> Matrix:
        """Rows inside the ranges, whole where the feature is: float32 [n, d]."""
        clipped = np.clip(rows, self.low, self.high).astype(np.float32)
        found: Matrix = np.where(self.whole, np.round(clipped), clipped)
        return found

    def lawful(self, rows: Matrix) -> Bools:
        """Say which rows break no relation that he knows, [n]."""
        if self.relations is None:
            return np.ones(len(rows), dtype=np.bool_)
        (broken,) = self.relations.run(["broken"], {INPUT: np.ascontiguousarray(rows, dtype=np.float32)})
        return np.asarray(~(broken > 0).any(axis=1))
