"""The demo's requests: what is sent, and what must become of it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

__all__ = ["DemoRequest", "TrafficKind", "rows_request", "tensor", "v2"]


class TrafficKind(enum.StrEnum):
    """What a request is, as its sender knows it."""

    HONEST = "honest rows"
    MALFORMED = "malformed bodies"
    MISSING = "missing values"
    CONTRACT = "contract-breaking"
    OUTLIER = "far outliers"
    ATTACKED = "attacked rows"

    @property
    def must_be_rejected(self) -> bool:
        """Whether the demo fails if one of them reaches the model."""
        return self in {TrafficKind.MALFORMED, TrafficKind.MISSING, TrafficKind.CONTRACT}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """One request; `variant` says in a few words what is wrong with it."""

    kind: TrafficKind
    variant: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def tensor(
    data: Sequence[Any], *, name: str = "input-0", shape: Sequence[int] | None = None, datatype: str = "FP32"
) -> dict[str, Any]:
    """A tensor of the Open Inference Protocol; one instance where no shape is given."""
    return {"name": name, "shape": list(shape or (1, len(data))), "datatype": datatype, "data": list(data)}


def v2(*tensors: Mapping[str, Any], **members: Any) -> bytes:
    """The bytes of a V2 request."""
    return orjson.dumps({"inputs": list(tensors), **members})


def rows_request(
    rows: Iterable[npt.NDArray[np.floating[Any]]], *, kind: TrafficKind, variant: str
) -> list[DemoRequest]:
    """One request a row."""
    return [DemoRequest(kind=kind, variant=variant, body=v2(tensor(row.tolist()))) for row in rows]
