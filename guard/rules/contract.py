"""Rules of the contract: types, bounds, allowed values, nulls and relations.

Threat model: a client that sends values which the model was never meant for, so that it answers wrongly. What breaks
the declaration is no matter of chance, and is rejected. Out of scope: values that are declared
possible and yet odd; that is for the evidence.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from guard.contract.compiled import Compiled
from guard.contract.pattern import matches
from guard.features import Table
from guard.rules.rule import Broken, Rule
from guard.verdict import Action, Kind

__all__ = ["CONTRACT_RULES", "contract_holds", "row_holds"]

BoolArray = npt.NDArray[np.bool_]

# A text is shown so far, which is enough to recognise it.
MOST_TEXT_CHARACTERS = 80


def contract_holds(table: Table) -> bool:
    """Whether a table breaks no rule that has a check, found with as few operations as possible.

    False also where only the checks themselves can tell.
    """
    compiled, values = table.contract.compiled, table.values
    if table.unreadable is not None:
        return False
    if len(values) == 1 and compiled.is_simple and row_holds(values.tolist()[0], compiled):
        return True
    # NaN compares false, infinity lies outside of any bounds: one comparison finds all three.
    inside = _inside(values, compiled) if compiled.is_bounded else np.isfinite(values)
    if _has_false(inside) and (
        not compiled.any_optional or _has_false(inside | (np.isnan(values) & compiled.optional))
    ):
        return False
    if len(compiled.integers) and not _all_integral(values.take(compiled.integers, axis=1)):
        return False
    for pairs in compiled.pairs:
        if _has_false(pairs.hold(values)) and (not compiled.any_optional or _has_false(pairs.hold_or_lack(values))):
            return False
    return compiled.is_plain or _others_hold(table, compiled)


def row_holds(row: list[float], compiled: Compiled) -> bool:
    """Whether one row lies within the bounds and keeps the pairs of a simple contract; false for NaN and infinity.

    For a single row plain Python takes less than NumPy's calls do, the more so between other work.
    """
    for value, (low, high) in zip(row, compiled.bounds, strict=True):
        if not low <= value <= high:
            return False
    for compare, left, right in compiled.comparisons:  # noqa: SIM110 - a generator would double the time
        if not compare(row[left], row[right]):
            return False
    return True


def _inside(values: npt.NDArray[np.float64], compiled: Compiled) -> BoolArray:
    return (values >= compiled.low) & (values <= compiled.high)


def _has_false(mask: BoolArray) -> bool:
    # For small arrays this takes a quarter of the time of `not mask.all()`.
    return b"\0" in mask.tobytes()


def _all_integral(values: npt.NDArray[np.float64]) -> bool:
    return not _has_false((np.floor(values) == values) | np.isnan(values))


def _others_hold(table: Table, compiled: Compiled) -> bool:
    values, texts, names = table.values, table.texts, compiled.names
    return (
        all(None not in texts[name] for name in compiled.required_strings)
        and all(allowed.issuperset(texts[names[place]]) for place, allowed in compiled.allowed_texts)
        and all(allowed.issuperset(values[:, place].tolist()) for place, allowed in compiled.allowed_numbers)
        and not _mismatched(table).mask.any()
        and not any(relation.broken(values, texts).any() for relation in compiled.other_relations)
    )


def _not_integral(table: Table) -> Broken:
    values, columns = table.values, table.contract.compiled.integers
    mask = np.zeros(values.shape, dtype=np.bool_)
    some = values[:, columns]
    mask[:, columns] = np.isfinite(some) & (np.floor(some) != some)
    return Broken(mask, table.contract.names, lambda i, j: f"{values[i, j]:.10g} is not an integer")


def _out_of_bounds(table: Table) -> Broken:
    values, compiled = table.values, table.contract.compiled

    def describe(i: int, j: int) -> str:
        feature, value = compiled.features[j], values[i, j]
        if value < compiled.low[j]:
            return f"{value:.10g} is below the minimum, {feature.minimum}"
        return f"{value:.10g} is above the maximum, {feature.maximum}"

    outside = (values < compiled.low) | (values > compiled.high)
    return Broken(outside & ~np.isinf(values), compiled.names, describe)


def _not_allowed(table: Table) -> Broken:
    compiled, values = table.contract.compiled, table.values
    mask = np.zeros(values.shape, dtype=np.bool_)
    for place, numbers in compiled.allowed_numbers:
        mask[:, place] = [value not in numbers for value in values[:, place].tolist()]
        mask[:, place] &= ~np.isnan(values[:, place])
    for place, known in compiled.allowed_texts:
        mask[:, place] = [text is not None and text not in known for text in table.texts[compiled.names[place]]]
    return Broken(mask, compiled.names, lambda i, j: f"{_shown(table, i, j)} is not an allowed value")


def _null(table: Table) -> Broken:
    compiled = table.contract.compiled
    return Broken(table.missing & ~compiled.nullable, compiled.names, lambda _i, _j: "null or NaN, and not nullable")


def _relation_broken(table: Table) -> Broken:
    relations = table.contract.compiled.relations
    mask = np.zeros((table.n_instances, len(relations)), dtype=np.bool_)
    for place, relation in enumerate(relations):
        mask[:, place] = relation.broken(table.values, table.texts)
    return Broken(mask, [relation.text for relation in relations], lambda _i, j: f"doesn't hold: {relations[j].text}")


def _mismatched(table: Table) -> Broken:
    compiled = table.contract.compiled
    mask = np.zeros(table.values.shape, dtype=np.bool_)
    for place, pattern in compiled.patterns:
        texts = table.texts[compiled.names[place]]
        bad = {text for text in set(texts) if text is not None and not matches(pattern, text)}
        mask[:, place] = [text in bad for text in texts]
    return Broken(
        mask, compiled.names, lambda i, j: f"{_shown(table, i, j)} doesn't match {compiled.features[j].pattern}"
    )


def _infinite(table: Table) -> Broken:
    return Broken(np.isinf(table.values), table.contract.names, lambda _i, _j: "infinite; expected a finite number")


def _shown(table: Table, instance: int, place: int) -> str:
    texts = table.texts.get(table.contract.names[place])
    text = texts[instance] if texts is not None else None
    if text is None:
        return f"{table.values[instance, place]:.10g}"
    cut = "..." if len(text) > MOST_TEXT_CHARACTERS else ""
    return json.dumps(text[:MOST_TEXT_CHARACTERS]) + cut


# MITRE ATLAS: craft adversarial data, evade AI model. OWASP: input manipulation
TAGS = ("AML.T0043", "AML.T0015", "ML01:2023")

CWE = "https://cwe.mitre.org/data/definitions/"
VALIDATION = f"{CWE}20.html"
QUANTITY = f"{CWE}1284.html"
TYPE = f"{CWE}1287.html"
CONSISTENCY = f"{CWE}1288.html"
SYNTAX = f"{CWE}1286.html"


def _rule(rule_id: str, title: str, message: str, *references: str) -> Rule:
    return Rule(
        id=rule_id,
        action=Action.REJECT,
        kind=Kind.CONTRACT,
        title=title,
        message=message,
        tags=TAGS,
        references=references,
        check=CHECKS.get(rule_id),
    )


CHECKS = {
    "G204": _not_integral,
    "G205": _out_of_bounds,
    "G206": _not_allowed,
    "G207": _null,
    "G209": _relation_broken,
    "G210": _mismatched,
    "G211": _infinite,
}

CONTRACT_RULES: tuple[Rule, ...] = (
    _rule("G201", "missing feature", "A feature that isn't nullable is missing.", CONSISTENCY),
    _rule("G202", "unknown feature", "The request names a feature that the contract doesn't have.", VALIDATION),
    _rule("G203", "wrong type", "A value isn't of the feature's type.", TYPE),
    _rule("G204", "not integral", "An integer feature has a value with a fraction.", TYPE, QUANTITY),
    _rule("G205", "out of bounds", "A value lies outside the declared minimum and maximum.", QUANTITY),
    _rule("G206", "value not allowed", "A value isn't one of those declared.", VALIDATION),
    _rule("G207", "null", "A feature that isn't nullable is null or NaN.", VALIDATION),
    _rule("G208", "shape", "The number of values doesn't fit the number of features.", CONSISTENCY),
    _rule("G209", "relation broken", "A declared relation between features doesn't hold.", CONSISTENCY),
    _rule("G210", "pattern not matched", "A text doesn't match the declared pattern.", SYNTAX),
    _rule("G211", "infinite value", "A value is infinite.", QUANTITY),
)
