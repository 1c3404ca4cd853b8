"""Scores of a fitted detector without some of its votes, or by single ones, made from its parts: no fit is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from guard.detectors import Detector
from guard.detectors.manifest import PartCard
from guard.detectors.votes import votes

__all__ = ["variants"]

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def variants(detector: Detector, rows: Matrix) -> Mapping[str, Floats]:
    """Scores, float64 [N], of the same fit with votes left out or alone, and with single spaces."""
    cards = detector.manifest.parts
    parts = np.stack(list(detector.parts(rows).values()), axis=1)
    np.testing.assert_allclose(_score(parts, cards), detector.score(rows).score, rtol=1e-3, atol=1e-3)
    kept = {f"without {vote}": [card.vote != vote for card in cards] for vote in ("relations", "forest", "near")}
    kept |= {f"only {vote}": [card.vote == vote for card in cards] for vote in ("forest", "near")}
    kept |= {
        f"only {space}": [card.name.startswith(space) for card in cards] for space in ("near_range", "near_spread")
    }
    return {name: _score(parts, cards, own) for name, own in kept.items()}


def _score(parts: Matrix, cards: Sequence[PartCard], kept: Sequence[bool] | None = None) -> Floats:
    """The highest vote of the parts that are kept; one that stands on top of others stands on those kept."""
    places = [place for place in range(len(cards)) if kept is None or kept[place]]
    found = votes(parts[:, places], [cards[place] for place in places])
    return np.asarray(np.max(list(found.values()), axis=0))
