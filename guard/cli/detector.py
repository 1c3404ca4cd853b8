"""`guard detector show`: a detector's card; `verify` has a module of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from guard.cli.terminal import cell, safe
from guard.cli.verify import verify
from guard.detectors import Detector, load_detector
from guard.detectors.classes import ClassCard
from guard.detectors.describe import built_with, contract_line, learned, secret, table_and_tail
from guard.detectors.manifest import Calibration, FeatureCard, Manifest
from guard.detectors.relations import RelationCard
from guard.training.evaluation.scored import Group, groups_of

__all__ = ["detector"]

# Of the calibration; for machines, and long.
TABLES = ("scores", "above")

SHOWN_CLASSES = 10

detector = typer.Typer(no_args_is_help=True, help="Look at a detector, and check it.", rich_markup_mode=None)


@detector.callback()
def _group() -> None:
    """Look at a detector, and check it."""


detector.command()(verify)


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
    if loaded.manifest.relations:
        typer.echo("")
        Console().print(_relations(loaded.manifest.relations))
    for line in _calibration(loaded):
        typer.echo(safe(line))


def _as_json(loaded: Detector) -> dict[str, Any]:
    promises = [
        {
            "group": group.name,
            "fpr": promise.fpr,
            "carried": promise.carried,
            "k": promise.k,
            "mean": promise.mean,
            "text": promise.describe(approximate=_is_approximate(loaded.manifest)),
        }
        for group, calibration in _calibrations(loaded)
        for promise in calibration.promises
    ]
    card = loaded.manifest.model_dump(mode="json", exclude={"golden"})
    card["calibrations"] = [
        {key: value for key, value in calibration.items() if key not in TABLES} for calibration in card["calibrations"]
    ]
    return card | {
        "sha256": loaded.digest,
        "bytes": len(loaded.content),
        "promises": promises,
        "warning": secret(loaded.manifest),
    }


def _head(loaded: Detector, file: Path) -> Iterator[str]:
    manifest = loaded.manifest
    yield f"{file}: {len(loaded.content):,} bytes"
    yield f"sha256      {loaded.digest}"
    yield f"self-test   {len(manifest.golden)} golden vectors score as they did at fitting"
    forest = manifest.forest
    yield f"forest      {forest.trees} trees of {forest.max_samples} rows, seed {manifest.options.seed}"
    for space in manifest.spaces:
        projected = "" if space.directions is None else f", projected to {space.directions} directions"
        yield f"near        {space.prototypes:,} prototypes scaled by {space.name}, {space.columns} columns{projected}"
    yield f"fitted as   {_fitted_as(manifest)}"
    if manifest.classes is not None:
        yield f"classes     {_classes(manifest.classes)}"
    yield from _rows(manifest)
    yield f"training    sha256 {manifest.training_sha256}"
    yield f"built with  {built_with(manifest.versions)}"
    yield f"contract    {contract_line(manifest)}"
    yield f"warning     {secret(manifest)}"
    yield ""


def _rows(manifest: Manifest) -> Iterator[str]:
    split, fresh = manifest.split, manifest.recalibration
    if fresh is None:
        yield f"rows        fit {split.fit:,}, select {split.select:,}, calibrate {split.calibrate:,}"
        return
    yield f"rows        fit {split.fit:,}, select {split.select:,}; recalibrated on {fresh.n:,} rows"
    yield f"fresh rows  sha256 {fresh.rows_sha256}"
    yield f"from        sha256 {fresh.parent_sha256}, the detector before"


def _is_approximate(manifest: Manifest) -> bool:
    return manifest.options.cross_fit and manifest.recalibration is None


def _fitted_as(manifest: Manifest) -> str:
    options = manifest.options
    notes = [
        f"{options.rows} rows",
        _cross_fitted(manifest) if options.cross_fit else "",
        "private: prototypes are means of several rows" if options.private else "",
        "recalibrated since" if manifest.recalibration else "",
    ]
    return "; ".join(filter(None, notes))


def _cross_fitted(manifest: Manifest) -> str:
    return "cross-fitted" if manifest.recalibration else "cross-fitted: the promise is approximate"


def _classes(card: ClassCard) -> str:
    origin = "the model's own operators" if card.kind == "model" else f"a surrogate, agreement {card.agreement:.2%}"
    return f"{', '.join(card.names[:SHOWN_CLASSES])}{', ...' if len(card.names) > SHOWN_CLASSES else ''}; by {origin}"


def _relations(cards: tuple[RelationCard, ...]) -> Table:
    table = Table("relation", "holds", "support", "broken", "decades", box=None, pad_edge=False)
    for card in cards:
        broken = f"{card.broken:,} of {card.checked:,}"
        table.add_row(card.id, cell(card.text), f"{card.support:,}", broken, f"{card.decades:.2f}")
    return table


def _features(cards: tuple[FeatureCard, ...]) -> Table:
    table = Table("feature", "type", "learned", "median", "may be missing", box=None, pad_edge=False)
    for card in cards:
        median = "" if card.median is None else f"{card.median:.6g}"
        nullable = f"yes, {card.missing:,} fit rows" if card.nullable else "no"
        table.add_row(cell(card.name), card.type, cell(learned(card)), median, nullable)
    return table


def _calibrations(loaded: Detector) -> list[tuple[Group, Calibration]]:
    return list(zip(groups_of(loaded.manifest), loaded.manifest.calibrations, strict=True))


def _calibration(loaded: Detector) -> Iterator[str]:
    several = len(loaded.manifest.calibrations) > 1
    for group, calibration in _calibrations(loaded):
        table, beyond = table_and_tail(calibration)
        yield ""
        if several:
            yield group.name
        yield f"calibration {table}"
        yield f"beyond      {beyond}"
        for promise in calibration.promises:
            yield f"rate {promise.fpr:<6g} {promise.describe(approximate=_is_approximate(loaded.manifest))}"
