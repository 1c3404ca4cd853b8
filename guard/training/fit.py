"""fit_detector: from clean rows to the bytes of a detector."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from guard.contract import Contract, FeatureType, parse_contract
from guard.detectors.manifest import FORMAT, Calibration, Golden, Manifest, PartCard, Split
from guard.detectors.options import FitOptions
from guard.detectors.promise import Promise
from guard.errors import TrainingError
from guard.training.calibrate import calibrate, weigh
from guard.training.checks import check_breaches, check_rates, check_rows, check_size
from guard.training.concerns import concerns_of_fit
from guard.training.crossfit import cross_fit, with_ranges_of
from guard.training.golden import golden_rows, golden_vectors
from guard.training.graph.build import Learned, build_graph, votes_of
from guard.training.learn import Rows, is_fresh, learn, run
from guard.training.protected.classes import predict
from guard.training.protected.predicted import find_classes
from guard.training.rows.breaches import Breaches
from guard.training.rows.data import Selection
from guard.training.rows.drift import Drift
from guard.training.rows.gather import Gathered, gather
from guard.training.rows.provenance import versions
from guard.training.rows.sources import to_source
from guard.training.write import write_whole

__all__ = ["DEFAULT_RATES", "STEPS", "FittedDetector", "fit_detector"]

DEFAULT_RATES = (0.01, 0.001)

STEPS = ("reading the rows", "learning", "weighing the parts", "calibrating", "testing")
"""What `on_step` is told, in order."""

Matrix = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FittedDetector:
    """A detector's bytes, and what is worth telling of the rows that it was fitted to.

    `breaches` are of the declared contract, None without one. `measured` is, of a cross-fitted one, the share of
    rows of each fold that those of the others would flag at the highest rate. `select` are the raw select rows.
    """

    content: bytes
    manifest: Manifest
    duplicates: int
    missing: dict[str, int]
    breaches: Breaches | None = None
    drift: tuple[Drift, ...] = ()
    measured: float | None = None
    select: Matrix | None = field(default=None, repr=False, compare=False)

    @property
    def concerns(self) -> tuple[str, ...]:
        """What gives reason to doubt the promise, a sentence each."""
        return concerns_of_fit(
            self.manifest,
            duplicates=self.duplicates,
            missing=self.missing,
            breaches=self.breaches,
            drifts=self.drift,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal: the detector's id."""
        return hashlib.sha256(self.content).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        write_whole(Path(path), self.content)


def fit_detector(
    data: Any,
    *,
    names: Sequence[str] | None = None,
    categorical: Collection[str] = (),
    drop: Collection[str] = (),
    predictions: str | None = None,
    model: str | Path | bytes | None = None,
    contract: str | None = None,
    seed: int = 0,
    rates: Sequence[float] = DEFAULT_RATES,
    confidence: float | None = None,
    strict: bool = False,
    rows: Literal["clean", "contaminated"] = "clean",
    cross_fitted: bool = False,
    private: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
    on_rows: Callable[[int, int], None] = lambda *_: None,
) -> FittedDetector:
    """Fit a detector to clean rows: an array [n, d], a polars DataFrame, a Dataset or a Source of features alone.

    `names` are an array's. `contract` is TOML text, kept in the file; it also says which columns are categories or
    texts, and which may be null. `rates` are false-positive rates, the highest being the one to flag at: rows too
    few to carry it raise TrainingError; with `strict`, too few for any of them, and rows that break the contract.
    `predictions` names the column with the class that the protected model predicted, which is no feature; `model` is
    the model's ONNX file instead. `rows` are "contaminated" where some may be what the detector is to find. With
    `cross_fitted` all rows both fit and calibrate, in turns, and nothing is promised exactly; with `private` no
    fit row is kept, only means of several. `on_rows` is told how many rows have been read, and of how many.
    """
    declared = parse_contract(contract, source="the contract") if contract is not None else None
    source = to_source(data, names, select(declared, categorical, drop, predictions))
    options = FitOptions(
        seed=seed,
        rates=tuple(sorted({float(rate) for rate in rates}, reverse=True)),
        confidence=confidence,
        drop=tuple(drop),
        categorical=tuple(categorical),
        predictions=predictions,
        rows=rows,
        cross_fit=cross_fitted,
        private=private,
    )
    check_rates(options.rates, confidence)
    check_rows(source.n_rows, options, strict=strict)

    on_step(STEPS[0])
    gathered = gather(source, declared=declared, seed=seed, on_rows=on_rows)
    check_breaches(gathered.breaches, strict=strict)
    on_step(STEPS[1])
    kept, learned = _learn(gathered, model, options)
    if learned.classes is not None:
        options = options.model_copy(update={"model_sha256": learned.classes.sha256})
    on_step(STEPS[2])
    cards, scores, groups, measured = _weigh(kept, learned, options)
    on_step(STEPS[3])
    calibrations = tuple(
        calibrate(_of_group(scores, groups, group, options), rates=options.rates, confidence=confidence)
        for group in range(learned.n_groups)
    )
    on_step(STEPS[4])
    manifest = _describe(gathered, learned, cards, calibrations, options=options, contract=contract)
    content = build_graph(learned, cards=cards, calibrations=calibrations, manifest=manifest)
    check_size(content)
    return FittedDetector(
        content,
        manifest,
        gathered.duplicates,
        gathered.missing,
        gathered.breaches,
        gathered.drift,
        measured,
        kept.select,
    )


