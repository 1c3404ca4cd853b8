"""Open Inference Protocol V2 as a host reads and writes it, with the binary tensor extension.

Written from the protocol's text alone: nothing here is guard's, so that an error in guard's reading shows.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

__all__ = ["answer_v2", "read_v2"]

# struct's letter for each datatype; BF16 and BYTES have none.
LETTERS = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}


def read_v2(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Give the request's JSON, with every tensor's elements in it as a flat list; ValueError where it is none."""
    length = headers.get("inference-header-content-length")
    size = len(body) if length is None else int(length)
    if not 0 < size <= len(body):
        raise ValueError(f"{length} bytes of JSON in {len(body)}")
    request: dict[str, Any] = json.loads(body[:size])
    at = size
    for tensor in request["inputs"]:
        n_elements = math.prod(tensor["shape"])
        n_bytes = tensor.get("parameters", {}).pop("binary_data_size", None)
        if n_bytes is None:
            tensor["data"] = flatten(tensor["data"])
        elif "data" in tensor or at + n_bytes > len(body):
            raise ValueError("data beside bytes, or fewer bytes than are said")
        else:
            tensor["data"] = unpack(body[at : at + n_bytes], tensor["datatype"])
            at += n_bytes
        if len(tensor["data"]) != n_elements:
            raise ValueError(f"{len(tensor['data'])} elements in place of {n_elements}")
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes too many")
    return request


def flatten(data: Any) -> list[Any]:
    """Row-major elements of nested or flat data."""
    return [element for part in data for element in flatten(part)] if isinstance(data, list) else [data]


def unpack(data: bytes, datatype: str) -> list[Any]:
    """The elements of one tensor's bytes."""
    if datatype == "BYTES":
        return list(unpack_texts(data))
    if datatype == "BF16":
        return [struct.unpack("<f", b"\0\0" + data[i : i + 2])[0] for i in range(0, len(data), 2)]
    letter = LETTERS[datatype]
    return list(struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", data))


def unpack_texts(data: bytes) -> list[str]:
    """Texts, each after its length."""
    texts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts


def answer_v2(request: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Sum up each instance (of texts, their lengths), in bytes where the client asks for bytes."""
    n_instances = request["inputs"][0]["shape"][0]
    sums = [0.0] * n_instances
    for tensor in request["inputs"]:
        width = len(tensor["data"]) // n_instances
        for index, element in enumerate(tensor["data"]):
            sums[index // width] += len(element) if isinstance(element, str) else float(element)
    output: dict[str, Any] = {"name": "sum", "datatype": "FP64", "shape": [n_instances]}
    answer = {"model_name": "summing", "id": request.get("id", ""), "outputs": [output]}
    if not wants_bytes(request):
        output["data"] = sums
        return {"content-type": "application/json"}, json.dumps(answer).encode()
    data = struct.pack(f"<{n_instances}d", *sums)
    output["parameters"] = {"binary_data_size": len(data)}
    head = json.dumps(answer).encode()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    return headers, head + data


def wants_bytes(request: dict[str, Any]) -> bool:
    """Whether outputs are to follow the JSON."""
    if request.get("parameters", {}).get("binary_data_output"):
        return True
    return any(output.get("parameters", {}).get("binary_data") for output in request.get("outputs", []))
