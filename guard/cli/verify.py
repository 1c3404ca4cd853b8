"""`guard detector verify`: whether a detector's file is what it says it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from guard.cli.progress import progress_bar
from guard.cli.terminal import safe
from guard.training.fit import STEPS
from guard.training.refit import Check, check_refit, inspect

__all__ = ["verify"]

_DIGEST = re.compile(r"(sha256:)?[0-9a-fA-F]{64}")


def verify(
    file: Annotated[Path, typer.Argument(help="The detector's file.")],
    *,
    data: Annotated[
        Path | None, typer.Option(help="The rows that it was fitted to: fit again as then, and compare.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The protected model's ONNX file, if the detector was fitted with it.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="The digest that the file must have, in hexadecimal.")] = None,
) -> None:
    """Check a detector's digest, its graph, its golden vectors, and with --data that the rows give it again.

    Exit status 1 where a check fails.
    """
    if model is not None and data is None:
        raise typer.BadParameter("--model needs --data")
    if sha256 is not None and not _DIGEST.fullmatch(sha256):
        raise typer.BadParameter(f"{safe(sha256)} isn't a digest; expected 64 hex digits", param_hint="--sha256")
    detector, checks = inspect(file, sha256=sha256)
    _tell(checks)
    if detector is not None and data is not None:
        with progress_bar("fitting again", total=len(STEPS)) as bar:
            fitted_again = list(check_refit(detector, data, model=model, on_step=bar.step))
        _tell(fitted_again)
        checks += fitted_again
    if any(check.outcome == "failed" for check in checks):
        raise typer.Exit(1)


def _tell(checks: list[Check]) -> None:
    for check in checks:
        typer.echo(safe(f"{check.outcome:<6}  {check.text}"))
