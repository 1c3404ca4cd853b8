"""Rows that come together: clean rows of one customer, sent as one request.

They resemble each other, so they aren't exchangeable with calibration rows drawn one by one, and what is promised of
a request doesn't hold for them. How far it fails is to be measured, beside the same rows shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from guard.detectors.evidence import Judge
from guard.training.evaluation.scored import Group, ScoredRows, make_judge
from guard.training.evaluation.share import Share
from guard.verdict import Action

__all__ = ["LARGEST_BATCH", "Batches", "judge_batches"]

LARGEST_BATCH = 1024
"""Instances of a request: the default of GUARD_MAX_INSTANCES. A group of more rows makes several."""

SHUFFLE_SEED = 0

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Of clean requests, how many are flagged: `clustered` as they came, `shuffled` with the rows dealt out anew."""

    column: str
    fpr: float
    smallest: int
    median: float
    largest: int
    clustered: Share
    shuffled: Share


def judge_batches(
    clean: ScoredRows, groups: tuple[Group, ...], *, column: str, flag_fpr: float, reject_fpr: float
) -> Batches:
    """Judge requests of the rows that have the same text in a carried column; rows without one are left out."""
    codes = clean.carried[column].codes
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    sizes = _sizes(codes[order])
    judge = make_judge(groups, flag_fpr=flag_fpr, reject_fpr=reject_fpr)
    shuffled = np.random.default_rng(SHUFFLE_SEED).permutation(order)
    return Batches(
        column=column,
        fpr=flag_fpr,
        smallest=min(sizes, default=0),
        median=float(np.median(sizes)) if sizes else 0.0,
        largest=max(sizes, default=0),
        clustered=_count(clean, order, sizes, judge),
        shuffled=_count(clean, shuffled, sizes, judge),
    )


def _sizes(codes: npt.NDArray[np.int64]) -> list[int]:
    """How many rows each request has, where codes ascend."""
    sizes: list[int] = []
    for count in np.unique(codes, return_counts=True)[1].tolist():
        whole, rest = divmod(count, LARGEST_BATCH)
        sizes += [LARGEST_BATCH] * whole + [rest] * bool(rest)
    return sizes


def _count(clean: ScoredRows, order: Places, sizes: list[int], judge: Judge) -> Share:
    requests = np.split(order, np.cumsum(sizes)[:-1]) if sizes else []
    p_values = clean.p_value.astype(np.float64)
    actions = [judge.judge(p_values[places], clean.group[places]).action for places in requests]
    return Share.of(sum(action is not Action.ALLOW for action in actions), len(requests))
