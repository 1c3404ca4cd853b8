"""fit_detector: from clean rows to the bytes of a detector."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import Contract, FeatureType, parse_contract
from guard.detectors.detector import open_session
from guard.detectors.manifest import FORMAT, Calibration, FeatureCard, Golden, Manifest, Split, Weights
from guard.detectors.promise import Promise
from guard.errors import TrainingError
from guard.training.breaches import Breaches, find_breaches
from guard.training.calibrate import calibrate, weigh
from guard.training.data import Dataset, Selection, from_array, from_frame
from guard.training.encode import describe, forest_columns, forest_matrix, raw_matrix
from guard.training.forest import FoldedForest, fit_forest, fold
from guard.training.golden import golden_rows, golden_vectors
from guard.training.graph import build_graph
from guard.training.provenance import duplicates, training_digest, versions
from guard.training.split import Shares, rows_needed, split_rows

__all__ = ["DEFAULT_RATES", "STEPS", "FittedDetector", "fit_detector"]

DEFAULT_RATES = (0.01, 0.001)

STEPS = ("reading the rows", "growing the forest", "weighing its parts", "calibrating", "testing")
"""What `on_step` is told, in order."""

# Below, the select rows are too few to choose anything on.
LEAST_ROWS = 40

Matrix = npt.NDArray[np.float32]


class _Learned(NamedTuple):
    """What the fit and the select rows taught."""

    features: tuple[FeatureCard, ...]
    forest: FoldedForest
    weights: Weights

    def graph(self, *, calibration: Calibration | None = None, manifest: Manifest | None = None) -> bytes:
        """Give the graph that scores, and with a calibration gives p-values."""
        return build_graph(self.features, self.forest, weights=self.weights, calibration=calibration, manifest=manifest)


@dataclass(frozen=True, slots=True)
class FittedDetector:
    """A detector's bytes, and what is worth telling of the rows that it was fitted to.

    `breaches` are of the declared contract, None without one.
    """

    content: bytes
    manifest: Manifest
    duplicates: int
    missing: dict[str, int]
    breaches: Breaches | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal: the detector's id."""
        return hashlib.sha256(self.content).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        target = Path(path)
        partial = target.with_name(f"{target.name}.partial")
        try:
            partial.write_bytes(self.content)
            os.replace(partial, target)  # noqa: PTH105 - atomic, and overwrites on every system
        except OSError as error:
            raise TrainingError(f"{target} can't be written: {error.strerror}") from None


