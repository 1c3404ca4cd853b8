"""Reasons: what an explanation says, as faults of the rules G511 to G515."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from guard.detectors.explanation import Explanation, FeatureReason, Value
from guard.detectors.relations import RelationCard
from guard.inference import Fault

__all__ = ["MOST_REASONS", "MOST_UNUSUAL", "reasons", "shown", "similar"]

# A row that is wrong everywhere has one cause, and an entry must stay readable.
MOST_REASONS = 10

# Of G514, which says less: where one value is unusual, those that depend on it seem so too.
MOST_UNUSUAL = 3

# Of the fit rows: a value that so many have is neither high nor low, whatever would lower the score. Between the
# quantiles that are known nothing is finer.
COMMON_SHARE = 0.15

# Of a text that somebody sent.
MOST_CHARACTERS = 60


def reasons(
    features: Sequence[FeatureReason],
    relations: Sequence[RelationCard],
    names: Sequence[str],
    *,
    instance: int | None = None,
) -> list[Fault]:
    """Say what a score rests on; none of it is a breach of contract.

    Values outside their learned range (G511), the farthest first; unseen categories (G512); mined relations that are
    broken (G513), with the likeliest culprit among their features; unusual values (G514), the likeliest first; or
    that it is no single feature (G515). `features` are ranked; `names` are those of the manifest, which relations
    refer to.
    """
    outside = sorted((reason for reason in features if reason.excess > 0), key=lambda reason: -reason.excess)
    unseen = [reason for reason in features if reason.direction == "unseen"]
    unusual = [reason for reason in features if reason.notable and reason.excess <= 0 and reason.direction != "unseen"]
    ranked = [reason.feature for reason in features]
    found = [
        *(Fault("G511", _outside(reason), instance, reason.feature) for reason in outside[:MOST_REASONS]),
        *(Fault("G512", _unseen(reason), instance, reason.feature) for reason in unseen[:MOST_REASONS]),
        *(
            Fault("G513", _broken(card), instance, min((names[place] for place in card.features), key=ranked.index))
            for card in relations[:MOST_REASONS]
        ),
        *(Fault("G514", _unusual(reason), instance, reason.feature) for reason in unusual[:MOST_UNUSUAL]),
    ]
    return found or [Fault("G515", "no feature alone makes it unusual", instance)]


def similar(explanation: Explanation, *, most: int) -> str:
    """Say what the most similar clean row has where it differs, in the order of the features' ranks."""
    ranks = {reason.feature: rank for rank, reason in enumerate(explanation.features)}
    differing = sorted(
        (value for value in explanation.nearest if value.differs), key=lambda value: ranks[value.feature]
    )
    what = "the mean of similar clean rows" if explanation.is_mean else "the most similar clean row"
    if not differing:
        return f"{what} hardly differs"
    told = ", ".join(f"{_short(value.feature)} {shown(value.normal)}" for value in differing[:most])
    more = len(differing) - most
    return f"{what} has {told}{f'; {more} more features differ' if more > 0 else ''}"


def shown(value: Value) -> str:
    """A value in a sentence."""
    if value is None:
        return "missing"
    return repr(_short(value)) if isinstance(value, str) else f"{value:.6g}"


def _short(text: str) -> str:
    """A text that isn't longer than a sentence can bear."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _unseen(reason: FeatureReason) -> str:
    what = "a category that no fitted row had"
    return what if reason.value is None else f"{shown(reason.value)}, {what}"


def _outside(reason: FeatureReason) -> str:
    low, high = reason.learned or (math.nan, math.nan)
    if low == high:
        return f"{shown(reason.value)}, where every fitted row had {low:.6g}"
    where = f"{shown(reason.value)} lies outside the learned range, {low:.6g} to {high:.6g}"
    return f"{where}; {_effect(reason)}" if reason.notable else where


def _broken(card: RelationCard) -> str:
    kept = f"{card.checked - card.broken:,} of {card.checked:,}"
    return f"{card.text} ({card.id}) doesn't hold; it does in {kept} clean rows"


def _unusual(reason: FeatureReason) -> str:
    if math.isinf(reason.decades):
        return "missing, which it was in no fitted row: without it there is no score"
    return "; ".join([f"{shown(reason.value)} is {_manner(reason)}: {_effect(reason)}", *_standing(reason)])


def _effect(reason: FeatureReason) -> str:
    return f"{shown(reason.usual)} would lower the score by {reason.decades:.3g} decades"


def _manner(reason: FeatureReason) -> str:
    if _is_common(reason):
        return "common, but unusual in this combination"
    if reason.two_valued:
        return "unusual for such a row"
    sides = {"above": "high for such a row", "below": "low for such a row"}
    return sides.get(reason.direction, "unusual for such a row")


def _is_common(reason: FeatureReason) -> bool:
    if reason.share is not None:
        return reason.share >= COMMON_SHARE
    return (
        reason.below is not None
        and reason.no_higher is not None
        and reason.no_higher[0] - reason.below[1] >= COMMON_SHARE
    )


def _standing(reason: FeatureReason) -> Iterator[str]:
    if reason.share is not None:
        yield f"{reason.share * 100:.3g} % of the fitted rows have it"
    if reason.below is None or reason.no_higher is None:
        return
    if reason.two_valued:
        yield f"{_percent(_having(reason.below, reason.no_higher))} of the fitted rows have it"
        return
    if reason.below == reason.no_higher:
        yield f"{_percent(reason.below)} of the fitted rows lie below"
    else:
        yield f"{_percent(reason.below)} of the fitted rows lie below, {_percent(reason.no_higher)} are no higher"
    if reason.expected is not None:
        share = "all" if reason.expected == reason.learned else "98 %"
        yield f"{share} have {reason.expected[0]:.6g} to {reason.expected[1]:.6g}"


def _having(below: tuple[float, float], no_higher: tuple[float, float]) -> tuple[float, float]:
    """Bounds of the share with just this value: all that aren't higher, or all that aren't below."""
    return no_higher if below[0] == 0 else (1 - below[1], 1 - below[0])


def _percent(share: tuple[float, float]) -> str:
    low, high = (f"{bound * 100:g}" for bound in share)
    if low == "0":
        return f"less than {high} %"
    return f"at least {low} %" if high == "100" else f"{low} % to {high} %"
