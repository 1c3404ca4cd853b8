"""Explanation: why one instance has its score, as data; whoever shows it chooses what of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from guard.detectors.relations import RelationCard
from guard.inference import Fault

__all__ = ["Direction", "Explanation", "FeatureReason", "NormalValue", "Value"]

Value = float | str | None
"""A number, a category, or None: missing, or a category that no fitted row had and whose text isn't known."""

Direction = Literal["above", "below", "other", "unseen", "missing"]


class FeatureReason(NamedTuple):
    """What one feature's value has to do with the score.

    `decades` is how much lower the score is with the value `usual` instead, infinite where only a value gives a score
    at all; `notable` whether that is evidence. `direction` is where the value lies from `usual`. `below` bounds the
    share of the fit rows that lie below the value, `no_higher` that of those at or below it, `expected` are their 1 %
    and 99 % quantiles, `learned` their least and greatest value; all None but for numbers. `two_valued` says that the
    value and all quantiles are the least or the greatest, as booleans are. `excess` is how far the value lies outside
    the learned range, in widths, 0 or less inside. `share` is that of the fit rows with this category, None but for
    categories.
    """

    feature: str
    value: Value
    direction: Direction
    usual: Value
    decades: float
    notable: bool
    excess: float
    below: tuple[float, float] | None = None
    no_higher: tuple[float, float] | None = None
    expected: tuple[float, float] | None = None
    learned: tuple[float, float] | None = None
    share: float | None = None
    two_valued: bool = False


class NormalValue(NamedTuple):
    """A feature's value beside that of the clean row most like the instance, and whether they differ notably."""

    feature: str
    value: Value
    normal: Value
    differs: bool


class Explanation(NamedTuple):
    """Why one instance has its score; made by `guard.detectors.explain`.

    `threshold` is the score above which its group is flagged at the highest rate that the detector was fitted for.
    `votes` are in decades, less those that found nothing; the score is the highest. `predicted` is the class that the
    detector computes for it, None where it knows no classes. `features` are ranked, the likeliest culprit first;
    `relations` those broken; `nearest` is in the order of the features, and `is_mean` says that it isn't one clean row
    but the mean of several: a private detector keeps none. `faults` are the reasons, G511 to G515.
    """

    instance: int | None
    score: float
    p_value: float
    threshold: float
    votes: Mapping[str, float]
    predicted: str | None
    features: tuple[FeatureReason, ...]
    relations: tuple[RelationCard, ...]
    nearest: tuple[NormalValue, ...]
    is_mean: bool
    faults: tuple[Fault, ...]
