"""Screener: composes decode, rules, features, detector and policy. Bytes in, verdict out; no I/O.

It never sees scope, receive or send. What the constructor is given is validated and loaded there: a
missing detector, a wrong digest or a bad contract fails at start-up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from guard.contract import Contract
from guard.decode import DecodeLimits, Source, decode, decode_at_once, decode_exactly, looks_like_json
from guard.decode.canonical import Canonical, canonicalise
from guard.decode.custom.decoder import CustomDecoder
from guard.decode.encoding import check_encoding, decompress
from guard.detectors import Scores
from guard.errors import RequestError
from guard.event_id import new_event_id
from guard.features import Table, extract
from guard.inference import Fault, InferenceRequest, Layout, WireFormat
from guard.paths import PathPolicy, Route
from guard.policy import decide
from guard.protection import Artifact, Protection, Protections
from guard.rules import DisabledRules, evaluate, to_findings
from guard.settings import GuardSettings
from guard.verdict import Action, Finding, Verdict

__all__ = ["Screener", "Screening"]


# Such a body is refused on any path: what it is can't be told.
_ENCODING_RULES = frozenset({"G109", "G117", "G122", "G123"})

NO_HEADERS: Mapping[bytes, bytes] = {}


class Screening(NamedTuple):
    """A verdict with the features that it was reached from; `table` is None where none were taken."""

    verdict: Verdict
    table: Table | None = None


class Screener:
    """The gate without its transport; may be used from several threads at once."""

    def __init__(
        self,
        settings: GuardSettings,
        *,
        today: dt.date | None = None,
        new_id: Callable[[], str] | None = None,
        demand_relations: bool = True,
    ) -> None:
        self.settings = settings
        self.paths = PathPolicy(settings)
        self._new_id = new_id or new_event_id
        self._disabled = DisabledRules.parse(settings.disabled_rules, today=today or dt.datetime.now(dt.UTC).date())
        self._protections = Protections.load(settings, disabled=self._disabled, demand_relations=demand_relations)
        # The features of an accepted request are only wanted where some are journaled.
        self._samples = settings.journal_sample > 0
        self._limits = DecodeLimits(
            max_depth=settings.max_json_depth,
            max_containers=settings.max_json_containers,
            max_instances=settings.max_instances,
            max_bytes=settings.max_body_bytes,
            max_ratio=settings.max_compression_ratio,
            max_pixels=settings.max_image_pixels,
        )
        self._custom = None if settings.decoder is None else CustomDecoder(settings.decoder)

    def screen(
        self,
        body: bytes,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        path: str = "/",
    ) -> Verdict:
        """Judge one request's body; path and headers tell the model, the format and the content encoding."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        read: dict[bytes, bytes] = {}
        for name, value in pairs:
            key, text = name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")
            read[key] = read[key] + b"," + text if key in read else text
        return self.examine(body, route=self.paths.match(path), headers=read).verdict

    def examine(self, body: bytes, *, route: Route, headers: Mapping[bytes, bytes] = NO_HEADERS) -> Screening:
        """Judge one request's body, and keep the features that the verdict was reached from.

        `headers` are by lower-case name, several of one name joined by commas.
        """
        protection = self._protections.find(route.model)
        if protection is None:
            return self._unprotected(route)
        try:
            request = self._decode(body, route, headers, protection)
        except RequestError as error:
            if not route.listed and error.rule not in _ENCODING_RULES and not looks_like_json(body):
                return self.note("G903", error.detail, route=route)
            return self.refuse(error, route=route)
        if not route.listed and _is_foreign(request, protection.contract):
            return self.note("G903", "the body names none of the model's features", route=route)
        return self._judge(request, protection, route)

    def _decode(
        self, body: bytes, route: Route, headers: Mapping[bytes, bytes], protection: Protection
    ) -> InferenceRequest:
        if b"content-encoding" in headers or self._custom is not None:
            return self._decode_slowly(body, route, headers, protection)
        if not protection.is_mapped:
            request = decode_at_once(body, limits=self._limits, protocol=route.protocol, headers=headers)
            if request is not None:
                return request
        source = Source(route.protocol, headers, protection.contract)
        return decode_exactly(body, limits=self._limits, allow_non_finite=protection.allows_missing, source=source)

    def _decode_slowly(
        self, body: bytes, route: Route, headers: Mapping[bytes, bytes], protection: Protection
    ) -> InferenceRequest:
        """Decode a body that is compressed, or that the user's own decoder may read."""
        encoding = headers.get(b"content-encoding")
        if encoding is not None:
            body = self.decompress(body, encoding)
        if self._custom is not None:
            request = self._custom.decode(body, headers=headers, path=route.path, limits=self._limits)
            if request is not None:
                return request
        source = Source(route.protocol, headers, protection.contract)
        return decode(body, limits=self._limits, allow_non_finite=protection.allows_missing, source=source)

    def check_encoding(self, encoding: bytes) -> None:
        """Refuse an encoding that the host behind guard doesn't decode; raises UnsupportedMediaType (G109)."""
        check_encoding(encoding.decode("latin-1"), accepted=self.settings.content_encodings)

    def decompress(self, body: bytes, encoding: bytes) -> bytes:
        """Undo a Content-Encoding; raises UnsupportedMediaType (G109), BodyTooLarge (G122), MalformedRequest (G123)."""
        self.check_encoding(encoding)
        return decompress(body, encoding.decode("latin-1"), limits=self._limits)

    def canonicalise(
        self, body: bytes, verdict: Verdict, *, headers: Mapping[bytes, bytes] = NO_HEADERS
    ) -> Canonical | None:
        """Guard's own encoding of what it read to reach this verdict; None where the body stays as it came.

        That is so where it wasn't read, or where there is no writer for its format and no Content-Encoding to undo.
        """
        if verdict.protocol is None:
            return None
        encoding = headers.get(b"content-encoding")
        if encoding is not None:
            body = self.decompress(body, encoding)
        wire_format = WireFormat(verdict.protocol)
        undone = encoding not in {None, b"", b"identity"}
        return canonicalise(body, wire_format=wire_format, headers=headers, limits=self._limits, undone=undone)

    def refuse(self, error: RequestError, *, route: Route) -> Screening:
        """The verdict on a request that can't be read.

        On a path that isn't listed, a body that no decoder fits is none of guard's business: it is
        noted and passed.
        """
        if error.rule == "G115" and not route.listed:
            return self.note("G903", error.detail, route=route)
        return self.note(error.rule, error.detail, route=route, where=error.where)

    def note(self, rule: str, detail: str, *, route: Route, where: str | None = None) -> Screening:
        """The verdict where one rule alone speaks, such as G901, guard's own failure.

        No exclusion counts here: nothing else was looked at.
        """
        findings = to_findings([Fault(rule, detail, where=where)])
        return Screening(self._verdict(findings, route, self._protections.find(route.model)))

    def artifacts(self) -> Iterator[Artifact]:
        """What verdicts depend on, by digest: the masked settings, the detectors, the contracts."""
        yield Artifact("settings", self.settings.digest(), self.settings.canonical())
        yield from self._protections.artifacts()

    def _unprotected(self, route: Route) -> Screening:
        rule = "G503" if route.listed else "G903"
        return self.note(rule, "no detector is configured for this model", route=route)

    def _judge(self, request: InferenceRequest, protection: Protection, route: Route) -> Screening:
        scores = None
        if request.is_plain and request.n_instances == 1:
            # Nearly every request is this: one row, with nothing to say of it.
            scores = protection.score_clean_row(request)
            if scores is not None and protection.is_clear(scores) and not self._samples:
                return Screening(self._clear_verdict(request, route, protection, scores))
        findings = to_findings(request.faults, disabled=self._disabled) if request.faults else []
        if protection.contract is None:
            return Screening(self._verdict(findings, route, protection, request.wire_format, request.n_instances))
        table = extract(request, protection.contract)
        if scores is None:
            scores = self._look_closely(table, protection, findings)
        if scores is not None:
            findings += protection.evidence(scores, disabled=self._disabled)
        verdict = self._verdict(findings, route, protection, request.wire_format, table.n_instances, scores)
        return Screening(verdict, table)

    def _clear_verdict(
        self, request: InferenceRequest, route: Route, protection: Protection, scores: Scores
    ) -> Verdict:
        """The verdict on a plain request of one instance with nothing to say of it."""
        return Verdict(
            self._new_id(),
            Action.ALLOW,
            self.settings.mode,
            None,
            (),
            route.model,
            request.wire_format,
            1,
            scores.score,
            scores.p_value,
            protection.digests,
        )

    def _look_closely(self, table: Table, protection: Protection, findings: list[Finding]) -> Scores | None:
        """Check every rule, and score what can be scored."""
        findings += to_findings(table.faults, disabled=self._disabled)
        if not table.n_instances:
            findings += to_findings([Fault("G904", "no instance can be read")])
        is_readable = all(finding.action is not Action.REJECT for finding in findings)
        findings += evaluate(table, disabled=self._disabled)
        return protection.score(table) if is_readable else None

    def _verdict(
        self,
        findings: list[Finding],
        route: Route,
        protection: Protection | None,
        protocol: str | None = None,
        n_instances: int = 0,
        scores: Scores | None = None,
    ) -> Verdict:
        action, status = decide(findings, self.settings)
        return Verdict(
            self._new_id(),
            action,
            self.settings.mode,
            status,
            tuple(findings),
            route.model,
            protocol,
            n_instances,
            None if scores is None else scores.score,
            None if scores is None else scores.p_value,
            self._protections.digests if protection is None else protection.digests,
        )


def _is_foreign(request: InferenceRequest, contract: Contract | None) -> bool:
    """Whether a body on an unlisted path has nothing to do with the model, as a log-in form or a picture."""
    if contract is None:
        return False
    if request.layout in {Layout.IMAGES, Layout.TEXTS}:
        return True
    if request.layout is not Layout.RECORDS:
        return False
    names = set(contract.names)
    return all(names.isdisjoint(record) for record in request.data)
