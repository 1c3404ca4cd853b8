"""The reasons of an entry's outliers, computed when it is read, from its features and the detector in the journal."""

from __future__ import annotations

from typing import NamedTuple

from guard.detectors.explain import explain
from guard.errors import DetectorError
from guard.inference import Fault
from guard.journal.reader import JournalReader
from guard.journal.records import EntryDetail

__all__ = ["Reasons", "read_reasons"]

# An outlier, and an instance whose score isn't a number.
OUTLIERS = frozenset({"G501", "G904"})


class Reasons(NamedTuple):
    """Reasons of outliers (G511, G512), or, where there are none, a line that says why."""

    faults: list[Fault]
    note: str | None = None


def read_reasons(reader: JournalReader, entry: EntryDetail) -> Reasons | None:
    """Explain each instance that a finding calls an outlier; None where no finding does.

    Raises JournalError.
    """
    found = {finding.instance for finding in entry.findings if finding.rule_id in OUTLIERS}
    instances = sorted(instance for instance in found if instance is not None)
    if not instances:
        return None
    if entry.features is None or not entry.feature_names:
        return Reasons([], "unknown: the entry has no features; GUARD_JOURNAL_BODY=features keeps them")
    digest = entry.digests.detector
    content = None if digest is None else reader.artifact(digest)
    if content is None:
        return Reasons([], "unknown: the detector isn't in the journal")
    try:
        faults = explain(
            content, entry.features, instances, names=entry.feature_names, source="the detector in the journal"
        )
    except DetectorError as error:
        return Reasons([], f"unknown: {error}")
    return Reasons(faults, None if faults else "no value lies outside its learned range, no category is unseen")
