"""What a detector does on rows that it hasn't seen: its promise on the clean ones, its recall on the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from guard.detectors.flag_count import UPPER_POINT, flag_count_points
from guard.training.evaluation.batches import Batches, judge_batches
from guard.training.evaluation.labels import Labels
from guard.training.evaluation.metrics import auroc, recall_at
from guard.training.evaluation.scored import Group, ScoredRows, extrapolated, flagged
from guard.training.evaluation.share import Share

__all__ = ["Detection", "Evaluation", "GroupRates", "Rate", "evaluate_rows", "measure_rate"]

Bools = npt.NDArray[np.bool_]

# Of the flagged clean rows' number: with UPPER_POINT, what is to be expected in 95 tests of 100.
LOWER_POINT = 1 - UPPER_POINT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Of clean rows sent one by one, how many a rate flags, and how many it may.

    `extrapolated` of them have a p-value that no promise covers. `covered` are flagged among `covered_rows` whose
    group has calibration rows enough for the rate; of these, `promised` is the mean share, and the
    beta-binomial number lies between `least` and `most` in 95 tests of 100. `most` is the one-sided 97.5 % point.
    """

    fpr: float
    flagged: Share
    extrapolated: int
    covered: int
    covered_rows: int
    promised: float
    least: int
    most: int
    verdict: Literal["within", "above", "nothing promised"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How well anomalies are told from the clean rows.

    `recall_1` and `recall_5` are shares of anomalies strictly above the score that leaves 1 % and 5 % of the clean
    rows above it, rounded down; `flagged` and `rejected` are by the operator's rates, None for a single part.
    """

    anomalies: int
    auroc: float
    recall_1: float
    recall_5: float
    flagged: Share | None = None
    rejected: Share | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """The same of one group of predicted classes, with a calibration of its own; no detection without anomalies."""

    name: str
    calibration_rows: int
    flag: Rate
    reject: Rate
    detection: Detection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All figures. `unscored` rows lack a value that may not be missing, `unlabelled` ones a label: in no figure."""

    rows: int
    clean: int
    anomalous: int
    unscored: int
    unlabelled: int
    flag: Rate
    reject: Rate
    groups: tuple[GroupRates, ...]
    detection: Detection | None
    kinds: Mapping[str, Detection]
    parts: Mapping[str, Detection]
    batches: Batches | None


def evaluate_rows(
    rows: ScoredRows,
    groups: tuple[Group, ...],
    *,
    labels: Labels | None = None,
    flag_fpr: float,
    reject_fpr: float,
    kind: str | None = None,
    batch: str | None = None,
) -> Evaluation:
    """Count and rank; without labels all rows are clean.

    `kind` and `batch` name carried columns: of the anomalies' kinds, and of whose clean rows come as one request.
    """
    scored = ~np.isnan(rows.score)
    known = labels or Labels(np.ones(len(rows.score), dtype=np.bool_), np.zeros(len(rows.score), dtype=np.bool_))
    clean, anomalous = rows.where(known.clean & scored), rows.where(known.anomalous & scored)
    rates = (flag_fpr, reject_fpr)
    return Evaluation(
        rows=len(rows.score),
        clean=len(clean.score),
        anomalous=len(anomalous.score),
        unscored=int((~scored).sum()),
        unlabelled=int((~(known.clean | known.anomalous) & scored).sum()),
        flag=measure_rate(clean, groups, flag_fpr),
        reject=measure_rate(clean, groups, reject_fpr),
        groups=tuple(_group(clean, anomalous, groups, place, rates) for place in range(len(groups))),
        detection=_detect(clean, anomalous, groups, rates),
        kinds=_by_kind(clean, anomalous, groups, rates, kind),
        parts=_by_part(clean, anomalous),
        batches=judge_batches(clean, groups, column=batch, flag_fpr=flag_fpr, reject_fpr=reject_fpr) if batch else None,
    )


def measure_rate(clean: ScoredRows, groups: tuple[Group, ...], fpr: float) -> Rate:
    """Count the flagged among clean rows, and what the promise allows."""
    found = flagged(clean, groups, fpr)
    promises = [group.promise(fpr) for group in groups]
    sizes = np.bincount(clean.group, minlength=len(groups))
    covered = np.array([promise.carried for promise in promises])[clean.group]
    n_covered, n_found = int(covered.sum()), int((found & covered).sum())
    least, most = flag_count_points(zip(promises, sizes.tolist(), strict=True), LOWER_POINT, UPPER_POINT)
    expected = sum(promise.mean * size for promise, size in zip(promises, sizes.tolist(), strict=True))
    return Rate(
        fpr=fpr,
        flagged=Share.of(int(found.sum()), len(found)),
        extrapolated=int((found & extrapolated(clean, groups)).sum()),
        covered=n_found,
        covered_rows=n_covered,
        promised=expected / n_covered if n_covered else 0.0,
        least=least,
        most=most,
        verdict="nothing promised" if not n_covered else "within" if n_found <= most else "above",
    )


def _detect(
    clean: ScoredRows, anomalous: ScoredRows, groups: tuple[Group, ...], rates: tuple[float, float]
) -> Detection | None:
    n = len(anomalous.score)
    if not n or not len(clean.score):
        return None
    flag, reject = (Share.of(int(flagged(anomalous, groups, fpr).sum()), n) for fpr in rates)
    return _rank(clean.score, anomalous.score, flag, reject)


def _rank(
    clean: npt.NDArray[np.float32],
    anomalous: npt.NDArray[np.float32],
    flag: Share | None = None,
    reject: Share | None = None,
) -> Detection:
    return Detection(
        anomalies=len(anomalous),
        auroc=auroc(clean, anomalous),
        recall_1=recall_at(clean, anomalous, 0.01),
        recall_5=recall_at(clean, anomalous, 0.05),
        flagged=flag,
        rejected=reject,
    )


def _group(
    clean: ScoredRows, anomalous: ScoredRows, groups: tuple[Group, ...], place: int, rates: tuple[float, float]
) -> GroupRates:
    own, others = clean.where(clean.group == place), anomalous.where(anomalous.group == place)
    flag, reject = (measure_rate(own, groups, fpr) for fpr in rates)
    return GroupRates(
        name=groups[place].name,
        calibration_rows=groups[place].n,
        flag=flag,
        reject=reject,
        detection=_detect(own, others, groups, rates),
    )


def _by_kind(
    clean: ScoredRows,
    anomalous: ScoredRows,
    groups: tuple[Group, ...],
    rates: tuple[float, float],
    kind: str | None,
) -> dict[str, Detection]:
    if kind is None or kind not in anomalous.carried:
        return {}
    names, codes = anomalous.carried[kind]
    found = {name: _detect(clean, anomalous.where(codes == code), groups, rates) for code, name in enumerate(names)}
    return {name: detection for name, detection in sorted(found.items()) if detection is not None}


def _by_part(clean: ScoredRows, anomalous: ScoredRows) -> dict[str, Detection]:
    if not len(anomalous.score) or not len(clean.score):
        return {}
    return {name: _rank(clean.parts[name], anomalous.parts[name]) for name in _distinct(clean.parts, anomalous.parts)}


def _distinct(*sides: Mapping[str, npt.NDArray[np.float32]]) -> Iterator[str]:
    """The parts without those that are another one again, with a vote of its own: their figures are the same."""
    seen = set()
    for name in sides[0]:
        values = b"".join(side[name].tobytes() for side in sides)
        if values not in seen:
            seen.add(values)
            yield name
