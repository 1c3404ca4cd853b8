"""Judge: from the p-values of a request to the action that they ask for.

Threat model. An attacker pads a bad instance with clean ones, or sends many mild ones, to stay under the cut.
Bonferroni's bound makes the first rest on the extrapolated tail, and the more so the larger the batch:
GUARD_MAX_INSTANCES bounds it. The rank count sees the second. Out of scope: several requests that belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from guard.detectors.promise import TIE_MARGIN, crowd_rank, cut, is_extrapolated, rank_count_limit
from guard.verdict import Action

__all__ = ["Crowd", "Evidence", "Judge", "Outlier"]

PValues = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outlier:
    """An instance whose p-value alone asks for the action; `extrapolated` where no promise covers it."""

    instance: int
    action: Action
    p_value: float
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """More mildly unusual instances than chance allows: `len(instances)` reached `limit`."""

    instances: tuple[int, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The highest action that the p-values ask for, and which instances ask for it."""

    action: Action
    outliers: tuple[Outlier, ...] = ()
    crowd: Crowd | None = None


_NOTHING = Evidence(Action.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The cuts for one detector and one pair of rates; make it with `of`.

    A p-value that isn't a number counts as 0.
    """

    n_calibration: int
    flag_cut: float
    reject_cut: float
    batch_flag_cut: float
    batch_reject_cut: float
    crowd_rate: float
    per_instance: bool

    @classmethod
    def of(
        cls,
        *,
        n_calibration: int,
        flag_fpr: float,
        reject_fpr: float,
        per: Literal["request", "instance"] = "request",
        confidence: float | None = None,
    ) -> Self:
        """Compute the cuts; with a batch, each of the two tests has half the flag rate."""
        half = cut(n_calibration, flag_fpr / 2, confidence)
        reject = cut(n_calibration, reject_fpr, confidence)
        return cls(
            n_calibration=n_calibration,
            flag_cut=cut(n_calibration, flag_fpr, confidence),
            reject_cut=reject,
            batch_flag_cut=half,
            # A rejection is a flag too: it may not spend more than the smallest p-value's half.
            batch_reject_cut=min(reject, half),
            crowd_rate=flag_fpr / 2,
            per_instance=per == "instance",
        )

    def judge(self, p_values: PValues) -> Evidence:
        """Judge the p-values of one request, float64 [N]."""
        m = len(p_values)
        if m == 1:
            p_value = float(p_values[0])
            if p_value > self.flag_cut:
                return _NOTHING
            outlier = self._outlier(0, p_value, self.reject_cut, 1)
            return Evidence(outlier.action, (outlier,))
        if self.per_instance:
            return self._of_instances(p_values, self.flag_cut, self.reject_cut, 1)
        return self._of_batch(p_values, m) if m else _NOTHING

    def _of_instances(self, p_values: PValues, flag: float, reject: float, factor: int) -> Evidence:
        outliers = tuple(
            self._outlier(int(i), float(p_values[i]), reject, factor)
            for i in np.flatnonzero(~(p_values * factor > flag))
        )
        return Evidence(max(outlier.action for outlier in outliers), outliers) if outliers else _NOTHING

    def _outlier(self, instance: int, p_value: float, reject: float, factor: int) -> Outlier:
        action = Action.FLAG if p_value * factor > reject else Action.REJECT
        return Outlier(instance, action, p_value, is_extrapolated(p_value, self.n_calibration))

    def _of_batch(self, p_values: PValues, m: int) -> Evidence:
        alone = self._of_instances(p_values, self.batch_flag_cut, self.batch_reject_cut, m)
        mild = (crowd_rank(self.n_calibration) / (self.n_calibration + 1)) * (1 + TIE_MARGIN)
        limit = rank_count_limit(self.n_calibration, m, self.crowd_rate)
        members = ~(p_values > mild)
        if np.count_nonzero(members) < limit:
            return alone
        crowd = Crowd(tuple(np.flatnonzero(members).tolist()), limit)
        return Evidence(max(alone.action, Action.FLAG), alone.outliers, crowd)