def fit_detector(
    data: Any,
    *,
    names: Sequence[str] | None = None,
    categorical: Collection[str] = (),
    drop: Collection[str] = (),
    contract: str | None = None,
    seed: int = 0,
    rates: Sequence[float] = DEFAULT_RATES,
    confidence: float | None = None,
    strict: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> FittedDetector:
    """Fit a detector to clean rows: an array [n, d], a polars DataFrame, or a Dataset whose columns are all features.

    `names` are an array's. `contract` is TOML text, kept in the file; it also says which columns are categories or
    texts, and which may be null. `rates` are false-positive rates, the highest being the one to flag at: rows too
    few to carry it raise TrainingError; with `strict`, too few for any of them, and rows that break the contract.
    """
    declared = parse_contract(contract, source="the contract") if contract is not None else None
    dataset = data if isinstance(data, Dataset) else _take(data, names, select(declared, categorical, drop))
    asked = tuple(sorted({float(rate) for rate in rates}, reverse=True))
    _check_rates(asked, confidence)
    shares = split_rows(dataset.n_rows, seed=seed)
    _check_rows(dataset.n_rows, shares, rates=asked if strict else asked[:1], confidence=confidence)

    on_step(STEPS[0])
    features = describe(dataset, fit=shares.fit, nullable=_nullable(declared))
    rows = raw_matrix(dataset, features)
    learned = _learn(rows, features, shares, seed=seed, on_step=on_step)
    on_step(STEPS[3])
    (scores,) = _run(learned.graph(), ["score"], rows[shares.calibrate])
    calibration = calibrate(scores, rates=asked, confidence=confidence)
    on_step(STEPS[4])
    manifest = Manifest(
        format=FORMAT,
        features=features,
        split=Split(fit=len(shares.fit), select=len(shares.select), calibrate=len(shares.calibrate)),
        seed=seed,
        forest=learned.forest.card,
        weights=learned.weights,
        calibration=calibration,
        training_sha256=training_digest(rows, features),
        versions=versions(),
        contract=contract,
        golden=_golden(learned, calibration, seed=seed),
    )
    # What was declared and what was learned are laid over each other as at serving: now is the time to contradict.
    breaches = _breaches(dataset, manifest, strict=strict)
    content = learned.graph(calibration=calibration, manifest=manifest)
    missing = {column.name: count for column in dataset.columns if (count := int(column.missing.sum()))}
    return FittedDetector(content, manifest, duplicates(rows), missing, breaches)


def _breaches(dataset: Dataset, manifest: Manifest, *, strict: bool) -> Breaches | None:
    merged = manifest.to_contract()
    if manifest.contract is None:
        return None
    breaches = find_breaches(dataset, merged)
    if strict and breaches.rows:
        raise TrainingError(f"{breaches.describe()}: correct the contract or the rows, or leave out --strict")
    return breaches


def _take(data: Any, names: Sequence[str] | None, selection: Selection) -> Dataset:
    # Only a frame has it; a missing polars must not matter to whoever brings an array.
    if hasattr(data, "get_columns"):
        return from_frame(data, selection=selection)
    return from_array(data, names=names, selection=selection)


def select(declared: Contract | None, categorical: Collection[str], drop: Collection[str]) -> Selection:
    """Which columns are features, and of what kind, by the options and the contract."""
    features = declared.features if declared else ()
    return Selection(
        drop=drop,
        categorical={*categorical, *(f.name for f in features if f.type is FeatureType.CATEGORY)},
        texts={feature.name for feature in features if feature.type is FeatureType.STRING},
    )


def _nullable(declared: Contract | None) -> frozenset[str]:
    return frozenset(feature.name for feature in declared.features if feature.nullable) if declared else frozenset()


def _learn(
    rows: Matrix, features: tuple[FeatureCard, ...], shares: Shares, *, seed: int, on_step: Callable[[str], None]
) -> _Learned:
    fit_rows = rows[shares.fit]
    columns = forest_columns(features, fit_rows)
    forest = fold(fit_forest(forest_matrix(fit_rows, columns, n_fit=len(fit_rows)), seed=seed), columns, features)
    on_step(STEPS[2])
    graph = build_graph(features, forest)
    names = [name for name in ("forest", "range", "unseen") if _has_part(name, features)]
    parts = dict(zip(names, _run(graph, names, rows[shares.select]), strict=True))
    return _Learned(features, forest, weigh(parts))


def _has_part(name: str, features: tuple[FeatureCard, ...]) -> bool:
    if name == "range":
        return any(card.is_numeric for card in features)
    return name == "forest" or any(card.type == "category" for card in features)


def _run(graph: bytes, outputs: list[str], rows: Matrix) -> list[Matrix]:
    session = open_session(graph, source="the new detector")
    return [found[:, 0] for found in session.run(outputs, {"x": rows})]


def _golden(learned: _Learned, calibration: Calibration, *, seed: int) -> tuple[Golden, ...]:
    rows = golden_rows(learned.features, seed=seed)
    scores, p_values = _run(learned.graph(calibration=calibration), ["score", "p_value"], rows)
    return golden_vectors(rows, scores, p_values)


def _check_rates(rates: tuple[float, ...], confidence: float | None) -> None:
    if not rates or not all(0 < rate < 1 for rate in rates):
        raise TrainingError(f"the false-positive rates are {list(rates)}; expected at least one, each between 0 and 1")
    if confidence is not None and not 0.5 <= confidence < 1:
        raise TrainingError(f"the confidence is {confidence}; expected at least 0.5 and less than 1, such as 0.95")


def _check_rows(n: int, shares: Shares, *, rates: tuple[float, ...], confidence: float | None) -> None:
    if n < LEAST_ROWS:
        raise TrainingError(f"{n} rows were given; expected at least {LEAST_ROWS}")
    for rate in rates:
        promise = Promise(rate, len(shares.calibrate), confidence)
        if not promise.carried:
            sure = f" with confidence {confidence:g}" if confidence is not None else ""
            raise TrainingError(
                f"{n} rows leave {promise.n_calibration} to calibrate; a rate of {rate:g}{sure} needs "
                f"{promise.needed}, which is {rows_needed(promise.needed)} rows in all: give more, or a higher --fpr"
            )
