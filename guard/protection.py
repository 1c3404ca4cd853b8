"""Protection: what stands before one model: its contract, its detector, and the rates it is judged by."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from guard.contract import Contract, load_contract, merge
from guard.decode.custom.decoder import CustomDecoder
from guard.detectors import Detector, Evidence, Judge, Scores, load_detector
from guard.errors import ConfigError
from guard.features import Table
from guard.inference import Fault, InferenceRequest
from guard.rules import (
    MINED_RELATION,
    MOST_FINDINGS,
    NONE_DISABLED,
    DisabledRules,
    is_clean_row,
    rules_digest,
    to_finding,
)
from guard.settings import DetectorRef, GuardSettings
from guard.verdict import Action, Digests, Finding

__all__ = ["Artifact", "Protection", "Protections"]

_FLOAT32 = np.dtype(np.float32)


class Artifact(NamedTuple):
    """Something that verdicts depend on, kept by its SHA-256 so that they can be reproduced."""

    kind: str
    digest: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Protection:
    """One model's contract and detector; either may be None.

    The contract's features are the detector's, in its order, where there is one.
    """

    contract: Contract | None
    detector: Detector | None
    judge: Judge | None
    digests: Digests

    @property
    def allows_missing(self) -> bool:
        """Whether any feature may be missing, so that NaN is a value."""
        return self.contract is not None and self.contract.allows_missing

    @property
    def is_mapped(self) -> bool:
        """Whether the contract's JSON pointers say where features are."""
        return self.contract is not None and self.contract.is_mapped

    def without_relations(self, disabled: DisabledRules) -> Self:
        """Leave out the mined relations that are switched off: scores can only fall, so the promise holds."""
        if self.detector is None:
            return self
        relations = self.detector.manifest.relations
        off = [card.id for card in relations if disabled.covers(MINED_RELATION, card.id)]
        return replace(self, detector=self.detector.without_relations(off)) if off else self

    def score_clean_row(self, request: InferenceRequest) -> Scores | None:
        """Score a plain request of one row that is all right by every rule; None where rules take a closer look."""
        if self.detector is None or self.contract is None:
            return None
        row = request.data[0].data
        if row.dtype is not _FLOAT32 or not is_clean_row(row, self.contract.compiled):
            return None
        return self.detector.score(row)

    def is_clear(self, scores: Scores) -> bool:
        """Whether the score of a single row is evidence of nothing."""
        return self.judge is not None and scores.p_value.item(0) > self.judge.flag_cut

    def score(self, table: Table) -> Scores | None:
        """Score the rows of a table; None without a detector. Raises ScoringError."""
        if self.detector is None:
            return None
        if table.narrow is not None:
            return self.detector.score(table.narrow)
        # A value beyond float32 becomes infinite, which the graph scores as far outside.
        with np.errstate(over="ignore"):
            rows = table.values.astype(np.float32)
        return self.detector.score(rows)

    def evidence(self, scores: Scores, *, disabled: DisabledRules) -> list[Finding]:
        """What the scores of a request are evidence of; nothing for nearly every clean one."""
        judge = self.judge
        if judge is None:
            return []
        found = judge.judge(scores.p_value.astype(np.float64), scores.group)
        if found.action is Action.ALLOW:
            return []
        return [finding for finding in self._findings(found, scores.score) if not _off(finding, disabled)]

    @staticmethod
    def _findings(found: Evidence, scores: npt.NDArray[np.float32]) -> Iterator[Finding]:
        unscored = [outlier for outlier in found.outliers if not math.isfinite(scores.item(outlier.instance))]
        for outlier in unscored[:MOST_FINDINGS]:
            yield to_finding(Fault("G904", "the outlier score isn't a number", outlier.instance))
        if len(unscored) > MOST_FINDINGS:
            yield to_finding(Fault("G904", f"and {len(unscored) - MOST_FINDINGS:,} more"))
        outliers = [outlier for outlier in found.outliers if math.isfinite(scores.item(outlier.instance))]
        for outlier in outliers[:MOST_FINDINGS]:
            row, score = outlier.instance, scores.item(outlier.instance)
            beyond = ", extrapolated beyond the calibration rows" if outlier.extrapolated else ""
            detail = f"outlier score {score:.4g}, p-value {outlier.p_value:.3g}{beyond}"
            yield to_finding(Fault("G501", detail, row), action=outlier.action)
        if len(outliers) > MOST_FINDINGS:
            more = outliers[MOST_FINDINGS:]
            detail = f"and {len(more):,} more outliers"
            yield to_finding(Fault("G501", detail), action=max(outlier.action for outlier in more))
        if found.crowd is not None:
            crowd = found.crowd
            yield to_finding(
                Fault("G502", f"{len(crowd.instances)} mildly unusual instances, {crowd.limit} are too many")
            )


