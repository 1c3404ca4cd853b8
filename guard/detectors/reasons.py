"""Why a row was flagged, as far as ranges and categories can tell; computed when somebody asks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard, Manifest
from guard.detectors.ranges import excess, learned_ranges
from guard.inference import Fault

__all__ = ["MOST_REASONS", "reasons"]

# A row that is wrong everywhere has one cause, and an entry must stay readable.
MOST_REASONS = 10


def reasons(row: npt.ArrayLike, manifest: Manifest, *, instance: int | None = None) -> list[Fault]:
    """Name the features of a row outside their learned range (G511), the farthest first, and unseen categories (G512).

    `row` is [d], raw values in the manifest's order. Neither is a breach of contract: they say what an outlier
    score rests on.
    """
    values = np.asarray(row, dtype=np.float64)
    beyond = excess(values, learned_ranges(manifest.features))
    outside = [int(place) for place in np.argsort(-beyond, kind="stable") if beyond[place] > 0]
    found = [
        Fault("G511", _outside(manifest.features[place], values[place]), instance, manifest.features[place].name)
        for place in outside
    ]
    found += [
        Fault("G512", "a category that no fitted row had", instance, card.name)
        for card, value in zip(manifest.features, values, strict=True)
        if card.type == "category" and not (np.isnan(value) or 0 <= value < len(card.categories))
    ]
    return found[:MOST_REASONS]


def _outside(card: FeatureCard, value: float) -> str:
    if card.constant:
        return f"{value:.6g}, where every fitted row had {card.minimum:.6g}"
    return f"{value:.6g} lies outside the learned range, {card.minimum:.6g} to {card.maximum:.6g}"
