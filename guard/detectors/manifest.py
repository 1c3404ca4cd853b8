"""Manifest: what a detector's file says of itself, as canonical JSON in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from guard.contract import Contract, Feature, FeatureType, merge, parse_contract
from guard.detectors.classes import ClassCard
from guard.detectors.options import FitOptions, Recalibration
from guard.detectors.promise import Promise
from guard.detectors.relations import RelationCard
from guard.errors import DetectorError

__all__ = [
    "FORMAT",
    "MANIFEST_KEY",
    "QUANTILE_LEVELS",
    "TOLERANCE",
    "Calibration",
    "FeatureCard",
    "ForestCard",
    "Golden",
    "Manifest",
    "PartCard",
    "SpaceCard",
    "Split",
    "Tail",
    "Versions",
    "learned_contract",
]

FORMAT: Final = 2
"""Raised whenever an older guard would misread the file."""

MANIFEST_KEY = "guard.manifest"

QUANTILE_LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The shares of the fit rows that lie at or below a feature's `quantiles`."""

Floats = npt.NDArray[np.float64]

# Of a score, relative, of 1 at least: other processors, and batches of another size, sum float32 in another order.
TOLERANCE = 1e-4

TAIL_STEP, TAIL_STEPS = 16, 16 * 62
"""Of the tail: steps to a factor of e, each 6 %, and how many in all; the last is below 1e-26."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class FeatureCard(_Part):
    """One feature as fitting found it; the statistics are those of the fit rows.

    `categories` stand in the order of their codes, the rarest first, with `counts` beside them.
    `missing` counts fit rows without a value. A string feature is carried along and never scored.
    `quantiles`, at QUANTILE_LEVELS, are values that fit rows have, of a private detector too; none where none are
    known.
    """

    name: str
    type: Literal["number", "integer", "boolean", "category", "string"]
    nullable: bool
    missing: int
    constant: bool = False
    minimum: float | None = None
    maximum: float | None = None
    median: float | None = None
    quantiles: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether it has a learned range."""
        return self.type in {"number", "integer", "boolean"}


class Split(_Part):
    """How many rows each share of the training data has."""

    fit: int
    select: int
    calibrate: int


class ForestCard(_Part):
    """The isolation forest: trees, rows that each tree saw."""

    trees: int
    max_samples: int


class SpaceCard(_Part):
    """One scaling in which the distance to the nearest prototypes is taken.

    `columns` counts what is encoded, `directions` what that is projected to, None where it isn't.
    """

    name: str
    prototypes: int
    columns: int
    directions: int | None = None


class PartCard(_Part):
    """How one part of the score becomes decades of rarity, learned from the select rows, for each group of classes.

    `base + (s - start) / (scale ln 10)`; where `one_sided`, `start` is 0 and s at most 0 is no evidence. The parts of
    one vote are averaged; one `on_top` counts on top of the highest other vote. The score is the highest vote.
    """

    name: str
    vote: str
    base: float
    start: tuple[float, ...]
    scale: tuple[float, ...]
    one_sided: bool = False
    on_top: bool = False


class Tail(_Part):
    """What extrapolates beyond the calibration scores: a generalised Pareto (exponential at shape 0).

    From `start` on, `p = 1 / (n + 1) * (1 + shape (s - start) / scale) ** (-1 / shape)`. It was fitted to
    `exceedances` scores.
    """

    start: float
    scale: float
    shape: float
    exceedances: int

    def reach(self, factors: Floats) -> Floats:
        """The scores at which the tail has fallen to these factors of 1 / (n + 1)."""
        if self.shape == 0:
            return self.start - self.scale * np.log(factors)
        return self.start + self.scale * np.expm1(-self.shape * np.log(factors)) / self.shape


