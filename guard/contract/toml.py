"""Contracts as TOML files, written by hand."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guard.contract.feature import Feature, FeatureType
from guard.contract.model import Contract, faults_in
from guard.contract.relation import Relation
from guard.errors import ContractError

__all__ = ["load_contract", "parse_contract"]

LARGEST_INTEGER = 2**53

TOP_KEYS = ("features", "relations", "request")
RELATION_KEYS = ("require",)
REQUEST_KEYS = ("datatype", "instances")

# What each key of a feature holds, in words and as Python types. A bool is an int in Python, never here.
FEATURE_KEYS: dict[str, tuple[str, tuple[type, ...]]] = {
    "type": ("a string", (str,)),
    "minimum": ("a number", (int, float)),
    "maximum": ("a number", (int, float)),
    "allowed": ("a list of values", (list,)),
    "pattern": ("a string", (str,)),
    "nullable": ("true or false", (bool,)),
    "description": ("a string", (str,)),
    "pointer": ("a string", (str,)),
}


def load_contract(path: str | Path) -> Contract:
    """Read a contract from a TOML file; raises ContractError, which lists everything that is wrong with it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ContractError(f"{path}: not UTF-8, which TOML is") from None
    except OSError as error:
        raise ContractError(f"{path}: can't be read: {error.strerror}") from None
    return parse_contract(text, source=str(path))


def parse_contract(text: str, *, source: str = "") -> Contract:
    """Read a contract from TOML text; raises ContractError, which lists everything that is wrong with it."""
    at = f"{source}: " if source else ""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{at}not TOML: {error}") from None
    faults = _unknown(document, TOP_KEYS, at="")
    features = _features(document.get("features", {}), faults)
    relations = _relations(document.get("relations", []), faults)
    request = _request(document.get("request", {}), faults)
    # Where the type of a feature isn't known, relations that name it would be reported for nothing.
    if len(features) == _count(document.get("features", {})):
        faults += faults_in(features, relations, **request)
    elif features:
        faults += faults_in(features, (), **request)
    if faults:
        raise ContractError("\n".join(at + fault for fault in faults))
    return Contract(features, relations, source=source, **request)


def _count(tables: Any) -> int | None:
    return len(tables) if isinstance(tables, dict) else None


def _unknown(table: Mapping[str, Any], known: Sequence[str], *, at: str) -> list[str]:
    faults = []
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected: {', '.join(known)}"
            faults.append(f"{at}{key} is not known; {hint}")
    return faults


def _features(tables: Any, faults: list[str]) -> tuple[Feature, ...]:
    if not isinstance(tables, dict):
        faults.append('features is not a table; expected [features."NAME"]')
        return ()
    found = [_feature(name, table, faults) for name, table in tables.items()]
    return tuple(feature for feature in found if feature is not None)


def _feature(name: str, table: Any, faults: list[str]) -> Feature | None:
    at = f'features."{name}"'
    if not isinstance(table, dict):
        faults.append(f'{at} is not a table; expected [features."{name}"]')
        return None
    faults += _unknown(table, tuple(FEATURE_KEYS), at=f"{at}.")
    wrong = {key: fault for key in FEATURE_KEYS if (fault := _value_fault(table, key, at))}
    faults += wrong.values()
    if "type" in wrong:
        return None
    values = {key: table[key] for key in FEATURE_KEYS if key in table and key not in wrong}
    if "allowed" in values:
        values["allowed"] = tuple(values["allowed"])
    return Feature(name, FeatureType(values.pop("type")), **values)


def _value_fault(table: Mapping[str, Any], key: str, at: str) -> str | None:
    words, types = FEATURE_KEYS[key]
    if key not in table:
        return f"{at}.type is missing; expected one of: {', '.join(FeatureType)}" if key == "type" else None
    value = table[key]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return f"{at}.{key} is {value!r}; expected {words}"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return f"{at}.{key} is beyond 2^53, where float64 no longer tells integers apart"
    if key == "type" and value not in list(FeatureType):
        return f"{at}.type is {value!r}; expected one of: {', '.join(FeatureType)}"
    if isinstance(value, list) and not all(map(_is_value, value)):
        return f"{at}.allowed holds something else than strings, booleans and numbers within 2^53"
    return None


def _is_value(item: object) -> bool:
    if isinstance(item, int):
        return abs(item) <= LARGEST_INTEGER
    return isinstance(item, str | float)


def _relations(tables: Any, faults: list[str]) -> tuple[Relation, ...]:
    if not isinstance(tables, list):
        faults.append("relations is not a list; expected [[relations]]")
        return ()
    found = []
    for number, table in enumerate(tables, start=1):
        at = f"relations[{number}]"
        if not isinstance(table, dict) or not isinstance(table.get("require"), str):
            faults.append(f'{at} has no require; expected require = "a <= b"')
            continue
        faults += _unknown(table, RELATION_KEYS, at=f"{at}.")
        found.append(Relation(table["require"]))
    return tuple(found)


def _request(table: Any, faults: list[str]) -> dict[str, str]:
    if not isinstance(table, dict):
        faults.append("request is not a table; expected [request]")
        return {}
    faults += _unknown(table, REQUEST_KEYS, at="request.")
    known = {key: table[key] for key in REQUEST_KEYS if key in table}
    faults += [f"request.{key} is {v!r}; expected a string" for key, v in known.items() if not isinstance(v, str)]
    return {key: value for key, value in known.items() if isinstance(value, str)}
