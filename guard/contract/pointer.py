"""JSON pointers (RFC 6901): where a user's own format has its instances and their features."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from guard.contract.feature import Feature

__all__ = ["Branch", "Pointers", "Step", "Token", "compile_pointers", "pointer_fault"]

# Names have up to 200 characters, and no request is nested deeper than a few objects. Trees are as deep as the
# longest pointer has slashes, far from where Python's stack ends.
MAX_LENGTH = 500

_LONE_TILDE = re.compile(r"~(?![01])")

# "-" stands for the element after the last, which is never there; nor is one whose index has leading zeros.
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


class Token(NamedTuple):
    """One step of a pointer: the name of a member, or the place of an element where it can be one (else -1)."""

    name: str
    place: int


class Branch(NamedTuple):
    """Where pointers lead on to from an object, by name, or from an array, by place.

    `leaves` are the features that are there, by name or place, and `take` fetches their values, in that order.
    `steps` lead further.
    """

    leaves: Mapping[Any, str]
    take: Callable[[Any], tuple[Any, ...]]
    steps: Mapping[Any, Step]


@dataclass(frozen=True, slots=True)
class Step:
    """What the pointers of all features share up to here, as a tree: nothing is looked for twice."""

    members: Branch
    elements: Branch


class Pointers(NamedTuple):
    """A contract's pointers, taken apart.

    `instances` leads to the instances. `features` is the root of the tree that leads from an instance to its
    features; None where features are members of the instance by their names. `whole` is the feature that is the
    instance itself, if any.
    """

    instances: tuple[Token, ...]
    features: Step | None
    whole: str | None


def pointer_fault(pointer: str) -> str | None:
    """Say what is wrong with a pointer, or None."""
    if len(pointer) > MAX_LENGTH:
        return f"has {len(pointer)} characters; at most {MAX_LENGTH} are read"
    if pointer and not pointer.startswith("/"):
        return f'is {pointer!r}; expected a JSON pointer, which begins with "/" (or is empty, for the whole)'
    if _LONE_TILDE.search(pointer):
        return f"is {pointer!r}; in a JSON pointer ~ is written ~0, and / within a name ~1"
    return None


def compile_pointers(instances: str | None, features: Sequence[Feature]) -> Pointers:
    """Take checked pointers apart."""
    names = {_tokens(feature.pointer): feature.name for feature in features if feature.pointer is not None}
    return Pointers(_tokens(instances or ""), _tree(names, depth=0) if names else None, names.get(()))


def _tokens(pointer: str) -> tuple[Token, ...]:
    # ~1 first: ~01 is ~1, not a slash.
    names = [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
    return tuple(Token(name, int(name) if _INDEX.fullmatch(name) else -1) for name in names)


def _tree(names: Mapping[tuple[Token, ...], str], *, depth: int) -> Step:
    leaves: dict[Token, str] = {}
    below: dict[Token, dict[tuple[Token, ...], str]] = {}
    for tokens, name in names.items():
        if len(tokens) == depth + 1:
            leaves[tokens[depth]] = name
        elif len(tokens) > depth:
            below.setdefault(tokens[depth], {})[tokens] = name
    steps = {token: _tree(rest, depth=depth + 1) for token, rest in below.items()}
    return Step(
        _branch({token.name: name for token, name in leaves.items()}, {token.name: s for token, s in steps.items()}),
        _branch(
            {token.place: name for token, name in leaves.items() if token.place >= 0},
            {token.place: step for token, step in steps.items() if token.place >= 0},
        ),
    )


def _branch(leaves: Mapping[Any, str], steps: Mapping[Any, Step]) -> Branch:
    keys = tuple(leaves)
    if len(keys) > 1:
        return Branch(leaves, itemgetter(*keys), steps)
    # itemgetter of one key gives the bare value, and there is none of no key.
    return Branch(leaves, lambda value: tuple(value[key] for key in keys), steps)
