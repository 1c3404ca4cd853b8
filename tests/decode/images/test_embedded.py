from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from PIL import Image

from guard.decode import DecodeLimits, decode
from guard.decode.images.embedded import lift_images
from guard.decode.images.image import decode_image
from guard.errors import MalformedRequest, RequestError, UnsupportedMediaType
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat
from tests.strategies.binary import write_image

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (6, 5, 3), np.uint8))
BODIES = {name: write_image(PICTURE, name) for name in ("PNG", "JPEG", "WEBP", "BMP")}
PNG = BODIES["PNG"]
B64 = b64encode(PNG).decode()


def read(document: Any, limits: DecodeLimits = LIMITS) -> InferenceRequest:
    return decode(json.dumps(document).encode(), limits=limits, allow_non_finite=False)


def v2(data: list[str], shape: list[int]) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": shape, "data": data}]}


@pytest.mark.parametrize(
    ("document", "n_instances", "wire_format"),
    [
        ({"instances": [{"b64": B64}, {"b64": B64}]}, 2, WireFormat.V1),
        ({"instances": [{"image_bytes": {"b64": B64}, "key": "1"}]}, 1, WireFormat.V1),
        ({"instances": [[{"b64": B64}]]}, 1, WireFormat.V1),
        ({"instances": [{"image": B64, "top_k": 5}]}, 1, WireFormat.V1),
        ({"inputs": {"image": [{"b64": B64}, {"b64": B64}]}}, 2, WireFormat.V1),
        (v2([B64, B64], [2]), 2, WireFormat.V2),
        (v2([B64], [1, 1]), 1, WireFormat.V2),
        ({"image": B64, "threshold": 0.5}, 1, WireFormat.RECORDS),
        ({"image": f"data:image/png;base64,{B64}"}, 1, WireFormat.RECORDS),
        ([{"image": B64}, {"image": B64}], 2, WireFormat.RECORDS),
    ],
)
def test_image_of_each_instance_is_lifted(document: Any, n_instances: int, wire_format: WireFormat) -> None:
    request = read(document)

    assert (request.layout, request.wire_format, request.n_instances) == (Layout.IMAGES, wire_format, n_instances)
    assert len(request.data) == n_instances
    assert all(np.array_equal(image, np.asarray(PICTURE)) for image in request.data)


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_each_format_is_recognised_in_base64(body: bytes) -> None:
    (image,) = read({"image": b64encode(body).decode()}).data

    np.testing.assert_array_equal(image, decode_image(body, limits=LIMITS).data[0])


@pytest.mark.parametrize("cell", [PNG, B64.encode(), f"data:image/png;base64,{B64}".encode()])
def test_bytes_of_a_binary_tensor_are_lifted(cell: bytes) -> None:
    array = np.empty((1, 1), np.object_)
    array[0, 0] = cell
    request = InferenceRequest(
        WireFormat.V2_BINARY, Layout.TENSORS, (Tensor("image", Datatype.BYTES, (1, 1), array),), n_instances=1
    )

    assert lift_images(request, limits=LIMITS).layout is Layout.IMAGES


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[1.0, 2.0]]},
        {"a": 1, "b": "text"},
        {"a": "Quiet", "b": "Qk"},
        {"a": "UklGR"},
        {"a": "data:text/plain;base64,AAAA"},
        {"first": B64, "second": B64},
        {"image": B64, "rois": [[1, 2]]},
        {"inputs": {"image": [B64], "other": [1]}},
        v2([B64, B64], [1, 2]),
        {"instances": [["a"]]},
        [[1, B64]],
    ],
)
def test_other_requests_stay_as_they_are(document: Any) -> None:
    assert read(document).layout is not Layout.IMAGES


@pytest.mark.parametrize(
    ("document", "rule", "where"),
    [
        ({"instances": [{"b64": B64}, {"b64": "AAAA"}]}, "G116", "instance 1"),
        ([{"image": B64}, {"image": 1}], "G116", "instance 1"),
        ([{"image": B64}, {"other": B64}], "G116", "instance 1"),
        ([[B64], ["x", "y"]], "G116", "instance 1"),
        ({"image": B64[:-4] + "===="}, "G126", "instance 0"),
        ({"image": B64[:20] + "\n" + B64[20:]}, "G126", "instance 0"),
        ({"image": b64encode(PNG + b"x").decode()}, "G110", "instance 0"),
        ({"image": b64encode(PNG[:60]).decode()}, "G125", "instance 0"),
    ],
)
def test_broken_images_are_refused(document: Any, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(document)

    assert (caught.value.rule, caught.value.where) == (rule, where)


def test_gif_is_told_to_be_unread() -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read({"image": b64encode(write_image(PICTURE, "GIF")).decode()})

    assert (caught.value.rule, caught.value.where) == ("G115", "instance 0")


def test_images_of_a_request_are_bounded_together() -> None:
    limits = DecodeLimits(max_depth=8, max_containers=100, max_instances=16, max_pixels=70)

    assert read({"instances": [{"b64": B64}] * 2}, limits).n_instances == 2
    with pytest.raises(RequestError) as caught:
        read({"instances": [{"b64": B64}] * 3}, limits)
    assert caught.value.rule == "G124"


def test_images_are_counted() -> None:
    limits = DecodeLimits(max_depth=8, max_containers=10_000, max_instances=1024)

    assert read({"instances": [{"b64": B64}] * 256}, limits).n_instances == 256
    with pytest.raises(MalformedRequest) as caught:
        read({"instances": [{"b64": B64}] * 257}, limits)
    assert caught.value.rule == "G111"


def test_flat_images_that_are_small_alone_are_too_large_together() -> None:
    flat = b64encode(write_image(Image.new("RGB", (1000, 1000)), "PNG")).decode()

    with pytest.raises(RequestError) as caught:
        read({"instances": [{"b64": flat}] * 2})
    assert caught.value.rule == "G124"


def test_data_uri_of_another_format_is_told() -> None:
    request = read({"image": f"data:image/jpeg;base64,{B64}"})

    assert [(fault.rule, fault.instance) for fault in request.faults] == [("G120", 0)]
