"""`guard calibrate`: a detector's calibration anew, without fitting it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.detectors import load_detector
from guard.errors import TrainingError
from guard.training.card import card_path, render_card, write_card
from guard.training.evaluation.scored import groups_of
from guard.training.recalibrate import recalibrate_detector
from guard.training.rows.stream import open_stream
from guard.training.write import refuse_same_files, write_whole

__all__ = ["calibrate"]


def calibrate(
    detector: Annotated[Path, typer.Argument(help="The detector's file.")],
    data: Annotated[Path, typer.Argument(help="Fresh clean rows: a .csv, .parquet, .npy or .npz file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new detector's file.")],
    *,
    fpr: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="False-positive rate to promise; may be repeated; by default as before."),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.5, max=1, help="Keep the rates with this probability; by default as before.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows too few for any of the rates, or that give cause for concern.")
    ] = False,
    card: Annotated[bool, typer.Option("--card/--no-card", help="Write a model card beside the detector.")] = True,
) -> None:
    """Calibrate a detector on fresh clean rows, which it wasn't fitted to; everything that it learned stays."""
    refuse_same_files({"the output": output, "its card": card_path(output) if card else None, "the rows": data})
    loaded = load_detector(detector)
    stream = open_stream(data, loaded.manifest)
    if stream.ignored:
        typer.echo(safe(f"ignored columns: {', '.join(stream.ignored)}"), err=True)
    with progress_bar("scoring", total=stream.total) as bar:
        found = recalibrate_detector(loaded, stream, rates=fpr, confidence=confidence, strict=strict, on_done=bar.reach)
    if strict and found.concerns:
        raise TrainingError("\n".join(found.concerns))
    write_whole(output, found.content)
    if card:
        write_card(render_card(found.content, path=output, concerns=found.concerns), output)
    typer.echo(safe(f"{output}: {len(found.content):,} bytes, sha256:{found.digest}"))
    typer.echo(safe(f"from {detector}, sha256:{loaded.digest}"))
    for sentence in found.concerns:
        typer.echo(safe(f"warning: {sentence}"))
    groups = groups_of(found.manifest)
    for group, calibration in zip(groups, found.manifest.calibrations, strict=True):
        whose = f"{group.name}, " if len(groups) > 1 else ""
        typer.echo(safe(f"{whose}calibration: {calibration.n:,} rows"))
        for promise in calibration.promises:
            typer.echo(safe(f"{whose}rate {promise.fpr:g}: {promise.describe()}"))
