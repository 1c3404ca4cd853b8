"""What the demo prints: the table, the promise, the attack, a few entries, and what to type next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from guard.demo.tally import Counts, Outcome, count
from guard.demo.traffic import TrafficKind
from guard.detectors.flag_count import most_flags
from guard.detectors.promise import Promise

__all__ = ["print_attack", "print_entries", "print_next", "print_promise", "traffic_table"]


def traffic_table(outcomes: Sequence[Outcome], *, flagged: Collection[str]) -> Table:
    """One line a kind: sent, allowed, flagged, rejected, errors."""
    table = Table(box=None, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for heading in Counts._fields:
        table.add_column(heading, justify="right", no_wrap=True)
    for kind in TrafficKind:
        table.add_row(str(kind), *map(str, count(outcomes, kind=kind, flagged=flagged)))
    return table


def print_promise(console: Console, honest: Counts, *, promise: Promise) -> None:
    """The promised and the measured false-alarm rate."""
    most = most_flags(promise, n_rows=honest.sent)
    console.print(
        f"\nFalse alarms: promised at most {promise.fpr:.2%} of clean requests on average; measured "
        f"{honest.caught} of {honest.sent} honest rows, {share(honest)}. "
        f"In a test of {honest.sent} rows, with {promise.n_calibration} calibration rows, up to {most} "
        "keep the promise (97.5 % point, beta-binomial).",
        highlight=False,
    )


def print_attack(console: Console, attacked: Counts, *, tried: int, queries: int) -> None:
    """How the attack fared: against the model, and against guard."""
    console.print(
        f"\nAttack: decision-based, black-box, within the contract. It turned the model's label for {attacked.sent} of "
        f"{tried} honest rows with {queries:,} queries to a copy of the model (guard not in the loop). "
        f"Guard caught {attacked.caught} of {attacked.sent}: recall {share(attacked)} at this false-alarm rate. "
        "The others got the label that the attacker wanted.",
        highlight=False,
    )


def print_entries(console: Console, entries: Iterable[Sequence[str]]) -> None:
    """A few journal entries: a headline each, then a line for each reason."""
    console.print("\nFrom the journal:", highlight=False)
    for headline, *reasons in entries:
        console.print(f"  {escape(headline)}", highlight=False, soft_wrap=True)
        for reason in reasons:
            console.print(f"    {escape(reason)}", highlight=False, soft_wrap=True)


def print_next(console: Console, commands: Iterable[str]) -> None:
    """Commands that look further, one a line and never wrapped, to be copied."""
    console.print("\nTo look further:", highlight=False)
    for command in commands:
        console.print(f"  {escape(command)}", highlight=False, soft_wrap=True)


def share(counts: Counts) -> str:
    """The share that was caught, in percent."""
    return f"{counts.caught / counts.sent:.1%}" if counts.sent else "none sent"
