"""`guard config`: the effective configuration, where each value comes from, and its digest."""

from __future__ import annotations

import os
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from guard.cli.terminal import cell
from guard.middleware import GuardMiddleware
from guard.settings import GuardSettings, SettingRow, source_of


def config(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the README's table of settings.")] = False,
) -> None:
    """Print the effective configuration with the source of each value, and its digest; then check that it can start."""
    if as_markdown:
        typer.echo(markdown(GuardSettings.table()))
        return
    settings = GuardSettings.from_environ(os.environ)
    values = settings.masked()
    sources = {name: source_of(name, os.environ) for name in values}
    if as_json:
        rows = {name: {"value": value, "source": sources[name]} for name, value in values.items()}
        typer.echo(orjson.dumps({"digest": settings.digest(), "settings": rows}, option=orjson.OPT_INDENT_2))
        return
    _print_table(values, sources)
    typer.echo(f"digest sha256:{settings.digest()}")
    # What a start would refuse: a missing detector, a wrong digest, a contract with faults.
    GuardMiddleware(_no_app, settings)


async def _no_app(*_: object) -> None:
    """Stand in for the app that a middleware needs."""


def _print_table(values: dict[str, str], sources: dict[str, str]) -> None:
    table = Table("variable", "value", "source", box=None, pad_edge=False)
    units = {row.name: row.unit for row in GuardSettings.table()}
    for name, value in values.items():
        unit = f" {units[name]}" if units[name] and value else ""
        table.add_row(name, cell(f"{value}{unit}" or "none"), sources[name])
    Console().print(table)


def markdown(rows: tuple[SettingRow, ...]) -> str:
    """The settings as a Markdown table."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in rows:
        default = f"`{row.default}`{f' {row.unit}' if row.unit else ''}" if row.default else "none"
        lines.append(f"| `{row.name}` | {default} | {row.help} |".replace("``", "`"))
    return "\n".join(lines)
