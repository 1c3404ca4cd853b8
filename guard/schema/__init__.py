"""A contract from what a server declares of its model: V2 metadata, an MLflow signature, an OpenAPI document."""

from guard.schema.draft import Draft
from guard.schema.read import draft_contract
from guard.schema.source import Source, read_source

__all__ = ["Draft", "Source", "draft_contract", "read_source"]
