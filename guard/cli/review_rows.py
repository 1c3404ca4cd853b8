"""The entries of the journal as a table, a line each."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from guard.cli.terminal import cell
from guard.journal.log import iso_time
from guard.journal.records import EntryRow

__all__ = ["print_rows"]

# The last group of an event id: random, where the first ones are the time.
SHORT_ID_CHARS = 12

# As much of a client's pseudonym as tells the clients of one page apart; `show` has all of it.
SHORT_CLIENT_CHARS = 8


def print_rows(console: Console, rows: list[EntryRow], *, counts: dict[str, int], lost: int) -> None:
    """Print the table; `counts` are of all entries that were asked for, by action."""
    # Laid out for 80 columns: the model's name gives way first, then rules and labels take more lines.
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in ("time (UTC)", "event", "action"):
        table.add_column(heading, no_wrap=True)
    for heading in ("model", "client", "rules"):
        table.add_column(heading, overflow="fold")
    table.add_column("p", no_wrap=True)
    table.add_column("label", overflow="fold")
    for row in rows:
        model = cell(row.model, 40)
        model.no_wrap, model.overflow = True, "ellipsis"
        table.add_row(
            iso_time(row.time_s)[:19].replace("T", " "),
            cell(row.event_id[-SHORT_ID_CHARS:]),
            row.action.label,
            model,
            cell(row.client, SHORT_CLIENT_CHARS),
            cell(" ".join(row.rules)),
            "" if row.min_p_value is None else f"{row.min_p_value:.3g}",
            cell(row.label),
        )
    console.print(table)
    by_action = ", ".join(f"{n} {action}" for action, n in sorted(counts.items()))
    total = f"{len(rows)} of {sum(counts.values())} entries"
    console.print(f"{total} ({by_action})" if by_action else total, highlight=False)
    if lost:
        console.print(f"{lost} entries were lost, or are being written: their numbers are missing", highlight=False)
