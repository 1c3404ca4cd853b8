"""Builders of tables, and a served request: one case of a rule that headers, settings or the transport show."""

import asyncio
import base64
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.contract import Contract
from guard.features import Table, extract
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.middleware import GuardMiddleware
from guard.settings import GuardSettings
from guard.verdict import Finding

MODEL = Path(__file__).parents[2] / "models" / "breast_cancer"


@pytest.fixture(scope="session")
def table_of() -> Callable[[Contract, list[dict[str, Any]]], Table]:
    def build(contract: Contract, records: list[dict[str, Any]]) -> Table:
        request = InferenceRequest(
            wire_format=WireFormat.RECORDS, layout=Layout.RECORDS, data=records, n_instances=len(records)
        )
        return extract(request, contract)

    return build


@pytest.fixture(scope="session")
def held_out() -> list[dict[str, float]]:
    """The rows that the demo detector never saw."""
    with (MODEL / "heldout.csv").open(encoding="utf-8", newline="") as file:
        return [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]


@pytest.fixture
def serve(
    tmp_path: Path, held_out: list[dict[str, float]]
) -> Callable[[dict[str, Any], dict[str, Any]], list[Finding]]:
    """What the middleware finds in one case of a file, in `monitor`, without a journal."""

    def settings_of(file: dict[str, Any], case: dict[str, Any]) -> GuardSettings:
        environ = {"GUARD_MODE": "monitor", "GUARD_JOURNAL": "off"}
        if "contract" in file:
            contract = tmp_path / "contract.toml"
            contract.write_text(file["contract"], encoding="utf-8")
            environ["GUARD_CONTRACT"] = str(contract)
        for name, value in (file["settings"] | case.get("settings", {})).items():
            environ[name] = str(value).replace("{detector}", str(MODEL / "detector.onnx"))
        return GuardSettings.from_environ(environ)

    def chunks_of(case: dict[str, Any]) -> list[bytes]:
        if "rows" in case:
            chosen = [(held_out[entry["row"]], entry.get("scale", 1)) for entry in case["rows"]]
            rows = [{name: value * scale for name, value in row.items()} for row, scale in chosen]
            return [json.dumps(rows).encode()]
        if "base64" in case:
            return [base64.b64decode(case["base64"])]
        return [chunk.encode() for chunk in case.get("chunks", [case.get("body", "")])]

    def run(file: dict[str, Any], case: dict[str, Any]) -> list[Finding]:
        chunks = chunks_of(case)
        headers = [(name.encode(), value.encode()) for name, value in case.get("headers", [])]
        if not {name for name, _ in headers} & {b"content-length", b"transfer-encoding"}:
            headers.append((b"content-length", str(sum(map(len, chunks))).encode()))
        scope = _scope(case.get("path", "/predict"), headers)
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        messages.append({"type": "http.disconnect"} if case.get("unfinished") else {"type": "http.request"})
        asyncio.run(_call(GuardMiddleware(_app, settings_of(file, case)), scope, messages))
        return list(scope["state"]["guard"].findings)

    return run


def _scope(path: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "state": {},
    }


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """A host that answers 204 without a look at the body."""
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _call(app: GuardMiddleware, scope: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    answer: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answer.append(message)

    await app(scope, receive, send)
    assert answer[0]["status"] == 204, "monitor changes no answer"
