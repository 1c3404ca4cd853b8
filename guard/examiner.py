"""Examiner: judges a body where that holds nobody up, within the deadline, and whatever goes wrong.

Threat model: bodies that take long, or that make guard fail. Short ones are judged on the event loop, since handing
them to a thread would cost more; what may take long, or unfold, leaves it. A failure of ours, and a missed deadline, is
a finding (G901, G902) and never an exception: GUARD_ON_ERROR decides what becomes of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from guard.decode.canonical import Canonical
from guard.errors import RequestError
from guard.paths import Route
from guard.screening import Screener, Screening
from guard.settings import GuardSettings
from guard.verdict import Mode
from guard.workers import Workers

__all__ = ["Examined", "Examiner"]

logger = logging.getLogger("guard")

Headers = Mapping[bytes, bytes]

# Bodies up to this size are judged on the event loop.
INLINE_BYTES = 65_536

# Other formats may take long, however short they are: an image, an archive's like.
_JSON_BEGINS = frozenset({b"{", b"[", b" ", b"\n"})


class Examined(NamedTuple):
    """What came of a body, what is forwarded in its place (None: the body as it came), and how long it took."""

    screening: Screening
    canonical: Canonical | None
    seconds: float


class Examiner:
    """Judges bodies; `screener` says how, the settings where and for how long."""

    def __init__(self, settings: GuardSettings) -> None:
        self.screener = Screener(settings)
        self._workers = Workers()
        self._deadline_s = settings.score_timeout_ms / 1000
        self._rewrites = settings.forward == "canonical" and settings.mode is Mode.ENFORCE
        # Nobody knows what a user's own decoder does.
        self._is_always_slow = settings.decoder is not None

    def is_quick(self, body: bytes, headers: Headers) -> bool:
        """Whether a body is judged in less time than handing it to a thread is worth: not if it may unfold."""
        return (
            len(body) <= INLINE_BYTES
            and body[:1] in _JSON_BEGINS
            and b"content-encoding" not in headers
            and not self._is_always_slow
        )

    def examine(self, body: bytes, *, route: Route, headers: Headers) -> Examined:
        """Judge a body here and now."""
        start = time.perf_counter()
        try:
            screening, canonical = self._judge(body, route, headers)
        except Exception as error:  # noqa: BLE001 - whatever fails here is ours; GUARD_ON_ERROR decides
            screening, canonical = self._failed(error, route), None
        seconds = time.perf_counter() - start
        if seconds > self._deadline_s:
            screening = self._late(route)
        return Examined(screening, canonical, seconds)

    async def examine_in_thread(self, body: bytes, *, route: Route, headers: Headers) -> Examined:
        """Judge a body that takes long off the event loop, within the deadline, waiting for a thread included."""
        start = time.perf_counter()
        canonical = None
        try:
            async with asyncio.timeout(self._deadline_s):
                screening, canonical = await self._workers.run(partial(self._judge, body, route, headers))
        except TimeoutError:
            screening = self._late(route)
        except Exception as error:  # noqa: BLE001 - whatever fails here is ours; GUARD_ON_ERROR decides
            screening = self._failed(error, route)
        return Examined(screening, canonical, time.perf_counter() - start)

    def _judge(self, body: bytes, route: Route, headers: Headers) -> tuple[Screening, Canonical | None]:
        """Judge a body, and write what passes anew where that is to be forwarded."""
        screening = self.screener.examine(body, route=route, headers=headers)
        if not self._rewrites or screening.verdict.rejected:
            return screening, None
        try:
            return screening, self.screener.canonicalise(body, screening.verdict, headers=headers)
        except RequestError as error:
            return self.screener.refuse(error, route=route), None

    def _failed(self, error: Exception, route: Route) -> Screening:
        logger.error("guard failed to judge a request: %s at %s", type(error).__name__, _place(error))
        return self.screener.note("G901", f"guard failed: {type(error).__name__}", route=route)

    def _late(self, route: Route) -> Screening:
        return self.screener.note("G902", "judging the request took too long", route=route)


def _place(error: BaseException) -> str:
    """File and line where an exception arose; its message may hold what the client sent."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
