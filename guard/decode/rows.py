"""Bare rows: `[[...], [...]]`, or the values of a single row, in the order of the features."""

from __future__ import annotations

from typing import Any

from guard.decode.json.batch import lay_out
from guard.decode.limits import DecodeLimits
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_rows"]


def decode_rows(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode rows; None where the document isn't an array.

    Raises MalformedRequest with rule G111 or G116, NotScorable with rule G208.
    """
    if type(document) is not list:
        return None
    single = bool(document) and {list, dict}.isdisjoint(map(type, document))
    instances = [document] if single else document
    _, data = lay_out(instances, where=None, limits=limits)
    return InferenceRequest(wire_format=WireFormat.ROWS, layout=Layout.ROWS, data=data, n_instances=len(data))
