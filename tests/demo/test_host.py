from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from guard.demo.host import INFER_PATH, OnnxModel, build_host
from guard.demo.server import serving
from guard.demo.traffic import tensor, v2


@pytest.fixture(scope="module")
def client(model: OnnxModel) -> Iterator[httpx.Client]:
    with serving(build_host(model)) as base_url, httpx.Client(base_url=base_url, trust_env=False) as client:
        yield client


def test_host_answers_rows_with_probability_and_label(
    client: httpx.Client, model: OnnxModel, heldout: npt.NDArray[np.float64]
) -> None:
    rows = heldout[:3].astype(np.float32)
    probability, label = model.run(rows)

    answer = client.post(INFER_PATH, content=v2(tensor(rows.ravel().tolist(), shape=[3, 30]), id="seven"))

    document = answer.json()
    outputs: dict[str, dict[str, Any]] = {output["name"]: output for output in document["outputs"]}
    assert answer.status_code == 200
    assert document["id"] == "seven"
    assert outputs["probability"]["data"] == pytest.approx(probability.tolist())
    assert outputs["label"]["data"] == label.tolist()


def test_host_reads_one_tensor_a_feature_in_any_order(
    client: httpx.Client, model: OnnxModel, heldout: npt.NDArray[np.float64]
) -> None:
    row = heldout[0].tolist()
    columns = [tensor([value], name=name, shape=[1]) for name, value in zip(model.features, row, strict=True)]

    named = client.post(INFER_PATH, content=v2(*reversed(columns)))
    whole = client.post(INFER_PATH, content=v2(tensor(row)))

    assert named.json() == whole.json()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"inputs": []}', v2(tensor([1.0, 2.0])), v2(tensor(["x"] * 30))])
def test_host_alone_answers_400_to_what_it_cannot_read(client: httpx.Client, body: bytes) -> None:
    assert client.post(INFER_PATH, content=body).status_code == 400


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/breast-cancer"])
def test_host_tells_of_itself(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200
