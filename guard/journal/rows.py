"""An entry as rows of the tables, and its blobs back as arrays; runs in the writer's thread.

The serving threads share the interpreter with it, so that every microsecond here is one of theirs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.journal.backlog import Numbered
from guard.journal.entry import Entry
from guard.journal.text import escape, unescape
from guard.verdict import Action, Finding

__all__ = ["BodyKept", "EntryRows", "entry_rows", "extreme", "floats", "header_values", "text_columns"]

BodyKept = Literal["none", "features", "full"]
_Floats = npt.NDArray[np.float64]

# A batch may break the contract in every value of every instance. What asks for most is kept first;
# the column n_findings has the true number.
MAX_FINDINGS = 1000

_LABELS = {action: action.label for action in Action}


class EntryRows(NamedTuple):
    """The values of one entry without its id, and of its findings without the entry's id."""

    entry: tuple[object, ...]
    findings: tuple[tuple[object, ...], ...]


def entry_rows(numbered: Numbered, *, writer: str, body: BodyKept) -> EntryRows:
    """Serialise one entry, in the order of the tables' columns."""
    entry = numbered.entry
    verdict, context, digests = entry.verdict, entry.context, entry.verdict.digests
    found = verdict.findings
    return EntryRows(
        (
            writer,
            numbered.sequence,
            verdict.event_id,
            context.time_s,
            _LABELS[verdict.action],
            str(verdict.mode),
            verdict.rejected,
            context.status,
            entry.reason,
            verdict.n_instances,
            len(found),
            extreme(np.fmin, verdict.p_values),
            extreme(np.fmax, verdict.scores),
            _text(verdict.model),
            _text(verdict.protocol),
            _text(context.client),
            escape(context.path),
            escape(context.method),
            _text(context.request_id),
            _text(context.traceparent),
            _text(context.content_type),
            _headers(context.headers),
            digests.detector,
            digests.contract,
            digests.rules,
            digests.settings,
            digests.code,
            *_contents(entry, body),
        ),
        tuple(map(_finding_row, range(MAX_FINDINGS), _most_severe(found))),
    )


def extreme(choose: np.ufunc, values: npt.NDArray[np.floating[Any]] | None) -> float | None:
    """The smallest (`np.fmin`) or largest (`np.fmax`) value; None where there is none, or none that is a number."""
    if values is None or not values.size:
        return None
    found = float(choose.reduce(values))
    return None if math.isnan(found) else found


def floats(blob: bytes | None) -> _Floats | None:
    """The float64 array of a blob, flat."""
    return None if blob is None else np.frombuffer(blob, dtype="<f8")


def text_columns(stored: str | None) -> dict[str, list[str | None]]:
    """The columns of text, as the entry had them."""
    columns = json.loads(stored) if stored else {}
    return {unescape(name): [None if v is None else unescape(v) for v in column] for name, column in columns.items()}


def header_values(stored: str | None) -> dict[str, str]:
    """The headers of an entry by name; none where an earlier guard kept none."""
    return dict(json.loads(stored)) if stored else {}


def _contents(entry: Entry, body: BodyKept) -> tuple[object, ...]:
    """What is kept of the request: body_kept, scores, p_values, feature_names, features, texts, body."""
    verdict = entry.verdict
    scores, p_values = _blob(verdict.scores), _blob(verdict.p_values)
    full = entry.body if body == "full" else None
    if body == "none" or entry.features is None:
        return ("none" if full is None else "full", scores, p_values, None, None, None, full)
    return (
        "features" if full is None else "full",
        scores,
        p_values,
        _names(entry.feature_names or ()),
        _blob(entry.features),
        _texts(entry.texts) if entry.texts else None,
        full,
    )


def _finding_row(position: int, finding: Finding) -> tuple[object, ...]:
    return (
        position,
        finding.rule_id,
        _LABELS[finding.action],
        str(finding.kind),
        finding.instance,
        _text(finding.feature),
        _text(finding.where),
        escape(finding.message),
        finding.status,
    )


def _most_severe(found: Sequence[Finding]) -> Sequence[Finding]:
    return found if len(found) <= MAX_FINDINGS else sorted(found, key=lambda finding: -finding.action)


def _text(value: str | None) -> str | None:
    return None if value is None else escape(value)


def _blob(array: Any) -> bytes | None:
    return None if array is None else np.asarray(array, dtype="<f8").tobytes()


@lru_cache(maxsize=64)
def _headers(headers: tuple[tuple[str, str], ...]) -> str | None:
    return escape(json.dumps(dict(headers))) if headers else None


@lru_cache(maxsize=64)
def _names(names: tuple[str, ...]) -> str:
    return json.dumps(names)


def _texts(texts: Mapping[str, list[str | None]]) -> str:
    """ASCII JSON of escaped texts: JSON alone would join two lone surrogates into one character."""
    return json.dumps({escape(name): [_text(value) for value in column] for name, column in texts.items()})
