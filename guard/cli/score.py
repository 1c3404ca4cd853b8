"""`guard score`: outlier score, p-value and action of every row of a file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import numpy as np
import typer

from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.detectors import Detector, Judge, Manifest, explain_row, load_detector
from guard.detectors.reasons import similar
from guard.errors import TrainingError
from guard.training.rows.stream import Chunk, open_stream
from guard.training.write import refuse_same_files
from guard.verdict import Action

__all__ = ["score"]

# Of one row: what comes later says less.
MOST_REASONS = 5

# Of the most similar clean row, those that differ.
MOST_FEATURES = 5


def score(
    detector: Annotated[Path, typer.Argument(help="The detector's file.")],
    data: Annotated[Path, typer.Argument(help="Rows: a .csv, .parquet, .npy or .npz file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file to write; stdout by default.")] = None,
    *,
    flag_fpr: Annotated[float, typer.Option(min=0, max=1, help="Share of clean rows that may be flagged.")] = 0.01,
    reject_fpr: Annotated[float, typer.Option(min=0, max=1, help="Share of clean rows that may be rejected.")] = 0.001,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add a column with the reasons of rows that aren't allowed; takes longer.")
    ] = False,
) -> None:
    """Write CSV with score, p_value and action of each row, in the order of the file.

    The action is by evidence alone: no contract is applied, not even the one in the detector.
    """
    if reject_fpr > flag_fpr:
        raise typer.BadParameter(f"{reject_fpr} is more than --flag-fpr, {flag_fpr}", param_hint="--reject-fpr")
    refuse_same_files({"the output": output, "the detector": detector, "the rows": data})
    loaded = load_detector(detector)
    if loaded.manifest.contract is not None:
        typer.echo("the contract in the detector isn't applied here: each action is by evidence alone", err=True)
    stream = open_stream(data, loaded.manifest, carry=_categories(data, loaded.manifest) if explain else ())
    if stream.ignored:
        typer.echo(safe(f"ignored columns: {', '.join(stream.ignored)}"), err=True)
    judge = _judge(loaded, flag_fpr=flag_fpr, reject_fpr=reject_fpr)
    unscored = 0
    with _writer(output) as file, progress_bar("scoring", total=stream.total) as bar:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["score", "p_value", "action", *["reasons"] * explain])
        for chunk in stream.chunks:
            rows = list(_score_chunk(chunk, loaded, judge, explained=explain))
            lines.writerows(rows)
            unscored += sum(row[0] == "nan" for row in rows)
            bar.reach(chunk.done)
    if unscored:
        typer.echo(f"{unscored:,} rows lack a value that may not be missing: no score, and rejected", err=True)


def _judge(detector: Detector, *, flag_fpr: float, reject_fpr: float) -> Judge:
    return Judge.for_detector(detector.manifest, flag_fpr=flag_fpr, reject_fpr=reject_fpr, per="instance")


def _categories(data: Path, manifest: Manifest) -> tuple[str, ...]:
    """The features whose texts are wanted beside their codes, from a file that has columns by name."""
    if data.suffix.lower() not in {".csv", ".parquet"}:
        return ()
    return tuple(card.name for card in manifest.features if card.type == "category")


def _score_chunk(chunk: Chunk, detector: Detector, judge: Judge, *, explained: bool) -> Iterator[list[str]]:
    """The cells of each row; "nan" where there is no score."""
    found = detector.score(chunk.rows)
    actions = [Action.ALLOW] * len(chunk.rows)
    for outlier in judge.judge(found.p_value.astype(np.float64), found.group).outliers:
        actions[outlier.instance] = outlier.action
    for place, (score, p_value, action) in enumerate(
        zip(found.score.tolist(), found.p_value.tolist(), actions, strict=True)
    ):
        cells = [f"{score:.9g}", f"{p_value:.9g}", action.label]
        if explained:
            cells.append("" if action is Action.ALLOW else _reasons(detector, chunk, place))
        yield cells


def _reasons(detector: Detector, chunk: Chunk, place: int) -> str:
    """The first reasons and the most similar clean row, on one line.

    It begins with a rule's id, so that no spreadsheet takes it for a formula.
    """
    explanation = explain_row(
        detector, chunk.rows[place], texts={name: texts[place] for name, texts in chunk.carried.items()}
    )
    told = [
        f"{fault.rule}{f' {fault.feature}' if fault.feature is not None else ''}: {fault.detail}"
        for fault in explanation.faults[:MOST_REASONS]
    ]
    return safe("; ".join([*told, similar(explanation, most=MOST_FEATURES)]))


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
