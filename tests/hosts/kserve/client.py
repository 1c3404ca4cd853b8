"""KServe's own client and Triton's, each with an honest request and one that breaks the contract."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tritonclient.http
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

ROWS = {
    "honest": np.array([[1.5, 2.0], [3.0, 4.0]], dtype=np.float32),
    "hostile": np.array([[1.5, 99.0], [3.0, 4.0]], dtype=np.float32),
}


def kserve_v1(url: str, rows: Any) -> Any:
    """V1, by KServe's client."""
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    return asyncio.run(client.infer(url, {"instances": rows.tolist()}, model_name="summing"))["predictions"]


def kserve_v2(url: str, rows: Any, *, binary: bool) -> Any:
    """V2, by KServe's client."""
    given = InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary)
    request = InferRequest("summing", [given], request_id="1")
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    return asyncio.run(client.infer(url, request, model_name="summing")).outputs[0].as_numpy().tolist()


def triton(url: str, rows: Any, *, binary: bool) -> Any:
    """V2, by Triton's client; KServe's FastAPI asks for a Content-Type, which the client doesn't send by itself."""
    given = tritonclient.http.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary)
    output = tritonclient.http.InferRequestedOutput("sum", binary_data=False)
    headers = {"Content-Type": "application/octet-stream" if binary else "application/json"}
    with tritonclient.http.InferenceServerClient(url.removeprefix("http://")) as client:
        answer = client.infer("summing", [given], request_id="1", outputs=[output], headers=headers)
    return answer.as_numpy("sum").tolist()


CLIENTS: dict[str, Callable[..., Any]] = {
    "kserve, V1": kserve_v1,
    "kserve, V2 JSON": partial(kserve_v2, binary=False),
    "kserve, V2 binary": partial(kserve_v2, binary=True),
    "tritonclient, JSON": partial(triton, binary=False),
    "tritonclient, binary": partial(triton, binary=True),
}


def calls(port: int) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Each client with each request."""
    for name, client in CLIENTS.items():
        for kind, rows in ROWS.items():
            yield name, kind, partial(client, f"http://127.0.0.1:{port}", rows)
