"""schemathesis on the protocol's own OpenAPI document, against a host behind guard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from guard import GuardMiddleware, GuardSettings
from guard.verdict import Mode

DEMO = Path(__file__).parents[2] / "models/breast_cancer/contract.toml"

MODEL = "/v2/models/{MODEL_NAME}/versions/{MODEL_VERSION}"
INFER = f"{MODEL}/infer"
GETS = ("/v2/", "/v2/health/live", "/v2/health/ready", MODEL, f"{MODEL}/ready")

# What the document leaves open: any string is a datatype in it.
DATATYPES = ["BOOL", "UINT8", "UINT64", "INT8", "INT32", "INT64", "FP32", "FP64", "BYTES"]

Schema = Any
AnyCase = Any  # of schemathesis


@pytest.fixture(scope="module")
def document(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((data / "protocol" / "open_inference_rest.yaml").read_text(encoding="utf-8"))
    # It has `${NAME}` where OpenAPI has `{NAME}`.
    found["paths"] = {path.replace("${", "{"): item for path, item in found["paths"].items()}
    assert set(found["paths"]) == {*GETS, INFER}
    return found


@pytest.fixture(scope="module")
def schema(document: dict[str, Any]) -> Schema:
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def narrow_schema(document: dict[str, Any]) -> Schema:
    """Of the requests that the document allows, those nearer to what a server takes."""
    narrow = json.loads(json.dumps(document))
    schemas = narrow["components"]["schemas"]
    for name in ("inference_request", "request_input", "request_output"):
        schemas[name]["additionalProperties"] = False
    schemas["inference_request"]["properties"]["inputs"]["minItems"] = 1
    # The protocol says so in words; an integer beyond 2^53 isn't the same to all readers.
    whole = {"type": "integer", "minimum": -(2**53), "maximum": 2**53}
    parameter = [{"type": "string"}, {"type": "boolean"}, whole]
    schemas["parameters"] = {"type": "object", "maxProperties": 3, "additionalProperties": {"anyOf": parameter}}
    tensor = schemas["request_input"]["properties"]
    tensor["datatype"]["enum"] = DATATYPES
    tensor["shape"] |= {"minItems": 1, "maxItems": 3, "items": {"type": "integer", "minimum": 0, "maximum": 4}}
    return schemathesis.openapi.from_dict(narrow)


class Host:
    """A server of the protocol that takes whatever it is given, and keeps it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        endpoints = [Route(path.replace("MODEL_", ""), self.tell) for path in GETS]
        self.app = Starlette(routes=[*endpoints, Route(INFER, self.infer, methods=["POST"])])

    async def tell(self, _: Request) -> JSONResponse:
        return JSONResponse({"name": "host"})

    async def infer(self, request: Request) -> JSONResponse:
        self.bodies.append(await request.body())
        return JSONResponse({"model_name": "m", "outputs": []})


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture(params=[None, str(DEMO)], ids=["no contract", "demo's contract"])
def guarded(request: pytest.FixtureRequest, host: Host) -> GuardMiddleware:
    return GuardMiddleware(host.app, GuardSettings(mode=Mode.ENFORCE, journal="off", contract=request.param))


