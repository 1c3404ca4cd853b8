"""Comparison: what other settings, or another detector, would have made of the entries of a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from guard.detectors.flag_count import binomial_interval
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail, EntryRow
from guard.review.gate import Gates, Other
from guard.review.judging import Basis, Judged, judge
from guard.review.kept import Kept, NotReplayable
from guard.verdict import Action

__all__ = ["Change", "Comparison", "Other", "Step", "compare"]

SAMPLE = "GUARD_JOURNAL_SAMPLE"

UNLABELLED = "unlabelled"


class Step(NamedTuple):
    """From the action that an entry has to the one that it would have had."""

    before: Action
    now: Action


@dataclass(frozen=True, slots=True)
class Change:
    """An entry whose action would have been another; p-values are the lowest, None where nothing was scored."""

    row: EntryRow
    step: Step
    min_p_value: float | None


@dataclass(slots=True)
class Comparison:
    """What would have changed.

    `steps` counts the entries that could be judged, `labels` the changed ones by their newest label. `sampled` counts
    accepted requests that were kept as a sample, and `estimates` of how many accepted requests these stand for, None
    where the share isn't known. `changes` are the first of `n_changes`.
    """

    entries: int = 0
    steps: Counter[Step] = field(default_factory=Counter)
    labels: dict[str, Counter[Step]] = field(default_factory=dict)
    unjudged: Counter[str] = field(default_factory=Counter)
    sampled: Counter[Action] = field(default_factory=Counter)
    estimates: dict[Action, float | None] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    @property
    def n_judged(self) -> int:
        """How many entries could be judged."""
        return self.steps.total()

    @property
    def n_changes(self) -> int:
        """How many entries would have had another action."""
        return sum(n for step, n in self.steps.items() if step.before is not step.now)

    def sampled_share(self, action: Action) -> tuple[float, float] | None:
        """The exact 95 % interval of the share of accepted requests that would have this action; None without a sample.

        It takes the sampled requests as drawn alike: where the sample's share changed, it is approximate.
        """
        n = self.sampled.total()
        return binomial_interval(self.sampled[action], n) if n else None

    def before(self, action: Action) -> int:
        """How many of the judged entries have this action."""
        return sum(n for step, n in self.steps.items() if step.before is action)

    def now(self, action: Action) -> int:
        """How many of the judged entries would have had this action."""
        return sum(n for step, n in self.steps.items() if step.now is action)


def compare(reader: JournalReader, entries: Iterable[EntryDetail], other: Other, *, limit: int = 20) -> Comparison:
    """Judge entries by what is to be different; the first `limit` of the changed ones are told.

    Raises JournalError, and ConfigError, ContractError or DetectorError where what is to be different can't be used.
    """
    found = Comparison()
    kept = Kept(reader)
    with Gates(kept, other) as gates:
        for entry in entries:
            found.entries += 1
            try:
                judged = _judge(entry, gates)
            except NotReplayable as reason:
                found.unjudged[str(reason)] += 1
                continue
            _count(found, entry.row, judged, limit=limit)
            if entry.row.reason == "sampled":
                _estimate(found, judged.action, kept.settings(entry.digests.settings).get(SAMPLE))
        gates.check_exclusions()
    return found


def _judge(entry: EntryDetail, gates: Gates) -> Judged:
    gate = gates.find(entry)
    return Judged(Action.ALLOW, Basis.SETTINGS, None) if gate.is_open(entry.row.route) else judge(entry, gate)


def _count(found: Comparison, row: EntryRow, judged: Judged, *, limit: int) -> None:
    step = Step(row.action, judged.action)
    found.steps[step] += 1
    if step.before is step.now:
        return
    found.labels.setdefault(row.label or UNLABELLED, Counter())[step] += 1
    if len(found.changes) < limit:
        found.changes.append(Change(row, step, judged.min_p_value))


def _estimate(found: Comparison, action: Action, share: str | None) -> None:
    """Add the accepted requests that one of a sample stands for."""
    found.sampled[action] += 1
    so_far = found.estimates.get(action, 0.0)
    known = float(share) if share else 0.0
    found.estimates[action] = None if so_far is None or known <= 0 else so_far + 1 / known
