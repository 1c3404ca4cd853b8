"""`guard review`: list, show, label and export what the journal holds."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import track

from guard.cli.journal import JournalOption, open_journal
from guard.cli.review_entry import print_entry
from guard.cli.review_filters import (
    ActionOption,
    ClientOption,
    LabelOption,
    MaxPOption,
    MaxScoreOption,
    MinPOption,
    MinScoreOption,
    ModelOption,
    RouteOption,
    RuleOption,
    SinceOption,
    UnlabelledOption,
    UntilOption,
    filters,
)
from guard.cli.review_rows import print_rows
from guard.cli.terminal import safe
from guard.errors import ConfigError, JournalError
from guard.journal.export import CSV_COLUMNS, csv_row, entry_object, row_object, to_json
from guard.journal.reasons import read_reasons
from guard.journal.records import EntryDetail, LabelName

__all__ = ["review"]

review = typer.Typer(name="review", no_args_is_help=True, help="Read and label what guard flagged.")


class Format(StrEnum):
    """How `export` writes entries."""

    JSONL = "jsonl"
    CSV = "csv"


@review.command("list")
def list_(
    *,
    journal: JournalOption = None,
    action: ActionOption = None,
    rule: RuleOption = None,
    model: ModelOption = None,
    client: ClientOption = None,
    route: RouteOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    label: LabelOption = None,
    unlabelled: UnlabelledOption = False,
    min_score: MinScoreOption = None,
    max_score: MaxScoreOption = None,
    min_p: MinPOption = None,
    max_p: MaxPOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of a table.")] = False,
) -> None:
    """List entries, the newest first."""
    with _explained():
        chosen = filters(
            action=action, rule=rule, model=model, client=client, route=route, since_s=since, until_s=until,
            label=label, unlabelled=unlabelled, min_score=min_score, max_score=max_score, min_p_value=min_p,
            max_p_value=max_p,
        )  # fmt: skip
        reader = open_journal(journal)
        rows = reader.entries(chosen, limit=limit)
        if as_json:
            for row in rows:
                typer.echo(to_json(row_object(row)))
            return
        print_rows(
            Console(), rows, counts=reader.counts(chosen), lost=sum(gap.last - gap.first + 1 for gap in reader.gaps())
        )


@review.command()
def show(
    event: Annotated[str, typer.Argument(help="The event id, or the only one that begins or ends so.")],
    *,
    journal: JournalOption = None,
    body: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the request's body, as it came, to a new file.")
    ] = None,
) -> None:
    """Show everything that is kept of an entry."""
    with _explained():
        reader = open_journal(journal)
        entry = reader.entry(event)
        if body is None:
            print_entry(Console(), entry, reasons=read_reasons(reader, entry))
        else:
            _write_body(entry, body)


@review.command("label")
def label_(
    events: Annotated[list[str], typer.Argument(metavar="EVENT", help="Event ids, or unique beginnings or ends.")],
    label: Annotated[LabelName, typer.Argument(help="What it was.")],
    *,
    reviewer: Annotated[str, typer.Option(help="Who says so.")],
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    journal: JournalOption = None,
) -> None:
    """Label entries; earlier labels stay, and the newest counts."""
    with _explained():
        labelled = open_journal(journal).label(events, label, reviewer=reviewer, reason=reason)
    for event_id in labelled:
        typer.echo(f"{event_id} {label}")


@review.command()
def export(
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; standard output without it.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="JSON Lines or CSV.")] = Format.JSONL,
    journal: JournalOption = None,
    action: ActionOption = None,
    rule: RuleOption = None,
    model: ModelOption = None,
    client: ClientOption = None,
    route: RouteOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    label: LabelOption = None,
    unlabelled: UnlabelledOption = False,
    min_score: MinScoreOption = None,
    max_score: MaxScoreOption = None,
    min_p: MinPOption = None,
    max_p: MaxPOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the newest first.")] = None,
) -> None:
    """Write entries with all that is kept of them, the newest first.

    NaN is null, an infinity the text Infinity or -Infinity, a kept body base64.
    """
    with _explained():
        chosen = filters(
            action=action, rule=rule, model=model, client=client, route=route, since_s=since, until_s=until,
            label=label, unlabelled=unlabelled, min_score=min_score, max_score=max_score, min_p_value=min_p,
            max_p_value=max_p,
        )  # fmt: skip
        details = open_journal(journal).details(chosen, limit=limit)
        if output is None:
            _write(details, sys.stdout, format_)
            return
        with os.fdopen(_open_private(output, os.O_TRUNC), "w", encoding="ascii", newline="") as file:
            _write(track(details, description="exporting", console=Console(stderr=True)), file, format_)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what can go wrong into a message and an exit status."""
    try:
        yield
    except ConfigError as error:
        _fail(str(error), status=2)
    except JournalError as error:
        _fail(str(error), status=1)
    except BrokenPipeError:  # click's to handle: whoever read the output has enough
        raise
    except OSError as error:
        where = "" if error.filename is None else f": {os.fsdecode(error.filename)!r}"
        _fail(f"{error.strerror}{where}", status=1)


def _fail(message: str, *, status: int) -> None:
    for line in message.splitlines():
        typer.echo(f"guard: {safe(line)}", err=True)
    raise typer.Exit(status)


def _write_body(entry: EntryDetail, path: Path) -> None:
    if entry.body is None:
        raise JournalError("the body of this entry wasn't kept; GUARD_JOURNAL_BODY=full keeps it")
    with os.fdopen(_open_private(path, os.O_EXCL), "wb") as file:
        file.write(entry.body)
    typer.echo(f"{len(entry.body)} bytes written to {safe(str(path))}")


def _open_private(path: Path, flags: int) -> int:
    """Open a file for writing that only its owner may read: it will hold what clients sent."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)


def _write(entries: Iterable[EntryDetail], file: IO[str], format_: Format) -> None:
    if format_ is Format.JSONL:
        file.writelines(f"{to_json(entry_object(entry))}\n" for entry in entries)
        return
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(csv_row(entry) for entry in entries)
