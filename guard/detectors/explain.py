"""Why instances were flagged, asked when an entry is read: a served request doesn't pay for it.

An explanation scores several rows for each feature: 2 ms for 6 features, 18 ms for 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from guard.detectors.attribution import attribute, clean_row_like
from guard.detectors.detector import Detector, open_detector
from guard.detectors.explanation import Direction, Explanation, FeatureReason, NormalValue, Value
from guard.detectors.manifest import QUANTILE_LEVELS, Calibration, FeatureCard
from guard.detectors.promise import CROWD_SHARE, cut
from guard.detectors.ranges import excess, learned_ranges
from guard.detectors.reasons import reasons
from guard.detectors.votes import votes

__all__ = ["explain", "explain_row", "flag_threshold"]

# What a feature must take off the score to be called a reason: decades, and this share of what lies above the
# threshold. Of rows with one swapped value nearly all have such a feature; of rows whose every value was another
# row's, and which break no relation either, many have none (benchmarks/reasons.py).
LEAST_DECADES, LEAST_SHARE = 0.3, 0.5

# Of the width between the 5 % and 95 % quantiles: a smaller difference from the most similar row isn't worth a look.
NOTABLE_DIFFERENCE = 0.25

Row = npt.NDArray[np.float32]


def explain(
    detector: Detector | bytes,
    features: npt.NDArray[np.float64],
    instances: Iterable[int],
    *,
    names: Sequence[str],
    texts: Mapping[str, Sequence[str | None]] | None = None,
    source: str = "the kept detector",
) -> list[Explanation]:
    """Explain each of these instances, in their order, by a detector or the bytes of one.

    `features` is float64 [N, d], its columns called `names`; they are matched to the detector's by name, and one that
    isn't there counts as missing. `texts` are those of text features, [N] each, where they are known: what an unseen
    category was. An instance that isn't in `features` has no explanation. Raises DetectorError.
    """
    opened = open_detector(detector, source=source) if isinstance(detector, bytes) else detector
    columns = {name: place for place, name in enumerate(names)}
    places = [columns.get(name) for name in opened.manifest.names]
    return [
        explain_row(
            opened,
            [np.nan if place is None else features[instance, place] for place in places],
            instance=instance,
            texts={name: column[instance] for name, column in (texts or {}).items() if instance < len(column)},
        )
        for instance in instances
        if 0 <= instance < len(features)
    ]


def explain_row(
    detector: Detector,
    row: npt.ArrayLike,
    *,
    instance: int | None = None,
    texts: Mapping[str, str | None] | None = None,
) -> Explanation:
    """Explain the score of one raw row [d] in the manifest's order; `texts` say what unseen categories were."""
    given = np.asarray(row, dtype=np.float64)
    with np.errstate(over="ignore"):
        values = given.astype(np.float32)
    manifest = detector.manifest
    scores, parts = detector.score(values[None]), detector.parts(values[None])
    score, group = float(scores.score[0]), 0 if scores.group is None else int(scores.group[0])
    threshold = flag_threshold(manifest.calibrations[group])
    # A row as there are many has no unusual value, and one without a score only what is missing.
    above = score - threshold if scores.p_value[0] <= CROWD_SHARE else np.inf
    told = [
        _told(card, number, (texts or {}).get(card.name))
        for card, number in zip(manifest.features, given.tolist(), strict=True)
    ]
    features = _features(detector, values, above, told)
    relations = tuple(
        card for card, broken in zip(manifest.relations, detector.broken(values[None])[0], strict=True) if broken
    )
    found = votes(np.stack([parts[card.name] for card in manifest.parts], axis=1), manifest.parts, scores.group)
    return Explanation(
        instance=instance,
        score=score,
        p_value=float(scores.p_value[0]),
        threshold=threshold,
        votes={name: float(vote[0]) for name, vote in found.items() if np.isfinite(vote[0])},
        predicted=_predicted(detector, values),
        features=features,
        relations=relations,
        nearest=_nearest(detector, values, told),
        is_mean=manifest.options.private,
        faults=tuple(reasons(features, relations, manifest.names, instance=instance)),
    )


def flag_threshold(calibration: Calibration) -> float:
    """The score above which a row is flagged at the highest rate that was asked for at fitting."""
    scores, p_values = calibration.table()
    flagged = p_values[1:] <= cut(calibration.n, calibration.rates[0], calibration.confidence)
    return float(scores[flagged.argmax()] if flagged.any() else scores[-1])


