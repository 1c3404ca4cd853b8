"""The options that choose entries, shared by `guard review list` and `guard review export`."""

from __future__ import annotations

import difflib
import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from guard.errors import ConfigError
from guard.journal.filters import Filters, parse_time
from guard.journal.reasons import REASONS
from guard.journal.records import LabelName
from guard.rules import BY_ID
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


def filters(*, action: ActionName | None, rule: str | None, **others: Any) -> Filters:
    """Build the filters from the options of a command. Raises ConfigError where no entry can have the rule."""
    if rule is not None and rule not in BY_ID:
        # An id is four characters: two alike are half of them.
        near = difflib.get_close_matches(rule, BY_ID, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"rules are named as {next(iter(BY_ID))} is"
        raise ConfigError([f"--rule: {rule} is not a rule; {hint}"])
    if rule in REASONS:
        raise ConfigError([f"--rule: {rule} is a reason, computed when an entry is read; filter by G501"])
    return Filters(action=None if action is None else Action[action.name], rule=rule, **others)
