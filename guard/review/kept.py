"""What the journal keeps by digest: settings, contracts and detectors, read back.

Threat model: whoever can write to the journal. An artifact that hasn't its digest is refused, and a detector is
opened as any other is. Out of scope: entries that were altered; the journal's chain is for those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from guard.contract import Contract, Feature, FeatureType, Relation
from guard.detectors import Detector, open_detector
from guard.errors import GuardError
from guard.journal.reader import JournalReader
from guard.settings import MASK

__all__ = ["Kept", "NotReplayable"]

# A detector has up to 64 MiB; an operator changes it seldom, and entries come by time.
DETECTORS_AT_ONCE = 4

EXCLUSIONS = "GUARD_DISABLED_RULES"


T = TypeVar("T")


class NotReplayable(Exception):
    """Why an entry can't be replayed, in words that are the same for all entries of that kind."""


class Kept:
    """The artifacts of a journal; each is read once. Every method raises NotReplayable and JournalError."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._detectors = lru_cache(DETECTORS_AT_ONCE)(self._read("detector", _detector))
        self._contracts = lru_cache(64)(self._read("contract", _contract))
        self._settings = lru_cache(256)(self._read("settings", _settings))

    def detector(self, digest: str) -> Detector:
        """The detector of this SHA-256."""
        return _or_raise(self._detectors(digest))

    def contract(self, digest: str) -> Contract:
        """The contract of this SHA-256, with the categories that the detector had learned."""
        return _or_raise(self._contracts(digest))

    def settings(self, digest: str) -> Mapping[str, str]:
        """The settings of this SHA-256 as variables; secrets are masked, and those without a value left out."""
        return _or_raise(self._settings(digest))

    def _read(self, what: str, parse: Callable[[bytes], T]) -> Callable[[str], T | NotReplayable]:
        def read(digest: str) -> T | NotReplayable:
            content = self._reader.artifact(digest)
            if content is None:
                return NotReplayable(f"the journal lacks its {what}")
            if hashlib.sha256(content).hexdigest() != digest:
                return NotReplayable(f"the journal's copy of its {what} was altered: its digest is another")
            try:
                return parse(content)
            except (GuardError, ValueError, TypeError, KeyError) as error:
                detail = str(error) if isinstance(error, GuardError) else type(error).__name__
                return NotReplayable(f"the journal's copy of its {what} can't be read by this guard: {detail}")

        return read


def _or_raise(found: T | NotReplayable) -> T:
    if isinstance(found, NotReplayable):
        # A new one: what is raised again and again holds on to every entry that it was raised for.
        raise NotReplayable(*found.args)
    return found


def _detector(content: bytes) -> Detector:
    return open_detector(content, source="the detector in the journal")


def _contract(content: bytes) -> Contract:
    document = json.loads(content)
    features = tuple(_feature(fields) for fields in document["features"])
    return Contract(
        features,
        tuple(map(Relation, document["relations"])),
        source="the contract in the journal",
        datatype=document.get("datatype"),
        instances=document.get("instances"),
    )


def _feature(fields: Mapping[str, Any]) -> Feature:
    allowed = fields["allowed"]
    return Feature(
        **{
            **fields,
            "type": FeatureType(fields["type"]),
            "allowed": None if allowed is None else tuple(allowed),
            "categories": tuple(fields["categories"]),
        }
    )


def _settings(content: bytes) -> dict[str, str]:
    return {name: str(value) for name, value in json.loads(content).items() if value not in {"", MASK}}
