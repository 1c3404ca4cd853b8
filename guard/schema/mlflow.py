"""A contract from an MLflow model's signature: an MLmodel file, or the signature's JSON.

https://mlflow.org/docs/latest/ml/model/signatures. The columns of a signature are named or, all of them, not; the
names of those that aren't are their places.
"""

from __future__ import annotations

import json
from typing import Any

from guard.contract import Feature, FeatureType
from guard.errors import ContractError
from guard.schema.draft import Draft, check_name, check_width
from guard.schema.v2 import DeclaredTensor, draft_from_tensors, integer_bounds, read_shape

__all__ = ["draft_from_mlflow", "looks_like_mlflow"]

_TYPES = {
    "boolean": FeatureType.BOOLEAN,
    "datetime": FeatureType.STRING,
    "double": FeatureType.NUMBER,
    "float": FeatureType.NUMBER,
    "integer": FeatureType.INTEGER,
    "long": FeatureType.INTEGER,
    "string": FeatureType.STRING,
}

_DTYPES = {
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    "bool": "BOOL",
    "str": "BYTES",
    "object": "BYTES",
    "bytes": "BYTES",
}


def looks_like_mlflow(document: Any) -> bool:
    """Whether a document is an MLmodel file or a signature."""
    if isinstance(document, dict):
        return "signature" in document or "inputs" in document
    return isinstance(document, list) and bool(document) and all(isinstance(i, dict) and "type" in i for i in document)


def draft_from_mlflow(document: Any) -> Draft:
    """Draft a contract; raises ContractError."""
    signature = document.get("signature", document) if isinstance(document, dict) else {"inputs": document}
    if not isinstance(signature, dict) or not signature.get("inputs"):
        raise ContractError("the model's signature has no inputs; expected `signature.inputs`")
    inputs = _parsed(signature["inputs"])
    check_width(len(inputs), where="inputs")
    if any(isinstance(spec, dict) and spec.get("type") == "tensor" for spec in inputs):
        return draft_from_tensors([_tensor(spec, f"inputs[{i}]") for i, spec in enumerate(inputs)])
    draft = Draft([_column(spec, i) for i, spec in enumerate(inputs)])
    draft.warnings += [
        f"{feature.name!r} is a datetime, of which a contract can only say that it is a text"
        for feature, spec in zip(draft.features, inputs, strict=True)
        if spec["type"] == "datetime"
    ]
    return draft


def _parsed(inputs: Any) -> list[Any]:
    """The inputs; an MLmodel file has them as the text of a JSON document."""
    if isinstance(inputs, str):
        try:
            inputs = json.loads(inputs)
        except (ValueError, RecursionError):
            raise ContractError("the signature's inputs are no JSON") from None
    if not isinstance(inputs, list) or not inputs:
        raise ContractError("the signature's inputs are no array of columns or tensors")
    return inputs


def _column(spec: Any, place: int) -> Feature:
    where = f"inputs[{place}]"
    kind = spec.get("type") if isinstance(spec, dict) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ContractError(f"{where}.type is {ascii(kind)[:80]}; a contract has: {', '.join(sorted(_TYPES))}")
    name = spec.get("name")
    name = str(place) if name is None else check_name(name, where=f"{where}.name")
    minimum, maximum = integer_bounds("INT32") if kind == "integer" else (None, None)
    nullable = spec.get("required", True) is False or spec.get("optional", False) is True
    return Feature(name, _TYPES[kind], minimum=minimum, maximum=maximum, nullable=nullable)


def _tensor(spec: Any, where: str) -> DeclaredTensor:
    found = spec.get("tensor-spec") if isinstance(spec, dict) else None
    if not isinstance(found, dict):
        raise ContractError(f"{where} is no tensor, where others are; expected all to be")
    dtype = found.get("dtype")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ContractError(f"{where}.tensor-spec.dtype is {ascii(dtype)[:80]}; expected one of: {', '.join(_DTYPES)}")
    name = spec.get("name")
    name = "input" if name is None else check_name(name, where=f"{where}.name")
    nullable = spec.get("required", True) is False
    return DeclaredTensor(name, _DTYPES[dtype], read_shape(found.get("shape"), where), nullable=nullable)
