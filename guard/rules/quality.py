"""Rules of quality: signs of a broken client; they inform, and never flag or reject."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from guard.contract.compiled import FEWEST_EQUAL
from guard.features import Table
from guard.rules.rule import Broken, Rule
from guard.verdict import Action, Kind

__all__ = ["QUALITY_RULES", "is_unremarkable"]

BoolArray = npt.NDArray[np.bool_]


def is_unremarkable(table: Table) -> bool:
    """Whether a table breaks no rule of quality; False also where only the checks themselves can tell."""
    compiled, values = table.contract.compiled, table.values
    if compiled.any_optional and table.missing.any():
        return False
    first, last = compiled.ends
    # A row whose values are all equal has equal ones at both ends.
    if len(values) == 1:
        return first == last or bool(values.item(first) != values.item(last))
    if _n_distinct(table) < len(values):
        return False
    return first == last or b"\1" not in (values[:, first] == values[:, last]).tobytes()


def _n_distinct(table: Table) -> int:
    return len(set(_keys(table)))


def _keys(table: Table) -> list[object]:
    """Give a hashable key for each instance, the same for the same values."""
    rows = np.ascontiguousarray(table.values)
    width, raw = rows.itemsize * rows.shape[1], rows.tobytes()
    keys: list[object] = [raw[start : start + width] for start in range(0, len(raw), width)]
    if not table.texts:
        return keys
    # Strings are no part of the matrix, and all unseen categories have the same code.
    return list(zip(keys, *table.texts.values(), strict=True))


def _all_equal(table: Table) -> Broken:
    numbers = table.values[:, table.contract.compiled.numbers]
    if numbers.shape[1] < FEWEST_EQUAL:
        equal = np.zeros(len(numbers), dtype=np.bool_)
    else:
        equal = (numbers == numbers[:, :1]).all(axis=1)
    return _of_instances(equal, "all numbers are equal")


def _duplicate(table: Table) -> Broken:
    first: dict[object, int] = {}
    originals = np.array([first.setdefault(key, i) for i, key in enumerate(_keys(table))], dtype=np.intp)
    mask = originals != np.arange(len(originals))
    return Broken(mask[:, None], [None], lambda i, _: f"the same as instance {originals[i]}")


def _incomplete(table: Table) -> Broken:
    missing = table.missing & table.contract.compiled.nullable
    counts = missing.sum(axis=1)
    describe = f"of {missing.shape[1]} features are missing"
    return Broken((counts > 0)[:, None], [None], lambda i, _: f"{counts[i]} {describe}")


def _of_instances(mask: BoolArray, detail: str) -> Broken:
    return Broken(mask[:, None], [None], lambda _i, _j: detail)


# MITRE ATLAS: spamming AI system with chaff data
CHAFF = "AML.T0046"
# MITRE ATLAS: cost harvesting; OWASP: model theft
COST, THEFT = "AML.T0034", "ML05:2023"
# OWASP: input manipulation
MANIPULATION = "ML01:2023"

QUALITY_RULES: tuple[Rule, ...] = (
    Rule(
        id="G301",
        action=Action.ALLOW,
        kind=Kind.TRAFFIC,
        title="all-equal row",
        message="All numbers of an instance are equal, as when a client sends placeholders.",
        tags=(CHAFF, MANIPULATION),
        references=("https://cwe.mitre.org/data/definitions/1288.html",),
        check=_all_equal,
    ),
    Rule(
        id="G302",
        action=Action.ALLOW,
        kind=Kind.TRAFFIC,
        title="duplicate instances",
        message="An instance occurs more than once in a batch.",
        tags=(CHAFF, COST, THEFT),
        references=("https://cwe.mitre.org/data/definitions/770.html",),
        check=_duplicate,
    ),
    Rule(
        id="G303",
        action=Action.ALLOW,
        kind=Kind.TRAFFIC,
        title="incomplete row",
        message="An instance lacks features that may be missing.",
        tags=(CHAFF, MANIPULATION),
        references=("https://cwe.mitre.org/data/definitions/20.html",),
        check=_incomplete,
    ),
)
