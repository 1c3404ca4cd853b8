from __future__ import annotations

import json
import logging
import pickle
import struct
import sys
import zlib
from base64 import b64encode
from typing import Any

import pytest
from PIL import Image

from guard.contract import parse_contract
from guard.decode import DecodeLimits, decode
from guard.decode.images.image import _tell_missing
from guard.decode.images.search import may_carry
from guard.decode.source import Source
from guard.errors import RequestError
from guard.inference import InferenceRequest, Layout
from guard.paths import Protocol
from tests.strategies.binary import write_image

LIMITS = DecodeLimits(max_depth=64, max_containers=100_000, max_instances=1024)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(bytes(64))) + _chunk(b"IEND", b"")


BOMB = b64encode(_png(60_000)).decode()
SMALL = b64encode(write_image(Image.new("RGB", (4, 4)), "PNG")).decode()
PICKLE = b64encode(pickle.dumps({"a": 1}, 4)).decode()
OLD_PICKLE = b64encode(pickle.dumps({"a": 1}, 2)).decode()
X = b64encode(b"x").decode()


def read(document: Any, protocol: Protocol = Protocol.ANY, **members: Any) -> InferenceRequest:
    body = document if type(document) is bytes else json.dumps(document).encode()
    return decode(body, limits=LIMITS, allow_non_finite=False, source=Source(protocol, **members))


def rule_of(document: Any, protocol: Protocol = Protocol.ANY, **members: Any) -> str | None:
    try:
        read(document, protocol, **members)
    except RequestError as error:
        return error.rule
    return None


def chat(part: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]}


def places(image: str) -> list[Any]:
    uri = f"data:image/png;base64,{image}"
    tensor = {"shape": [1], "datatype": "BYTES"}
    source = {"type": "base64", "media_type": "image/png", "data": image}
    part = {"type": "input_image", "image_url": uri}
    return [
        ({"instances": [{"b64": X}, {"b64": image}]}, Protocol.V1),
        ({"instances": [{"image": {"b64": image}, "meta": [1]}]}, Protocol.V1),
        ({"instances": [{"a": {"b": [{"b64": image}]}, "c": 1}]}, Protocol.V1),
        ({"instances": [{"a": image, "b": image}]}, Protocol.V1),
        ({"image": image, "opts": {"a": 1}}, Protocol.ANY),
        ({"image": f" {uri}", "x": [1]}, Protocol.ANY),
        ({"image": f"DATA:Image/PNG;charset=x;BASE64,{image}"}, Protocol.ANY),
        ({"inputs": [{"name": "a", "data": ["x"], **tensor}, {"name": "b", "data": [image], **tensor}]}, Protocol.V2),
        ({"dataframe_split": {"columns": ["t", "i"], "data": [["x", "y"], ["x", image]]}}, Protocol.INVOCATIONS),
        (chat({"type": "image_url", "image_url": {"url": uri}}), Protocol.OPENAI),
        (chat({"type": "image", "source": source}), Protocol.OPENAI),
        ({"model": "m", "input": [{"role": "user", "content": [part]}]}, Protocol.OPENAI),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(len(places(""))))
def test_image_is_bounded_wherever_it_stands(number: int) -> None:
    assert rule_of(*places(BOMB)[number]) == "G124"
    assert rule_of(*places(SMALL)[number]) is None


def test_escapes_hide_no_image() -> None:
    body = json.dumps({"a": BOMB, "b": [1]}).replace("iVBO", "\\u0069VBO").encode()

    assert rule_of(body) == "G124"


def test_image_in_csv_is_bounded() -> None:
    headers = {b"content-type": b"text/csv"}

    assert rule_of(b"a,img\nx," + BOMB.encode() + b"\n", headers=headers) == "G124"
    assert rule_of(b"a,img\nx," + SMALL.encode() + b"\n", headers=headers) is None


