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
from guard.contract.pointer import Pointers, compile_pointers, pointer_fault
from guard.contract.relation import Relation
from guard.errors import ContractError

__all__ = ["DATATYPES", "Contract", "faults_in"]

DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "BF16", "FP32", "FP64", "BYTES"),
)
"""The names of the protocol's datatypes; a test holds them against `guard.inference.Datatype`."""


@dataclass(frozen=True)
class Contract:
    """What is declared of the features; their order is that of the columns of every matrix.

    `source` says where it comes from, for messages. `datatype` is that of a tensor that comes without one. `instances`
    is a JSON pointer to the instances of a request. Raises ContractError, which lists every contradiction.
    """

    features: tuple[Feature, ...]
    relations: tuple[Relation, ...] = ()
    source: str = ""
    datatype: str | None = None
    instances: str | None = None

    def __post_init__(self) -> None:
        faults = list(faults_in(self.features, self.relations, datatype=self.datatype, instances=self.instances))
        if faults:
            raise ContractError("\n".join(f"{self.source}: {fault}" if self.source else fault for fault in faults))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def is_mapped(self) -> bool:
        """Whether JSON pointers say where the features, or the instances, stand in a request."""
        return self.instances is not None or any(feature.pointer is not None for feature in self.features)

    @cached_property
    def pointers(self) -> Pointers:
        """The JSON pointers, taken apart once."""
        return compile_pointers(self.instances, self.features)

    @cached_property
    def allows_missing(self) -> bool:
        """Whether any feature may be null."""
        return any(feature.nullable for feature in self.features)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that can alter a verdict: not of the source, nor of descriptions."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def canonical(self) -> bytes:
        """The features and relations as JSON with sorted keys; what `digest` is taken of.

        What was declared of the request stands in it only where it was, so that older digests stay as they are.
        """
        document: dict[str, Any] = {
            "features": [_canonical(feature) for feature in self.features],
            "relations": [relation.text for relation in self.relations],
        }
        request = {"datatype": self.datatype, "instances": self.instances}
        document |= {key: value for key, value in request.items() if value is not None}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def compiled(self) -> Compiled:
        """The same as arrays and tables, made once, for whoever reads or checks requests."""
        return compile_contract(self.features, self.relations)


def faults_in(
    features: tuple[Feature, ...],
    relations: tuple[Relation, ...],
    *,
    datatype: str | None = None,
    instances: str | None = None,
) -> Iterator[str]:
    """Yield, in words, everything that is wrong with features, relations and what is declared of the request."""
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
    if datatype is not None and datatype not in DATATYPES:
        yield f"request.datatype is {datatype!r}; expected one of: {', '.join(DATATYPES)}"
    if instances is not None and (wrong := pointer_fault(instances)):
        yield f"request.instances {wrong}"
    yield from _pointer_faults(features)


def _pointer_faults(features: tuple[Feature, ...]) -> Iterator[str]:
    first: dict[str, str] = {}
    for feature in features:
        at = f'features."{feature.name}".pointer'
        if feature.pointer is None:
            continue
        if fault := pointer_fault(feature.pointer):
            yield f"{at} {fault}"
        if feature.pointer in first:
            yield f'{at} is {feature.pointer!r}, which is that of features."{first[feature.pointer]}" already'
        first.setdefault(feature.pointer, feature.name)
    if first:
        yield from (
            f'features."{feature.name}" has no pointer, where other features have one; expected all or none'
            for feature in features
            if feature.pointer is None
        )


def _canonical(feature: Feature) -> dict[str, Any]:
    fields = asdict(feature)
    del fields["description"]
    if feature.pointer is None:
        del fields["pointer"]
    # 0 and 0.0 are the same bound, and shall have the same digest.
    for key in ("minimum", "maximum"):
        fields[key] = None if fields[key] is None else float(fields[key])
    return fields
