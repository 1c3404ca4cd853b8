"""The options that choose entries, shared by `guard review list` and `guard review export`."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from guard.journal.filters import Filters, parse_time
from guard.journal.records import LabelName
from guard.verdict import Action


class ActionName(StrEnum):
    """An action, as it is typed."""

    ALLOW = "allow"
    FLAG = "flag"
    REJECT = "reject"


def _time(text: str) -> float:
    try:
        return parse_time(text, now_s=time.time())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


_TIME_HELP = "ISO 8601 (UTC where no zone is named), or 30m, 2h, 7d, 4w ago."

ActionOption = Annotated[ActionName | None, typer.Option(help="Entries with this action.")]
RuleOption = Annotated[str | None, typer.Option(metavar="ID", help="Entries with a finding of this rule.")]
ModelOption = Annotated[str | None, typer.Option(help="Entries of this model.")]
ClientOption = Annotated[str | None, typer.Option(help="Entries of this client, by its pseudonym.")]
RouteOption = Annotated[str | None, typer.Option(metavar="PATH", help="Entries of this path.")]
SinceOption = Annotated[
    float | None, typer.Option(parser=_time, metavar="TIME", help=f"From this time on: {_TIME_HELP}")
]
UntilOption = Annotated[
    float | None, typer.Option(parser=_time, metavar="TIME", help=f"Before this time: {_TIME_HELP}")
]
LabelOption = Annotated[LabelName | None, typer.Option(help="Entries whose newest label is this.")]
UnlabelledOption = Annotated[bool, typer.Option("--unlabelled", help="Entries without a label.")]
MinScoreOption = Annotated[float | None, typer.Option(help="Entries whose highest score is at least this.")]
MaxScoreOption = Annotated[float | None, typer.Option(help="Entries whose highest score is at most this.")]
MinPOption = Annotated[float | None, typer.Option("--min-p", help="Entries whose lowest p-value is at least this.")]
MaxPOption = Annotated[float | None, typer.Option("--max-p", help="Entries whose lowest p-value is at most this.")]


def filters(*, action: ActionName | None, **others: Any) -> Filters:
    """Build the filters from the options of a command."""
    return Filters(action=None if action is None else Action[action.name], **others)
