"""What the journal says of the demo's requests: the client itself is never told that a request was flagged."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence

from guard.demo.tally import Outcome
from guard.demo.traffic import TrafficKind
from guard.errors import JournalError
from guard.journal.filters import Filters
from guard.journal.reader import JournalReader
from guard.journal.reasons import read_reasons
from guard.journal.records import EntryDetail, EntryRow
from guard.rules import to_finding
from guard.verdict import Action, Finding, Kind

__all__ = ["Evidence"]

# More than a demo sends, so that one page holds its entries.
PAGE = 10_000
POLL_S = 0.1

# Kinds of which an entry is shown, and the variant that is shown if there are several.
EXAMPLES = ((TrafficKind.CONTRACT, "mean above worst"), (TrafficKind.OUTLIER, ""), (TrafficKind.ATTACKED, ""))
MOST_LINES = 4


class Evidence:
    """The entries of one run, by request id; the journal may hold those of other runs too."""

    def __init__(self, journal: str, *, run_id: str) -> None:
        self.run_id = run_id
        self._journal = journal
        self._begin_s = time.time()
        self._rows: dict[str, EntryRow] = {}
        self._reader: JournalReader | None = None

    @property
    def flagged(self) -> frozenset[str]:
        """The request ids that guard flagged or rejected, as of the last refresh."""
        return frozenset(request_id for request_id, row in self._rows.items() if row.action > Action.ALLOW)

    def refresh(self) -> None:
        """Read the journal again; until its first entry there is none to read."""
        try:
            self._reader = self._reader or JournalReader(self._journal)
        except JournalError:
            return
        rows = self._reader.entries(Filters(since_s=self._begin_s), limit=PAGE)
        self._rows = {row.request_id: row for row in rows if row.request_id and row.request_id.startswith(self.run_id)}

    def wait_for(self, outcomes: Sequence[Outcome], *, timeout_s: float) -> int:
        """Wait until every rejected request has its entry; returns how many have none in time.

        The writer keeps the order: once the last, which is rejected, is there, so are the flagged ones before it.
        """
        awaited = {outcome.request_id for outcome in outcomes if outcome.rejected}
        deadline_s = time.monotonic() + timeout_s
        self.refresh()
        while not awaited <= self._rows.keys() and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
            self.refresh()
        return len(awaited - self._rows.keys())

    def examples(self, outcomes: Sequence[Outcome]) -> Iterator[list[str]]:
        """A headline and a few reasons for one entry of each kind that tells something."""
        if self._reader is None:
            return
        for kind, variant in EXAMPLES:
            chosen = [outcome for outcome in self._journaled(outcomes, kind) if variant in outcome.request.variant]
            for outcome in chosen[:1]:
                entry = self._reader.entry(self._rows[outcome.request_id].event_id)
                yield _told(outcome, entry, _explained(self._reader, entry))

    def commands(self) -> list[str]:
        """Commands that read this journal."""
        journal = f"--journal {shlex.quote(self._journal)}"
        found = [f"guard review list {journal}", f"guard review list {journal} --action flag"]
        flagged = [row.event_id for row in self._rows.values() if row.action is Action.FLAG]
        return found + [f"guard review show {event_id} {journal}" for event_id in flagged[:1]]

    def _journaled(self, outcomes: Sequence[Outcome], kind: TrafficKind) -> list[Outcome]:
        return [outcome for outcome in outcomes if outcome.request.kind is kind and outcome.request_id in self._rows]


def _explained(reader: JournalReader, entry: EntryDetail) -> list[str]:
    """The findings, then the reasons of outliers."""
    reasons = read_reasons(reader, entry)
    lines = [_line(finding) for finding in entry.findings]
    if reasons is None:
        return lines
    return lines + [_line(to_finding(fault)) for fault in reasons.faults] + ([reasons.note] if reasons.note else [])


def _told(outcome: Outcome, entry: EntryDetail, lines: Sequence[str]) -> list[str]:
    row = entry.row
    what = f"{outcome.request.kind} ({outcome.request.variant})"
    is_evidence = any(finding.kind is Kind.EVIDENCE for finding in entry.findings)
    p_value = f", p-value {row.min_p_value:.2g}" if is_evidence and row.min_p_value is not None else ""
    more = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *[f"and {more} more"] * (more > 0)]
    return [f"{row.action.label}: {what}{p_value}, event {row.event_id}", *map(_printable, shown)]


def _line(finding: Finding) -> str:
    place = f" {finding.feature}" if finding.feature else ""
    return f"{finding.rule_id}{place}: {finding.message}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
