"""Any bytes in headers, paths and bodies, as no server would hand them on: guard doesn't count on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard import GuardSettings
from guard.journal.reader import JournalReader
from guard.verdict import Mode
from tests.suites.exchange import CONTRACT, Gate
from tests.suites.terminal import is_inert, show

LOOKED_AT = (
    b"content-type", b"content-encoding", b"content-length", b"transfer-encoding", b"inference-header-content-length",
    b"x-request-id", b"traceparent", b"x-forwarded-for", b"expect", b"x-guard-verdict",
)  # fmt: skip
NAMES = st.sampled_from(LOOKED_AT) | st.binary(max_size=8)
VALUES = st.binary(max_size=12) | st.sampled_from(
    [b"application/json", b"multipart/form-data; boundary=a", b"gzip", b"5", b"0", b"\xb2", b"+5", b"1_0", b";", b'a="']
)
TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=12)  # surrogates too


@given(
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    path=st.sampled_from(["/infer", "/v2/models/%s/infer", "/v1/models/%s:predict", "/models/%s"]),
    text=TEXTS,
    raw_path=st.binary(max_size=12),
    body=st.binary(max_size=20) | st.just(b'{"amount": 99}'),
)
@settings(max_examples=200)
def test_any_bytes_in_headers_and_path_are_judged_and_journaled(
    any_gate: Gate, headers: list[tuple[bytes, bytes]], path: str, text: str, raw_path: bytes, body: bytes
) -> None:
    """Servers refuse most of them; guard doesn't count on it."""
    answer = asyncio.run(any_gate.send(body, path=path.replace("%s", text), raw_path=raw_path, headers=headers))

    assert answer.status in {200, 400, 413, 415, 422}
    for name, value in answer.headers.items():
        assert re.fullmatch(rb"[a-z-]+", name)
        assert re.fullmatch(rb"[a-z0-9/+-]+", value)
    assert answer.status == 200 or answer.json["status"] == answer.status


@pytest.fixture(scope="module")
def any_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("any")
    (folder / "contract.toml").write_text(CONTRACT)
    url = f"sqlite:///{folder}/guard.db"
    contract = str(folder / "contract.toml")
    with Gate(GuardSettings(mode=Mode.ENFORCE, contract=contract, journal=url, journal_body="full")) as gate:
        yield gate
    assert gate.guard.recorder.dropped == 0
    if any(gate.guard.tally.requests[1:]):
        assert len(list(JournalReader(url).details())) == sum(gate.guard.tally.requests[1:])
        assert is_inert(show(url, "list", "--limit", "10000"))
        assert is_inert(show(url, "export"))
