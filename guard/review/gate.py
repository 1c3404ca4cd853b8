"""A gate as it stood when an entry was made, or as other settings or another detector would have it."""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

from guard.contract import Contract, to_toml
from guard.detectors import Detector
from guard.errors import ConfigError, ContractError, GuardError
from guard.journal.records import EntryDetail
from guard.paths import PathPolicy, Route
from guard.protection import Protection, Protections
from guard.review.declared import declared_part
from guard.review.kept import EXCLUSIONS, Kept, NotReplayable
from guard.rules import MINED_RELATION, DisabledRules
from guard.screening import Screener
from guard.settings import DetectorRef, GuardSettings
from guard.verdict import Mode

__all__ = ["Gate", "Gates", "Other"]

DETECTOR, CONTRACT = "GUARD_DETECTOR", "GUARD_CONTRACT"

GATES_AT_ONCE = 4

_END = re.compile(r"until\s+(\d{4}-\d\d-\d\d)\b")

NO_DETECTOR = "no detector is configured for its model"


@dataclass(frozen=True, slots=True)
class Other:
    """What is to be different: variables over those that each entry was judged with, and another detector.

    Raises ConfigError where both name a detector.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    detector: Detector | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.detector is not None and DETECTOR in self.variables:
            raise ConfigError([f"{DETECTOR} is set, and another detector is given; expected one of them"])

    @property
    def changes_features(self) -> bool:
        """Whether features may be others than the entry's."""
        return self.detector is not None or not {DETECTOR, CONTRACT}.isdisjoint(self.variables)


class Gate:
    """Settings with what they name loaded, on the day that an entry was made."""

    def __init__(self, settings: GuardSettings, *, today: dt.date) -> None:
        self.settings = settings
        self._today = today
        self.disabled = DisabledRules.parse(settings.disabled_rules, today=today)
        self._protections = Protections.load(settings, disabled=self.disabled, demand_relations=False)
        self._paths = PathPolicy(settings)

    @cached_property
    def screener(self) -> Screener:
        """The gate for whole requests."""
        # Of several detectors, only one is here: others may have the relations that are switched off.
        return Screener(self.settings, today=self._today, demand_relations=False)

    def protection(self, model: str | None) -> Protection:
        """The model's protection. Raises NotReplayable where none is configured."""
        found = self._protections.find(model)
        if found is None:
            raise NotReplayable(NO_DETECTOR)
        return found

    @property
    def code_digest(self) -> str:
        """The digest of the code that judges here: guard's own, and that of the decoder which the settings name."""
        return self._protections.digests.code

    @property
    def relations(self) -> frozenset[str]:
        """The ids of its detectors' mined relations, switched off or not."""
        found = (self._protections.find(ref.model) for ref in self.settings.detector)
        detectors = [protection.detector for protection in found if protection is not None]
        return frozenset(card.id for detector in detectors if detector for card in detector.manifest.relations)

    def route(self, path: str, model: str | None) -> Route:
        """The route that an entry came by, whose path was looked at. Where the app is mounted isn't kept."""
        return self._paths.match(path)._replace(path=path, excluded=False, model=model)

    def is_open(self, path: str) -> bool:
        """Whether a request to this path isn't looked at at all."""
        return self.settings.mode is Mode.OFF or self._paths.match(path).excluded


