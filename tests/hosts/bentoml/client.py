"""BentoML's own client, with an honest request and one that breaks the contract."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import bentoml

VALUES = {"honest": {"a": 1.5, "b": 2.0}, "hostile": {"a": 1.5, "b": 99.0}}


def calls(port: int) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """The client with each request."""
    with bentoml.SyncHTTPClient(f"http://127.0.0.1:{port}") as client:
        for kind, given in VALUES.items():
            yield "bentoml", kind, partial(client.predict, **given)
