"""Triton's client against MLServer, with an honest request and one that breaks the contract."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tritonclient.http

ROWS = {
    "honest": np.array([[1.5, 2.0], [3.0, 4.0]], dtype=np.float32),
    "hostile": np.array([[1.5, 99.0], [3.0, 4.0]], dtype=np.float32),
}


def infer(client: Any, rows: Any, encoding: str | None) -> Any:
    """V2 as JSON; MLServer reads no binary tensors over REST."""
    given = tritonclient.http.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=False)
    output = tritonclient.http.InferRequestedOutput("sum", binary_data=False)
    answer = client.infer("summing", [given], request_id="1", outputs=[output], request_compression_algorithm=encoding)
    return answer.as_numpy("sum").tolist()


def calls(port: int) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """The client with each request, plain and compressed."""
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{port}") as client:
        for name, encoding in {"tritonclient": None, "tritonclient, gzip": "gzip"}.items():
            for kind, rows in ROWS.items():
                yield name, kind, partial(infer, client, rows, encoding)
