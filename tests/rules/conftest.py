"""Builders of tables."""

from collections.abc import Callable
from typing import Any

import pytest

from guard.contract import Contract
from guard.features import Table, extract
from guard.inference import InferenceRequest, Layout, WireFormat


@pytest.fixture(scope="session")
def table_of() -> Callable[[Contract, list[dict[str, Any]]], Table]:
    def build(contract: Contract, records: list[dict[str, Any]]) -> Table:
        request = InferenceRequest(
            wire_format=WireFormat.RECORDS, layout=Layout.RECORDS, data=records, n_instances=len(records)
        )
        return extract(request, contract)

    return build
