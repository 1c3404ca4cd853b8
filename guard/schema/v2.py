"""A contract from the metadata of a V2 model, `GET /v2/models/NAME`.

https://github.com/kserve/open-inference-protocol, "Model Metadata".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from guard.contract import Feature, FeatureType
from guard.contract.model import DATATYPES
from guard.errors import ContractError
from guard.schema.draft import Draft, check_name, check_width

__all__ = ["DeclaredTensor", "draft_from_tensors", "draft_from_v2", "looks_like_v2"]

# Servers name the columns of a matrix in a tensor's parameters, if they do at all.
_NAMES = ("columns", "column_names", "feature_names")

# Wider integers have values that float64, in which bounds are compared, doesn't tell apart.
_BOUNDED = {f"{sign}INT{bits}": bits for sign in ("", "U") for bits in (8, 16, 32)}


class DeclaredTensor(NamedTuple):
    """One input: -1 in its shape is any length; `columns` are the names of a matrix' columns, where they are known."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] | None = None
    nullable: bool = False


def looks_like_v2(document: Any) -> bool:
    """Whether a document is the metadata of a V2 model."""
    inputs = document.get("inputs") if isinstance(document, dict) else None
    return isinstance(inputs, list) and bool(inputs) and all(isinstance(i, dict) and "datatype" in i for i in inputs)


def draft_from_v2(document: dict[str, Any]) -> Draft:
    """Draft a contract; raises ContractError."""
    check_width(len(document["inputs"]), where="inputs")
    return draft_from_tensors([_read(found, f"inputs[{i}]") for i, found in enumerate(document["inputs"])])


def _read(found: dict[str, Any], where: str) -> DeclaredTensor:
    name = check_name(found.get("name"), where=f"{where}.name")
    datatype = found["datatype"]
    # Of BYTES and the like, TYPE_STRING and other spellings are the model's configuration, not its metadata.
    if datatype not in DATATYPES:
        raise ContractError(f"{where}.datatype is {ascii(datatype)[:80]}; expected one of: {', '.join(DATATYPES)}")
    parameters = found.get("parameters")
    columns = _columns(parameters if isinstance(parameters, dict) else {}, where)
    return DeclaredTensor(name, datatype, read_shape(found.get("shape"), where), columns)


def read_shape(shape: Any, where: str) -> tuple[int, ...]:
    """The shape as integers; gRPC's JSON has them as texts."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= 32:
        raise ContractError(f"{where}.shape is {ascii(shape)[:80]}; expected an array of integers")
    lengths = []
    for length in shape:
        is_length = isinstance(length, int | str) and not isinstance(length, bool)
        text = str(length) if is_length else ""
        if len(text) > 20 or not text.isascii() or not text.removeprefix("-").isdigit():
            raise ContractError(f"{where}.shape holds {ascii(length)[:80]}; expected integers")
        lengths.append(int(text))
    return tuple(lengths)


def _columns(parameters: dict[str, Any], where: str) -> tuple[str, ...] | None:
    key = next((key for key in _NAMES if isinstance(parameters.get(key), list)), None)
    if key is None:
        return None
    check_width(len(parameters[key]), where=f"{where}.parameters.{key}")
    return tuple(check_name(name, where=f"{where}.parameters.{key}[{i}]") for i, name in enumerate(parameters[key]))


def draft_from_tensors(tensors: Sequence[DeclaredTensor]) -> Draft:
    """Draft a contract: one tensor [N, d] has d features, each of several tensors [N] or [N, 1] is one."""
    if len(tensors) == 1:
        return Draft(_features_of_matrix(tensors[0]), datatype=tensors[0].datatype)
    return Draft([_feature_of_vector(tensor) for tensor in tensors])


def _features_of_matrix(tensor: DeclaredTensor) -> list[Feature]:
    width = _width(tensor)
    check_width(width, where=tensor.name)
    if tensor.columns is not None and len(tensor.columns) != width:
        found = f"{len(tensor.columns)} columns are named, where the shape is {list(tensor.shape)}"
        raise ContractError(f"{tensor.name!a}: {found}")
    names = tensor.columns or ([tensor.name] if width == 1 else [f"{tensor.name}[{i}]" for i in range(width)])
    return [_feature(check_name(name, where="a feature's name"), tensor) for name in names]


def _width(tensor: DeclaredTensor) -> int:
    shape = list(tensor.shape)
    at = f"{tensor.name!a} has the shape {shape}"
    if len(shape) > 2:
        raise ContractError(f"{at}, as images or sequences have; a contract is of tabular features, [N, d]")
    # [d] alone is one instance, as of a server that batches by itself.
    width = shape[-1] if len(shape) == 2 or shape[0] != -1 else 1
    if width < 1:
        raise ContractError(f"{at}, which doesn't say how many features there are; expected [-1, d]")
    return width


def _feature_of_vector(tensor: DeclaredTensor) -> Feature:
    if len(tensor.shape) > 2 or tensor.shape[1:] not in {(), (1,)} or tensor.shape[0] not in {-1, 1}:
        found = f"{tensor.name!a} has the shape {list(tensor.shape)}"
        raise ContractError(f"{found}; of several tensors, each must be one feature, [-1] or [-1, 1]")
    return _feature(tensor.name, tensor)


def _feature(name: str, tensor: DeclaredTensor) -> Feature:
    datatype = tensor.datatype
    if datatype == "BOOL":
        return Feature(name, FeatureType.BOOLEAN, nullable=tensor.nullable)
    if datatype == "BYTES":
        return Feature(name, FeatureType.STRING, nullable=tensor.nullable)
    if "INT" not in datatype:
        return Feature(name, FeatureType.NUMBER, nullable=tensor.nullable)
    minimum, maximum = integer_bounds(datatype)
    return Feature(name, FeatureType.INTEGER, minimum=minimum, maximum=maximum, nullable=tensor.nullable)


def integer_bounds(datatype: str) -> tuple[int | None, int | None]:
    """The least and the greatest value of an integer datatype; None where it has 64 bits."""
    unsigned, bits = datatype.startswith("U"), _BOUNDED.get(datatype)
    if bits is None:
        return (0 if unsigned else None), None
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