def _check_relations(disabled: DisabledRules, protections: Iterable[Protection]) -> None:
    known = {card.id for found in protections if found.detector for card in found.detector.manifest.relations}
    if unknown := sorted(disabled.by_feature.get(MINED_RELATION, frozenset()) - known):
        raise ConfigError(
            [
                f"GUARD_DISABLED_RULES has {MINED_RELATION}:{name!r}, a relation that no detector has; "
                f"`guard detector show` lists them"
                for name in unknown
            ]
        )


def _off(finding: Finding, disabled: DisabledRules) -> bool:
    return disabled.covers(finding.rule_id, finding.feature)


class Protections:
    """The protection of each model; loaded and checked at start-up."""

    def __init__(self, by_model: dict[str | None, Protection], digests: Digests) -> None:
        self._by_model = by_model
        self.digests = digests

    @classmethod
    def load(
        cls, settings: GuardSettings, *, disabled: DisabledRules = NONE_DISABLED, demand_relations: bool = True
    ) -> Self:
        """Load the contract and the detectors that the settings name; `disabled` mined relations count nothing.

        Unless `demand_relations` is false, some detector must have each of these.

        Raises ConfigError for a relation that no detector has, ContractError and DetectorError.
        """
        declared = load_contract(Path(settings.contract)) if settings.contract else None
        digests = Digests(
            detector=None,
            contract=declared.digest if declared else None,
            rules=rules_digest(),
            settings=settings.digest(),
            code=_code_digest(settings),
        )
        if not settings.detector:
            return cls({None: Protection(declared, None, None, digests)}, digests)
        found = {ref.model: _load(ref, declared, settings, digests) for ref in settings.detector}
        if demand_relations:
            _check_relations(disabled, found.values())
        return cls({model: protection.without_relations(disabled) for model, protection in found.items()}, digests)

    def find(self, model: str | None) -> Protection | None:
        """The model's protection; None where detectors are given by model, and none is this one's."""
        return self._by_model.get(model) or self._by_model.get(None)

    def artifacts(self) -> Iterator[Artifact]:
        """The detectors and contracts, by digest."""
        for protection in self._by_model.values():
            if protection.detector is not None:
                yield Artifact("detector", protection.detector.digest, protection.detector.content)
            if protection.contract is not None:
                yield Artifact("contract", protection.contract.digest, protection.contract.canonical())


def _load(ref: DetectorRef, declared: Contract | None, settings: GuardSettings, digests: Digests) -> Protection:
    detector = load_detector(ref.path, sha256=ref.sha256)
    judge = Judge.for_detector(
        detector.manifest,
        flag_fpr=settings.flag_fpr,
        reject_fpr=settings.reject_fpr,
        per="instance" if settings.fpr_per == "instance" else "request",
    )
    contract = merge(declared, detector.contract())
    contract_digest = contract.digest if contract else None
    return Protection(contract, detector, judge, replace(digests, detector=detector.digest, contract=contract_digest))


def _code_digest(settings: GuardSettings) -> str:
    """The digest of guard's own code, and with it of the user's decoder, where there is one."""
    own = code_digest()
    if settings.decoder is None:
        return own
    return hashlib.sha256(f"{own}\0{CustomDecoder(settings.decoder).source_digest()}".encode()).hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 of guard's own source files, by name and content."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