class Gates:
    """Gates by what they are made of; a context manager, since settings name files, which lie in a private folder."""

    def __init__(self, kept: Kept, other: Other | None = None) -> None:
        self._kept = kept
        self._other = other or Other()
        self._files = tempfile.TemporaryDirectory(prefix="guard-replay-")
        self._folder = Path(self._files.name)
        self._made = lru_cache(GATES_AT_ONCE)(self._remember)
        self._relations: set[str] = set()
        self._switched_off: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.cache_clear()
        self._files.cleanup()

    def find(self, entry: EntryDetail) -> Gate:
        """The gate for this entry.

        Raises NotReplayable where something that it needs isn't kept, ConfigError, ContractError and DetectorError
        where what is to be different can't be used.
        """
        digests = entry.digests
        found = self._made(digests.settings, digests.detector, digests.contract, self._today(entry))
        if isinstance(found, NotReplayable):
            raise NotReplayable(*found.args)
        return found

    def check_exclusions(self) -> None:
        """Raise ConfigError if what is to be different switches off a mined relation that no gate's detector has.

        A gate has the detector of its entry alone, others may have the relation: only after the last entry is it known.
        """
        if EXCLUSIONS in self._other.variables and (unknown := sorted(self._switched_off - self._relations)):
            raise ConfigError(
                [
                    f"{EXCLUSIONS} has {MINED_RELATION}:{name!r}, a relation that no detector of these entries has; "
                    f"`guard detector show` lists them"
                    for name in unknown
                ]
            )

    def detector(self, entry: EntryDetail, digest: str) -> Detector:
        """The entry's own detector, without the mined relations that were switched off. Raises NotReplayable."""
        detector = self._kept.detector(digest)
        if EXCLUSIONS not in self._kept.settings(entry.digests.settings):
            return detector
        return self.find(entry).protection(entry.row.model).detector or detector

    def _today(self, entry: EntryDetail) -> dt.date:
        """A day on which the same exclusions are in force as on the entry's: few, so that gates are few."""
        texts = {**self._kept.settings(entry.digests.settings), **self._other.variables}.get(EXCLUSIONS, "")
        day = dt.datetime.fromtimestamp(entry.row.time_s, dt.UTC).date()
        return min((end for end in _ends(texts) if day <= end), default=dt.date.max)

    def _remember(self, *made_of: Any) -> Gate | NotReplayable:
        try:
            return self._make(*made_of)
        except NotReplayable as reason:
            return reason

    def _make(self, settings: str, detector: str | None, contract: str | None, today: dt.date) -> Gate:
        chosen = self._settings(settings)
        named: dict[str, Any] = {}
        if DETECTOR not in self._other.variables:
            named["detector"] = self._detector_refs(chosen, detector)
        if CONTRACT not in self._other.variables:
            named["contract"] = self._contract_path(contract, detector)
        try:
            gate = Gate(chosen.model_copy(update=named), today=today)
        except ContractError as error:
            if CONTRACT in self._other.variables:
                raise
            fault = _first_fault(error, named["contract"])
            raise NotReplayable(f"the contract kept with the entry doesn't fit the detector: {fault}") from None
        except ConfigError as error:
            if EXCLUSIONS in self._other.variables:
                raise
            what = "exclusions" if EXCLUSIONS in str(error) else "settings"
            raise NotReplayable(f"its {what} don't fit: {_first_fault(error)}") from None
        self._relations |= gate.relations
        self._switched_off |= gate.disabled.by_feature.get(MINED_RELATION, frozenset())
        if not self._other.changes_features:
            _check_contract(gate, contract)
        return gate

    def _settings(self, digest: str) -> GuardSettings:
        kept = self._kept.settings(digest)
        try:
            settings = GuardSettings.from_environ(kept)
        except ConfigError as error:
            raise NotReplayable(f"its settings can't be read by this guard: {_first_fault(error)}") from None
        return GuardSettings.from_environ({**kept, **self._other.variables}) if self._other.variables else settings

    def _detector_refs(self, settings: GuardSettings, digest: str | None) -> tuple[DetectorRef, ...]:
        if self._other.detector is None and digest is None:
            if settings.detector:
                raise NotReplayable(NO_DETECTOR)
            return ()
        detector = self._other.detector or self._kept.detector(digest or "")
        path = self._folder / f"{detector.digest}.onnx"
        if not path.exists():
            path.write_bytes(detector.content)
        return (DetectorRef(None, str(path), detector.digest),)

    def _contract_path(self, contract: str | None, detector: str | None) -> str | None:
        """A file of what was declared, which the settings named when the entry was made."""
        if contract is None:
            return None
        learned = None if detector is None else self._learned(detector)
        declared = declared_part(self._kept.contract(contract), learned)
        if declared is None:
            return None
        path = self._folder / f"{contract}.toml"
        path.write_text(to_toml(declared), encoding="utf-8")
        return str(path)

    def _learned(self, detector: str) -> Contract | None:
        try:
            return self._kept.detector(detector).contract()
        except NotReplayable:
            # Only another detector can do without it; then all that is kept counts as declared.
            if self._other.detector is None and DETECTOR not in self._other.variables:
                raise
            return None


def _ends(exclusions: str) -> Iterator[dt.date]:
    for text in _END.findall(exclusions):
        with suppress(ValueError):
            yield dt.date.fromisoformat(text)


def _first_fault(error: GuardError, path: str | None = None) -> str:
    """The first of the faults, one a line, without the name of the file that was made for the occasion."""
    first, *others = str(error).splitlines() or [""]
    text = first.removeprefix(f"{path}: ")
    return f"{text}, and {len(others):,} more" if others else text


def _check_contract(gate: Gate, digest: str | None) -> None:
    contract = gate.protection(None).contract
    if (None if contract is None else contract.digest) != digest:
        raise NotReplayable("its contract isn't what this guard makes of its parts")
