"""The app that guard stands before: one ONNX model behind the Open Inference Protocol, version 2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["INFER_PATH", "MODEL_NAME", "OnnxModel", "build_host"]

MODEL_NAME = "breast-cancer"
INFER_PATH = f"/v2/models/{MODEL_NAME}/infer"


class OnnxModel:
    """The model's session; `features` is the order of its input's second axis."""

    def __init__(self, path: Path, *, features: Sequence[str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # thirty numbers don't pay for a second thread
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.features = tuple(features)

    def run(self, rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """The probability, float32 [N], and the label, int64 [N], of rows float32 [N, d]."""
        probability, label = self._session.run(["probability", "label"], {"x": rows})
        return probability, label

    def predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """The labels alone, int64 [N]."""
        return self.run(rows)[1]


def build_host(model: OnnxModel) -> Starlette:
    """An app that serves the model, and trusts whoever asks it."""

    async def infer(request: Request) -> Response:
        try:
            document = orjson.loads(await request.body())
            rows = _rows_of(document["inputs"], features=model.features)
        except (KeyError, TypeError, ValueError):
            return _json({"error": f"expected a tensor of {len(model.features)} columns, or one tensor a feature"}, 400)
        probability, label = model.run(rows)
        return _json({"model_name": MODEL_NAME, "id": document.get("id", ""), "outputs": _outputs(probability, label)})

    async def metadata(_: Request) -> Response:
        return _json({"name": MODEL_NAME, "platform": "onnxruntime_onnx", "inputs": [_input_of(model.features)]})

    async def ready(_: Request) -> Response:
        return _json({"ready": True})

    return Starlette(
        routes=[
            Route(INFER_PATH, infer, methods=["POST"]),
            Route(f"/v2/models/{MODEL_NAME}", metadata),
            Route("/v2/health/ready", ready),
        ]
    )


def _rows_of(inputs: list[dict[str, Any]], *, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    if len(inputs) == 1:
        return np.asarray(inputs[0]["data"], dtype=np.float32).reshape(inputs[0]["shape"]).reshape(-1, len(features))
    columns = {tensor["name"]: np.asarray(tensor["data"], dtype=np.float32).reshape(-1) for tensor in inputs}
    return np.stack([columns[name] for name in features], axis=1)


def _outputs(probability: npt.NDArray[np.float32], label: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    return [
        {"name": "probability", "shape": [len(label)], "datatype": "FP32", "data": probability.tolist()},
        {"name": "label", "shape": [len(label)], "datatype": "INT64", "data": label.tolist()},
    ]


def _input_of(features: tuple[str, ...]) -> dict[str, Any]:
    return {"name": "input-0", "datatype": "FP32", "shape": [-1, len(features)]}


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")
