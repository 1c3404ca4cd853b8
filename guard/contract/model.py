"""Contract: the declared features with their relations, checked when it is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from guard.contract.compiled import Compiled, compile_contract
from guard.contract.feature import Feature
from guard.contract.pattern import pattern_fault
from guard.contract.relation import Relation
from guard.errors import ContractError

__all__ = ["Contract", "faults_in"]


@dataclass(frozen=True)
class Contract:
    """What is declared of the features; their order is that of the columns of every matrix.

    `source` says where it comes from, for messages. Raises ContractError, which lists every
    contradiction.
    """

    features: tuple[Feature, ...]
    relations: tuple[Relation, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        faults = list(faults_in(self.features, self.relations))
        if faults:
            raise ContractError("\n".join(f"{self.source}: {fault}" if self.source else fault for fault in faults))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def allows_missing(self) -> bool:
        """Whether any feature may be null."""
        return any(feature.nullable for feature in self.features)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that can alter a verdict: not of the source, nor of descriptions."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def canonical(self) -> bytes:
        """The features and relations as JSON with sorted keys; what `digest` is taken of."""
        features = [_canonical(feature) for feature in self.features]
        relations = [relation.text for relation in self.relations]
        text = json.dumps({"features": features, "relations": relations}, sort_keys=True, separators=(",", ":"))
        return text.encode()

    @cached_property
    def compiled(self) -> Compiled:
        """The same as arrays and tables, made once, for whoever reads or checks requests."""
        return compile_contract(self.features, self.relations)


def faults_in(features: tuple[Feature, ...], relations: tuple[Relation, ...]) -> Iterator[str]:
    """Yield, in words, everything that is wrong with features and relations."""
    if not features:
        yield "no feature is declared; expected at least one"
    by_name: dict[str, Feature] = {}
    for feature in features:
        if feature.name in by_name:
            yield f'features."{feature.name}" is declared twice'
        by_name[feature.name] = feature
        yield from feature.faults()
        if feature.pattern is not None and (fault := pattern_fault(feature.pattern)):
            yield f'features."{feature.name}".pattern: {fault}'
    for relation in relations:
        try:
            relation.bind(by_name)
        except ContractError as error:
            yield str(error)


def _canonical(feature: Feature) -> dict[str, Any]:
    fields = asdict(feature)
    del fields["description"]
    # 0 and 0.0 are the same bound, and shall have the same digest.
    for key in ("minimum", "maximum"):
        fields[key] = None if fields[key] is None else float(fields[key])
    return fields
