"""Clients that know HTTP alone: curl, http.client and httpx, with lengths, chunks and gzip."""

import contextlib
import gzip
import http.client
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

PATH = "/v1/models/summing:predict"
HONEST = b'{"instances": [[1.5, 2.0], [3, 4]]}'
HOSTILE = b'{"instances": [[1.5, 2.0], [99, 4]]}'
MALFORMED = b'{"instances": [[1.5, 2.0], [3, '
SUMS = {"predictions": [3.5, 7]}
JSON = {"content-type": "application/json"}
GZIP = {**JSON, "content-encoding": "gzip"}

Asked = tuple[int, Any]


def in_pieces(body: bytes) -> Iterator[bytes]:
    """The body in chunks, which makes the clients send no length."""
    return (body[i : i + 7] for i in range(0, len(body), 7))


def ask_http_client(host: Any, body: Any, headers: dict[str, str]) -> Asked:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)) as connection:
        connection.request("POST", PATH, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def ask_httpx(host: Any, body: Any, headers: dict[str, str]) -> Asked:
    answer = httpx.post(f"{host.url}{PATH}", content=body, headers=headers, timeout=60)
    return answer.status_code, answer.json()


def ask_curl(host: Any, body: Any, headers: dict[str, str]) -> Asked:
    chunked = [] if isinstance(body, bytes) else ["-H", "transfer-encoding: chunked"]
    whole = body if isinstance(body, bytes) else b"".join(body)
    fields = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    done = curl(host, *fields, *chunked, "--data-binary", "@-", given=whole)
    return int(done.stdout[-3:]), json.loads(done.stdout[:-3])


def curl(host: Any, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "-sS", "--max-time", "60", "-w", "%{http_code}", *arguments, f"{host.url}{PATH}"]
    return subprocess.run(command, check=False, input=given, capture_output=True)


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")

CLIENTS = [
    pytest.param(ask_http_client, id="http.client"),
    pytest.param(ask_httpx, id="httpx"),
    pytest.param(ask_curl, id="curl", marks=needs_curl),
]
each_client = pytest.mark.parametrize("ask", CLIENTS)


@each_client
@pytest.mark.parametrize(
    "headers", [JSON, {"content-type": "text/plain"}, {"content-type": "application/octet-stream"}]
)
def test_honest_request_is_served(numbers: Any, ask: Callable[..., Asked], headers: dict[str, str]) -> None:
    assert ask(numbers, HONEST, headers) == (200, SUMS)
    numbers.assert_one_served()


@each_client
def test_honest_request_in_chunks_is_served(numbers: Any, ask: Callable[..., Asked]) -> None:
    assert ask(numbers, in_pieces(HONEST), JSON) == (200, SUMS)
    numbers.assert_one_served()


@each_client
@pytest.mark.parametrize("pieces", [bytes, in_pieces], ids=["length", "chunks"])
def test_honest_request_in_gzip_is_served(numbers: Any, ask: Callable[..., Asked], pieces: Any) -> None:
    assert ask(numbers, pieces(gzip.compress(HONEST)), GZIP) == (200, SUMS)
    numbers.assert_one_served()


@each_client
@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        pytest.param(HOSTILE, 422, "The request was refused", id="hostile"),
        pytest.param(MALFORMED, 400, "The request can't be read", id="malformed"),
    ],
)
@pytest.mark.parametrize("form", ["plain", "chunks", "gzip"])
def test_refused_request_is_told_why_in_the_protocol_s_words(
    numbers: Any, ask: Callable[..., Asked], body: bytes, status: int, title: str, form: str
) -> None:
    given: Any = {"plain": body, "chunks": in_pieces(body), "gzip": gzip.compress(body)}[form]

    answered, problem = ask(numbers, given, GZIP if form == "gzip" else JSON)

    assert answered == problem["status"] == status
    assert problem["title"] == title
    assert problem["error"].startswith(f"{title} (guard, event ")
    numbers.assert_one_refused(status)


@each_client
def test_bytes_that_are_not_the_gzip_they_are_said_to_be_are_refused(numbers: Any, ask: Callable[..., Asked]) -> None:
    answered, problem = ask(numbers, HONEST, GZIP)

    assert (answered, problem["title"]) == (400, "The request can't be read")
    numbers.assert_one_refused(400)


def test_httpx_raises_its_own_error(numbers: Any) -> None:
    answer = httpx.post(f"{numbers.url}{PATH}", json=json.loads(HOSTILE), timeout=60)

    with pytest.raises(httpx.HTTPStatusError, match="422 Unprocessable Entity"):
        answer.raise_for_status()
    numbers.assert_one_refused(422)


@needs_curl
def test_curl_json_is_served(numbers: Any) -> None:
    done = curl(numbers, "--json", HONEST.decode())

    assert json.loads(done.stdout[:-3]) == SUMS
    numbers.assert_one_served()


@needs_curl
def test_curl_without_a_content_type_is_served(numbers: Any) -> None:
    done = curl(numbers, "-H", "content-type:", "-d", HONEST.decode())

    assert json.loads(done.stdout[:-3]) == SUMS
    assert "content-type" not in dict(numbers.assert_one_served()["sent"]["headers"])


@needs_curl
def test_curl_s_default_content_type_is_served_where_hosts_ignore_it(numbers: Any) -> None:
    """`curl -d` calls any body a form; servers of V1 and V2 read none. Elsewhere it's refused: tests/rules, G120."""
    done = curl(numbers, "-d", HONEST.decode())

    assert json.loads(done.stdout[:-3]) == SUMS


@needs_curl
def test_curl_fails_where_it_is_told_to(numbers: Any) -> None:
    done = curl(numbers, "--fail-with-body", "--retry", "2", "--json", HOSTILE.decode())

    assert done.returncode == 22
    assert b"The request was refused" in done.stdout
    numbers.assert_one_refused(422)
