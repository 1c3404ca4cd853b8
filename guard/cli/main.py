"""The `guard` command: one subcommand per file. Exit status: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from guard import __version__
from guard.cli.calibrate import calibrate
from guard.cli.config import config
from guard.cli.demo import demo
from guard.cli.detector import detector
from guard.cli.evaluate import evaluate
from guard.cli.fit import fit
from guard.cli.replay import replay
from guard.cli.review import review
from guard.cli.schema import schema
from guard.cli.score import score
from guard.cli.terminal import safe
from guard.errors import ConfigError, GuardError

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"guard {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=lambda wanted: _print_version(wanted=wanted), is_eager=True)
    ] = False,
) -> None:
    """Look at every inference request before the model does; allow, flag or reject it."""


app.command()(fit)
app.command()(score)
app.command()(calibrate)
app.command()(evaluate)
app.add_typer(detector, name="detector")
app.add_typer(review, name="review")
app.command()(replay)
app.command()(schema)
app.command()(config)
app.command()(demo)


def main() -> None:
    """Run the command line; what guard itself refuses is one message on stderr, not a traceback."""
    try:
        app()
    except GuardError as error:
        for line in str(error).splitlines():
            typer.echo(f"guard: {safe(line)}", err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
