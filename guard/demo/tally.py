"""What became of the demo's requests, counted by kind and judged against what was promised."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from guard.demo.traffic import DemoRequest, TrafficKind
from guard.detectors.flag_count import most_flags
from guard.detectors.promise import Promise

__all__ = ["Counts", "Outcome", "count", "failures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to one request, as its sender saw it; `status` is None where there was none.

    `refused_by_guard` tells a problem document of guard's from the model's own errors.
    """

    request: DemoRequest
    request_id: str
    status: int | None
    refused_by_guard: bool

    @property
    def rejected(self) -> bool:
        """Guard refused it, for what it holds."""
        return self.refused_by_guard and self.status is not None and self.status < 500

    @property
    def failed(self) -> bool:
        """Neither an answer of the model nor a refusal."""
        return self.status != 200 and not self.rejected


class Counts(NamedTuple):
    """The five numbers of a kind; all but the first add up to it."""

    sent: int
    allowed: int
    flagged: int
    rejected: int
    errors: int

    @property
    def caught(self) -> int:
        """Flagged or rejected."""
        return self.flagged + self.rejected


def count(outcomes: Sequence[Outcome], *, kind: TrafficKind, flagged: Collection[str]) -> Counts:
    """Count one kind; `flagged` are the request ids that the journal has as flagged."""
    mine = [outcome for outcome in outcomes if outcome.request.kind is kind]
    errors = sum(outcome.failed for outcome in mine)
    rejected = sum(outcome.rejected for outcome in mine)
    marked = sum(outcome.status == 200 and outcome.request_id in flagged for outcome in mine)
    return Counts(len(mine), len(mine) - errors - rejected - marked, marked, rejected, errors)


def failures(outcomes: Sequence[Outcome], *, flagged: Collection[str], promise: Promise) -> list[str]:
    """What did not go as promised, a sentence each; empty where all did."""
    found = [
        f"{outcome.request.kind}, {outcome.request.variant}: answered with {outcome.status or 'a broken connection'}"
        for outcome in outcomes
        if outcome.failed
    ]
    found += [
        f"{outcome.request.kind}, {outcome.request.variant}: reached the model"
        for outcome in outcomes
        if outcome.request.kind.must_be_rejected and outcome.status == 200
    ]
    honest = count(outcomes, kind=TrafficKind.HONEST, flagged=flagged)
    most = most_flags(promise, n_rows=honest.sent)
    if honest.caught > most:
        found.append(f"{honest.caught} of {honest.sent} honest rows flagged; the promise allows {most}")
    return found
