"""MLServer, with guard as its REST app's middleware; it has no hook for it, so a private attribute is used."""

import asyncio
import os
from collections.abc import AsyncIterator

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from guard import GuardMiddleware


class Summing(MLModel):
    """Sums the features of each instance."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Give all sums at once."""
        sums = NumpyCodec.decode_input(payload.inputs[0]).sum(axis=1)
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("sum", sums)])

    async def predict_stream(self, payloads: AsyncIterator[InferenceRequest]) -> AsyncIterator[InferenceResponse]:
        """Give one sum after the other."""
        async for payload in payloads:
            for row in NumpyCodec.decode_input(payload.inputs[0]):
                output = NumpyCodec.encode_output("sum", row.sum(keepdims=True))
                yield InferenceResponse(id=payload.id, model_name=self.name, outputs=[output])
                await asyncio.sleep(0.4)


async def main() -> None:
    """Serve until told to stop."""
    port = int(os.environ["HOST_PORT"])
    settings = Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=int(os.environ["HOST_OTHER_PORT"]),
        metrics_endpoint=None,
        parallel_workers=0,
        gzip_enabled=False,  # as MLServer demands for streaming
        debug=False,
    )
    server = MLServer(settings)
    server._rest_server._app.add_middleware(GuardMiddleware)
    await server.start([ModelSettings(name="summing", implementation=Summing)])


if __name__ == "__main__":
    asyncio.run(main())
