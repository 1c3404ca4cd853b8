"""Bare records: `{"feature": value, ...}`, or an array of such objects.

An object that holds nothing but arrays and objects is no record: it is some other protocol's envelope.
"""

from __future__ import annotations

from typing import Any

from guard.decode.json.batch import lay_out
from guard.decode.limits import DecodeLimits
from guard.errors import NotScorable
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_records"]


def decode_records(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode one record or several; None where the document is no record, and no array that begins with an object.

    Raises MalformedRequest with rule G111 or G116, NotScorable with rule G208.
    """
    if type(document) is dict:
        if not document:
            raise NotScorable("a record without features", rule="G208")
        return None if {list, dict}.issuperset(map(type, document.values())) else _request([document])
    if type(document) is list and document and type(document[0]) is dict:
        _, data = lay_out(document, where=None, limits=limits)
        return _request(data)
    return None


def _request(data: list[dict[str, Any]]) -> InferenceRequest:
    return InferenceRequest(wire_format=WireFormat.RECORDS, layout=Layout.RECORDS, data=data, n_instances=len(data))
