"""Judge: from the p-values of a request to the action that they ask for.

Threat model. An attacker pads a bad instance with clean ones, or sends many mild ones, to stay under the cut.
Bonferroni's bound makes the first rest on the extrapolated tail, and the more so the larger the batch:
GUARD_MAX_INSTANCES bounds it. The rank count sees the second. Out of scope: several requests that belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import Manifest
from guard.detectors.promise import TIE_MARGIN, crowd_rank, cut, is_extrapolated, rank_count_limit
from guard.verdict import Action

__all__ = ["Crowd", "Cuts", "Evidence", "Judge", "Outlier"]

PValues = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


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


class Cuts(NamedTuple):
    """The largest p-values that ask for an action, of one group of classes, with its own `n` calibration rows."""

    n: int
    flag: float
    reject: float
    batch_flag: float
    batch_reject: float

    @classmethod
    def of(cls, n: int, *, flag_fpr: float, reject_fpr: float, confidence: float | None) -> Self:
        """Compute them; of a batch, the smallest p-value has half the flag rate."""
        half = cut(n, flag_fpr / 2, confidence)
        reject = cut(n, reject_fpr, confidence)
        # A rejection is a flag too: it may not spend more than the smallest p-value's half.
        return cls(n, cut(n, flag_fpr, confidence), reject, half, min(reject, half))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The cuts for one detector and one pair of rates; make it with `of`.

    A p-value that isn't a number counts as 0. `flag_cut` is the highest of the groups': what lies above it is
    evidence of nothing, whatever its group.
    """

    cuts: tuple[Cuts, ...]
    flag_cut: float
    crowd_rate: float
    per_instance: bool

    @classmethod
    def of(
        cls,
        *,
        n_calibration: int | Sequence[int],
        flag_fpr: float,
        reject_fpr: float,
        per: Literal["request", "instance"] = "request",
        confidence: float | None = None,
    ) -> Self:
        """Compute the cuts, for as many groups as numbers of calibration rows are given."""
        sizes = (n_calibration,) if isinstance(n_calibration, int) else tuple(n_calibration)
        cuts = tuple(Cuts.of(n, flag_fpr=flag_fpr, reject_fpr=reject_fpr, confidence=confidence) for n in sizes)
        return cls(
            cuts=cuts,
            flag_cut=max(cut.flag for cut in cuts),
            crowd_rate=flag_fpr / 2,
            per_instance=per == "instance",
        )

    @classmethod
    def for_detector(
        cls,
        manifest: Manifest,
        *,
        flag_fpr: float,
        reject_fpr: float,
        per: Literal["request", "instance"] = "request",
    ) -> Self:
        """Compute the cuts of a detector's groups, with the confidence that it was fitted for."""
        calibrations = manifest.calibrations
        return cls.of(
            n_calibration=[calibration.n for calibration in calibrations],
            flag_fpr=flag_fpr,
            reject_fpr=reject_fpr,
            per=per,
            confidence=calibrations[0].confidence,
        )

    def judge(self, p_values: PValues, groups: Groups | None = None) -> Evidence:
        """Judge the p-values of one request, float64 [N]; `groups` are int64 [N], None where there is one."""
        m = len(p_values)
        members = np.zeros(m, dtype=np.int64) if groups is None else groups
        if m == 1:
            cuts, p_value = self.cuts[int(members[0])], float(p_values[0])
            if p_value > cuts.flag:
                return _NOTHING
            outlier = _outlier(0, p_value, cuts.reject, cuts.n)
            return Evidence(outlier.action, (outlier,))
        if self.per_instance:
            return self._of_instances(p_values, members, factor=1)
        return self._of_batch(p_values, members) if m else _NOTHING

    def _of_instances(self, p_values: PValues, groups: Groups, *, factor: int) -> Evidence:
        """Judge each alone; with a factor by the cuts of a batch."""
        flags = np.array([cuts.flag if factor == 1 else cuts.batch_flag for cuts in self.cuts])
        rejects = [cuts.reject if factor == 1 else cuts.batch_reject for cuts in self.cuts]
        outliers = tuple(
            _outlier(i, float(p_values[i]), rejects[groups[i]], self.cuts[groups[i]].n, factor)
            for i in np.flatnonzero(~(p_values * factor > flags[groups])).tolist()
        )
        return Evidence(max(outlier.action for outlier in outliers), outliers) if outliers else _NOTHING

    def _of_batch(self, p_values: PValues, groups: Groups) -> Evidence:
        alone = self._of_instances(p_values, groups, factor=len(p_values))
        crowd = self._crowd(p_values, groups)
        if crowd is None:
            return alone
        return Evidence(max(alone.action, Action.FLAG), alone.outliers, crowd)

    def _crowd(self, p_values: PValues, groups: Groups) -> Crowd | None:
        """The first group with too many mild ones; the groups that are there share the rate."""
        present = np.unique(groups).tolist()
        for group in present:
            places, n = np.flatnonzero(groups == group), self.cuts[group].n
            mild = (crowd_rank(n) / (n + 1)) * (1 + TIE_MARGIN)
            limit = rank_count_limit(n, len(places), self.crowd_rate / len(present))
            found = places[~(p_values[places] > mild)]
            if len(found) >= limit:
                return Crowd(tuple(found.tolist()), limit)
        return None


def _outlier(instance: int, p_value: float, reject: float, n: int, factor: int = 1) -> Outlier:
    action = Action.FLAG if p_value * factor > reject else Action.REJECT
    return Outlier(instance, action, p_value, is_extrapolated(p_value, n))
