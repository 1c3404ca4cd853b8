"""What Prometheus is told."""

from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from guard.journal import Counters
from guard.monitor import Exporter, Tally
from guard.verdict import Action, Digests, Finding, Kind, Mode, Verdict

EMPTY = Counters(written=0, queued=0, dropped={"queue_full": 0})


@dataclass(eq=False)
class Gate:
    """A middleware's figures."""

    tally: Tally
    counters: Counters = EMPTY
    held: int = 0

    def journal_counters(self) -> Counters:
        return self.counters

    def held_bytes(self) -> int:
        return self.held


@pytest.fixture
def exporter() -> Exporter:
    return Exporter()


@pytest.fixture
def registry(exporter: Exporter) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(exporter)
    return registry


def verdict(action: Action, *rules: str) -> Verdict:
    findings = tuple(Finding(rule_id=rule, action=action, kind=Kind.CONTRACT, message="x") for rule in rules)
    digests = Digests(detector=None, contract=None, rules="", settings="", code="")
    return Verdict(
        event_id="e", action=action, mode=Mode.MONITOR, status=None, findings=findings, model="m\n", protocol=None,
        n_instances=3, scores=None, p_values=None, digests=digests,
    )  # fmt: skip


def test_metrics_count_verdicts_findings_and_instances(exporter: Exporter, registry: Any) -> None:
    gate = Gate(Tally(Mode.MONITOR))
    exporter.watch(gate)

    gate.tally.observe(verdict(Action.REJECT, "G205", "G209"), seconds=0.002)
    gate.tally.observe(verdict(Action.ALLOW), seconds=0.00003)

    value = registry.get_sample_value
    assert value("guard_requests_total", {"action": "reject", "mode": "monitor"}) == 1
    assert value("guard_requests_total", {"action": "allow", "mode": "monitor"}) == 1
    assert value("guard_requests_total", {"action": "reject", "mode": "enforce"}) == 0
    assert value("guard_findings_total", {"rule": "G205"}) == 1
    assert value("guard_instances_total") == 6
    assert value("guard_screen_seconds_count") == 2
    assert value("guard_screen_seconds_sum") == pytest.approx(0.00203)
    assert value("guard_screen_seconds_bucket", {"le": "2.5e-05"}) == 0
    assert value("guard_screen_seconds_bucket", {"le": "5e-05"}) == 1
    assert value("guard_screen_seconds_bucket", {"le": "0.005"}) == 2
    assert value("guard_screen_seconds_bucket", {"le": "+Inf"}) == 2


def test_metrics_sum_over_gates_and_forget_the_dead(exporter: Exporter, registry: Any) -> None:
    first = Gate(Tally(Mode.ENFORCE), Counters(written=7, queued=2, dropped={"queue_full": 1}), held=40)
    second = Gate(Tally(Mode.ENFORCE), Counters(written=1, queued=0, dropped={"queue_full": 2}), held=2)
    exporter.watch(first)
    exporter.watch(second)

    assert registry.get_sample_value("guard_journal_written_total") == 8
    assert registry.get_sample_value("guard_journal_queued") == 2
    assert registry.get_sample_value("guard_journal_dropped_total", {"reason": "queue_full"}) == 3
    assert registry.get_sample_value("guard_inflight_bytes") == 42

    del second
    assert registry.get_sample_value("guard_journal_written_total") == 7


def test_metrics_without_a_gate_are_there(registry: Any) -> None:
    assert registry.get_sample_value("guard_screen_seconds_count") == 0


def test_metrics_hold_nothing_that_a_client_chose(exporter: Exporter, registry: Any) -> None:
    gate = Gate(Tally(Mode.MONITOR))
    exporter.watch(gate)

    gate.tally.observe(verdict(Action.FLAG, "G501"), seconds=0.1)

    assert b'="m' not in generate_latest(registry).replace(b'="monitor"', b"")
