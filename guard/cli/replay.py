"""`guard replay`: entries of the journal scored and judged again, as they were or with something changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from guard.cli.journal import JournalOption, open_journal
from guard.cli.replay_report import comparison_object, print_comparison, print_replay, replay_object
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
from guard.detectors import load_detector
from guard.errors import ConfigError
from guard.journal.filters import Filters
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail
from guard.review import Other, compare
from guard.review import replay as replay_entries
from guard.review.variables import read_variables

__all__ = ["replay"]


def replay(
    events: Annotated[
        list[str] | None, typer.Argument(metavar="[EVENT]...", help="Event ids, or unique beginnings or ends.")
    ] = None,
    *,
    journal: JournalOption = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What if: lines GUARD_NAME=value, over those of each entry.")
    ] = None,
    detector: Annotated[Path | None, typer.Option(metavar="FILE", help="What if: another detector.")] = None,
    within_tolerance: Annotated[
        bool,
        typer.Option("--within-tolerance", help="Where requests were scored on another kind of machine than this."),
    ] = False,
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
    limit: Annotated[int, typer.Option(min=0, help="Tell of at most so many entries that differ.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Score and judge entries again with what the journal keeps; exit status 1 where one comes out otherwise.

    With --settings or --detector: what these would have changed; exit status 1 where no entry could be judged.
    """
    chosen = filters(
        action=action, rule=rule, model=model, client=client, route=route, since_s=since, until_s=until,
        label=label, unlabelled=unlabelled, min_score=min_score, max_score=max_score, min_p_value=min_p,
        max_p_value=max_p,
    )  # fmt: skip
    if events and chosen != Filters():
        raise ConfigError(["events are named, and filters are given; expected one of them"])
    other = _other(settings, detector)
    reader = open_journal(journal)
    entries = _tracked(_entries(reader, events or [], chosen))
    if other is not None:
        comparison = compare(reader, entries, other, limit=limit)
        _print_json(comparison_object(comparison)) if as_json else print_comparison(Console(), comparison)
        if comparison.entries and not comparison.n_judged:
            raise typer.Exit(1)
        return
    found = replay_entries(reader, entries, limit=limit, within_tolerance=within_tolerance)
    _print_json(replay_object(found)) if as_json else print_replay(Console(), found)
    if not found.agrees:
        raise typer.Exit(1)


def _other(settings: Path | None, detector: Path | None) -> Other | None:
    if settings is None and detector is None:
        return None
    return Other(
        {} if settings is None else read_variables(settings), None if detector is None else load_detector(detector)
    )


def _entries(reader: JournalReader, events: list[str], chosen: Filters) -> Iterator[EntryDetail]:
    if events:
        yield from map(reader.entry, events)
    else:
        yield from reader.details(chosen)


def _tracked(entries: Iterator[EntryDetail]) -> Iterator[EntryDetail]:
    console = Console(stderr=True)
    return iter(
        track(entries, description="replaying", console=console, transient=True, disable=not console.is_terminal)
    )


def _print_json(value: dict[str, object]) -> None:
    # JSON leaves DEL as it is; it can stand only within a string.
    typer.echo(json.dumps(value, allow_nan=False, indent=2).replace("\x7f", "\\u007f"))
