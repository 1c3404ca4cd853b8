"""What is to be said against training or calibration rows, in sentences: printed, and kept in the model card."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from guard.detectors.classes import ClassCard
from guard.detectors.flag_count import most_flags
from guard.detectors.manifest import FeatureCard, Manifest
from guard.detectors.promise import Promise
from guard.training.evaluation.scored import groups_of
from guard.training.rows.breaches import Breaches
from guard.training.rows.drift import Drift
from guard.training.rows.files import looks_like_number
from guard.training.rows.split import MOST_CALIBRATE, rows_needed

__all__ = ["concerns_of_fit", "concerns_of_fresh_rows", "concerns_of_names", "rows_in_all"]

MOST_NAMES = 20

# Of all rows; a feature that is missing more often is hardly learned.
MUCH_MISSING = 0.5

# Below, the ranges of a feature rest on a handful of rows.
FIT_ROWS_PER_FEATURE = 5

# Of the select rows, between the protected model and what stands for it in the detector.
LITTLE_AGREEMENT = 0.9

# Distance between the fresh rows' and the calibration scores' distribution functions (Kolmogorov-Smirnov) from which
# rows are of another kind, if it isn't chance by this probability either.
LARGE_SHIFT, CHANCE = 0.1, 0.001

# One calibration of a thousand flags so many fresh rows, if they are clean.
FLAGGED_POINT = 0.999


def concerns_of_fit(
    manifest: Manifest,
    *,
    duplicates: int = 0,
    missing: Mapping[str, int] | None = None,
    breaches: Breaches | None = None,
    drifts: Sequence[Drift] = (),
) -> tuple[str, ...]:
    """Say what is wrong with the rows that a detector was fitted to, the gravest first; empty if nothing is."""
    n_rows = sum((manifest.split.fit, manifest.split.select, manifest.split.calibrate))
    return (
        *_of_breaches(breaches),
        *_of_drift(drifts),
        *_of_duplicates(duplicates),
        *_of_promises(manifest),
        *_of_size(manifest),
        *_of_classes(manifest.classes),
        *_of_missing(missing or {}, n_rows),
        *_of_constants(manifest.features),
    )


def rows_in_all(promise: Promise, *, share: float = 1.0, cross_fit: bool = False) -> int | None:
    """How many rows in all carry a promise's rate for the rows of a class, of which `share` of the calibration are.

    None where no number does, since fitting calibrates on MOST_CALIBRATE at most.
    """
    n_calibrate = math.ceil(promise.needed / share)
    if cross_fit:
        return n_calibrate
    return None if n_calibrate > MOST_CALIBRATE else rows_needed(n_calibrate)


def concerns_of_names(names: Sequence[str]) -> tuple[str, ...]:
    """Say that a CSV file may lack a header, if all its columns are named by numbers."""
    if not names or not all(map(looks_like_number, names)):
        return ()
    return ("all column names are numbers: the first row was read as names; add a header if it is data",)


def concerns_of_fresh_rows(
    *, promise: Promise, flagged: int, n_rows: int, unscored: int, distance: float, chance: float
) -> tuple[str, ...]:
    """Say what is wrong with fresh rows for a calibration, judged by the one that they replace.

    `flagged` of `n_rows` are flagged under the old promise; `distance` and `chance` are of the old and the new scores.
    """
    found = []
    if promise.carried and flagged > most_flags(promise, n_rows=n_rows, share=FLAGGED_POINT):
        found.append(
            f"{flagged:,} of {n_rows:,} fresh rows ({flagged / n_rows:.2%}) are flagged by the old calibration, which "
            f"promises {promise.mean:.2%}: they may not all be clean, and then the new one lets such rows pass"
        )
    if distance >= LARGE_SHIFT and chance <= CHANCE:
        found.append(
            f"the fresh rows' scores differ strongly from the old calibration scores (Kolmogorov-Smirnov distance "
            f"{distance:.2f}): the rows have drifted, and a new calibration hides that; fit the detector again"
        )
    if unscored:
        lack, used = (
            ("row lacks", "it has no score, and wasn't used")
            if unscored == 1
            else ("rows lack", "they have no score, and weren't used")
        )
        found.append(f"{unscored:,} {lack} a value that may not be missing: {used}")
    return tuple(found)


def _of_breaches(breaches: Breaches | None) -> Iterator[str]:
    if breaches is not None and breaches.rows:
        yield breaches.describe()


def _of_drift(drifts: Sequence[Drift]) -> Iterator[str]:
    if drifts:
        named = _listed([f"{drift.name} ({drift.distance:.2f})" for drift in drifts])
        yield (
            f"the first and the last rows of the file differ in: {named} (Kolmogorov-Smirnov distance); what comes "
            f"next may differ from all of them, and the promise doesn't cover it"
        )


def _of_duplicates(duplicates: int) -> Iterator[str]:
    if duplicates:
        yield (
            f"{_rows(duplicates)} the same as an earlier one; if they aren't drawn independently, the promise is "
            f"too good"
        )


def _of_promises(manifest: Manifest) -> Iterator[str]:
    n_all = sum(calibration.n for calibration in manifest.calibrations)
    cross_fit = manifest.options.cross_fit
    for group, calibration in zip(groups_of(manifest), manifest.calibrations, strict=True):
        is_class = len(manifest.calibrations) > 1
        whose = f" of {group.name}" if is_class else ""
        for promise in calibration.promises:
            if not promise.carried:
                share = calibration.n / n_all
                yield (
                    f"the rate {promise.fpr:g} isn't carried by {calibration.n:,} calibration rows{whose}, so that "
                    f"nothing is promised; {_would(promise, share=share, cross_fit=cross_fit, is_class=is_class)}"
                )


def _would(promise: Promise, *, share: float, cross_fit: bool, is_class: bool) -> str:
    n = rows_in_all(promise, share=share, cross_fit=cross_fit)
    if n is None:
        return f"{promise.needed:,} would, which is more than fitting counts, {MOST_CALIBRATE:,} in all"
    if is_class:
        return f"{promise.needed:,} would: about {n:,} rows in all, if as many of them are of this class"
    return f"{promise.needed:,} would" + ("" if cross_fit else f": {n:,} rows in all")


def _of_size(manifest: Manifest) -> Iterator[str]:
    n_features = len(manifest.features)
    n_fit = sum(manifest.split.model_dump().values()) if manifest.options.cross_fit else manifest.split.fit
    if n_fit < FIT_ROWS_PER_FEATURE * n_features:
        yield f"{n_fit:,} rows to fit {n_features} features are few: much that is usual will look unusual"


def _of_classes(card: ClassCard | None) -> Iterator[str]:
    if card is None:
        return
    if card.note:
        yield card.note
    if card.agreement < LITTLE_AGREEMENT:
        yield (
            f"the detector gives only {card.agreement:.1%} of the select rows the class that was predicted for them: "
            f"others are compared with clean rows of another class"
        )


def _of_missing(missing: Mapping[str, int], n_rows: int) -> Iterator[str]:
    often = [f"{name} ({count:,})" for name, count in missing.items() if count > MUCH_MISSING * n_rows]
    if often:
        yield f"most of the {n_rows:,} rows have no value of: {_listed(often)}"


def _of_constants(features: Sequence[FeatureCard]) -> Iterator[str]:
    constants = [card.name for card in features if card.constant]
    if constants:
        yield f"the same in all rows that fit: {_listed(constants)}; any other value counts as far outside"


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
