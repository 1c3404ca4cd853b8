"""Replay: the scores and actions of entries, computed again with what the journal keeps of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from guard.detectors.machine import computes_alike
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail, EntryRow
from guard.protection import code_digest
from guard.review.gate import Gates
from guard.review.judging import Basis, Judged, judge
from guard.review.kept import Kept, NotReplayable
from guard.review.scores import Agreement, ScoreReplay, replay_scores
from guard.verdict import Action

__all__ = ["Difference", "Replay", "replay"]


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that came out otherwise: its score, its action, or both; None where it came out the same."""

    row: EntryRow
    scores: ScoreReplay | None
    action: Action | None


@dataclass(slots=True)
class Replay:
    """What came out.

    `scores` counts entries by what was demanded of their scores and what was met; `actions` those whose action came
    out the same, `other_actions` those whose didn't, by what they were judged from. `unscored` and `unjudged` count by
    reason what couldn't be replayed, `other_code` what another version of guard had judged. `differences` are the first
    of `n_differences`.
    """

    entries: int = 0
    scores: Counter[tuple[Agreement, Agreement]] = field(default_factory=Counter)
    unscored: Counter[str] = field(default_factory=Counter)
    actions: Counter[Basis] = field(default_factory=Counter)
    other_actions: Counter[Basis] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)
    other_code: int = 0
    n_differences: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether all that could be replayed came out the same."""
        return self.n_differences == 0


def replay(
    reader: JournalReader, entries: Iterable[EntryDetail], *, limit: int = 20, within_tolerance: bool = False
) -> Replay:
    """Score and judge entries again; of those that differ, the first `limit` are told.

    Scores must be the same bit for bit where this machine has the processor family and the versions of onnxruntime and
    NumPy that the detector was fitted with, else, or with `within_tolerance`, within the tolerance. The journal doesn't
    say which machine scored an entry. Raises JournalError.
    """
    found = Replay()
    with Gates(Kept(reader)) as gates:
        for entry in entries:
            found.entries += 1
            found.other_code += entry.digests.code != _code_digest(entry, gates)
            scores = _replay_scores(found, entry, gates, within_tolerance=within_tolerance)
            judged = _replay_action(found, entry, gates)
            _note(found, entry, scores, judged, limit=limit)
    return found


def _code_digest(entry: EntryDetail, gates: Gates) -> str:
    try:
        return gates.find(entry).code_digest
    except NotReplayable:
        return code_digest()


def _replay_scores(found: Replay, entry: EntryDetail, gates: Gates, *, within_tolerance: bool) -> ScoreReplay | None:
    """The scores, where they aren't what was demanded."""
    try:
        scores, detector = replay_scores(entry, gates)
    except NotReplayable as reason:
        found.unscored[str(reason)] += 1
        return None
    exact = not within_tolerance and computes_alike(detector.manifest.versions)
    demanded = Agreement.BIT_FOR_BIT if exact else Agreement.WITHIN_TOLERANCE
    found.scores[demanded, scores.agreement] += 1
    return scores if scores.agreement < demanded else None


def _replay_action(found: Replay, entry: EntryDetail, gates: Gates) -> Judged | None:
    """What came out, where it is another action."""
    try:
        judged = judge(entry, gates.find(entry))
    except NotReplayable as reason:
        found.unjudged[str(reason)] += 1
        return None
    if judged.action is entry.row.action:
        found.actions[judged.basis] += 1
        return None
    found.other_actions[judged.basis] += 1
    return judged


def _note(found: Replay, entry: EntryDetail, scores: ScoreReplay | None, judged: Judged | None, *, limit: int) -> None:
    if scores is None and judged is None:
        return
    found.n_differences += 1
    if len(found.differences) < limit:
        found.differences.append(Difference(entry.row, scores, judged.action if judged else None))
