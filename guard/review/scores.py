"""The scores of an entry, computed again by the detector that gave them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guard.detectors import Detector, Scores
from guard.detectors.manifest import TOLERANCE
from guard.errors import GuardError
from guard.journal.records import EntryDetail
from guard.review.gate import Gates
from guard.review.judging import NO_FEATURES
from guard.review.kept import NotReplayable

__all__ = ["Agreement", "ScoreReplay", "replay_scores"]

Floats = npt.NDArray[np.float64]


class Agreement(enum.IntEnum):
    """How two sets of scores agree."""

    NONE = 0
    WITHIN_TOLERANCE = 1
    """of a score (of 1 at least) 1e-4 relative; p-values are steps of it, and show in the action"""
    BIT_FOR_BIT = 2
    """scores and p-values"""


@dataclass(frozen=True, slots=True)
class ScoreReplay:
    """The scores of an entry as they were kept, and as they are now, with their largest difference."""

    before: Floats
    now: Floats
    agreement: Agreement

    @property
    def difference(self) -> float:
        """The largest difference of a score; infinite where one isn't a number, or isn't there."""
        if self.before.shape != self.now.shape:
            return np.inf
        either = np.isnan(self.before) != np.isnan(self.now)
        apart = np.abs(np.nan_to_num(self.before) - np.nan_to_num(self.now))
        return float(np.max(np.where(either, np.inf, apart), initial=0.0))


def replay_scores(entry: EntryDetail, gates: Gates) -> tuple[ScoreReplay, Detector]:
    """Score an entry again with its own detector, which comes with it. Raises NotReplayable."""
    before, features = entry.scores, entry.features
    if before is None or entry.p_values is None or entry.digests.detector is None:
        raise NotReplayable("it was never scored")
    if features is None or not entry.feature_names:
        raise NotReplayable(NO_FEATURES)
    detector = gates.detector(entry, entry.digests.detector)
    found = _score(detector, features, entry.feature_names)
    return ScoreReplay(before, found.score.astype(np.float64), _compare(before, entry.p_values, found)), detector


def _score(detector: Detector, features: Floats, names: tuple[str, ...]) -> Scores:
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in detector.manifest.names if name not in places]
    if missing:
        raise NotReplayable(f"it lacks the feature {missing[0]!r}")
    try:
        return detector.score(features[:, [places[name] for name in detector.manifest.names]])
    except GuardError as error:
        raise NotReplayable(f"its detector fails here: {error}") from None


def _compare(scores: Floats, p_values: Floats, found: Scores) -> Agreement:
    if scores.shape != found.score.shape:
        return Agreement.NONE
    if np.array_equal(scores, found.score, equal_nan=True) and np.array_equal(p_values, found.p_value, equal_nan=True):
        return Agreement.BIT_FOR_BIT
    room = TOLERANCE * np.maximum(1.0, np.abs(scores))
    # Equal first: two infinities are.
    close = (
        (scores == found.score) | (np.abs(found.score - scores) <= room) | (np.isnan(scores) & np.isnan(found.score))
    )
    return Agreement.WITHIN_TOLERANCE if close.all() else Agreement.NONE
