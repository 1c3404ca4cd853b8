"""GuardMiddleware: the gate in front of an ASGI app.

It knows ASGI and nothing of NumPy. What was screened is what is served: the app gets the very messages
that were read, or in `enforce` with GUARD_FORWARD=canonical what guard made of them. `monitor` never changes
a request or an answer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from dataclasses import dataclass
from functools import partial

from guard.asgi import (
    ASGIApp,
    Message,
    Receive,
    RequestHeaders,
    Scope,
    Send,
    check_headers,
    is_http_1,
    may_have_body,
    read_headers,
    replace_headers,
    strip_spoofed,
)
from guard.client import ClientResolver
from guard.decode.canonical import Canonical
from guard.errors import ConfigError, OverBudget, RequestError
from guard.examiner import Examiner
from guard.journal import Counters, RequestContext
from guard.monitor import Tally, exporter
from guard.paths import Route
from guard.problem import send_problem
from guard.recorder import Recorder, replay_headers
from guard.rules import DisabledRules
from guard.screening import Screener, Screening
from guard.settings import GuardSettings
from guard.upload import ByteBudget, Upload
from guard.verdict import Action, Mode, Verdict

__all__ = ["GuardMiddleware"]


@dataclass(slots=True)
class _Exchange:
    """One request, without its body; `scope` is what the app gets, `headers` what the client sent."""

    scope: Scope
    headers: RequestHeaders
    route: Route
    client: str


class GuardMiddleware:
    """Screens each request before the app sees it; allows, flags or rejects it.

    `settings` default to the GUARD_* variables of the environment. The constructor loads and checks
    everything and raises ConfigError, ContractError or DetectorError; threads and the journal start in
    each process at the first need.
    """

    def __init__(self, app: ASGIApp, settings: GuardSettings | None = None) -> None:
        self.app = app
        self.settings = GuardSettings.from_environ() if settings is None else settings
        check(self.settings)
        self.examiner = Examiner(self.settings)
        self.recorder = Recorder(self.settings, artifacts=self.screener.artifacts)
        self._clients = ClientResolver(self.settings)
        self._budget = ByteBudget(self.settings.max_inflight_bytes)
        self._samples = self.settings.journal_sample > 0
        self.tally = Tally(self.settings.mode)
        exporter().watch(self)

    @property
    def screener(self) -> Screener:
        """The gate without its transport."""
        return self.examiner.screener

    def journal_counters(self) -> Counters:
        """How many entries this process wrote, has queued, and lost."""
        return self.recorder.journal.counters()

    def held_bytes(self) -> int:
        """The bytes that bodies being read hold."""
        return self._budget.held_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge an http request; pass any other scope on, as the settings say."""
        if scope["type"] != "http" or self.settings.mode is Mode.OFF:
            await self._pass_on(scope, receive, send)
            return
        headers = read_headers(scope)
        if headers.spoofed:
            scope = strip_spoofed(scope)
        route = self.screener.paths.match(scope["path"], scope.get("root_path", ""), scope.get("raw_path"))
        if route.excluded or not may_have_body(scope, headers):
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, headers, route, self._clients.identity(scope, headers))
        upload = Upload(receive, budget=self._budget, client=exchange.client)
        try:
            screening, body = await self._screen(exchange, upload)
            status = None if screening is None else self._settle(exchange, screening, body)
            verdict = None if screening is None else screening.verdict
            # What the app has, the budget counts no longer; it may take long to answer.
            del screening, body
            if verdict is None or status is None:
                await self.app(exchange.scope, upload, send)
            else:
                await self._refuse(exchange, verdict, status, upload, send)
        finally:
            upload.release()

    async def _screen(self, exchange: _Exchange, upload: Upload) -> tuple[Screening | None, bytes]:
        """Read and judge the body; None where there turns out to be none."""
        body = b""
        try:
            check_headers(exchange.headers, self.settings)
            encoding = exchange.headers.values.get(b"content-encoding")
            if encoding is not None:
                self.screener.check_encoding(encoding)
            body = await upload.read(self.settings)
        except RequestError as error:
            screening = self.screener.refuse(error, route=exchange.route)
            self.tally.observe(screening.verdict, seconds=0.0)
            return screening, body
        if not body:
            return None, body
        examiner, values, route = self.examiner, exchange.headers.values, exchange.route
        if examiner.is_quick(body, values):
            screening, canonical, seconds = examiner.examine(body, route=route, headers=values)
        else:
            screening, canonical, seconds = await examiner.examine_in_thread(body, route=route, headers=values)
        if canonical is not None and not screening.verdict.rejected:
            refused = self._replace(canonical, exchange, upload)
            # Judged again, its body would pass: no replay shows what others held.
            screening, body = (screening, body) if refused is None else (refused, b"")
        self.tally.observe(screening.verdict, seconds=seconds)
        return screening, body

    def _replace(self, canonical: Canonical, exchange: _Exchange, upload: Upload) -> Screening | None:
        """Let the app have guard's own encoding; a refusal where the byte budget has no room for it."""
        try:
            upload.replace(canonical.body)
        except OverBudget as error:
            return self.screener.refuse(error, route=exchange.route)
        exchange.scope = replace_headers(exchange.scope, canonical.headers)
        return None

    def _settle(self, exchange: _Exchange, screening: Screening, body: bytes) -> int | None:
        """Journal what is to be journaled, and tell the app; the status to refuse with, or None to pass it on."""
        verdict = screening.verdict
        if (verdict.action is not Action.ALLOW or self._samples) and self.recorder.wants(verdict):
            status = self._record(exchange, screening, body)
            if status is not None:
                return status
        scope = exchange.scope
        if "state" in scope:
            scope["state"]["guard"] = verdict
        else:
            scope["state"] = {"guard": verdict}
        return None

    def _record(self, exchange: _Exchange, screening: Screening, body: bytes) -> int | None:
        """Journal the request; the status to refuse it with, or None to pass it on."""
        verdict = screening.verdict
        status = verdict.status if verdict.rejected else None
        context = self._context(exchange, status)
        kept = self.recorder.record(verdict, context=context, table=screening.table, body=body)
        closed = self.settings.on_journal_error == "reject" and self.settings.mode is Mode.ENFORCE
        if not kept and closed and verdict.action is not Action.ALLOW:
            return 503
        return status

    def _context(self, exchange: _Exchange, status: int | None) -> RequestContext:
        headers = exchange.headers
        return RequestContext(
            time_s=time.time(),
            request_id=headers.text(b"x-request-id"),
            traceparent=headers.text(b"traceparent"),
            method=exchange.scope["method"],
            path=exchange.scope["path"],
            client=self._clients.pseudonym(exchange.client),
            status=status,
            content_type=headers.text(b"content-type"),
            headers=replay_headers(headers.values),
        )

    async def _refuse(self, exchange: _Exchange, verdict: Verdict, status: int, upload: Upload, send: Send) -> None:
        self.tally.rejected += 1
        await send_problem(
            send,
            status=status,
            event_id=verdict.event_id,
            protocol=exchange.route.protocol,
            path=exchange.route.path,
            close=is_http_1(exchange.scope) and not upload.complete,
            upload=upload if _goes_on_sending(exchange.headers, status, upload) else None,
        )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and self.settings.mode is not Mode.OFF:
            await self.app(scope, receive, partial(self._send_lifespan, send))
        elif scope["type"] == "websocket" and self._denies_websocket(scope):
            await receive()
            # 1008: policy violation (RFC 6455, section 7.4.1); servers answer 403 to the handshake.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(self._without_spoofed(scope), receive, send)

    def _without_spoofed(self, scope: Scope) -> Scope:
        if scope["type"] != "websocket" or self.settings.mode is Mode.OFF or not read_headers(scope).spoofed:
            return scope
        return strip_spoofed(scope)

    def _denies_websocket(self, scope: Scope) -> bool:
        if self.settings.websocket != "deny" or self.settings.mode is not Mode.ENFORCE:
            return False
        route = self.screener.paths.match(scope["path"], scope.get("root_path", ""), scope.get("raw_path"))
        return not route.excluded

    async def _send_lifespan(self, send: Send, message: Message) -> None:
        """Start before the app serves, and flush after it has shut down."""
        if message["type"] == "lifespan.startup.complete":
            self.recorder.start()
        elif message["type"].startswith("lifespan.shutdown"):
            await asyncio.to_thread(self.recorder.close)
        await send(message)


def _goes_on_sending(headers: RequestHeaders, status: int, upload: Upload) -> bool:
    """Whether a refused client may be in the middle of its body: not if it stalled, left, or waits to be asked."""
    return not upload.complete and status in {400, 413, 415, 503} and b"expect" not in headers.values


def check(settings: GuardSettings) -> None:
    """Raise one ConfigError for all settings that only their users can judge: exclusions and proxies."""
    faults: list[str] = []
    for use in (
        partial(DisabledRules.parse, settings.disabled_rules, today=dt.datetime.now(dt.UTC).date()),
        partial(ClientResolver, settings),
    ):
        try:
            use()
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