class Calibration(_Part):
    """The calibration scores, as a table from score to p-value.

    `scores` are distinct and ascending, float32 as the graph gave them; `above` counts the calibration
    rows that score higher than each. Where `exact` is false only some of the bulk is kept, and p-values there are
    rounded up.
    """

    n: int
    scores: tuple[float, ...]
    above: tuple[int, ...]
    exact: bool
    tail: Tail
    rates: tuple[float, ...]
    confidence: float | None

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What the calibration rows promise at each rate that was asked for at fitting."""
        return tuple(Promise(rate, self.n, self.confidence) for rate in self.rates)

    def table(self) -> tuple[npt.NDArray[np.float32], Floats]:
        """Ascending thresholds, float32 [t], and p-values [t + 1]: the first for scores up to the first, and so on.

        A score within TOLERANCE above a calibration score counts as high as it: one row scored alone, or elsewhere, is
        rounded otherwise than in the batch that calibrated, and ties must stay ties. The tail is a stair that is
        nowhere below the fitted curve, TAIL_STEP steps to a factor of e.
        """
        above = np.array([self.n, *self.above], dtype=np.float64)
        factors = np.exp(-np.arange(1, TAIL_STEPS + 1) / TAIL_STEP)
        ends = np.array(self.tail.reach(factors)).astype(np.float32)
        kept = ends < np.finfo(np.float32).max
        least = (1 + above[-1]) / (self.n + 1)
        scores = np.array(self.scores)
        tied = (scores + TOLERANCE * np.maximum(1.0, np.abs(scores))).astype(np.float32)
        # A score between two ends has the p-value of the nearer one, and beyond the last the last one's.
        return (
            np.concatenate([tied, np.maximum(ends[kept], tied[-1])]),
            np.concatenate([(1 + above) / (self.n + 1), least * factors[kept]]),
        )

    def p_value(self, scores: npt.ArrayLike) -> Floats:
        """Compute what the graph should give for outlier scores, float64 of the same shape; NaN for NaN."""
        given = np.asarray(scores, dtype=np.float64)
        thresholds, p_values = self.table()
        return np.where(np.isnan(given), np.nan, p_values[np.searchsorted(thresholds.astype(np.float64), given)])


class Versions(_Part):
    """What built the file; bytes are the same only where all of it is."""

    guard: str
    python: str
    numpy: str
    scikit_learn: str
    onnx: str
    onnxruntime: str
    processor: str


class Golden(_Part):
    """One synthetic row (None where missing) and what the graph gave for it (None for NaN)."""

    x: tuple[float | None, ...]
    score: float | None
    p_value: float | None


class Manifest(_Part):
    """All that a detector knows of itself; the features stand in the order of the graph's input."""

    format: Literal[2]
    features: tuple[FeatureCard, ...]
    split: Split
    options: FitOptions
    forest: ForestCard
    spaces: tuple[SpaceCard, ...]
    parts: tuple[PartCard, ...]
    relations: tuple[RelationCard, ...]
    classes: ClassCard | None
    calibrations: tuple[Calibration, ...]
    recalibration: Recalibration | None = None
    training_sha256: str
    versions: Versions
    contract: str | None
    golden: tuple[Golden, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in the order of the graph's input."""
        return tuple(feature.name for feature in self.features)

    def to_json(self) -> str:
        """Give canonical JSON: sorted keys, no spaces, no NaN."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> Manifest:
        """Read it back; raises DetectorError, which names the first fault."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, fault["loc"])) or "the whole"
            raise DetectorError(
                f"{source}: the manifest can't be read at {where}: {fault['msg']}; fit the detector again"
            ) from None

    def to_contract(self) -> Contract:
        """Give the contract that a request must keep: what fitting found beyond doubt, and what was declared then."""
        learned = learned_contract(self.features)
        if self.contract is None:
            return learned
        declared = parse_contract(self.contract, source="the contract in the detector")
        return merge(declared, learned) or learned


def learned_contract(features: Sequence[FeatureCard]) -> Contract:
    """Give the contract of what fitting found beyond doubt: names, types, nullability, categories."""
    return Contract(
        tuple(
            Feature(card.name, FeatureType(card.type), nullable=card.nullable, categories=card.categories)
            for card in features
        ),
        source="the detector's manifest",
    )
