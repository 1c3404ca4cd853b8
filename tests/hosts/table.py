"""The hosts: how each is installed and started, and what it is asked.

A request's body is the host's own format; every one is answered by the sum of two features, `a` and `b`.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["HERE", "HOSTS", "Call", "Host"]

HERE = Path(__file__).parent


class Call(NamedTuple):
    """One request, and what its answer holds where the host answers it bare."""

    name: str
    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    holds: str = ""


class Host(NamedTuple):
    """A host, its environment and the requests that it is sent."""

    name: str
    title: str
    distribution: str
    health: str
    honest: tuple[Call, ...]
    malformed: tuple[Call, ...]
    hostile: tuple[Call, ...]
    stream: Call | None = None
    folder: str = ""
    requirements: str = "requirements.txt"
    start: str = "{python} -P {folder}/app.py"
    environ: tuple[tuple[str, str], ...] = ()
    quick: bool = False

    @property
    def place(self) -> Path:
        """The folder with the host's app and requirements."""
        return HERE / (self.folder or self.name)

    @property
    def client(self) -> Path | None:
        """The script that speaks by the host's own client, where it has one."""
        script = self.place / "client.py"
        return script if script.exists() else None


def _json(name: str, path: str, value: Any, holds: str = "") -> Call:
    return Call(name, path, json.dumps(value).encode(), holds=holds)


def _rows(a: float) -> list[list[float]]:
    return [[a, 2.0], [3.0, 4.0]]


def _records(a: float) -> list[dict[str, float]]:
    return [{"a": first, "b": second} for first, second in _rows(a)]


def _v2(name: str, path: str, *, a: float = 1.5, shape: tuple[int, ...] = (2, 2), holds: str = "") -> Call:
    data = [value for row in _rows(a) for value in row]
    tensor = {"name": "x", "shape": shape, "datatype": "FP32", "data": data}
    return _json(name, path, {"id": "1", "inputs": [tensor]}, holds)


def _v2_binary(name: str, path: str, *, a: float = 1.5, after: bytes = b"", holds: str = "") -> Call:
    """One FP32 tensor after the JSON, written out here, not by guard."""
    data = struct.pack("<4f", *[value for row in _rows(a) for value in row])
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"id": "1", "inputs": [tensor]}).encode()
    headers = (("content-type", "application/octet-stream"), ("inference-header-content-length", str(len(head))))
    return Call(name, path, head + data + after, headers, holds)


def _truncated(path: str) -> Call:
    return Call("truncated", path, b'[{"a": 1.5, "b": ')


def _duplicate(path: str) -> Call:
    """What two parsers read differently; most hosts would answer it."""
    return Call("duplicate key", path, b'[{"a": 1.5, "a": 99, "b": 2}]')


def _of_records(name: str, title: str, distribution: str, **more: Any) -> Host:
    """A host whose format is an array of records, at /predict."""
    return Host(
        name,
        title,
        distribution,
        "/health",
        honest=(_json("records", "/predict", _records(1.5), "3.5"),),
        malformed=(_truncated("/predict"), _duplicate("/predict")),
        hostile=(_json("records", "/predict", _records(99.0)),),
        stream=_json("stream", "/stream", _records(1.5), "3.5"),
        **more,
    )


_INFER = "/v2/models/summing/infer"
_PREDICT = "/v1/models/summing:predict"
_CSV = (("content-type", "text/csv"),)

_KSERVE = Host(
    "kserve",
    "KServe",
    "kserve",
    "/v2/health/ready",
    honest=(
        _v2("V2 JSON", _INFER, holds="3.5"),
        _v2_binary("V2 binary", _INFER, holds="3.5"),
        _json("V1", _PREDICT, {"instances": _rows(1.5)}, "3.5"),
    ),
    malformed=(
        _truncated(_INFER),
        _v2("shape lie", _INFER, shape=(3, 2)),
        _v2_binary("trailing bytes", _INFER, after=b"\0\0\0\0"),
    ),
    hostile=(
        _v2("V2 JSON", _INFER, a=99.0),
        _v2_binary("V2 binary", _INFER, a=99.0),
        _json("V1", _PREDICT, {"instances": _rows(99.0)}),
    ),
)

_MLFLOW = Host(
    "mlflow",
    "MLflow",
    "mlflow",
    "/ping",
    honest=(
        _json("split", "/invocations", {"dataframe_split": {"columns": ["a", "b"], "data": _rows(1.5)}}, "3.5"),
        _json("records", "/invocations", {"dataframe_records": _records(1.5)}, "3.5"),
        _json("instances", "/invocations", {"instances": _records(1.5)}, "3.5"),
        _json("inputs", "/invocations", {"inputs": {"a": [1.5, 3.0], "b": [2.0, 4.0]}}, "3.5"),
        Call("CSV", "/invocations", b"a,b\n1.5,2.0\n3.0,4.0\n", _CSV, "3.5"),
    ),
    malformed=(
        _truncated("/invocations"),
        Call("duplicate key", "/invocations", b'{"dataframe_records": [{"a": 1.5, "a": 99, "b": 2}]}'),
    ),
    hostile=(
        _json("split", "/invocations", {"dataframe_split": {"columns": ["a", "b"], "data": _rows(99.0)}}),
        _json("records", "/invocations", {"dataframe_records": _records(99.0)}),
        _json("inputs", "/invocations", {"inputs": {"a": [99.0, 3.0], "b": [2.0, 4.0]}}),
        Call("CSV", "/invocations", b"a,b\n99.0,2.0\n3.0,4.0\n", _CSV),
    ),
)

_MLSERVER = Host(
    "mlserver",
    "MLServer",
    "mlserver",
    "/v2/models/summing/ready",
    honest=(_v2("V2 JSON", _INFER, holds="3.5"),),
    malformed=(_truncated(_INFER), _v2("shape lie", _INFER, shape=(3, 2))),
    hostile=(_v2("V2 JSON", _INFER, a=99.0),),
    stream=_v2("stream", "/v2/models/summing/infer_stream", holds="3.5"),
    environ=(("GUARD_CONTENT_ENCODINGS", "gzip"),),
)

_BENTOML = Host(
    "bentoml",
    "BentoML",
    "bentoml",
    "/readyz",
    honest=(_json("named parameters", "/predict", {"a": 1.5, "b": 2.0}, "3.5"),),
    malformed=(
        Call("truncated", "/predict", b'{"a": 1.5, "b": '),
        Call("duplicate key", "/predict", b'{"a": 1.5, "a": 99, "b": 2}'),
    ),
    hostile=(_json("named parameters", "/predict", {"a": 99.0, "b": 2.0}),),
    stream=_json("stream", "/stream", {"a": 1.5, "b": 2.0}, "3.5"),
    start="{python} -m bentoml serve app:Summing --host 127.0.0.1 --port {port} --working-dir {folder}",
)

HOSTS: dict[str, Host] = {
    host.name: host
    for host in (
        _of_records(
            "starlette-oldest", "Starlette", "starlette", folder="starlette", requirements="oldest.txt", quick=True
        ),
        _of_records("starlette", "Starlette", "starlette", requirements="newest.txt", quick=True),
        _of_records("fastapi", "FastAPI", "fastapi", quick=True),
        _of_records("litestar", "Litestar", "litestar", quick=True),
        _of_records("litserve", "LitServe", "litserve", quick=True),
        _BENTOML,
        _KSERVE,
        _MLFLOW,
        _MLSERVER,
        _of_records("ray", "Ray Serve", "ray"),
    )
}
