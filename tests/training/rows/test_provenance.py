"""Digests and duplicates."""

import numpy as np
import pytest

from guard.detectors.manifest import FeatureCard
from guard.training.rows.provenance import TrainingDigest, duplicates, versions

CARD = FeatureCard(name="a", type="number", nullable=False, missing=0)


def digest(card: FeatureCard, *parts: np.ndarray) -> str:
    found = TrainingDigest((card,))
    for part in parts:
        found.add(part)
    return found.hexdigest()


def test_digest_is_of_the_rows_and_not_of_their_parts() -> None:
    rows = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)

    assert digest(CARD, rows) == digest(CARD, rows[:4], rows[4:]) == digest(CARD, np.asfortranarray(rows))
    assert digest(CARD, rows) != digest(CARD, rows[::-1])


@pytest.mark.parametrize("update", [{"name": "b"}, {"type": "integer"}, {"categories": ("x",)}])
def test_digest_is_of_names_types_and_categories(update: dict[str, object]) -> None:
    rows = np.zeros((1, 1), dtype=np.float32)

    assert digest(CARD, rows) != digest(CARD.model_copy(update=update), rows)


def test_duplicates_are_counted_across_parts_bit_for_bit() -> None:
    rows = np.array([[1, np.nan], [1, np.nan], [0, 2], [-0.0, 2]], dtype=np.float32)

    assert duplicates(rows) == 1
    assert duplicates(rows[:1], rows[1:], rows[2:]) == 3


def test_versions_are_of_what_is_installed() -> None:
    assert versions().numpy == np.__version__