@pytest.mark.parametrize("content", [_png(60_000), BOMB.encode()])
def test_image_in_a_second_binary_tensor_is_bounded(content: bytes) -> None:
    def tensor(name: str, size: int) -> dict[str, Any]:
        return {"name": name, "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size + 4}}

    head = json.dumps({"inputs": [tensor("a", 1), tensor("b", len(content))]}).encode()
    body = head + struct.pack("<I", 1) + b"x" + struct.pack("<I", len(content)) + content

    assert rule_of(body, Protocol.V2, headers={b"inference-header-content-length": str(len(head)).encode()}) == "G124"


def test_images_of_a_request_are_bounded_together() -> None:
    one = b64encode(write_image(Image.new("RGB", (1000, 1000)), "PNG")).decode()

    assert rule_of({"a": one, "x": [1]}) is None
    assert rule_of({"a": one, "b": one, "x": [1]}) == "G124"


@pytest.mark.parametrize("payload", ["!!!notbase64", SMALL[:-1], SMALL[:30] + "\n" + SMALL[30:]])
def test_data_uri_of_no_base64_is_refused(payload: str) -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{payload}"}}

    assert rule_of(chat(part), Protocol.OPENAI) == "G126"


@pytest.mark.parametrize("code", [PICKLE, OLD_PICKLE, b64encode(b"PK\x03\x04" + bytes(26)).decode()])
def test_serialised_code_is_refused_in_bytes_and_texts(code: str) -> None:
    tensor = {"name": "a", "shape": [1], "datatype": "BYTES", "data": [code]}

    assert rule_of({"instances": [{"b64": code}]}, Protocol.V1) == "G121"
    assert rule_of({"inputs": [tensor]}, Protocol.V2) == "G121"
    assert rule_of({"inputs": [{**tensor, "parameters": {"content_type": "base64"}}]}, Protocol.V2) == "G121"
    assert rule_of({"a": code, "b": 1}) == "G121"


@pytest.mark.parametrize(
    "text",
    [
        "gAR", "gASV", "Qk", "/9j/", "UEsDB", "Quiet days of the best of times", "/9j/home/of/many/a/long/path.txt",
        "gAAAAABlbm90LWEtcGlja2xlLWJ1dC1hLXRva2Vu", "gASVAAAAaGVsbG8gd29ybGQgdGhpcyBpcw==",
        "data: they were collected in the year of 2021, from all", "data:text/plain;base64,aGVsbG8gd29ybGQ=",
        "data:image/png, jpeg and others are formats of images", "Qk1lZXRpbmcgd2l0aCBhbGwgb2YgdGhlbQ==",
    ],
)  # fmt: skip
def test_honest_texts_pass(text: str) -> None:
    assert rule_of({"a": text, "b": 1}) is None
    assert rule_of(chat({"type": "text", "text": text}), Protocol.OPENAI) is None


def test_feature_of_the_contract_is_not_lifted_but_bounded() -> None:
    contract = parse_contract('[features.age]\ntype = "integer"\n[features.photo]\ntype = "string"')

    assert read({"age": 3, "photo": SMALL}, contract=contract).layout is Layout.RECORDS
    assert rule_of({"age": 3, "photo": BOMB}, contract=contract) == "G124"


def test_numbers_are_not_searched() -> None:
    assert not may_carry(json.dumps({"instances": [[0.5] * 30] * 20}).encode())
    assert not may_carry(json.dumps([{f"f{i}": 0.5 for i in range(900)}]).encode())
    assert may_carry(json.dumps([{f"f{i}": 0.5 for i in range(900)} | {"x": SMALL}]).encode())


def test_missing_library_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    _tell_missing.cache_clear()

    with caplog.at_level(logging.ERROR, "guard"):
        assert rule_of({"image": SMALL}) == rule_of({"image": SMALL}) == "G115"

    assert [record.getMessage() for record in caplog.records] == [
        "images can't be read: pip install 'inference-guard[images]'"
    ]
    assert rule_of({"a": BOMB, "x": [1]}) == "G124"
