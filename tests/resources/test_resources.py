"""What the most costly bodies cost in memory: no more than was measured, with some room.

`python -m benchmarks.hostile_bodies` measures them all, and the event loop's time beside; time isn't tested here.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from guard.middleware import GuardMiddleware
from guard.settings import GuardSettings
from tests.resources.bodies import BODIES, CONTRACT, LARGEST, VARIABLES
from tests.resources.measure import SMALLEST_BYTES, peak_bytes, post, screen, warm

# The goal, in multiples of the body.
MOST = 16

# Worse than the goal: JSON of little else than small objects, arrays, texts and numbers, which orjson holds twice, as
# its own values and as Python's. GUARD_MAX_JSON_CONTAINERS bounds the worst of them at some 10 MB.
WORSE = {
    "many empty arrays": 38,
    "many small objects": 42,
    "colons in a text beside names": 36,
    "members of small arrays": 34,
    "one object of many names": 30,
    "V1 columns of many names": 32,
    "texts of a letter": 28,
}


async def host(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> GuardMiddleware:
    contract = tmp_path_factory.mktemp("contract") / "contract.toml"
    Path(contract).write_text(CONTRACT, encoding="utf-8")
    return GuardMiddleware(host, GuardSettings.from_environ(VARIABLES | {"GUARD_CONTRACT": str(contract)}))


@pytest.mark.parametrize("name", BODIES)
def test_body_is_answered(app: GuardMiddleware, name: str) -> None:
    hostile = BODIES[name]()

    assert len(hostile.body) <= LARGEST * 5 // 4
    assert asyncio.run(post(app, hostile)) in {200, 400, 413, 415, 422}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize(
    "name", [*WORSE, "NaN tokens", "deep", "many tensors", "CSV of one digit", "binary empty texts"]
)
def test_memory_is_no_more_than_was_measured(app: GuardMiddleware, name: str) -> None:
    hostile = BODIES[name]()

    peak = peak_bytes(lambda: screen(app.screener, hostile), warm=lambda: warm(app.screener))

    assert peak <= WORSE.get(name, 1.5 * MOST) * max(len(hostile.body), SMALLEST_BYTES)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from Linux's /proc")
def test_measure_sees_what_is_taken() -> None:
    peak = peak_bytes(lambda: bytearray(64 * SMALLEST_BYTES), warm=lambda: None)

    assert 64 * SMALLEST_BYTES <= peak < 80 * SMALLEST_BYTES