def run(
    schema: Schema, path: str, method: str, check: Callable[[AnyCase], None], *, mode: GenerationMode, n: int
) -> None:
    operation = schema[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=n, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def test(case: AnyCase) -> None:
        check(case)

    test()


def assert_refused_by_guard(answer: Any) -> None:
    """An answer that the protocol's clients can read, and that none of them retries."""
    assert answer.status_code in {400, 413, 415, 422}
    assert answer.headers["content-type"][0] in {"application/json", "application/problem+json"}
    told = json.loads(answer.content)
    assert isinstance(told["error"], str)
    assert told["status"] == answer.status_code


@pytest.mark.parametrize("path", GETS)
def test_gets_reach_the_host(schema: Schema, guarded: GuardMiddleware, path: str) -> None:
    statuses: Counter[int] = Counter()

    def check(case: AnyCase) -> None:
        answer = case.call(app=guarded)
        # 404 is the host's: a name with an encoded slash fits none of its routes.
        assert answer.status_code == 200 or (answer.status_code == 404 and b"Not Found" in answer.content)
        statuses[answer.status_code] += 1

    run(schema, path, "GET", check, mode=GenerationMode.POSITIVE, n=30)
    assert statuses[200]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
def test_any_inference_request_is_served_or_refused_in_the_protocol_s_words(
    schema: Schema, guarded: GuardMiddleware, host: Host, mode: GenerationMode
) -> None:
    statuses: Counter[int] = Counter()

    def check(case: AnyCase) -> None:
        before = len(host.bodies)
        answer = case.call(app=guarded)
        statuses[answer.status_code] += 1
        if len(host.bodies) > before:
            assert answer.status_code == 200
        elif answer.status_code not in {404, 405}:
            assert_refused_by_guard(answer)

    run(schema, INFER, "POST", check, mode=mode, n=60)
    assert sum(status in {400, 415, 422} for status in statuses.elements()) > 10


def leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, list):
        for item in data:
            yield from leaves(item)
    else:
        yield data


def fits(value: Any, datatype: str) -> bool:
    if datatype == "BOOL" or isinstance(value, bool):
        return datatype == "BOOL" and isinstance(value, bool)
    if datatype == "BYTES" or isinstance(value, str):
        return datatype == "BYTES" and isinstance(value, str)
    if datatype.startswith("FP"):
        return abs(value) < 1e38 and (not isinstance(value, int) or abs(value) <= 2**53)
    return isinstance(value, int) and -128 <= value < 128 and (value >= 0 or datatype.startswith("INT"))


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """The request as an honest client sends it: shapes that the data fill, names that differ, data of the datatypes."""
    inputs = []
    for index, tensor in enumerate(document["inputs"]):
        found = [value for value in leaves(tensor["data"]) if fits(value, tensor["datatype"])]
        filler = {"BOOL": True, "BYTES": "text"}.get(tensor["datatype"], 1)
        values = found or [filler]
        inputs.append({**tensor, "name": f"{tensor['name']}{index}", "shape": [1, len(values)], "data": values})
    return {**document, "inputs": inputs}


def test_every_request_of_an_honest_client_reaches_the_host(narrow_schema: Schema, host: Host) -> None:
    guarded = GuardMiddleware(host.app, GuardSettings(mode=Mode.ENFORCE, journal="off"))
    seen: Counter[str] = Counter()

    def check(case: AnyCase) -> None:
        if not isinstance(case.body, dict):
            return
        case.body = mended(case.body)
        case.path_parameters = {"MODEL_NAME": "m", "MODEL_VERSION": "1"}
        answer = case.call(app=guarded)
        assert answer.status_code == 200, (answer.content, case.body)
        assert json.loads(host.bodies[-1]) == case.body
        seen.update(tensor["datatype"] for tensor in case.body["inputs"])

    run(narrow_schema, INFER, "POST", check, mode=GenerationMode.POSITIVE, n=100)
    assert len(host.bodies) >= 80
    assert len(seen) >= 5


def test_requests_of_fitting_form_are_never_passed_to_the_demo_s_model(narrow_schema: Schema, host: Host) -> None:
    """They name none of its thirty features."""
    guarded = GuardMiddleware(host.app, GuardSettings(mode=Mode.ENFORCE, journal="off", contract=str(DEMO)))

    def check(case: AnyCase) -> None:
        if isinstance(case.body, dict):
            case.body = mended(case.body)
            case.path_parameters = {"MODEL_NAME": "m", "MODEL_VERSION": "1"}
            assert_refused_by_guard(case.call(app=guarded))

    run(narrow_schema, INFER, "POST", check, mode=GenerationMode.POSITIVE, n=30)
    assert host.bodies == []
