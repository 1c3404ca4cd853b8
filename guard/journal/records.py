"""What a reader gets: a row of the list, and everything that is kept of an entry."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.journal.rows import floats, header_values, text_columns
from guard.verdict import Action, Digests, Finding, Kind, Mode

__all__ = ["Cursor", "EntryDetail", "EntryRow", "Gap", "LabelName", "LabelRow", "detail", "summary"]

_Floats = npt.NDArray[np.float64]


class LabelName(enum.StrEnum):
    """What a reviewer says of an entry."""

    ATTACK = "attack"
    DATA_BUG = "data_bug"
    BENIGN = "benign"


class LabelRow(NamedTuple):
    """One label; an entry may get several, of which the newest counts."""

    label: str
    reviewer: str
    reason: str | None
    time_s: float


class Cursor(NamedTuple):
    """A place in the list, newest first."""

    time_s: float
    id: int


class Gap(NamedTuple):
    """Numbers of a writer that are missing, both ends included."""

    writer: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """An entry as a list shows it; `rules` in the order of their first finding."""

    id: int
    writer: str
    sequence: int
    event_id: str
    time_s: float
    action: Action
    mode: Mode
    rejected: bool
    status: int | None
    reason: str
    n_instances: int
    n_findings: int
    min_p_value: float | None
    max_score: float | None
    model: str | None
    protocol: str | None
    client: str | None
    route: str
    method: str
    request_id: str | None
    traceparent: str | None
    rules: tuple[str, ...]
    labels: tuple[LabelRow, ...]

    @property
    def cursor(self) -> Cursor:
        """Its place in the list."""
        return Cursor(self.time_s, self.id)

    @property
    def label(self) -> str | None:
        """The newest label."""
        return self.labels[-1].label if self.labels else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDetail:
    """Everything that is kept of an entry.

    `scores` and `p_values` are float64 [N], `features` float64 [N, d], columns named by `feature_names`;
    None where they weren't kept. `findings` may be fewer than `row.n_findings`. `headers` are those that say how the
    body is read, by lower-case name.
    """

    row: EntryRow
    findings: tuple[Finding, ...]
    digests: Digests
    content_type: str | None
    headers: Mapping[str, str]
    body_kept: str
    scores: _Floats | None
    p_values: _Floats | None
    feature_names: tuple[str, ...]
    features: _Floats | None
    texts: Mapping[str, list[str | None]]
    body: bytes | None


def summary(row: Any, *, rules: Sequence[str], labels: Sequence[LabelRow]) -> EntryRow:
    """An EntryRow from a row of the table."""
    given = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    values = {name: given[name] for name in EntryRow.__dataclass_fields__ if name in given}
    values["action"] = Action[values["action"].upper()]
    values["mode"] = Mode(values["mode"])
    return EntryRow(**values, rules=tuple(rules), labels=tuple(labels))


def detail(row: Any, *, findings: Sequence[Any], labels: Sequence[LabelRow]) -> EntryDetail:
    """An EntryDetail from a row of the table and the rows of its findings."""
    rules = dict.fromkeys(finding.rule_id for finding in findings)
    names = tuple(json.loads(row.feature_names)) if row.feature_names else ()
    features = floats(row.features)
    return EntryDetail(
        row=summary(row, rules=tuple(rules), labels=labels),
        findings=tuple(map(_finding, findings)),
        digests=Digests(
            detector=row.digest_detector,
            contract=row.digest_contract,
            rules=row.digest_rules,
            settings=row.digest_settings,
            code=row.digest_code,
        ),
        content_type=row.content_type,
        headers=_headers(row),
        body_kept=row.body_kept,
        scores=floats(row.scores),
        p_values=floats(row.p_values),
        feature_names=names,
        features=features.reshape(-1, len(names)) if features is not None and names else features,
        texts=text_columns(row.texts),
        body=row.body,
    )


def _headers(row: Any) -> dict[str, str]:
    """As they were kept; of an earlier guard's entries only the Content-Type is known."""
    if row.headers is None and row.content_type is not None:
        return {"content-type": row.content_type}
    return header_values(row.headers)


def _finding(row: Any) -> Finding:
    return Finding(
        rule_id=row.rule_id,
        action=Action[row.action.upper()],
        kind=Kind(row.kind),
        message=row.message,
        instance=row.instance,
        feature=row.feature,
        where=row.where,
        status=row.status,
    )
