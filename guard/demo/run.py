"""The demo from its first request to its last line."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from guard.demo.client import send_all
from guard.demo.evidence import Evidence
from guard.demo.host import build_host
from guard.demo.report import print_attack, print_entries, print_next, print_promise, traffic_table
from guard.demo.server import serving
from guard.demo.setup import Setup
from guard.demo.tally import Outcome, count, failures
from guard.demo.traffic import TrafficKind
from guard.middleware import GuardMiddleware

__all__ = ["run"]

LOG_NAME = "verdicts.log"

# Often enough to look live, seldom enough that reading the journal doesn't slow the sending.
REFRESH_S = 0.25
JOURNAL_TIMEOUT_S = 10.0


def run(setup: Setup, *, console: Console, port: int, stay: Callable[[str], None] | None = None) -> list[str]:
    """Serve, send, report; returns what did not go as promised, a sentence each.

    With `stay`, it is called with the server's address when all is told, and the server lives until it returns.
    """
    guarded = GuardMiddleware(build_host(setup.model), setup.settings)
    with verdict_log(setup.workspace / LOG_NAME), serving(guarded, port=port) as base_url:
        console.print(f"A classifier of tumours answers at {base_url}, behind guard in enforce mode.", highlight=False)
        evidence = Evidence(setup.journal, run_id=secrets.token_hex(4))
        outcomes = _send(setup, base_url, evidence=evidence, console=console)
        missing = evidence.wait_for(outcomes, timeout_s=JOURNAL_TIMEOUT_S)
        _report(setup, outcomes, evidence=evidence, console=console)
        if stay is not None:
            stay(base_url)
    faults = failures(outcomes, flagged=evidence.flagged, promise=setup.promise)
    return faults + [f"{missing} rejected requests are missing from the journal"] * bool(missing)


def _send(setup: Setup, base_url: str, *, evidence: Evidence, console: Console) -> list[Outcome]:
    outcomes: list[Outcome] = []
    answers = send_all(setup.plan.requests, base_url=base_url, run_id=evidence.run_id)
    if not console.is_terminal:
        return list(answers)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        shown_s = 0.0
        for outcome in answers:
            outcomes.append(outcome)
            if time.monotonic() - shown_s > REFRESH_S:
                evidence.refresh()
                live.update(traffic_table(outcomes, flagged=evidence.flagged), refresh=True)
                shown_s = time.monotonic()
    return outcomes


def _report(setup: Setup, outcomes: list[Outcome], *, evidence: Evidence, console: Console) -> None:
    flagged = evidence.flagged
    console.print(traffic_table(outcomes, flagged=flagged))
    print_promise(console, count(outcomes, kind=TrafficKind.HONEST, flagged=flagged), promise=setup.promise)
    attacked = count(outcomes, kind=TrafficKind.ATTACKED, flagged=flagged)
    print_attack(console, attacked, tried=setup.plan.n_tried, queries=setup.plan.n_queries)
    print_entries(console, evidence.examples(outcomes))
    print_next(console, evidence.commands())


@contextmanager
def verdict_log(path: Path) -> Iterator[None]:
    """Let the logger `guard` write into a file for the while, and not to the terminal."""
    log, handler = logging.getLogger("guard"), logging.FileHandler(path, encoding="utf-8")
    before, log.propagate = log.propagate, False
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        log.setLevel(level)
        log.propagate = before
