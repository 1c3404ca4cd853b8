"""`guard detector show`: a detector's card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from guard.cli.terminal import cell, safe
from guard.detectors import Detector, load_detector
from guard.detectors.manifest import FeatureCard

__all__ = ["detector"]

WARNING = "It is derived from the training rows (ranges, categories, scores): keep it as secret as they are."

# Of a feature with many; the JSON has them all.
SHOWN_CATEGORIES = 6

# Of the calibration; for machines, and long.
TABLES = ("scores", "above")

detector = typer.Typer(no_args_is_help=True, help="Look at a detector.", rich_markup_mode=None)


@detector.callback()
def _group() -> None:
    """Look at a detector."""


@detector.command()
def show(
    file: Annotated[Path, typer.Argument(help="The detector's file.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the card.")] = False,
) -> None:
    """Print a detector's card: features, calibration, promise, origin. Loading it runs its self-test."""
    loaded = load_detector(file)
    if as_json:
        typer.echo(json.dumps(_as_json(loaded), indent=2, sort_keys=True))
        return
    for line in _head(loaded, file):
        typer.echo(safe(line))
    Console().print(_features(loaded.manifest.features))
    for line in _calibration(loaded):
        typer.echo(safe(line))


def _as_json(loaded: Detector) -> dict[str, Any]:
    promises = [
        {
            "fpr": promise.fpr,
            "carried": promise.carried,
            "k": promise.k,
            "mean": promise.mean,
            "text": promise.describe(),
        }
        for promise in loaded.manifest.calibration.promises
    ]
    card = loaded.manifest.model_dump(mode="json", exclude={"golden"})
    for table in TABLES:
        del card["calibration"][table]
    return card | {"sha256": loaded.digest, "bytes": len(loaded.content), "promises": promises, "warning": WARNING}


def _head(loaded: Detector, file: Path) -> Iterator[str]:
    manifest = loaded.manifest
    versions = manifest.versions
    yield f"{file}: {len(loaded.content):,} bytes"
    yield f"sha256      {loaded.digest}"
    yield f"self-test   {len(manifest.golden)} golden vectors score as they did at fitting"
    yield f"forest      {manifest.forest.trees} trees of {manifest.forest.max_samples} rows, seed {manifest.seed}"
    split = manifest.split
    yield f"rows        fit {split.fit:,}, select {split.select:,}, calibrate {split.calibrate:,}"
    yield f"training    sha256 {manifest.training_sha256}"
    yield (
        f"built with  guard {versions.guard}, python {versions.python}, numpy {versions.numpy}, scikit-learn "
        f"{versions.scikit_learn}, onnx {versions.onnx}, onnxruntime {versions.onnxruntime}, on {versions.processor}"
    )
    yield f"contract    {'declared at fitting, kept in the file' if manifest.contract else 'none declared at fitting'}"
    yield f"warning     {WARNING}"
    yield ""


def _features(cards: tuple[FeatureCard, ...]) -> Table:
    table = Table("feature", "type", "learned", "median", "may be missing", box=None, pad_edge=False)
    for card in cards:
        median = "" if card.median is None else f"{card.median:.6g}"
        nullable = f"yes, {card.missing:,} fit rows" if card.nullable else "no"
        table.add_row(cell(card.name), card.type, cell(_learned(card)), median, nullable)
    return table


def _learned(card: FeatureCard) -> str:
    if card.type == "string":
        return "not scored"
    if card.type != "category":
        return f"always {card.minimum:.6g}" if card.constant else f"{card.minimum:.6g} to {card.maximum:.6g}"
    common = list(zip(card.categories, card.counts, strict=True))[::-1]
    shown = ", ".join(f"{text} {count:,}" for text, count in common[:SHOWN_CATEGORIES])
    return f"{shown}, and {len(common) - SHOWN_CATEGORIES} more" if len(common) > SHOWN_CATEGORIES else shown


def _calibration(loaded: Detector) -> Iterator[str]:
    calibration = loaded.manifest.calibration
    tail = calibration.tail
    yield ""
    kind = "exponential" if tail.shape == 0 else f"generalised Pareto of shape {tail.shape:.3g}"
    kept = (
        "each kept"
        if calibration.exact
        else f"{len(calibration.scores):,} scores kept, p-values of the bulk rounded up"
    )
    yield f"calibration {calibration.n:,} rows, {kept}; scores up to {calibration.scores[-1]:.4g}"
    yield f"beyond      {kind} from {tail.start:.4g} on, by {tail.exceedances:,} scores; nothing is promised there"
    for promise in loaded.manifest.calibration.promises:
        yield f"rate {promise.fpr:<6g} {promise.describe()}"
