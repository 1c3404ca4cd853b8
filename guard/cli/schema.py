"""`guard schema`: from what a server declares of its model to a contract file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guard.cli.terminal import safe
from guard.contract import parse_contract, to_toml
from guard.contract.written import escape
from guard.errors import ConfigError, ContractError
from guard.schema import Draft, draft_contract, read_source
from guard.training.write import write_whole

__all__ = ["schema"]

MOST_WARNINGS = 50

# The source is the client's word for where it read; longer ones are cut, so that the comment stays a line.
MOST_LABEL = 500


def schema(
    source: Annotated[str, typer.Argument(help="URL or file of the declaration; - for standard input.")],
    output: Annotated[str, typer.Option("--output", "-o", help="The contract's file; - for standard output.")],
    *,
    path: Annotated[str | None, typer.Option(help="OpenAPI: path of the operation, such as /predict.")] = None,
    method: Annotated[str | None, typer.Option(help="OpenAPI: its method; post, where none is given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a contract from V2 metadata, an MLflow model or signature, or an OpenAPI document."""
    if output != "-" and Path(output).exists() and not force:
        raise ConfigError([f"--output is {output}, which is there already; name a new file, or give --force"])
    found = read_source(source)
    draft = draft_contract(found.content, label=found.label, path=path, method=method)
    text = _write(draft, found.label)
    if output == "-":
        typer.echo(text, nl=False)
    else:
        write_whole(Path(output), text.encode())
    for line in _warnings(draft):
        typer.echo(f"warning: {safe(line)}", err=True)
    if output != "-":
        typer.echo(safe(f"{output}: {len(draft.features)} features"))


def _write(draft: Draft, label: str) -> str:
    """The contract's text, which has been read back."""
    contract = draft.contract()
    text = to_toml(contract, comment=f"Written by `guard schema` from {label[:MOST_LABEL]}")
    head, end, tables = text.partition("\n")
    # Whoever reads the file later didn't see what the command printed.
    told = "".join(f"# Not in this contract: {escape(line)}\n" for line in _warnings(draft))
    text = head + end + told + tables
    try:
        read = parse_contract(text)
    except ContractError as error:
        # Of lone surrogates, which JSON can have and TOML can't.
        raise ContractError(f"the declaration can't be written as TOML: {error}") from None
    if read != contract:
        raise ContractError("the contract isn't read back as it was written; please report this")
    return text


def _warnings(draft: Draft) -> list[str]:
    more = len(draft.warnings) - MOST_WARNINGS
    return draft.warnings[:MOST_WARNINGS] + ([f"and {more:,} more"] if more > 0 else [])
