"""Relations in words: in the contract's grammar wherever that can say them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from guard.detectors.relations import Kind, Statement
from guard.training.mining.candidate import Features

__all__ = ["CATEGORY_RULES", "digits", "in_grammar", "name", "text"]

CATEGORY_RULES = 50
"""Codes of a category up to which its dependence is written out."""

# A difference of whole numbers that stays below this is none.
HALF = 0.5


def text(relation: Statement, features: Features) -> str:
    """Say a relation in one line."""
    return _WORDS[relation.kind](relation, features)


def in_grammar(relation: Statement, features: Features) -> list[str]:
    """The relations of a contract that say the same; none where its grammar can't, or says it of one feature."""
    if any("`" in features[place].name for place in relation.features):
        return []
    if relation.kind == "determines":
        return _rules(relation, features)
    if relation.kind in {"integral", "domain", "range", "share"}:
        return []
    return [text(relation, features)]


def name(place: int, features: Features) -> str:
    """A feature's name as the grammar quotes it."""
    return f"`{features[place].name}`"


def digits(value: float) -> str:
    """The shortest digits that read back as the same float32."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else str(np.float32(value))


def _integral(relation: Statement, features: Features) -> str:
    return f"{name(relation.features[0], features)} is a whole number"


def _domain(relation: Statement, features: Features) -> str:
    return f"{name(relation.features[0], features)} is one of {', '.join(map(digits, relation.numbers))}"


def _range(relation: Statement, features: Features) -> str:
    subject, (low, high) = name(relation.features[0], features), relation.numbers
    return f"{subject} >= {digits(low)} and {subject} <= {digits(high)}"


def _order(relation: Statement, features: Features) -> str:
    left, right = (name(place, features) for place in relation.features)
    return f"{left} <= {right}"


def _equality(relation: Statement, features: Features) -> str:
    *coefficients, offset, tolerance = relation.numbers
    terms = list(zip(coefficients, relation.features, strict=True))
    is_copy = all(features[place].type == "boolean" for place in relation.features)
    if is_copy or tolerance == HALF:
        # The positive terms to the left, the negative and the offset to the right.
        left = _sum([(c, p) for c, p in terms if c > 0], max(-offset, 0.0), features)
        right = _sum([(-c, p) for c, p in terms if c < 0], max(offset, 0.0), features)
        return f"{left} == {right}"
    total = _sum(terms, 0.0, features)
    low, high = offset - tolerance, offset + tolerance
    return f"{total} >= {low:.9g} and {total} <= {high:.9g}"


def _sum(terms: list[tuple[float, int]], constant: float, features: Features) -> str:
    words = ""
    for coefficient, place in terms:
        sign = ("- " if not words else " - ") if coefficient < 0 else (" + " if words else "")
        factor = "" if abs(coefficient) == 1 else f"{digits(abs(coefficient))} * "
        words += f"{sign}{factor}{name(place, features)}"
    if constant or not words:
        words += f"{' + ' if words else ''}{digits(constant)}"
    return words


def _positive(relation: Statement, features: Features) -> str:
    first, second = (_sign(place, "> 0", features) for place in relation.features)
    return f"if {first} then {second}"


def _zero(relation: Statement, features: Features) -> str:
    first, second = (_sign(place, "== 0", features) for place in relation.features)
    return f"if {first} then {second}"


def _sign(place: int, sign: str, features: Features) -> str:
    if features[place].type == "boolean":
        return name(place, features) if sign == "> 0" else f"not {name(place, features)}"
    return f"{name(place, features)} {sign}"


def _determines(relation: Statement, features: Features) -> str:
    first, second = (name(place, features) for place in relation.features)
    return f"{first} determines {second}"


def _two_sums(relation: Statement, features: Features) -> str:
    first, second = (name(place, features) for place in relation.features)
    low, high = map(digits, relation.numbers)
    total = f"{first} + {second}"
    return f"{total} == 0 or {total} >= {low} and {total} <= {high}"


def _either(relation: Statement, features: Features) -> str:
    first, *others = (name(place, features) for place in relation.features)
    return " or ".join(f"{first} == {other}" for other in others)


def _share(relation: Statement, features: Features) -> str:
    first, second = (name(place, features) for place in relation.features)
    return f"{first} * {second} is a whole number"


def _rules(relation: Statement, features: Features) -> list[str]:
    (a, b), found = relation.features, []
    if sum(map(bool, relation.table)) > CATEGORY_RULES:
        return []
    for code, allowed in enumerate(relation.table):
        if allowed:
            first, second = _quoted(features[a].categories[code]), _quoted(features[b].categories[allowed[0]])
            if first is None or second is None:
                return []
            found.append(f"if {name(a, features)} == {first} then {name(b, features)} == {second}")
    return found


def _quoted(category: str) -> str | None:
    for mark in ('"', "'"):
        if mark not in category:
            return f"{mark}{category}{mark}"
    return None


_WORDS: dict[Kind, Callable[[Statement, Features], str]] = {
    "integral": _integral,
    "order": _order,
    "equality": _equality,
    "domain": _domain,
    "range": _range,
    "positive_implies_positive": _positive,
    "zero_implies_zero": _zero,
    "determines": _determines,
    "two_sums": _two_sums,
    "either": _either,
    "share": _share,
}
