"""An entry judged again: the whole request where its body was kept, else the features.

From features come the contract, quality and evidence: all that a verdict on a readable request rests on. How a request
was read can't be seen in them, which is why one that was refused for it needs its body.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.asgi import too_large
from guard.contract import Contract, Feature
from guard.errors import GuardError
from guard.features import extract
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.journal.records import EntryDetail
from guard.journal.rows import extreme
from guard.policy import decide
from guard.review.gate import Gate
from guard.review.kept import NotReplayable
from guard.rules import BY_ID, evaluate, to_findings
from guard.verdict import Action, Finding, Kind

__all__ = ["Basis", "Judged", "judge"]

Floats = npt.NDArray[np.float64]

NO_FEATURES = "none of its features were kept (GUARD_JOURNAL_BODY=none, or no contract to take them by)"
UNREAD = "it was refused for how it was read, which features don't show, and its body wasn't kept"


class Basis(enum.StrEnum):
    """What an entry was judged again from."""

    BODY = "the whole request, from its body"
    FEATURES = "contract, quality and evidence, from its features"
    SETTINGS = "the settings alone: guard wouldn't look at it"


class Judged(NamedTuple):
    """What came out: the action, what from, and the lowest p-value (None where nothing was scored)."""

    action: Action
    basis: Basis
    min_p_value: float | None


def judge(entry: EntryDetail, gate: Gate) -> Judged:
    """Judge an entry with this gate. Raises NotReplayable."""
    if any(finding.kind is Kind.ERROR for finding in entry.findings):
        raise NotReplayable("guard had failed on it, or was late")
    try:
        return _from_body(entry, entry.body, gate) if entry.body else _from_features(entry, gate)
    except GuardError as error:
        raise NotReplayable(f"this guard fails on it: {error}") from None


def _from_body(entry: EntryDetail, body: bytes, gate: Gate) -> Judged:
    row = entry.row
    route = gate.route(row.route, row.model)
    if len(body) > gate.settings.max_body_bytes:
        verdict = gate.screener.refuse(too_large(gate.settings), route=route).verdict
    else:
        verdict = gate.screener.examine(body, route=route, headers=_headers(entry)).verdict
    return Judged(verdict.action, Basis.BODY, extreme(np.fmin, verdict.p_values))


def _headers(entry: EntryDetail) -> dict[bytes, bytes]:
    """The headers that chose the decoder; a user's own may have looked at others, which aren't kept."""
    return {
        name.encode("latin-1", "replace"): value.encode("latin-1", "replace") for name, value in entry.headers.items()
    }


def _from_features(entry: EntryDetail, gate: Gate) -> Judged:
    carried = [finding for finding in entry.findings if not _shows_in_features(finding)]
    features = _readable(entry, carried)
    protection = gate.protection(entry.row.model)
    if protection.contract is None:
        raise NotReplayable("there is neither contract nor detector to judge it by")
    table = extract(_as_request(entry, features, protection.contract), protection.contract)
    findings = carried + to_findings(table.faults, disabled=gate.disabled)
    is_readable = all(finding.action is not Action.REJECT for finding in findings)
    findings += evaluate(table, disabled=gate.disabled)
    scores = protection.score(table) if is_readable else None
    if scores is not None:
        findings += protection.evidence(scores, disabled=gate.disabled)
    lowest = None if scores is None else extreme(np.fmin, scores.p_value)
    return Judged(decide(findings, gate.settings).action, Basis.FEATURES, lowest)


def _shows_in_features(finding: Finding) -> bool:
    rule = BY_ID.get(finding.rule_id)
    return finding.kind is Kind.EVIDENCE or finding.rule_id == "G904" or (rule is not None and rule.check is not None)


def _readable(entry: EntryDetail, carried: list[Finding]) -> Floats:
    """The entry's features; raises NotReplayable unless they are all that its verdict rested on."""
    refused = any(finding.action is Action.REJECT for finding in carried)
    if entry.features is None or not entry.feature_names:
        raise NotReplayable(UNREAD if refused and entry.scores is None else NO_FEATURES)
    if refused:
        raise NotReplayable(UNREAD)
    return entry.features


def _as_request(entry: EntryDetail, features: Floats, contract: Contract) -> InferenceRequest:
    """The kept features as if they were sent again, as records of what the contract declares."""
    columns = [_cells(entry, features, feature) for feature in contract.features]
    records = [dict(zip(contract.names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return InferenceRequest(WireFormat.RECORDS, Layout.RECORDS, records, len(records))


def _cells(entry: EntryDetail, features: Floats, feature: Feature) -> list[Any]:
    """A column as a client would send it: codes of another detector mean nothing, so that texts are coded anew."""
    name = feature.name
    if name not in entry.feature_names:
        raise NotReplayable(f"it lacks the feature {name!r}")
    texts = entry.texts.get(name)
    if (texts is not None) is not feature.type.is_text:
        kept, taken = ("numbers", "texts") if texts is None else ("texts", "numbers")
        raise NotReplayable(f"its feature {name!r} has {kept}, where {taken} are expected")
    if texts is None:
        return list(features[:, entry.feature_names.index(name)].tolist())
    if len(texts) != len(features):
        raise NotReplayable(f"its feature {name!r} is damaged: {len(texts)} texts for {len(features)} instances")
    return list(texts)
