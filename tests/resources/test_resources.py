"""What the most costly bodies cost in memory: no more than was measured, with some room.

`python -m benchmarks.hostile_bodies` measures them all, and the event loop's time beside; time isn't tested here.
"""

from __future__ import annotations

import asyncio
import sys

import pytest

from guard.middleware import GuardMiddleware
from tests.resources.bodies import BODIES, LARGEST
from tests.resources.measure import SMALLEST_BYTES, guarded, peak_bytes, peak_ratio, post

# The goal, in multiples of the body.
MOST = 16

# Worse than the goal: JSON of little else than small objects, arrays, texts and numbers, which orjson holds twice, as
# its own values and as Python's. GUARD_MAX_JSON_CONTAINERS bounds the worst of them at some 10 MB.
WORSE = {
    "many empty arrays": 40,
    "many small objects": 42,
    "colons in a text beside names": 36,
    "members of small arrays": 34,
    "one object of many names": 36,
    "V1 columns of many names": 38,
    "texts of a letter": 28,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> GuardMiddleware:
    return guarded(tmp_path_factory.mktemp("contract"))


@pytest.mark.parametrize("name", BODIES)
def test_body_is_answered(app: GuardMiddleware, name: str) -> None:
    hostile = BODIES[name]()

    assert len(hostile.body) <= LARGEST * 5 // 4
    assert asyncio.run(post(app, hostile)) in {200, 400, 413, 415, 422}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize(
    "name", [*WORSE, "NaN tokens", "deep", "many tensors", "CSV of one digit", "binary empty texts"]
)
def test_memory_is_no_more_than_was_measured(name: str) -> None:
    assert peak_ratio(name) <= WORSE.get(name, 1.5 * MOST)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from Linux's /proc")
def test_measure_sees_what_is_taken() -> None:
    peak = peak_bytes(lambda: bytearray(64 * SMALLEST_BYTES), warm=lambda: None)

    assert 64 * SMALLEST_BYTES <= peak < 80 * SMALLEST_BYTES
