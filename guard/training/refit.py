"""Whether a detector's file is what it says it is: by its own checks, and by fitting it again to the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from guard.contract import parse_contract
from guard.detectors.detector import MAX_DETECTOR_BYTES, Detector, open_detector
from guard.detectors.manifest import TOLERANCE, Manifest, Versions
from guard.detectors.onnx_file import check_onnx
from guard.detectors.options import FitOptions
from guard.errors import DetectorError, GuardError, TrainingError
from guard.training.extras import require
from guard.training.fit import FittedDetector, fit_detector, select
from guard.training.rows.data import Selection
from guard.training.rows.encode import raw_matrix
from guard.training.rows.files import read_array, read_header
from guard.training.rows.provenance import TrainingDigest, versions
from guard.training.rows.sources import open_source
from guard.training.rows.stream import open_stream

__all__ = ["Check", "check_refit", "check_rows", "compare", "inspect", "refit"]


OTHER_ROWS = "the rows, their order or the columns aren't those that the detector was fitted to"


class Check(NamedTuple):
    """What was looked at, and how it came out; a note is neither good nor bad."""

    outcome: Literal["ok", "failed", "note"]
    text: str


def inspect(path: Path, *, sha256: str | None = None) -> tuple[Detector | None, list[Check]]:
    """Load a detector step by step; None after a check that failed."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_DETECTOR_BYTES else b""
    except OSError as error:
        return None, [Check("failed", f"the file can't be read: {error.strerror}")]
    if not content:
        return None, [Check("failed", f"the file is empty, or longer than {MAX_DETECTOR_BYTES:,} bytes")]
    checks = [_check_digest(content, sha256)]
    if checks[0].outcome == "failed":
        return None, checks
    try:
        check_onnx(content, source=str(path))
        checks.append(Check("ok", "the ONNX file holds no field, operator or domain but those that guard writes"))
        detector = open_detector(content, source=str(path))
    except DetectorError as error:
        return None, [*checks, Check("failed", str(error))]
    golden = len(detector.manifest.golden)
    checks.append(
        Check("ok", f"the manifest is whole; {golden} golden vectors score as they did, within {TOLERANCE:g}")
    )
    return detector, checks


def _check_digest(content: bytes, demanded: str | None) -> Check:
    digest = hashlib.sha256(content).hexdigest()
    if demanded is None:
        return Check("note", f"sha256 {digest}; none was demanded")
    if digest == demanded.lower().removeprefix("sha256:"):
        return Check("ok", f"sha256 {digest}, as demanded")
    return Check("failed", f"sha256 {digest}; {demanded} was demanded: the file was altered, or is another")


def check_refit(
    detector: Detector, data: Path, *, model: Path | None = None, on_step: Callable[[str], None] = lambda _: None
) -> Iterator[Check]:
    """Fit again as `refit` does, and compare; what can't be read or fitted is a check that failed.

    Other rows are told by their digest, before anything is fitted to them.
    """
    try:
        _check_model(detector.manifest.options, model)
        rows = check_rows(detector, data)
        yield rows
        if rows.outcome == "ok":
            yield from compare(detector, refit(detector, data, model=model, on_step=on_step), data)
    except GuardError as error:
        yield Check("failed", f"it can't be fitted again: {'; '.join(str(error).splitlines())}")


def check_rows(detector: Detector, data: Path) -> Check:
    """Whether the rows of a file are those that the detector was fitted to, by their digest."""
    manifest = detector.manifest
    source = open_source(data, selection=_selection(manifest, data))
    if source.names == manifest.names:
        digest = TrainingDigest(manifest.features)
        for chunk in source.chunks():
            digest.add(raw_matrix(chunk, manifest.features))
        if digest.hexdigest() == manifest.training_sha256:
            return Check("ok", f"the rows are those that it was fitted to: sha256 {manifest.training_sha256}")
    return Check("failed", OTHER_ROWS)


