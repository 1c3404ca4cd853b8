"""Tables of numbers with their feature cards."""

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard
from guard.detectors.relations import RelationCard
from guard.training.mining import mine_relations

Matrix = npt.NDArray[np.float32]


def number(name: str, kind: str = "number") -> FeatureCard:
    return FeatureCard.model_validate({"name": name, "type": kind, "nullable": True, "missing": 0})


def category(name: str, n: int) -> FeatureCard:
    texts = tuple(f"{name}{code}" for code in range(n))
    return FeatureCard(name=name, type="category", nullable=True, missing=0, categories=texts, counts=(10,) * n)


def table(**columns: npt.ArrayLike) -> tuple[tuple[FeatureCard, ...], Matrix]:
    X = np.stack([np.asarray(column, dtype=np.float32) for column in columns.values()], axis=1)
    return tuple(number(name) for name in columns), X


def mine(features: tuple[FeatureCard, ...], X: Matrix) -> tuple[RelationCard, ...]:
    """Mine with a fifth of the rows to select."""
    n_select = len(X) // 5
    return mine_relations(features, X[n_select:], X[:n_select])


def joint(relations: tuple[RelationCard, ...]) -> list[str]:
    return [relation.text for relation in relations if len(relation.features) > 1]
