"""`guard evaluate`: a detector on rows that it hasn't seen, against its promise."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from guard.cli.evaluate_tables import print_tables
from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.detectors import Detector, load_detector
from guard.detectors.manifest import Manifest
from guard.errors import TrainingError
from guard.training.evaluation.evaluate import Evaluation, evaluate_rows
from guard.training.evaluation.labels import Labels, read_labels
from guard.training.evaluation.plot import check_plot, draw, save_plot
from guard.training.evaluation.scored import ScoredRows, digested, groups_of, score_rows
from guard.training.rows.provenance import TrainingDigest
from guard.training.rows.stream import open_stream
from guard.training.write import refuse_same_files

__all__ = ["evaluate"]

# Of a table that goes into a page, in characters.
PAGE_WIDTH = 140


def evaluate(
    detector: Annotated[Path, typer.Argument(help="The detector's file.")],
    data: Annotated[Path, typer.Argument(help="Rows: a .csv, .parquet, .npy or .npz file.")],
    *,
    label: Annotated[
        str | None, typer.Option(help="Column that tells clean rows from anomalies; without it, all are clean.")
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option(help="A clean row's label; may be repeated. By default 0, false, no, none, normal and the like."),
    ] = None,
    attack: Annotated[str | None, typer.Option(help="Column that names the kind of an anomaly.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Column, such as a customer, whose clean rows come as one request each.")
    ] = None,
    flag_fpr: Annotated[float, typer.Option(min=0, max=1, help="Share of clean rows that may be flagged.")] = 0.01,
    reject_fpr: Annotated[float, typer.Option(min=0, max=1, help="Share of clean rows that may be rejected.")] = 0.001,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Figure to write: a .png, or an .html page.")] = None,
) -> None:
    """Measure a detector on rows that it wasn't fitted to: what it flags of the clean ones, what it finds of others.

    By evidence alone: no contract is applied, not even the one in the detector. Figures on rows that it was fitted to
    or calibrated on say nothing of others: for the whole file of them, in its order, there is a warning.
    """
    for option, given in (("--attack", attack), ("--clean", clean)):
        if given and label is None:
            raise typer.BadParameter(f"{option} needs --label")
    if reject_fpr > flag_fpr:
        raise typer.BadParameter(f"{reject_fpr} is more than --flag-fpr, {flag_fpr}", param_hint="--reject-fpr")
    refuse_same_files({"the plot": plot, "the detector": detector, "the rows": data})
    if plot is not None:
        check_plot(plot)
    loaded = load_detector(detector)
    rows, known = _score(
        loaded, data, carry=[name for name in (label, attack, group) if name], with_parts=label is not None
    )
    labels = read_labels(rows.carried[label], name=label, clean=clean or ()) if label else None
    groups = groups_of(loaded.manifest)
    found = evaluate_rows(
        rows, groups, labels=labels, flag_fpr=flag_fpr, reject_fpr=reject_fpr, kind=attack, batch=group
    )
    if plot is not None:
        figure = draw(*_sides(rows, labels), groups, flag_fpr=flag_fpr, reject_fpr=reject_fpr)
        told = [f"detector sha256:{loaded.digest}", *known, *_page_lines(found)]
        save_plot(figure, plot, title=f"{detector.name} on {data.name}", lines=[safe(line) for line in told])
    if as_json:
        typer.echo(
            json.dumps({"detector": loaded.digest, "warnings": known} | _as_json(found), indent=2, allow_nan=False)
        )
        return
    typer.echo(safe(f"{detector} (sha256:{loaded.digest}) on {data}"))
    for sentence in known:
        typer.echo(safe(sentence))
    print_tables(Console(), found)


def _score(detector: Detector, data: Path, *, carry: Sequence[str], with_parts: bool) -> tuple[ScoredRows, list[str]]:
    """Score the rows; say whether the detector knows them."""
    stream = open_stream(data, detector.manifest, carry=carry)
    if stream.ignored:
        typer.echo(safe(f"ignored columns: {', '.join(stream.ignored)}"), err=True)
    with progress_bar("scoring", total=stream.total) as bar:
        digest = TrainingDigest(detector.manifest.features)
        stream = stream._replace(chunks=digested(stream.chunks, digest))
        rows = score_rows(detector, stream, with_parts=with_parts, on_done=bar.reach)
    if not len(rows.score):
        raise TrainingError(f"{data} holds no rows")
    return rows, list(_known(detector.manifest, digest.hexdigest()))


def _known(manifest: Manifest, digest: str) -> Iterator[str]:
    if digest == manifest.training_sha256:
        yield "warning: the detector was fitted to these very rows: the figures say nothing of others"
    if manifest.recalibration is not None and digest == manifest.recalibration.rows_sha256:
        yield "warning: the detector was calibrated on these very rows: the figures say nothing of others"


def _sides(rows: ScoredRows, labels: Labels | None) -> tuple[ScoredRows, ScoredRows]:
    scored = ~np.isnan(rows.score)
    if labels is None:
        return rows.where(scored), rows.where(~scored & scored)
    return rows.where(labels.clean & scored), rows.where(labels.anomalous & scored)


def _as_json(found: Evaluation) -> dict[str, Any]:
    return {key: _finite(value) for key, value in dataclasses.asdict(found).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page_lines(found: Evaluation) -> list[str]:
    buffer = StringIO()
    print_tables(Console(file=buffer, width=PAGE_WIDTH, color_system=None), found)
    return buffer.getvalue().splitlines()
