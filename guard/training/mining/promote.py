"""Mined relations as a contract, for an engineer to keep what he trusts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from guard.detectors.manifest import FeatureCard
from guard.detectors.relations import RelationCard
from guard.training.mining.wording import digits, in_grammar

__all__ = ["contract_text"]

Features = tuple[FeatureCard, ...]

HEADER = """\
# A contract drafted by `guard fit` from clean rows: what held in them, not what must hold.
# A request that breaks a contract is refused, so delete each line that you wouldn't vouch for.
# Support: the fitting rows that put a relation to the test. Broken: by how many rows of those that fitting
# hadn't seen, before bounds were widened.
"""

# A category seen less often than this leaves others to be expected.
LEAST_EACH = 5

# A contract's parser reads whole numbers up to here; beyond, float64 no longer tells them apart.
LARGEST_INTEGER = 2**53


def contract_text(features: Features, relations: Sequence[RelationCard]) -> str:
    """Give a contract in TOML: every feature, and of the relations those that the contract's grammar can say."""
    of_one = {place: [r for r in relations if r.features == (place,)] for place in range(len(features))}
    parts = [HEADER]
    parts += [_feature(card, of_one[place]) for place, card in enumerate(features)]
    joint = [relation for relation in relations if len(relation.features) > 1]
    parts += [_relation(relation, features) for relation in joint]
    return "\n".join(parts)


def _feature(card: FeatureCard, relations: Sequence[RelationCard]) -> str:
    lines = [f"[features.{_string(card.name)}]", *_type(card, relations)]
    if card.nullable:
        lines.append("nullable = true")
    if card.type == "category":
        lines.append(_categories(card))
    for relation in relations:
        lines += _bounds(card, relation)
    return "\n".join(lines) + "\n"


def _type(card: FeatureCard, relations: Iterable[RelationCard]) -> Iterator[str]:
    integral = next((relation for relation in relations if relation.kind == "integral"), None)
    if integral is None:
        yield f'type = "{card.type}"'
    else:
        yield f'type = "integer"  # else "number"; {_evidence(integral)}'


def _categories(card: FeatureCard) -> str:
    line = f"allowed = [{', '.join(map(_string, card.categories))}]"
    if min(card.counts, default=0) >= LEAST_EACH:
        return line
    return f"# Some of these are rare, so others are to be expected.\n# {line}"


def _bounds(card: FeatureCard, relation: RelationCard) -> Iterator[str]:
    if card.type == "boolean" or relation.kind not in {"domain", "range"}:
        return
    numbers = [_number(value, whole=card.type == "integer") for value in relation.numbers]
    yield f"# {_evidence(relation)}"
    if relation.kind == "domain":
        yield f"allowed = [{', '.join(numbers)}]"
    else:
        yield f"minimum = {numbers[0]}"
        yield f"maximum = {numbers[1]}"


def _number(value: float, *, whole: bool) -> str:
    if float(value).is_integer() and abs(value) <= LARGEST_INTEGER:
        return str(int(value))
    text = digits(value)
    return text if not whole or any(mark in text for mark in ".e") else f"{text}.0"


def _relation(relation: RelationCard, features: Features) -> str:
    sayings = in_grammar(relation, features)
    comment = f"# {_evidence(relation)}"
    if not sayings:
        return f"{comment}\n# A contract can't say this: {_string(relation.text)}\n"
    return "".join(f"{comment}\n[[relations]]\nrequire = {_string(saying)}\n" for saying in sayings)


def _evidence(relation: RelationCard) -> str:
    return f"{relation.id}: support {relation.support:,}; broken by {relation.broken:,} of {relation.checked:,}"


def _string(text: str) -> str:
    """A basic string of TOML, which is JSON's but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
