"""What fitting refuses. Every check raises TrainingError, which says what would do."""

from __future__ import annotations

from guard.detectors.detector import MAX_DETECTOR_BYTES
from guard.detectors.options import FitOptions
from guard.detectors.promise import Promise
from guard.errors import TrainingError
from guard.training.concerns import rows_in_all
from guard.training.rows.breaches import Breaches
from guard.training.rows.split import MOST_CALIBRATE, share_sizes

__all__ = ["check_breaches", "check_rates", "check_rows", "check_size"]

# Below, the select rows are too few to choose anything on.
LEAST_ROWS, LEAST_CROSS_FITTED = 40, 20


def check_breaches(breaches: Breaches | None, *, strict: bool) -> None:
    """Refuse rows that break the declared contract, where that was asked for."""
    if strict and breaches is not None and breaches.rows:
        raise TrainingError(f"{breaches.describe()}: correct the contract or the rows, or leave out --strict")


def check_rates(rates: tuple[float, ...], confidence: float | None) -> None:
    """Refuse rates and a confidence that are none."""
    if not rates or not all(0 < rate < 1 for rate in rates):
        raise TrainingError(f"the false-positive rates are {list(rates)}; expected at least one, each between 0 and 1")
    if confidence is not None and not 0.5 <= confidence < 1:
        raise TrainingError(f"the confidence is {confidence}; expected at least 0.5 and less than 1, such as 0.95")


def check_rows(n: int, options: FitOptions, *, strict: bool) -> None:
    """Refuse rows too few for the highest rate, or with `strict` for any."""
    least = LEAST_CROSS_FITTED if options.cross_fit else LEAST_ROWS
    if n < least:
        fewer = f", or {LEAST_CROSS_FITTED} with --cross-fit" if n >= LEAST_CROSS_FITTED else ""
        raise TrainingError(f"{n} {'row was' if n == 1 else 'rows were'} given; expected at least {least}{fewer}")
    n_calibrate = n if options.cross_fit else share_sizes(n).calibrate
    for rate in options.rates if strict else options.rates[:1]:
        promise = Promise(rate, n_calibrate, options.confidence)
        if not promise.carried:
            raise TrainingError(_too_few(promise, n, options))


def _too_few(promise: Promise, n: int, options: FitOptions) -> str:
    sure = f" with confidence {options.confidence:g}" if options.confidence is not None else ""
    needs = (
        f"{n} rows leave {promise.n_calibration} to calibrate; a rate of {promise.fpr:g}{sure} needs {promise.needed}"
    )
    in_all = rows_in_all(promise, cross_fit=options.cross_fit)
    if in_all is None:
        return f"{needs}, and fitting counts {MOST_CALIBRATE:,} at most: give a higher --fpr"
    if options.cross_fit:
        return f"{needs}: give more, or a higher --fpr"
    enough = Promise(promise.fpr, n, options.confidence).carried
    instead = ", or --cross-fit, which calibrates on all rows" if enough else ""
    return f"{needs}, which is {in_all} rows in all: give more, or a higher --fpr{instead}"


def check_size(content: bytes) -> None:
    """Refuse a detector that couldn't be loaded."""
    if len(content) > MAX_DETECTOR_BYTES:
        raise TrainingError(
            f"the detector would have {len(content):,} bytes, and {MAX_DETECTOR_BYTES:,} at most can be loaded; "
            f"leave out columns or classes, or give fewer rows"
        )
