"""One line of JSON per flagged or rejected request, for the logger `guard`.

Threat model: a client that forges log lines or terminal sequences by what it sends. Whatever it chose
stands inside JSON strings, in ASCII, and never in the template; bodies and feature values stay out.

A flagged request is logged at INFO, one that guard refused at WARNING; a sampled one isn't logged.
"""

from __future__ import annotations

import datetime as dt
import json
import logging

import numpy as np

from guard.journal.entry import Entry
from guard.journal.rows import extreme
from guard.verdict import Digests

__all__ = ["iso_time", "log_entry"]

# As many digits of a digest as tell two versions apart at a glance.
_DIGEST_CHARS = 12

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def log_entry(log: logging.Logger, entry: Entry) -> None:
    """Write the line of one entry."""
    level = logging.WARNING if entry.verdict.rejected else logging.INFO
    if entry.reason == "flagged" and log.isEnabledFor(level):
        log.log(level, "%s", _line(entry))


def iso_time(time_s: float) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    return dt.datetime.fromtimestamp(time_s, dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _line(entry: Entry) -> str:
    verdict, context = entry.verdict, entry.context
    line = {
        "time": iso_time(context.time_s),
        "event_id": verdict.event_id,
        "action": verdict.action.label,
        "mode": str(verdict.mode),
        "rejected": verdict.rejected,
        "status": context.status,
        "model": verdict.model,
        "route": context.path,
        "client": context.client,
        "rules": list(dict.fromkeys(finding.rule_id for finding in verdict.findings)),
        "min_p_value": extreme(np.fmin, verdict.p_values),
        "digests": _short(verdict.digests),
    }
    # JSON leaves DEL as it is; it can stand only within a string.
    return _ENCODER.encode(line).replace("\x7f", "\\u007f")


def _short(digests: Digests) -> dict[str, str | None]:
    named = {
        "detector": digests.detector,
        "contract": digests.contract,
        "rules": digests.rules,
        "settings": digests.settings,
        "code": digests.code,
    }
    return {name: digest and digest[:_DIGEST_CHARS] for name, digest in named.items()}
