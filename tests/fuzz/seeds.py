"""Requests to begin from: one or more of each format, which fuzzers change."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zlib

import numpy as np

from tests.fuzz.exchange import write_request

__all__ = ["FORMATS", "seeds_of"]

V2_PATH, V1_PATH, ROWS = "/v2/models/m/infer", "/v1/models/m:predict", [[1.5, 2, "x", None], [-3.25, 4, "y", 0.5]]
RECORDS = [dict(zip(("a", "b", "kind", "c"), row, strict=True)) for row in ROWS]
COLUMNS = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}
FLOAT = struct.pack("<8f", *range(8))


def _json(path: str, document: object, *headers: tuple[str, str]) -> bytes:
    return write_request(path, headers, json.dumps(document).encode())


def _tensor(name: str, datatype: str, data: list[object], **more: object) -> dict[str, object]:
    return {"name": name, "shape": [len(data), 1], "datatype": datatype, "data": data, **more}


def _v2() -> list[bytes]:
    tensors = [
        _tensor("a", "FP32", [1.5, -3.25]),
        _tensor("b", "INT64", [2, 4]),
        _tensor("kind", "BYTES", ["x", "y"]),
        _tensor("c", "FP64", [None, 0.5]),
    ]
    encoded = _tensor("kind", "BYTES", ["eA==", "eQ=="], parameters={"content_type": "base64"})
    matrix = {"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [[1, 2, 3, 4], [5, 6, 7, 8]]}
    return [
        _json(V2_PATH, {"id": "1", "inputs": tensors, "parameters": {"content_type": "pd"}}),
        _json(V2_PATH, {"inputs": [*tensors[:2], encoded, tensors[3]]}),
        _json(V2_PATH, {"inputs": [matrix], "outputs": [{"name": "y", "parameters": {"binary_data": False}}]}),
        _json("/predict", {"inputs": [{**matrix, "data": list(range(8))}]}, ("content-type", "application/json")),
    ]


def _binary(path: str, inputs: list[dict[str, object]], tail: bytes, **header: str) -> bytes:
    document = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    headers = [(header["name"], header["value"].format(len(document)))] if header else []
    if not headers:
        headers = [("inference-header-content-length", str(len(document)))]
    return write_request(path, headers, document + tail)


def _v2_binary() -> list[bytes]:
    def tensor(name: str, datatype: str, shape: list[int], size: int) -> dict[str, object]:
        return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}

    texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"x", b"y"))
    columns = [tensor("a", "FP32", [2, 1], 8), tensor("b", "INT64", [2], 16), tensor("kind", "BYTES", [2, 1], 10)]
    columns.append(tensor("c", "BF16", [2, 1], 4))
    tail = struct.pack("<2f", 1.5, 2.5) + struct.pack("<2q", 3, 4) + texts + b"\x80\x3f\x00\x40"
    triton = "application/vnd.sagemaker-triton.binary+json;json-header-size={}"
    return [
        _binary(V2_PATH, columns, tail),
        _binary(V2_PATH, [tensor("x", "FP32", [2, 4], 32)], FLOAT),
        _binary("/invocations", [tensor("x", "FP32", [2, 4], 32)], FLOAT, name="content-type", value=triton),
        write_request(V2_PATH, [("inference-header-content-length", "0")], FLOAT[:16]),
    ]


def _v1() -> list[bytes]:
    encoded = [[1, 2, {"b64": "eA=="}, None]]
    return [
        _json(V1_PATH, {"instances": ROWS}),
        _json(V1_PATH, {"signature_name": "serving_default", "instances": RECORDS}),
        _json(V1_PATH, {"inputs": COLUMNS}),
        _json(V1_PATH, {"instances": encoded}),
        _json("/v1/models/m:classify", {"examples": RECORDS[:1], "context": {}}),
    ]


def _mlflow() -> list[bytes]:
    split = {"columns": list(COLUMNS), "index": [0, 1], "data": ROWS}
    return [
        _json("/invocations", {"dataframe_split": split, "params": {"t": 1}}, ("content-type", "application/json")),
        _json("/invocations", {"dataframe_records": RECORDS}),
        _json("/invocations", {"inputs": COLUMNS}),
    ]


def _csv() -> list[bytes]:
    lines = b"a,b,kind,c\n1.5,2,x,\n-3.25,4,y,0.5\n"
    return [
        write_request("/invocations", [("content-type", "text/csv")], lines),
        write_request("/invocations", [("content-type", "text/csv; header=absent")], lines.partition(b"\n")[2]),
        write_request("/invocations", [("content-type", "text/csv")], b'a,b,"kind",c\r\n1e3,2,"x",3\r\n'),
    ]


def _bare() -> list[bytes]:
    return [
        _json("/predict", RECORDS[0]),
        _json("/predict", RECORDS),
        _json("/predict", ROWS),
        _json("/predict", {"df": RECORDS}),
        _json("/predict", {"input_data": ROWS, "threshold": 0.5}),
        _json("/predict", COLUMNS),
    ]


def _npy() -> list[bytes]:
    def save(array: np.ndarray) -> bytes:
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        return write_request("/predict", [("content-type", "application/x-npy")], file.getvalue())

    matrix = np.arange(8.0).reshape(2, 4)
    return [save(matrix), save(matrix.astype("<f4")), save(np.asfortranarray(matrix)), save(matrix.astype(">i2"))]


def _arrow() -> list[bytes]:
    import pyarrow as pa

    table = pa.table({name: pa.array(column) for name, column in COLUMNS.items()})
    encoded = table.set_column(2, "kind", table["kind"].dictionary_encode())
    found = []
    for one, make in ((table, pa.ipc.new_stream), (table, pa.ipc.new_file), (encoded, pa.ipc.new_stream)):
        sink = io.BytesIO()
        with make(sink, one.schema) as writer:
            writer.write_table(one)
        headers = [("content-type", "application/vnd.apache.arrow.stream")]
        found.append(write_request("/predict", headers if make is pa.ipc.new_stream else [], sink.getvalue()))
    return found


def _pictures() -> list[tuple[str, bytes]]:
    from PIL import Image

    pixels = (np.arange(16 * 16 * 3) % 251).astype(np.uint8).reshape(16, 16, 3)
    found = []
    for name, mode in (("PNG", "RGB"), ("PNG", "L"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("BMP", "RGB"), ("GIF", "P")):
        file = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(file, name)
        found.append((name.lower(), file.getvalue()))
    return found


def _image() -> list[bytes]:
    found = [write_request("/predict", [("content-type", f"image/{name}")], image) for name, image in _pictures()]
    text = base64.b64encode(_pictures()[0][1]).decode()
    found.append(_json(V1_PATH, {"instances": [{"b64": text}]}))
    found.append(_json("/predict", {"image": f"data:image/png;base64,{text}"}))
    return found


def _multipart() -> list[bytes]:
    def form(*parts: tuple[str, bytes]) -> bytes:
        body = b"".join(b"--XX\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
        return write_request("/predict", [("content-type", "multipart/form-data; boundary=XX")], body + b"--XX--\r\n")

    field = 'Content-Disposition: form-data; name="{}"'
    picture = (
        'Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png',
        _pictures()[0][1],
    )
    values = [
        (field.format(name), str(value).encode()) for name, value in (("a", 1.5), ("b", 2), ("kind", "x"), ("c", 3))
    ]
    return [form(picture), form(*values), form(picture, (field.format("top"), b"5"))]


def _openai() -> list[bytes]:
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "https://a/b.png"}}]
    chat = [{"role": "system", "content": "be kind"}, {"role": "user", "content": parts}]
    return [
        _json("/v1/chat/completions", {"model": "m", "messages": chat, "temperature": 0.5}),
        _json("/v1/completions", {"model": "m", "prompt": ["once", "twice"]}),
        _json("/v1/embeddings", {"model": "m", "input": ["text", "more"], "encoding_format": "base64"}),
        _json("/v1/responses", {"model": "m", "input": "hello", "instructions": "be brief"}),
        _json("/v1/messages", {"model": "m", "system": "s", "messages": chat[:1], "max_tokens": 8}),
    ]


def _encoded() -> list[bytes]:
    body = json.dumps(RECORDS).encode()
    binary = _v2_binary()[1].partition(b"\n\n")
    length = binary[0].partition(b": ")[2].decode()
    return [
        write_request("/predict", [("content-encoding", "gzip")], gzip.compress(body, mtime=0)),
        write_request("/predict", [("content-encoding", "deflate")], zlib.compress(body)),
        write_request(
            V2_PATH,
            [("content-encoding", "gzip"), ("inference-header-content-length", length)],
            gzip.compress(binary[2], mtime=0),
        ),
    ]


FORMATS = {
    "v2": _v2,
    "v2-binary": _v2_binary,
    "v1": _v1,
    "mlflow": _mlflow,
    "csv": _csv,
    "bare": _bare,
    "npy": _npy,
    "arrow": _arrow,
    "image": _image,
    "multipart": _multipart,
    "openai": _openai,
    "encoded": _encoded,
}


def seeds_of(name: str) -> list[bytes]:
    """The requests of a format."""
    return FORMATS[name]()
