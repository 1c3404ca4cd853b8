"""Laying the declared contract over the one that fitting learned."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace

from guard.contract.feature import Feature, FeatureType
from guard.contract.model import Contract
from guard.errors import ContractError

__all__ = ["merge"]


def merge(declared: Contract | None, learned: Contract | None) -> Contract | None:
    """Give the features of the learned contract, in its order, with what is declared of them.

    Order and categories are learned; type, bounds, allowed values, pattern, nullability and description are
    declared where the feature is. All pointers are the declared contract's where it has any, else the learned one's.
    Either may be None: the other stands alone. Raises ContractError, which lists every contradiction: a declared
    feature that the detector lacks, a type that it codes differently, a null that it was fitted without.
    """
    if declared is None or learned is None:
        return declared or learned
    faults = list(_contradictions(declared, learned))
    if faults:
        raise ContractError("\n".join(f"{declared.source}: {fault}" if declared.source else fault for fault in faults))
    by_name = dict(zip(declared.names, declared.features, strict=True))
    mapped = declared if declared.is_mapped else learned
    pointers = {feature.name: feature.pointer for feature in mapped.features}
    features = tuple(
        replace(by_name.get(feature.name, feature), categories=feature.categories, pointer=pointers.get(feature.name))
        for feature in learned.features
    )
    # The detector may have been fitted under this very contract.
    relations = tuple(dict.fromkeys(declared.relations + learned.relations))
    return Contract(
        features,
        relations,
        source=declared.source,
        datatype=declared.datatype or learned.datatype,
        instances=mapped.instances,
    )


def _contradictions(declared: Contract, learned: Contract) -> Iterator[str]:
    by_name = dict(zip(learned.names, learned.features, strict=True))
    for feature in declared.features:
        at = f'features."{feature.name}"'
        other = by_name.get(feature.name)
        if other is None:
            near = difflib.get_close_matches(feature.name, learned.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"{at} is declared, but the detector wasn't fitted with it{hint}"
        else:
            yield from _differences(at, feature, other)


def _differences(at: str, declared: Feature, learned: Feature) -> Iterator[str]:
    if _coding(declared.type) != _coding(learned.type):
        yield f"{at}.type is {declared.type}, but the detector was fitted with it as a {learned.type}"
    if declared.nullable and not learned.nullable:
        yield f"{at}.nullable is true, but the detector was fitted without missing values there"


def _coding(kind: FeatureType) -> str:
    # Numbers, integers and booleans are the same column of the matrix; the declared one may be stricter.
    return "text" if kind is FeatureType.STRING else "category" if kind is FeatureType.CATEGORY else "number"
