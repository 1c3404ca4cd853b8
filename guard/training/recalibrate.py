"""A detector's calibration anew, on fresh clean rows; what it learned stays."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import Detector, open_session
from guard.detectors.manifest import Calibration, Golden, Manifest
from guard.detectors.options import Recalibration
from guard.errors import TrainingError
from guard.training.calibrate import calibrate
from guard.training.concerns import concerns_of_fresh_rows
from guard.training.evaluation.scored import Group, ScoredRows, digested, flagged, groups_of, score_rows
from guard.training.extras import require
from guard.training.golden import golden_vectors
from guard.training.graph.build import recalibrate
from guard.training.rows.provenance import TrainingDigest
from guard.training.rows.split import MOST_CALIBRATE
from guard.training.rows.stream import Stream

__all__ = ["Recalibrated", "distance_from", "recalibrate_detector"]

# Of a group: fewer leave nothing to extrapolate from, whatever the rates.
LEAST_ROWS = 20

Vector = npt.NDArray[np.float32]


class Recalibrated(NamedTuple):
    """The new file's bytes, their manifest, and what is to be said against the fresh rows."""

    content: bytes
    manifest: Manifest
    concerns: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal: the detector's id."""
        return hashlib.sha256(self.content).hexdigest()


class _Fresh(NamedTuple):
    rows: ScoredRows
    unscored: int
    digest: str


def recalibrate_detector(
    detector: Detector,
    stream: Stream,
    *,
    rates: Sequence[float] | None = None,
    confidence: float | None = None,
    strict: bool = False,
    on_done: Callable[[int], None] = lambda _: None,
) -> Recalibrated:
    """Count the stream's rows in the calibration rows' place; all of them must be clean, and none a training row.

    Rates and confidence are the detector's where none are given. Rows too few to carry the highest rate, or
    fewer than 20 of a group, raise TrainingError; with `strict`, too few for any of them.
    """
    old = detector.manifest.calibrations
    asked = tuple(sorted({float(rate) for rate in rates}, reverse=True)) if rates else old[0].rates
    sure = old[0].confidence if confidence is None else confidence
    fresh = _score(detector, stream, on_done)
    if fresh.digest == detector.manifest.training_sha256:
        raise TrainingError("these are the rows that the detector was fitted to, and not fresh ones; give others")
    groups = groups_of(detector.manifest)
    _check_rows(fresh.rows, groups, rates=asked if strict else asked[:1], confidence=sure)
    scores = [fresh.rows.score[fresh.rows.group == place] for place in range(len(groups))]
    calibrations = tuple(calibrate(own, rates=asked, confidence=sure) for own in scores)
    manifest = detector.manifest.model_copy(
        update={
            "calibrations": calibrations,
            "recalibration": Recalibration(
                parent_sha256=detector.digest, rows_sha256=fresh.digest, n=sum(map(len, scores))
            ),
        }
    )
    # The golden vectors' scores stay; their p-values are what the new graph gives.
    golden = _golden(recalibrate(detector.content, calibrations, manifest), manifest)
    manifest = manifest.model_copy(update={"golden": golden})
    content = recalibrate(detector.content, calibrations, manifest)
    return Recalibrated(content, manifest, _concerns(fresh, groups, old, scores))


def distance_from(calibration: Calibration, scores: Vector) -> tuple[float, float]:
    """Kolmogorov and Smirnov's distance between the calibration scores and others, float32 [m], and its chance.

    The chance is that of a distance as large between draws of the same distribution, by its limit for many rows.
    Where not every calibration score is kept, the distance is the largest at those that are.
    """
    kept, above = np.asarray(calibration.scores, dtype=np.float32), np.asarray(calibration.above)
    n, m, ordered = calibration.n, len(scores), np.sort(scores)
    distance = np.abs((1 - above / n) - np.searchsorted(ordered, kept, side="right") / m).max()
    if calibration.exact:
        before = 1 - np.append(n, above[:-1]) / n
        distance = max(distance, np.abs(before - np.searchsorted(ordered, kept, side="left") / m).max())
    chance = require("scipy.special").kolmogorov(math.sqrt(n * m / (n + m)) * distance)
    return float(distance), float(chance)


def _score(detector: Detector, stream: Stream, on_done: Callable[[int], None]) -> _Fresh:
    digest = TrainingDigest(detector.manifest.features)
    every = score_rows(detector, stream._replace(chunks=digested(stream.chunks, digest)), on_done=on_done)
    scored = ~np.isnan(every.score)
    kept = _sample(every.where(scored), seed=detector.manifest.options.seed)
    return _Fresh(kept, int((~scored).sum()), digest.hexdigest())


def _sample(rows: ScoredRows, *, seed: int) -> ScoredRows:
    """No more rows than fitting would calibrate on: more would only make the table larger."""
    n = len(rows.score)
    if n <= MOST_CALIBRATE:
        return rows
    mask = np.zeros(n, dtype=np.bool_)
    mask[np.random.default_rng(seed).choice(n, MOST_CALIBRATE, replace=False)] = True
    return rows.where(mask)


def _check_rows(
    rows: ScoredRows, groups: tuple[Group, ...], *, rates: tuple[float, ...], confidence: float | None
) -> None:
    for place, group in enumerate(groups):
        n = int((rows.group == place).sum())
        whose = f" of {group.name}" if len(groups) > 1 else ""
        for rate in rates:
            promise = Group(group.name, n, confidence).promise(rate)
            if not promise.carried:
                raise TrainingError(
                    f"{n:,} fresh rows{whose} have a score; a rate of {rate:g} needs {promise.needed:,}: give more, "
                    f"or a higher --fpr"
                )
        if n < LEAST_ROWS:
            raise TrainingError(f"{n:,} fresh rows{whose} have a score; expected at least {LEAST_ROWS}: give more")


def _golden(content: bytes, manifest: Manifest) -> tuple[Golden, ...]:
    rows = np.array(
        [[math.nan if value is None else value for value in vector.x] for vector in manifest.golden], dtype=np.float32
    )
    found = open_session(content, source="the new detector").run(["score", "p_value"], {"x": rows})
    return golden_vectors(rows, *(column[:, 0] for column in found))


def _concerns(
    fresh: _Fresh, groups: tuple[Group, ...], old: tuple[Calibration, ...], scores: list[Vector]
) -> tuple[str, ...]:
    """Judge each group by the calibration that is replaced, at the highest of its rates."""
    rate = old[0].rates[0]
    caught = flagged(fresh.rows, groups, rate)
    found = []
    for place, group in enumerate(groups):
        distance, chance = distance_from(old[place], scores[place])
        sentences = concerns_of_fresh_rows(
            promise=group.promise(rate),
            flagged=int(caught[fresh.rows.group == place].sum()),
            n_rows=len(scores[place]),
            unscored=fresh.unscored if place == 0 else 0,
            distance=distance,
            chance=min(chance * len(groups), 1.0),
        )
        found += [f"{group.name}: {sentence}" if len(groups) > 1 else sentence for sentence in sentences]
    return tuple(found)
