"""The reasons of an entry's outliers, computed when it is read, from its features and the detector in the journal."""

from __future__ import annotations

from typing import NamedTuple

from guard.detectors import Explanation, explain
from guard.errors import DetectorError, ScoringError
from guard.inference import Fault
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail

__all__ = ["MOST_EXPLAINED", "OUTLIERS", "REASONS", "Reasons", "read_reasons"]

# An outlier, and an instance whose score isn't a number.
OUTLIERS = frozenset({"G501", "G904"})

REASONS = frozenset({"G511", "G512", "G513", "G514", "G515"})
"""Rules of reasons, which no entry is kept with."""

# Instances of an entry: each takes milliseconds for each ten features, and nobody reads as many.
MOST_EXPLAINED = 20


class Reasons(NamedTuple):
    """Explanations of outliers; a note says why there are none, or fewer than outliers."""

    explanations: tuple[Explanation, ...]
    note: str | None = None

    @property
    def faults(self) -> list[Fault]:
        """The reasons of all instances, G511 to G515."""
        return [fault for explanation in self.explanations for fault in explanation.faults]

    def of(self, instance: int) -> Explanation | None:
        """The explanation of one instance."""
        return next((found for found in self.explanations if found.instance == instance), None)


def read_reasons(reader: JournalReader, entry: EntryDetail) -> Reasons | None:
    """Explain the instances that a finding calls outliers, the first MOST_EXPLAINED; None where no finding does.

    Mined relations count as the detector has them, those too that settings had switched off. Raises JournalError.
    """
    found = {finding.instance for finding in entry.findings if finding.rule_id in OUTLIERS}
    instances = sorted(instance for instance in found if instance is not None)
    if not instances:
        return None
    if entry.features is None or not entry.feature_names:
        return Reasons((), "unknown: the entry has no features; GUARD_JOURNAL_BODY=features keeps them")
    digest = entry.digests.detector
    content = None if digest is None else reader.artifact(digest)
    if content is None:
        return Reasons((), "unknown: the detector isn't in the journal")
    try:
        explanations = explain(
            content,
            entry.features,
            instances[:MOST_EXPLAINED],
            names=entry.feature_names,
            texts=entry.texts,
            source="the detector in the journal",
        )
    except (DetectorError, ScoringError) as error:
        return Reasons((), f"unknown: {error}")
    left = len(instances) - MOST_EXPLAINED
    return Reasons(tuple(explanations), f"{left} more outliers aren't explained" if left > 0 else None)
