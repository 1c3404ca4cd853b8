"""What an operator had declared, told from what fitting learned."""

from __future__ import annotations

from dataclasses import replace

from guard.contract import Contract, Feature, Relation

__all__ = ["declared_part"]


def declared_part(kept: Contract, learned: Contract | None) -> Contract | None:
    """What must have been declared, so that merged with what was learned it gives the kept contract; None for nothing.

    What was declared just as it was learned can't be told from it.
    """
    if learned is None:
        return kept
    known = dict(zip(learned.names, learned.features, strict=True))
    if _request(kept) != _request(learned):
        return replace(kept, features=tuple(replace(feature, categories=()) for feature in kept.features))
    relations = tuple(relation for relation in kept.relations if relation not in learned.relations)
    named = set().union(*(_names(relation, kept) for relation in relations))
    features = tuple(
        replace(feature, categories=())
        for feature in kept.features
        if feature.name in named or _differs(feature, known.get(feature.name))
    )
    return Contract(features, relations, source=kept.source) if features else None


def _differs(feature: Feature, learned: Feature | None) -> bool:
    return learned is None or replace(feature, description="") != replace(learned, description="")


def _request(contract: Contract) -> tuple[str | None, ...]:
    return (contract.datatype, contract.instances, *(feature.pointer for feature in contract.features))


def _names(relation: Relation, contract: Contract) -> set[str]:
    """The features that a relation names: they must be declared with it."""
    bound = relation.bind(dict(zip(contract.names, contract.features, strict=True)))
    return {contract.names[place] for place in bound.numeric.tolist()} | set(bound.textual)
