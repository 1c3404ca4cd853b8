"""Groups of predicted classes, each calibrated by itself: chosen before calibrating, by how common they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from guard.detectors.promise import calibration_rows_needed

__all__ = ["choose_groups"]

# So many standard deviations of chance may thin out a class among the calibration rows, and it still carries the rate.
SPARE = 4.0


def choose_groups(
    counts: Sequence[int], *, n_calibrate: int, rate: float, confidence: float | None = None
) -> tuple[int, ...]:
    """Give each class its group: its own where it should carry the rate, else the one that all others share.

    `counts` are the rows of each class among those that fit and select. The shared group, last in number, takes the
    rarest of the other classes too until it carries the rate; groups are numbered by the order of their classes.
    """
    total = max(sum(counts), 1)
    expected = [count / total * n_calibrate for count in counts]
    needed = calibration_rows_needed(rate, confidence)
    enough = needed + SPARE * np.sqrt(needed)
    order = sorted(range(len(counts)), key=lambda place: (counts[place], place))
    shared = [place for place in order if expected[place] < enough]
    rest = [place for place in order if place not in shared]
    while shared and rest and sum(expected[place] for place in shared) < enough:
        shared.append(rest.pop(0))
    own = sorted(rest)
    groups = {place: group for group, place in enumerate(own)} | dict.fromkeys(shared, len(own))
    return tuple(groups[place] for place in range(len(counts)))
