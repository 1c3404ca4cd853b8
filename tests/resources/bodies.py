"""Bodies of up to 1 MiB, within all limits or refused by one, that cost as much as possible to look at.

Each is what somebody with the source would send: deep, wide, many, long, or of a kind that takes the slow way.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

__all__ = ["BODIES", "CONTRACT", "LARGEST", "VARIABLES", "Hostile", "small_bodies"]

LARGEST = 1_048_576


class Hostile(NamedTuple):
    """A body with what comes with it."""

    body: bytes
    path: str = "/predict"
    headers: tuple[tuple[str, str], ...] = ()


def _fill(item: str, *, before: str = "[", after: str = "]", size: int = LARGEST, comma: str = ",") -> bytes:
    count = (size - len(before) - len(after)) // (len(item) + len(comma))
    return (before + comma.join([item] * max(count, 1)) + after).encode()


def _numbered(form: str, *, before: str, after: str, size: int = LARGEST) -> bytes:
    parts: list[str] = []
    length, number = len(before) + len(after), 0
    while True:
        part = form % number
        length += len(part) + 1
        if length > size:
            return (before + ",".join(parts) + after).encode()
        parts.append(part)
        number += 1


def _tensor(data: str, shape: str, datatype: str = "FP32", size: int = LARGEST) -> bytes:
    before = f'{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","data":['
    return _fill(data, before=before, after="]}]}", size=size)


def _full_tensor(item: str, datatype: str, size: int = LARGEST) -> bytes:
    n = (size - 200) // (len(item) + 1)
    return _tensor(item, f"[1,{n}]", datatype, size=0).replace(
        b'"data":[' + item.encode(), b'"data":[' + ",".join([item] * n).encode()
    )


def _json_bodies(size: int) -> Mapping[str, Hostile]:
    def v1(item: str, most: int = LARGEST) -> Hostile:
        return Hostile(_fill(item, before='{"instances":[', after="]}", size=min(size, most)))

    return {
        "deep": Hostile(b"[" * (size // 2) + b"]" * (size // 2)),
        "many empty arrays": Hostile(_fill("[]", size=min(size, 290_000))),
        "too many empty arrays": Hostile(_fill("[]", size=size)),
        "many empty objects": Hostile(_fill("{}", size=min(size, 290_000))),
        "many small objects": Hostile(_fill('{"a":1}', size=min(size, 790_000))),
        "many nested arrays": Hostile(_fill("[[[]]]", size=min(size, 220_000))),
        "one long row of small integers": v1(f"[{','.join('0' * 1000)}]"),
        "one row of integers": Hostile(_fill("7", size=size)),
        "one row of floats": Hostile(_fill("0.1", size=size)),
        "one row of long floats": Hostile(_fill("0.12345678901234567", size=size)),
        "one row of exponents": Hostile(_fill("1e1", size=size)),
        "numbers of 400 digits": Hostile(_fill("1" * 400, size=size)),
        "fractions of 400 digits": Hostile(_fill("0." + "1" * 399, size=size)),
        "integers beyond 2^53": Hostile(_fill("9007199254740993", size=size)),
        "integers beyond 2^64": Hostile(_fill("99999999999999999999", size=size)),
        "short texts": Hostile(_fill('""', size=size)),
        "texts of a letter": Hostile(_fill('"\u00e9"', size=size)),
        "texts of colons": Hostile(_fill('":"', size=size)),
        "one object of many names": Hostile(_numbered('"%d":1', before="{", after="}", size=size)),
        "many records of one name": Hostile(_fill('{"a":1.5,"b":2,"zz":3}', size=min(size, 30_000))),
        "records of other names": Hostile(_numbered('{"%d":1}', before="[", after="]", size=min(size, 13_000))),
        "a record of many unknown names": Hostile(_numbered('"a%d":0.5', before="{", after="}", size=size)),
        "colons in a text beside names": Hostile(_numbered('"%d":":"', before="{", after="}", size=size)),
        "names with escapes": Hostile(_numbered('"\\u0061%d":1', before="{", after="}", size=size)),
        "a text of escapes": Hostile(b'{"a":"' + b"\\u0041" * ((size - 10) // 6) + b'"}'),
        "a text of backslashes": Hostile(b'{"a":"' + b"\\\\" * ((size - 10) // 2) + b'"}'),
        "an unclosed text": Hostile(b'{"a":"' + b"x" * (size - 6)),
        "brackets in a text": Hostile(b'{"a":"' + b"[{" * ((size - 10) // 2) + b'"}'),
        "NaN tokens": v1("NaN"),
        "NaN tokens in rows": v1("[NaN,1]", 8_000),
        "white space": Hostile(b" " * (size - 2) + b"[]"),
        "white space within": Hostile(b"[" + b"\n" * (size - 2) + b"]"),
        "another document after": Hostile(b"[1]" + b"[1]" * (size // 3 - 1)),
        "tensor of integers": Hostile(_full_tensor("7", "FP32", size)),
        "tensor of floats": Hostile(_full_tensor("0.5", "FP64", size)),
        "tensor of nulls": Hostile(_full_tensor("null", "FP32", size)),
        "tensor of overflows": Hostile(_full_tensor("1e300", "FP32", size)),
        "tensor of booleans": Hostile(_full_tensor("true", "BOOL", size)),
        "tensor of small integers": Hostile(_full_tensor("1", "INT64", size)),
        "tensor of texts": Hostile(_full_tensor('"a"', "BYTES", size)),
        "tensor of texts for numbers": Hostile(_full_tensor('"1"', "FP32", size)),
        "nested tensor": Hostile(_nested(size)),
        "many tensors": Hostile(
            _numbered(
                '{"name":"%d","shape":[1,1],"datatype":"FP32","data":[1]}',
                before='{"inputs":[',
                after="]}",
                size=size,
            )
        ),
        "long names of tensors": Hostile(
            b'{"inputs":[{"name":"' + b"n" * (size - 100) + b'","shape":[1,1],"datatype":"FP32","data":[1]}]}'
        ),
        "V1 columns of many names": Hostile(_numbered('"%d":[1]', before='{"inputs":{', after="}}", size=size)),
        "V1 rows of another length": v1("[1]", 4_000),
        "V1 rows of texts": v1('["a","a"]', 10_000),
        "V1 rows of encoded bytes": v1('[{"b64":"QQ=="},1]', 19_000),
    }


def _nested(size: int) -> bytes:
    rows = min(1000, size // 1100)
    row = "[" + ",".join(["1"] * 500) + "]"
    before = f'{{"inputs":[{{"name":"x","shape":[{rows},500],"datatype":"FP32","data":['
    return (before + ",".join([row] * rows) + "]}]}").encode()


def _other_bodies(size: int) -> Mapping[str, Hostile]:
    csv = (("content-type", "text/csv"),)
    form = (("content-type", "multipart/form-data; boundary=X"),)
    head = b'Content-Disposition: form-data; name="'
    chat, split = '{"messages":[', '{"dataframe_split":{"columns":['
    return {
        "chat of many messages": Hostile(
            _fill('{"role":"u","content":"x"}', before=chat, after="]}", size=min(size, 27_000)), "/v1/chat/completions"
        ),
        "chat of small objects": Hostile(
            _fill('{"a":1}', before='{"messages":[{"role":"u","content":[', after="]}]}", size=min(size, 790_000)),
            "/v1/chat/completions",
        ),
        "token ids": Hostile(_fill("1", before='{"input":[', after="]}", size=size), "/v1/embeddings"),
        "MLflow split of many columns": Hostile(
            _numbered('"%d"', before=split, after='],"data":[[1]]}}', size=size), "/invocations"
        ),
        "members of small arrays": Hostile(_numbered('"%d":[1]', before="{", after="}", size=min(size, 1_000_000))),
        "binary texts of a letter": _binary(b"\x01\0\0\0a" * (size // 5 - 60), "BYTES", size // 5 - 60),
        "binary empty texts": _binary(b"\0\0\0\0" * (size // 4 - 60), "BYTES", size // 4 - 60),
        "binary halves": _binary(b"\0\x3c" * (size // 2 - 90), "FP16", size // 2 - 90),
        "binary brain floats": _binary(b"\x80\x3f" * (size // 2 - 90), "BF16", size // 2 - 90),
        "CSV of one digit": Hostile(
            b"\n".join([b",".join([b"1"] * min(500, size // 2048))] * 1000), "/invocations", csv
        ),
        "CSV of short texts": Hostile(
            b"\n".join([b",".join([b"x"] * min(99, size // 2048))] * 1000), "/invocations", csv
        ),
        "CSV of quotes": Hostile(
            b"\n".join([b",".join([b'""""'] * min(99, size // 6000))] * 1000), "/invocations", csv
        ),
        "CSV line without end": Hostile(b"1," * (size // 2), "/invocations", csv),
        "npy of bytes": Hostile(_npy(size)),
        "form of many parts": Hostile(
            b"".join(b"--X\r\n" + head + b'%d"\r\n\r\n1\r\n' % n for n in range(size // 60)) + b"--X--\r\n",
            "/predict",
            form,
        ),
        "form of dashes": Hostile(b"--X\r\n" + head + b'a"\r\n\r\n' + b"\r\n--" * (size // 4), "/predict", form),
        "gzip of zeros": Hostile(
            gzip.compress(b"[" + b"0," * size + b"0]"), "/predict", (("content-encoding", "gzip"),)
        ),
        "gzip of white space": Hostile(
            gzip.compress(b" " * 8_000_000 + b"[]"), "/predict", (("content-encoding", "gzip"),)
        ),
    }


def _binary(tail: bytes, datatype: str, n_elements: int) -> Hostile:
    head = (
        f'{{"inputs":[{{"name":"x","shape":[1,{n_elements}],"datatype":"{datatype}",'
        f'"parameters":{{"binary_data_size":{len(tail)}}}}}]}}'
    ).encode()
    headers = (("inference-header-content-length", str(len(head))),)
    return Hostile(head + tail, "/v2/models/m/infer", headers)


def _npy(size: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((1, size - 128), np.uint8))
    return file.getvalue()


def _catalogue(size: int) -> Mapping[str, Hostile]:
    return {**_json_bodies(size), **_other_bodies(size)}


def small_bodies() -> list[Hostile]:
    """The same in small."""
    return list(_catalogue(7000).values())


def _bodies() -> Mapping[str, Callable[[], Hostile]]:
    found: dict[str, Callable[[], Hostile]] = {}
    for size, words in ((LARGEST, ""), (65_000, ", 64 kB")):
        for name in _catalogue(7000):
            found[name + words] = lambda name=name, size=size: _catalogue(size)[name]  # type: ignore[misc]
    return found


BODIES = _bodies()

# Two features, so that short rows fit and long ones don't.
CONTRACT = """
[features.a]
type = "number"
[features.b]
type = "number"
nullable = true
"""

VARIABLES = {"GUARD_JOURNAL": "off", "GUARD_MODE": "enforce", "GUARD_CONTENT_ENCODINGS": "gzip,deflate"}
