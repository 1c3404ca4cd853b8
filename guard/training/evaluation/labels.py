"""Which labelled rows are clean, which anomalous."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.errors import TrainingError
from guard.training.evaluation.scored import Coded

__all__ = ["CLEAN", "Labels", "read_labels"]

CLEAN = frozenset({"0", "0.0", "false", "no", "n", "none", "normal", "clean", "benign", "legitimate", "inlier", "ok"})
"""What counts as clean, in any case and with any full stop or space around it; every other label is an anomaly's."""

MOST_NAMES = 10

Bools = npt.NDArray[np.bool_]


class Labels(NamedTuple):
    """bool [n] each; a row without a label is in neither."""

    clean: Bools
    anomalous: Bools


def read_labels(column: Coded, *, name: str, clean: Collection[str] = ()) -> Labels:
    """Tell clean labels from others: by CLEAN, or where `clean` are given, by these, to the letter.

    Raises TrainingError where no row is clean.
    """
    is_clean = [text in clean if clean else text.strip(" .").lower() in CLEAN for text in column.names]
    # Code -1, no label, finds the last.
    mask = np.array([*is_clean, False], dtype=np.bool_)[column.codes]
    if not mask.any():
        found = ", ".join(map(repr, column.names[:MOST_NAMES])) or "nothing"
        more = f", and {len(column.names) - MOST_NAMES} more" if len(column.names) > MOST_NAMES else ""
        raise TrainingError(
            f"no row is clean by column {name!r}, which holds {found}{more}; say with --clean what clean rows have"
        )
    return Labels(mask, ~mask & (column.codes >= 0))
