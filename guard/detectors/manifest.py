"""Manifest: what a detector's file says of itself, as canonical JSON in the file's metadata."""

from __future__ import annotations

import json
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from guard.contract import Contract, Feature, FeatureType, merge, parse_contract
from guard.detectors.promise import Promise
from guard.errors import DetectorError

__all__ = [
    "FORMAT",
    "MANIFEST_KEY",
    "Calibration",
    "FeatureCard",
    "ForestCard",
    "Golden",
    "Manifest",
    "Split",
    "Tail",
    "Versions",
    "Weights",
]

FORMAT: Final = 1
"""Raised whenever an older guard would misread the file."""

MANIFEST_KEY = "guard.manifest"

Floats = npt.NDArray[np.float64]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class FeatureCard(_Part):
    """One feature as fitting found it; the statistics are those of the fit rows.

    `categories` stand in the order of their codes, the rarest first, with `counts` beside them.
    `missing` counts fit rows without a value. A string feature is carried along and never scored.
    """

    name: str
    type: Literal["number", "integer", "boolean", "category", "string"]
    nullable: bool
    missing: int
    constant: bool = False
    minimum: float | None = None
    maximum: float | None = None
    median: float | None = None
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


class Weights(_Part):
    """How the parts of the score become decades of rarity, learned from the select rows.

    forest: `1 + (s - forest_start) / (forest_scale ln 10)`; range: `range_base + r / (range_scale ln 10)` where
    r > 0 widths; unseen: `unseen_step` per unseen category.
    """

    forest_start: float
    forest_scale: float
    range_base: float
    range_scale: float
    unseen_step: float


class Tail(_Part):
    """What extrapolates beyond the calibration scores: a generalised Pareto (exponential at shape 0).

    From `start` on, `p = 1 / (n + 1) * (1 + shape (s - start) / scale) ** (-1 / shape)`. It was fitted to
    `exceedances` scores.
    """

    start: float
    scale: float
    shape: float
    exceedances: int


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

    def p_value(self, scores: npt.ArrayLike) -> Floats:
        """Compute what the graph should give for outlier scores, float64 of the same shape; NaN for NaN."""
        given = np.asarray(scores, dtype=np.float64)
        above = np.concatenate([[self.n], np.asarray(self.above, dtype=np.float64)])
        p = (1 + above[np.searchsorted(np.asarray(self.scores), given)]) / (self.n + 1)
        return np.where(np.isnan(given), np.nan, p * self._survival(given))

    def _survival(self, scores: Floats) -> Floats:
        beyond = np.maximum(scores - self.tail.start, 0) / self.tail.scale
        if self.tail.shape == 0:
            return np.asarray(np.exp(-beyond))
        return np.asarray((1 + self.tail.shape * beyond) ** (-1 / self.tail.shape))


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

    format: Literal[1]
    features: tuple[FeatureCard, ...]
    split: Split
    seed: int
    forest: ForestCard
    weights: Weights
    calibration: Calibration
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
        learned = Contract(tuple(_learned(card) for card in self.features), source="the detector's manifest")
        if self.contract is None:
            return learned
        declared = parse_contract(self.contract, source="the contract in the detector")
        return merge(declared, learned) or learned


def _learned(card: FeatureCard) -> Feature:
    return Feature(card.name, FeatureType(card.type), nullable=card.nullable, categories=card.categories)
