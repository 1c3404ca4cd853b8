"""The contract: what the operator, and fitting, declare of the features."""

from guard.contract.feature import Feature, FeatureType, category_text
from guard.contract.merge import merge
from guard.contract.model import Contract
from guard.contract.relation import BoundRelation, Relation
from guard.contract.toml import load_contract, parse_contract
from guard.contract.written import to_toml

__all__ = [
    "BoundRelation",
    "Contract",
    "Feature",
    "FeatureType",
    "Relation",
    "category_text",
    "load_contract",
    "merge",
    "parse_contract",
    "to_toml",
]
