"""Why instances were flagged, asked when an entry is read: a served request doesn't pay for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import open_detector
from guard.detectors.reasons import reasons
from guard.inference import Fault

__all__ = ["explain"]


def explain(
    detector_content: bytes,
    features: npt.NDArray[np.float64],
    instances: Iterable[int],
    *,
    names: Sequence[str],
    source: str = "the kept detector",
) -> list[Fault]:
    """Give the reasons of each of these instances, in their order.

    `features` is float64 [N, d], its columns called `names`; they are matched to the detector's by name, and one that
    isn't there counts as missing. An instance that isn't in `features` has no reasons. Raises DetectorError.
    """
    manifest = open_detector(detector_content, source=source).manifest
    columns = {name: place for place, name in enumerate(names)}
    places = [columns.get(name) for name in manifest.names]
    found: list[Fault] = []
    for instance in instances:
        if 0 <= instance < len(features):
            row = [np.nan if place is None else features[instance, place] for place in places]
            found += reasons(row, manifest, instance=instance)
    return found
