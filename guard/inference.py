"""The request as guard understands it, in the words of the Open Inference Protocol."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Datatype", "Fault", "InferenceRequest", "Layout", "Passage", "Tensor", "WireFormat"]


# Where the protocol's names aren't NumPy's in capitals.
_NUMPY = {"FP16": "float16", "BF16": "float32", "FP32": "float32", "FP64": "float64", "BYTES": "object"}


class Datatype(enum.StrEnum):
    """A tensor's datatype, by its name in the Open Inference Protocol."""

    numpy: np.dtype[Any]
    """the dtype that holds it (object for BYTES; float32 for BF16, which NumPy lacks)"""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    BF16 = "BF16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    def __new__(cls, name: str) -> Self:
        """Keep the dtype beside the name: a look-up by member would cost every request a hash in Python."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.numpy = np.dtype(_NUMPY.get(name, name.lower()))
        return member


class WireFormat(enum.StrEnum):
    """Which decoder read the request."""

    V2 = "v2"
    V2_BINARY = "v2-binary"
    V1 = "v1"
    MLFLOW = "mlflow"
    CSV = "csv"
    NAMED = "named"
    RECORDS = "records"
    ROWS = "rows"
    POINTERS = "pointers"
    NPY = "npy"
    ARROW = "arrow"
    IMAGE = "image"
    MULTIPART = "multipart"
    OPENAI = "openai"
    CUSTOM = "custom"


class Layout(enum.Enum):
    """How the instances lie in `InferenceRequest.data`."""

    TENSORS = "tensors"
    """`tuple[Tensor, ...]`"""
    RECORDS = "records"
    """`list[dict[str, value]]`, one object per instance"""
    ROWS = "rows"
    """`list[list[value]]`, values in the order of the features"""
    COLUMNS = "columns"
    """`dict[str, list[value]]`, one list per feature"""
    IMAGES = "images"
    """`tuple[uint8 array [H, W, C], ...]`, one per instance"""
    TEXTS = "texts"
    """`tuple[Passage, ...]`"""


class Fault(NamedTuple):
    """Something wrong with a request that doesn't stop its being read further.

    `rule` is the id of the rule that it breaks; a rule turns it into a finding.
    """

    rule: str
    detail: str
    instance: int | None = None
    feature: str | None = None
    where: str | None = None


class Tensor(NamedTuple):
    """One named tensor, already cast to its datatype.

    `data` is an array of shape `shape` and dtype `datatype.numpy`; a JSON null in a floating-point
    tensor is NaN, BYTES elements are str or bytes.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: npt.NDArray[Any]


class Passage(NamedTuple):
    """One text of a request: who speaks (`user`, `system`, `prompt`, `input`, ...), and where it stands."""

    role: str
    text: str
    where: str


# Named tuples, since every request pays for making them: frozen dataclasses take four times as long.
class InferenceRequest(NamedTuple):
    """The instances that a client sent, before features are taken from them.

    JSON values are as orjson gives them: str, int, float, bool, None (NaN and Infinity tokens, where
    the protocol allows them, as float). `is_plain`: one floating-point tensor [N, d] of finite numbers.
    """

    wire_format: WireFormat
    layout: Layout
    data: Any
    n_instances: int
    faults: tuple[Fault, ...] = ()
    is_plain: bool = False
