"""`guard score`: outlier score, p-value and action of every row of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import numpy as np
import typer

from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.detectors import Detector, Judge, load_detector
from guard.errors import TrainingError
from guard.training.stream import Chunk, open_stream
from guard.verdict import Action

__all__ = ["score"]


def score(
    detector: Annotated[Path, typer.Argument(help="The detector's file.")],
    data: Annotated[Path, typer.Argument(help="Rows: a .csv, .parquet, .npy or .npz file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file to write; stdout by default.")] = None,
    *,
    flag_fpr: Annotated[float, typer.Option(min=0, max=1, help="Share of clean rows that may be flagged.")] = 0.01,
    reject_fpr: Annotated[float, typer.Option(min=0, max=1, help="Share of clean rows that may be rejected.")] = 0.001,
) -> None:
    """Write CSV with score, p_value and action of each row, in the order of the file.

    The action is by evidence alone: no contract is applied, not even the one in the detector.
    """
    if reject_fpr > flag_fpr:
        raise typer.BadParameter(f"{reject_fpr} is more than --flag-fpr, {flag_fpr}", param_hint="--reject-fpr")
    loaded = load_detector(detector)
    if loaded.manifest.contract is not None:
        typer.echo("the contract in the detector isn't applied here: each action is by evidence alone", err=True)
    stream = open_stream(data, loaded.manifest)
    if stream.ignored:
        typer.echo(safe(f"ignored columns: {', '.join(stream.ignored)}"), err=True)
    judge = _judge(loaded, flag_fpr=flag_fpr, reject_fpr=reject_fpr)
    unscored = 0
    with _writer(output) as file, progress_bar("scoring", total=stream.total) as bar:
        file.write("score,p_value,action\n")
        for chunk in stream.chunks:
            unscored += _score_chunk(chunk, loaded, judge, file)
            bar.reach(chunk.done)
    if unscored:
        typer.echo(f"{unscored:,} rows lack a value that may not be missing: no score, and rejected", err=True)


def _judge(detector: Detector, *, flag_fpr: float, reject_fpr: float) -> Judge:
    calibration = detector.manifest.calibration
    return Judge.of(
        n_calibration=calibration.n,
        flag_fpr=flag_fpr,
        reject_fpr=reject_fpr,
        per="instance",
        confidence=calibration.confidence,
    )


def _score_chunk(chunk: Chunk, detector: Detector, judge: Judge, file: TextIO) -> int:
    """Write a chunk's lines; returns how many rows have no score."""
    found = detector.score(chunk.rows)
    actions = [Action.ALLOW] * len(chunk.rows)
    for outlier in judge.judge(found.p_value.astype(np.float64)).outliers:
        actions[outlier.instance] = outlier.action
    lines = zip(found.score.tolist(), found.p_value.tolist(), actions, strict=True)
    file.writelines(f"{score:.9g},{p_value:.9g},{action.label}\n" for score, p_value, action in lines)
    return int(np.isnan(found.score).sum())


@contextmanager
def _writer(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise TrainingError(f"{path} can't be written: {error.strerror}") from None
    with file:
        yield file
