"""MLflow's own client, with an honest request and one that breaks the contract."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

FRAMES = {
    "honest": pd.DataFrame({"a": [1.5, 3.0], "b": [2.0, 4.0]}),
    "hostile": pd.DataFrame({"a": [1.5, 3.0], "b": [99.0, 4.0]}),
}


def invoke(client: Any, frame: Any) -> Any:
    """The predictions as plain values."""
    return dict(client.invoke(frame))


def calls(port: int) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """The client with each request."""
    client = ScoringServerClient("127.0.0.1", port)
    for kind, frame in FRAMES.items():
        yield "mlflow", kind, partial(invoke, client, frame)
