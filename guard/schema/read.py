"""Which kind of declaration a document is, and the draft of a contract that it gives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from guard.errors import ContractError
from guard.schema.draft import Draft
from guard.schema.mlflow import draft_from_mlflow, looks_like_mlflow
from guard.schema.openapi import Operation, draft_from_openapi
from guard.schema.v2 import draft_from_v2, looks_like_v2

__all__ = ["draft_contract"]

_MOST_NESTED = 200


def draft_contract(content: bytes, *, label: str, path: str | None = None, method: str | None = None) -> Draft:
    """Draft a contract from V2 metadata, an MLflow signature or an OpenAPI document; raises ContractError.

    `path` and `method` choose an operation of an OpenAPI document.
    """
    document = _load(content, label)
    is_openapi = isinstance(document, dict) and ("openapi" in document or "swagger" in document)
    if not is_openapi and (path is not None or method is not None):
        raise ContractError(f"{label} is no OpenAPI document, of which alone --path and --method choose a part")
    if is_openapi:
        return draft_from_openapi(document, Operation(path, method))
    if looks_like_v2(document):
        return draft_from_v2(document)
    if looks_like_mlflow(document):
        return draft_from_mlflow(document)
    found = _what_instead(content, document)
    raise ContractError(f"{label} is {found}neither V2 model metadata, nor an MLflow model or signature, nor OpenAPI")


def _what_instead(content: bytes, document: Any) -> str:
    """What the document is likely to be, where that is plain."""
    if not content.strip():
        return "empty: "
    if content.lstrip().startswith(b"<"):
        return "HTML or XML: "
    if isinstance(document, dict) and "extensions" in document and "version" in document:
        return "a V2 server's metadata, where a model's is at /v2/models/NAME: "
    return ""


def _load(content: bytes, label: str) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ContractError(f"{label} is no UTF-8 text") from None
    try:
        if text.lstrip().startswith(("{", "[")):
            return json.loads(text)
        return _load_yaml(text, label)
    except RecursionError:
        raise ContractError(f"{label} is nested too deep") from None
    except ValueError as error:
        raise ContractError(f"{label} is no JSON: {error}") from None


def _load_yaml(text: str, label: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 - an optional dependency, loaded by the documents that need it
    except ImportError:
        raise ContractError(
            f"{label} is no JSON, and YAML needs PyYAML, which isn't installed; "
            "`pip install 'inference-guard[schema]'` brings it"
        ) from None
    # The loader in C is the same reader, many times as fast; it isn't in every build.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(text, Loader=loader), label)
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ContractError(f"{label} is neither JSON nor YAML{where}") from None


def _check_depth(events: Iterable[Any], label: str) -> None:
    """Raise ContractError for what is nested too deep: the loader in C recurses until the stack ends."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind in {"MappingStartEvent", "SequenceStartEvent"}
        depth -= kind in {"MappingEndEvent", "SequenceEndEvent"}
        if depth > _MOST_NESTED:
            raise ContractError(f"{label} is nested too deep")
