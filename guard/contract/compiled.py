"""A contract as arrays and tables: what reading and checking a request needs, computed once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.contract.feature import Feature, FeatureType, category_text
from guard.contract.pattern import compile_pattern
from guard.contract.relation import BoundRelation, Pairs, Relation, group_pairs

__all__ = ["FEWEST_EQUAL", "Compiled", "compile_contract"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]

LARGEST = float(np.finfo(np.float64).max)

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}

# Fewer numbers than this are equal often enough by chance.
FEWEST_EQUAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Tables over the d features of a contract, in their order.

    `all_numeric`: every feature is a number or an integer. `take` fetches all values from a record, as a
    tuple. `low`, `high` are float64 [d], finite, so that an infinite value is outside of both. `optional`
    is bool [d]: NaN is no fault there. `codes` maps each category's texts to codes. `allowed_numbers` and
    `allowed_texts` hold (column, values), None among them where nullable. `numbers` and `integers` are columns.
    `ends` are the first and the last of `numbers`, (0, 0) where there are too few to compare. `is_bounded`: any
    number has a bound. `is_plain`: nothing is declared beyond bounds, integers and pairs of features. `is_simple`:
    numbers, and nothing beyond bounds and pairs; these stand in `bounds` and `comparisons` (which, left,
    right) once more. `is_free`: not even these.
    """

    features: tuple[Feature, ...]
    names: tuple[str, ...]
    places: Mapping[str, int]
    all_numeric: bool
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    low: FloatArray
    high: FloatArray
    optional: BoolArray
    any_optional: bool
    nullable: BoolArray
    numbers: IndexArray
    integers: IndexArray
    codes: Mapping[str, Mapping[str, int]]
    allowed_numbers: tuple[tuple[int, frozenset[float]], ...]
    allowed_texts: tuple[tuple[int, frozenset[str | None]], ...]
    patterns: tuple[tuple[int, Any], ...]
    relations: tuple[BoundRelation, ...]
    pairs: tuple[Pairs, ...]
    other_relations: tuple[BoundRelation, ...]
    required_strings: tuple[str, ...]
    ends: tuple[int, int]
    bounds: tuple[tuple[float, float], ...]
    comparisons: tuple[tuple[Callable[[float, float], bool], int, int], ...]
    is_bounded: bool
    is_plain: bool
    is_simple: bool
    is_free: bool


def compile_contract(features: tuple[Feature, ...], relations: Sequence[Relation]) -> Compiled:
    """Turn checked features and relations into tables."""
    names = tuple(feature.name for feature in features)
    by_name = dict(zip(names, features, strict=True))
    bound = tuple(relation.bind(by_name) for relation in relations)
    bounds = np.array([_bounds(feature) for feature in features], dtype=np.float64)
    nullable = np.array([feature.nullable for feature in features], dtype=np.bool_)
    strings = [feature for feature in features if feature.type is FeatureType.STRING]
    optional = nullable | np.array([feature in strings for feature in features])
    patterns = tuple((j, compile_pattern(f.pattern)) for j, f in enumerate(features) if f.pattern is not None)
    others = tuple(relation for relation in bound if relation.pair is None)
    pairs = group_pairs(bound)
    is_plain = not (strings or patterns or others or any(feature.allowed for feature in features))
    integers = _columns(features, FeatureType.INTEGER)
    is_simple = is_plain and all(feature.type is FeatureType.NUMBER for feature in features)
    return Compiled(
        features=features,
        names=names,
        places={name: place for place, name in enumerate(names)},
        all_numeric=all(feature.type.is_numeric for feature in features),
        take=_taker(names),
        low=np.ascontiguousarray(bounds[:, 0]),
        high=np.ascontiguousarray(bounds[:, 1]),
        optional=optional,
        any_optional=bool(optional.any()),
        nullable=nullable,
        numbers=_columns(features, FeatureType.NUMBER, FeatureType.INTEGER),
        integers=integers,
        codes={feature.name: _codes(feature) for feature in features if feature.type is FeatureType.CATEGORY},
        allowed_numbers=tuple(_allowed_numbers(features)),
        allowed_texts=tuple(_allowed_texts(features)),
        patterns=patterns,
        relations=bound,
        pairs=pairs,
        other_relations=others,
        required_strings=tuple(feature.name for feature in strings if not feature.nullable),
        ends=_ends(features),
        is_bounded=bool((np.abs(bounds) != LARGEST).any()),
        bounds=tuple((low, high) for low, high in bounds.tolist()),
        comparisons=tuple((COMPARE[sign], left, right) for sign, left, right in _pairs(bound)),
        is_plain=is_plain,
        is_simple=is_simple,
        is_free=is_simple and not pairs and bool((np.abs(bounds) == LARGEST).all()),
    )


def _pairs(bound: Sequence[BoundRelation]) -> list[tuple[str, int, int]]:
    return [relation.pair for relation in bound if relation.pair is not None]


def _ends(features: Sequence[Feature]) -> tuple[int, int]:
    numbers = _columns(features, FeatureType.NUMBER, FeatureType.INTEGER).tolist()
    return (numbers[0], numbers[-1]) if len(numbers) >= FEWEST_EQUAL else (0, 0)


def _taker(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    # itemgetter of one name gives the bare value.
    return lambda record: (record[names[0]],)


def _columns(features: Sequence[Feature], *types: FeatureType) -> IndexArray:
    return np.array([j for j, feature in enumerate(features) if feature.type in types], dtype=np.intp)


def _bounds(feature: Feature) -> tuple[float, float]:
    low = -LARGEST if feature.minimum is None else float(feature.minimum)
    high = LARGEST if feature.maximum is None else float(feature.maximum)
    if feature.type is not FeatureType.NUMBER:
        return low, high
    # A client whose tensor is FP32 can only send the float32 nearest to 0.1, which is above 0.1. The bounds
    # admit it: the detector reads float32 and sees no difference.
    return min(low, _nearest_float32(low)), max(high, _nearest_float32(high))


def _nearest_float32(value: float) -> float:
    with np.errstate(over="ignore"):
        nearest = float(np.float32(value))
    return nearest if np.isfinite(nearest) else value


def _codes(feature: Feature) -> dict[str, int]:
    texts = feature.categories or tuple(map(category_text, feature.allowed or ()))
    return {text: code for code, text in enumerate(texts)}


def _allowed_numbers(features: Sequence[Feature]) -> list[tuple[int, frozenset[float]]]:
    found = []
    for j, feature in enumerate(features):
        if feature.allowed is not None and not feature.type.is_text:
            exact = {float(value) for value in feature.allowed}
            found.append((j, frozenset(exact | {_nearest_float32(value) for value in exact})))
    return found


def _allowed_texts(features: Sequence[Feature]) -> list[tuple[int, frozenset[str | None]]]:
    found = []
    for j, feature in enumerate(features):
        if feature.allowed is not None and feature.type.is_text:
            texts: set[str | None] = set(map(category_text, feature.allowed))
            found.append((j, frozenset(texts | {None} if feature.nullable else texts)))
    return found