def refit(
    detector: Detector, data: Path, *, model: Path | None = None, on_step: Callable[[str], None] = lambda _: None
) -> FittedDetector:
    """Fit again to the rows of a file, as the manifest says that it was done.

    `model` is the protected model's file, if the detector was fitted with one; raises TrainingError for another.
    """
    manifest, options = detector.manifest, detector.manifest.options
    _check_model(options, model)
    return fit_detector(
        open_source(data, selection=_selection(manifest, data)),
        drop=options.drop,
        categorical=options.categorical,
        predictions=options.predictions,
        model=model if options.model_sha256 else None,
        contract=manifest.contract,
        seed=options.seed,
        rates=options.rates,
        confidence=options.confidence,
        rows=options.rows,
        cross_fitted=options.cross_fit,
        private=options.private,
        on_step=on_step,
    )


def _check_model(options: FitOptions, model: Path | None) -> None:
    demanded = options.model_sha256
    if demanded is None:
        return
    if model is None:
        raise TrainingError(f"the detector was fitted with the model of sha256 {demanded}; give its file with --model")
    try:
        found = hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError as error:
        raise TrainingError(f"{model} can't be read: {error.strerror}") from None
    if found != demanded:
        raise TrainingError(f"{model} has sha256 {found}; the detector was fitted with the model of sha256 {demanded}")


def _selection(manifest: Manifest, data: Path) -> Selection:
    """The columns that became features, of the types that they were taken for, whatever else the file has."""
    options = manifest.options
    declared = parse_contract(manifest.contract, source="the contract in the detector") if manifest.contract else None
    kept = {*manifest.names, options.predictions}
    return select(
        declared,
        [card.name for card in manifest.features if card.type == "category"],
        [name for name in _columns(data) if name not in kept],
        options.predictions,
    )


def _columns(data: Path) -> list[str]:
    if not data.is_file():
        raise TrainingError(f"{data} is not a file")
    match data.suffix.lower():
        case ".csv":
            return read_header(data)
        case ".parquet":
            return list(require("polars").read_parquet_schema(data))
    return [f"f{place}" for place in range(read_array(data).shape[-1])]


def compare(detector: Detector, fitted: FittedDetector, data: Path) -> Iterator[Check]:
    """Compare a detector with one that was fitted again to the rows of a file.

    The same bytes are demanded where everything that they depend on is the same, else scores within the tolerance.
    """
    manifest = detector.manifest
    if fitted.manifest.training_sha256 != manifest.training_sha256:
        yield Check("failed", OTHER_ROWS)
        return
    differing = list(_differing(manifest.versions, versions()))
    if manifest.recalibration is not None:
        differing.append(f"it was calibrated anew, from the file of sha256 {manifest.recalibration.parent_sha256}")
    if fitted.content == detector.content:
        yield Check("ok", "fitted again, the file has the same bytes")
        return
    if differing:
        yield Check("note", f"the same bytes aren't demanded here: {', '.join(differing)}")
    else:
        yield Check(
            "failed",
            "fitted again, the file has other bytes, though versions and processor are the same: it was altered, "
            "or guard's own code of the same version differs",
        )
    yield _compare_scores(detector, open_detector(fitted.content, source="the detector fitted again"), data)


def _differing(then: Versions, now: Versions) -> Iterator[str]:
    for name, was in then.model_dump().items():
        found = getattr(now, name)
        if found != was:
            yield f"{name} {found} where it was {was}"


def _compare_scores(detector: Detector, other: Detector, data: Path) -> Check:
    n, farthest, differing = 0, 0.0, 0
    for chunk in open_stream(data, detector.manifest).chunks:
        ours, theirs = (one.score(chunk.rows).score.astype(np.float64) for one in (detector, other))
        room = np.maximum(np.abs(ours), 1.0)
        difference = np.where(np.isnan(ours) & np.isnan(theirs), 0.0, np.abs(ours - theirs) / room)
        n += len(ours)
        farthest = max(farthest, float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0)))
        differing += int((~(difference <= TOLERANCE)).sum())
    if differing:
        return Check(
            "failed", f"fitted again, {differing:,} of {n:,} rows score otherwise, by up to {farthest:.2g} of the score"
        )
    return Check("ok", f"fitted again, all {n:,} rows score alike: within {farthest:.2g}, demanded {TOLERANCE:g}")
