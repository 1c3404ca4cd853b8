"""Builders of requests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

BuildTensor = Callable[..., Tensor]
BuildRequest = Callable[[Layout, Any], InferenceRequest]


@pytest.fixture
def request_of() -> BuildRequest:
    def build(layout: Layout, data: Any) -> InferenceRequest:
        return InferenceRequest(wire_format=WireFormat.V2, layout=layout, data=data, n_instances=1)

    return build


@pytest.fixture
def tensor() -> BuildTensor:
    def build(data: Any, *, name: str = "input", datatype: Datatype = Datatype.FP64) -> Tensor:
        array = np.array(data, dtype=datatype.numpy)
        return Tensor(name, datatype, array.shape, array)

    return build
