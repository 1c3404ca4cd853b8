"""The metrics of this process, in prometheus-client's default registry.

No label's value comes from a client: actions, modes, reasons and rule ids are guard's own. Serving only
adds to plain numbers; they become metrics when somebody reads them.
"""

from __future__ import annotations

import weakref
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Protocol

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from guard.journal import Counters
from guard.verdict import Action, Mode, Verdict

__all__ = ["Exporter", "Gate", "Tally", "exporter"]

# From tens of microseconds (one row) to a second (the largest batch).
SECONDS = (25e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 0.1, 1.0)


class Tally:
    """What one middleware counts. It is added to from the event loop alone, so that no lock is needed."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.requests = [0] * len(Action)
        self.instances = 0
        self.rejected = 0
        self.findings: Counter[str] = Counter()
        self.seconds = 0.0
        self.buckets = [0] * (len(SECONDS) + 1)

    def observe(self, verdict: Verdict, *, seconds: float) -> None:
        """Count one verdict and the time that it took."""
        self.requests[verdict.action] += 1
        self.instances += verdict.n_instances
        self.seconds += seconds
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        for finding in verdict.findings:
            self.findings[finding.rule_id] += 1


class Gate(Protocol):
    """A middleware, as the exporter sees it."""

    tally: Tally

    def journal_counters(self) -> Counters:
        """Entries written, queued and dropped."""
        ...

    def held_bytes(self) -> int:
        """Bytes that bodies being read hold."""
        ...


class Exporter(Collector):
    """Sums the figures of every living gate when it is asked."""

    def __init__(self) -> None:
        self._gates: weakref.WeakSet[Gate] = weakref.WeakSet()

    def watch(self, gate: Gate) -> None:
        """Add a gate to what is exported, for as long as it lives."""
        self._gates.add(gate)

    def collect(self) -> Iterator[Metric]:
        """Give all metrics as they are now."""
        gates = list(self._gates)
        tallies = [gate.tally for gate in gates]
        yield from _of_requests(tallies)
        yield _findings(tallies)
        yield _seconds(tallies)
        yield from _of_journal([gate.journal_counters() for gate in gates])
        held = sum(gate.held_bytes() for gate in gates)
        yield GaugeMetricFamily("guard_inflight_bytes", "Bytes that bodies being read hold", held)


def _of_requests(tallies: list[Tally]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "guard_requests", "Screened requests, by what their findings ask for", labels=["action", "mode"]
    )
    for mode in (Mode.MONITOR, Mode.ENFORCE):
        for action in Action:
            count = sum(tally.requests[action] for tally in tallies if tally.mode is mode)
            requests.add_metric([action.label, mode.value], count)
    yield requests
    instances = sum(tally.instances for tally in tallies)
    yield CounterMetricFamily("guard_instances", "Screened instances", instances)
    rejected = sum(tally.rejected for tally in tallies)
    yield CounterMetricFamily("guard_rejected", "Requests that guard answered in the model's place", rejected)


def _findings(tallies: list[Tally]) -> Metric:
    family = CounterMetricFamily("guard_findings", "Findings, by rule", labels=["rule"])
    for rule, count in sorted(sum((tally.findings for tally in tallies), Counter[str]()).items()):
        family.add_metric([rule], count)
    return family


def _seconds(tallies: list[Tally]) -> Metric:
    counts = [sum(column) for column in zip(*(tally.buckets for tally in tallies), strict=True)] or [0]
    bounds = [*map(str, SECONDS), "+Inf"]
    buckets = list(zip(bounds, accumulate(counts), strict=False))
    total = sum(tally.seconds for tally in tallies)
    family = HistogramMetricFamily("guard_screen_seconds", "Time from a body's arrival to its verdict")
    family.add_metric([], buckets=buckets, sum_value=total)
    return family


def _of_journal(counters: list[Counters]) -> Iterator[Metric]:
    written = sum(counter.written for counter in counters)
    yield CounterMetricFamily("guard_journal_written", "Entries written", written)
    queued = sum(counter.queued for counter in counters)
    yield GaugeMetricFamily("guard_journal_queued", "Entries waiting to be written", queued)
    dropped = CounterMetricFamily("guard_journal_dropped", "Entries lost, by reason", labels=["reason"])
    for reason in sorted({reason for counter in counters for reason in counter.dropped}):
        dropped.add_metric([reason], sum(counter.dropped.get(reason, 0) for counter in counters))
    yield dropped


@cache
def exporter() -> Exporter:
    """The exporter of this process: several middlewares share it."""
    shared = Exporter()
    REGISTRY.register(shared)
    return shared