def _learn(gathered: Gathered, model: str | Path | bytes | None, options: FitOptions) -> tuple[Rows, Learned]:
    kept = Rows(gathered.fit, gathered.select, gathered.calibrate)
    found = find_classes(gathered, model, options)
    features = gathered.features
    if options.cross_fit:
        kept = Rows(np.concatenate(kept), kept.select[:0], kept.calibrate[:0])
        features = with_ranges_of(features, kept.fit)
        found = None if found is None else found._replace(fit=predict(found.function, kept.fit))
    return kept, learn(features, kept, classes=found, options=options)


def _weigh(
    kept: Rows, learned: Learned, options: FitOptions
) -> tuple[tuple[PartCard, ...], Matrix, Groups, float | None]:
    """What the parts weigh, and the scores and groups of the rows that calibrate."""
    if options.cross_fit:
        return cross_fit(kept, learned, options)
    graph = build_graph(learned)
    select_groups = groups_of(learned, kept.select)
    cards = weigh(
        run(graph, "parts", kept.select),
        votes_of(learned),
        select_groups,
        n_groups=learned.n_groups,
        fresh=is_fresh(kept.select, options.seed),
    )
    scores = run(build_graph(learned, cards=cards), "score", kept.calibrate)[:, 0]
    return cards, scores, groups_of(learned, kept.calibrate), None


def _of_group(scores: Matrix, groups: Groups, group: int, options: FitOptions) -> Matrix:
    """The calibration scores of a group of classes; raises TrainingError where chance left it too few."""
    found: Matrix = scores[groups == group]
    if not Promise(options.rates[0], len(found), options.confidence).carried:
        raise TrainingError(
            f"{len(found)} calibration rows are of a group of classes that was to have more, too few for a rate of "
            f"{options.rates[0]:g}: fit with another --seed, or give more rows"
        )
    return found


def groups_of(learned: Learned, rows: Matrix) -> Groups:
    """The group of each raw row, int64 [n], by the class that the detector itself will give it."""
    if learned.classes is None:
        return np.zeros(len(rows), dtype=np.int64)
    return np.array(learned.groups, dtype=np.int64)[predict(learned.classes, rows)]


def select(
    declared: Contract | None, categorical: Collection[str], drop: Collection[str], predictions: str | None = None
) -> Selection:
    """Which columns are features, and of what kind, by the options and the contract."""
    features = declared.features if declared else ()
    return Selection(
        drop=drop,
        categorical={*categorical, *(f.name for f in features if f.type is FeatureType.CATEGORY)},
        texts={feature.name for feature in features if feature.type is FeatureType.STRING},
        predictions=predictions,
    )


def _describe(
    gathered: Gathered,
    learned: Learned,
    cards: tuple[PartCard, ...],
    calibrations: tuple[Calibration, ...],
    *,
    options: FitOptions,
    contract: str | None,
) -> Manifest:
    return Manifest(
        format=FORMAT,
        features=learned.features,
        split=Split(**gathered.seen._asdict()),
        options=options,
        forest=learned.forest.card,
        spaces=tuple(space.card for space in learned.near.spaces),
        parts=cards,
        relations=learned.relations,
        classes=None if learned.classes is None else learned.classes.card(learned.groups),
        calibrations=calibrations,
        training_sha256=gathered.training_sha256,
        versions=versions(),
        contract=contract,
        golden=_golden(learned, cards, calibrations, seed=options.seed),
    )


def _golden(
    learned: Learned, cards: tuple[PartCard, ...], calibrations: tuple[Calibration, ...], *, seed: int
) -> tuple[Golden, ...]:
    rows = golden_rows(learned.features, seed=seed)
    graph = build_graph(learned, cards=cards, calibrations=calibrations)
    return golden_vectors(rows, run(graph, "score", rows)[:, 0], run(graph, "p_value", rows)[:, 0])
