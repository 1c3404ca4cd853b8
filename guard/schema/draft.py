"""Draft: the features that a server's declaration gives, and what of it a contract can't say."""

from __future__ import annotations

from dataclasses import dataclass, field

from guard.contract import Contract, Feature
from guard.errors import ContractError

__all__ = ["MOST_FEATURES", "Draft", "check_name", "check_width"]

MOST_FEATURES = 10_000

_LONGEST_NAME = 200

_QUOTED_CHARACTERS = 80


@dataclass
class Draft:
    """What is to become a contract; `warnings` are for the operator."""

    features: list[Feature] = field(default_factory=list)
    datatype: str | None = None
    instances: str | None = None
    warnings: list[str] = field(default_factory=list)

    def contract(self) -> Contract:
        """The contract; raises ContractError, which lists what contradicts itself."""
        return Contract(tuple(self.features), datatype=self.datatype, instances=self.instances)


def check_name(name: object, *, where: str) -> str:
    """The name, or ContractError: a TOML file can hold any text of Unicode, and a contract's names are bounded."""
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        quoted = ascii(name)[:_QUOTED_CHARACTERS]
        raise ContractError(f"{where} is {quoted}; expected a text of 1 to {_LONGEST_NAME} characters")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ContractError(f"{where} is {ascii(name)[:_QUOTED_CHARACTERS]}, which is no Unicode text") from None
    return name


def check_width(n_features: int, *, where: str) -> None:
    """Raise ContractError where there are more features than anybody has."""
    if n_features > MOST_FEATURES:
        raise ContractError(f"{where}: {n_features:,} features; at most {MOST_FEATURES:,} are written")
