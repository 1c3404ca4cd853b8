"""KServe, with guard as its app's middleware."""

import os
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.model_server import app

from guard import GuardMiddleware


class Summing(Model):
    """Sums the features of each instance, in V1 and V2."""

    def __init__(self) -> None:
        super().__init__("summing")
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Answer in the protocol of the request."""
        if not isinstance(payload, InferRequest):
            return {"predictions": [sum(instance) for instance in payload["instances"]]}
        given = payload.inputs[0]
        sums = given.as_numpy().sum(axis=1, dtype="float64")
        output = InferOutput("sum", [len(sums)], "FP64", data=sums.tolist())
        return InferResponse(payload.id, "summing", [output])


app.add_middleware(GuardMiddleware)

if __name__ == "__main__":
    ModelServer(http_port=int(os.environ["HOST_PORT"]), enable_grpc=False).start([Summing()])
