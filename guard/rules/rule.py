"""Rule: a check as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.features import Table
from guard.verdict import Action, Kind

__all__ = ["Broken", "Rule"]


class Broken(NamedTuple):
    """Where a table breaks a rule.

    `mask` is bool [N, k]: instances by what is checked, whose names are `features` (None where it is the
    whole instance; for relations their text). `describe` tells of one cell, by instance and place in
    `features`.
    """

    mask: npt.NDArray[np.bool_]
    features: Sequence[str | None]
    describe: Callable[[int, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; its id is public and never used again once retired.

    `title` is short, `message` one sentence. `tags` are techniques of MITRE ATLAS (AML.T...) and
    entries of the OWASP Machine Learning Security Top 10 (ML..:2023). `status` is the HTTP status of a
    rejection, None for GUARD_REJECT_STATUS. `check` finds it in a table; None where it is found while
    reading, scoring or transporting. A rule that `is_fixed` can't be switched off.
    """

    id: str
    action: Action
    kind: Kind
    title: str
    message: str
    tags: tuple[str, ...]
    references: tuple[str, ...]
    status: int | None = None
    check: Callable[[Table], Broken] | None = None
    is_fixed: bool = False
