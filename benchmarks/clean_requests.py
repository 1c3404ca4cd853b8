"""Clean requests: how many of them are flagged, and how many may be before the promise counts as broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from benchmarks.clean_rows import Heldout
from guard.detectors.evidence import Evidence
from guard.detectors.flag_count import UPPER_POINT
from guard.detectors.promise import crowd_rank, cut, rank_count_limit
from guard.training.evaluation.batches import Batches, judge_batches
from guard.training.evaluation.scored import Coded, make_judge
from guard.verdict import Action

REJECT_FPR = 0.001

# Rows of a k-means cluster, on average: a customer with some requests of a hundred.
CUSTOMER_ROWS = 250

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


class Flags(NamedTuple):
    """Of so many requests, how many are flagged, and by what.

    `counted` are flagged by the rank count, whatever else is; `by_tail` by extrapolated p-values alone.
    """

    requests: int
    flagged: int
    counted: int
    by_tail: int
    rejected: int


class Points(NamedTuple):
    """What exchangeable requests come to: 97.5 % points of the flagged and the counted, and their mean shares."""

    flagged: int
    counted: int
    mean_flagged: float
    mean_counted: float


def send(heldout: Heldout, *, m: int, fpr: float, confidence: float | None = None) -> Flags:
    """Judge requests of m rows each, in the random order in which the rows are; what is left over isn't sent."""
    groups = tuple(group._replace(confidence=confidence) for group in heldout.groups)
    judge = make_judge(groups, flag_fpr=fpr, reject_fpr=REJECT_FPR)
    p_values, members = heldout.rows.p_value.astype(np.float64), heldout.rows.group
    starts = range(0, len(p_values) - m + 1, m)
    found = [judge.judge(p_values[start : start + m], members[start : start + m]) for start in starts]
    return Flags(
        requests=len(found),
        flagged=sum(evidence.action is not Action.ALLOW for evidence in found),
        counted=sum(evidence.crowd is not None for evidence in found),
        by_tail=sum(_is_by_tail(evidence) for evidence in found),
        rejected=sum(evidence.action is Action.REJECT for evidence in found),
    )


def _is_by_tail(evidence: Evidence) -> bool:
    if evidence.action is Action.ALLOW or evidence.crowd is not None:
        return False
    return all(outlier.extrapolated for outlier in evidence.outliers)


def simulate(n: int, n_rows: int, *, m: int, fpr: float, draws: int) -> Points:
    """The points for requests of m of `n_rows` rows that share a calibration of n, from so many draws.

    Calibration scores and rows are drawn alike from one distribution, which is all that exchangeable means; p-values
    come from the rows' ranks. Where a rank says nothing more, above all calibration scores, the p-value is drawn
    uniformly below 1 / (n + 1): a tail that is right on average.
    """
    rng = np.random.default_rng([n, n_rows, m])
    limit, mild = rank_count_limit(n, m, fpr / 2), crowd_rank(n) / (n + 1)
    most = cut(n, fpr / 2) / m
    flagged, counted = np.empty(draws, dtype=np.int64), np.empty(draws, dtype=np.int64)
    for draw in range(draws):
        p_values = _p_values(rng, n, n_rows // m * m).reshape(-1, m)
        many = (p_values <= mild * (1 + 1e-9)).sum(axis=1) >= limit
        flagged[draw] = (many | (p_values.min(axis=1) <= most)).sum()
        counted[draw] = many.sum()
    requests = n_rows // m
    return Points(_point(flagged), _point(counted), float(flagged.mean() / requests), float(counted.mean() / requests))


def _point(counts: npt.NDArray[np.int64]) -> int:
    return int(np.quantile(counts, UPPER_POINT, method="inverted_cdf"))


def _p_values(rng: np.random.Generator, n: int, n_rows: int) -> Matrix:
    calibration = np.sort(rng.random(n))
    above = n - np.searchsorted(calibration, rng.random(n_rows))
    p_values: Matrix = np.where(above == 0, rng.random(n_rows), 1 + above) / (n + 1)
    return p_values


def send_clustered(heldout: Heldout, *, m: int, fpr: float, by_order: bool) -> Batches:
    """Judge requests of m rows that resemble each other, and the same rows dealt out anew.

    They are of one k-means cluster, a customer of a kind, or with `by_order` neighbours in the file.
    """
    codes = _neighbours(heldout.places, m) if by_order else _customers(heldout.values, m)
    rows = heldout.rows._replace(carried={"customer": Coded((), codes)})
    return judge_batches(rows, heldout.groups, column="customer", flag_fpr=fpr, reject_fpr=REJECT_FPR)


def _neighbours(places: Places, m: int) -> npt.NDArray[np.int64]:
    codes = np.full(len(places), -1, dtype=np.int64)
    return _code(codes, [np.argsort(places)], m)


def _customers(values: Matrix, m: int) -> npt.NDArray[np.int64]:
    scaled = StandardScaler().fit_transform(values)
    clusters = KMeans(n_clusters=max(len(values) // CUSTOMER_ROWS, 2), n_init=1, random_state=0).fit_predict(scaled)
    codes = np.full(len(values), -1, dtype=np.int64)
    return _code(codes, [np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters)], m)


def _code(codes: npt.NDArray[np.int64], members: Sequence[Places], m: int) -> npt.NDArray[np.int64]:
    """Number the requests of m rows that each customer's rows make; what is left over is in none."""
    requests = [places[start : start + m] for places in members for start in range(0, len(places) - m + 1, m)]
    for code, request in enumerate(requests):
        codes[request] = code
    return codes