def _features(detector: Detector, row: Row, above: float, told: Sequence[Value]) -> tuple[FeatureReason, ...]:
    """The features as they are ranked; `above` is how far the score lies above the threshold, `told` the values."""
    found, manifest = attribute(detector, row), detector.manifest
    beyond = excess(row, learned_ranges(manifest.features))
    return tuple(
        _feature(
            manifest.features[place],
            float(row[place]),
            told=told[place],
            usual=float(found.usual[place]),
            decades=float(found.decades[place]),
            above=above,
            excess=float(beyond[place]),
        )
        for place in found.order
        if manifest.features[place].type != "string"
    )


def _feature(
    card: FeatureCard, value: float, *, told: Value, usual: float, decades: float, above: float, excess: float
) -> FeatureReason:
    reason = FeatureReason(
        feature=card.name,
        value=told,
        direction=_direction(card, value, usual),
        usual=_value(card, usual),
        decades=decades,
        notable=decades >= max(LEAST_DECADES, LEAST_SHARE * above),
        excess=excess,
    )
    if reason.direction in {"missing", "unseen"}:
        return reason
    if card.is_numeric:
        return reason._replace(
            below=_share(card, value, "left"),
            no_higher=_share(card, value, "right"),
            expected=_expected(card),
            learned=(card.minimum or 0.0, card.maximum or 0.0),
            two_valued=_is_two_valued(card, value),
        )
    share = card.counts[int(value)] / (sum(card.counts) + card.missing)
    return reason._replace(share=share)


def _value(card: FeatureCard, value: float) -> Value:
    """What a raw value stands for."""
    if np.isnan(value) or card.type == "string":
        return None
    if card.type != "category":
        return value
    return card.categories[int(value)] if 0 <= value < len(card.categories) else None


def _told(card: FeatureCard, given: float, text: str | None) -> Value:
    """What a value was: the number before it was rounded to float32, the category, or the text of an unseen one."""
    return text if _direction(card, given, given) == "unseen" else _value(card, given)


def _direction(card: FeatureCard, value: float, usual: float) -> Direction:
    if np.isnan(value):
        return "missing"
    if card.type == "category":
        return "other" if 0 <= value < len(card.categories) else "unseen"
    return "above" if value > usual else "below" if value < usual else "other"


def _share(card: FeatureCard, value: float, side: Literal["left", "right"]) -> tuple[float, float] | None:
    """Bounds of the share of fit rows below a value (left), or at or below it (right)."""
    if not card.quantiles:
        return None
    levels = (0.0, *QUANTILE_LEVELS, 1.0)
    place = int(np.searchsorted(card.quantiles, value, side=side))
    return levels[place], levels[place + 1]


def _is_two_valued(card: FeatureCard, value: float) -> bool:
    """Whether the value and all quantiles are the least or the greatest: a boolean, or what is nearly one."""
    ends = {card.minimum, card.maximum}
    return bool(card.quantiles) and card.minimum != card.maximum and {value, *card.quantiles} <= ends


def _expected(card: FeatureCard) -> tuple[float, float] | None:
    return (card.quantiles[0], card.quantiles[-1]) if card.quantiles else None


def _predicted(detector: Detector, row: Row) -> str | None:
    classes, found = detector.manifest.classes, detector.classes(row[None])
    return None if classes is None or found is None else classes.names[int(found.flat[0])]


def _nearest(detector: Detector, row: Row, told: Sequence[Value]) -> tuple[NormalValue, ...]:
    cards, clean = detector.manifest.features, clean_row_like(detector, row)
    return tuple(
        NormalValue(card.name, said, _value(card, normal), _differs(card, value, normal))
        for card, said, value, normal in zip(cards, told, row.tolist(), clean.tolist(), strict=True)
        if card.type != "string"
    )


def _differs(card: FeatureCard, value: float, normal: float) -> bool:
    if np.isnan(value) or np.isnan(normal):
        return bool(np.isnan(value) != np.isnan(normal))
    if not card.is_numeric:
        return value != normal
    return abs(value - normal) > NOTABLE_DIFFERENCE * _width(card)


def _width(card: FeatureCard) -> float:
    """Between the 5 % and 95 % quantiles, where they differ, else of the range."""
    low, high = (card.quantiles[1], card.quantiles[-2]) if card.quantiles else (0.0, 0.0)
    return high - low if high > low else (card.maximum or 0.0) - (card.minimum or 0.0)
