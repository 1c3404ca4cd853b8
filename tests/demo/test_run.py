from __future__ import annotations

import io
import logging
import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from rich.console import Console

from guard.demo.examples import write_examples
from guard.demo.run import run
from guard.demo.setup import Setup, prepare
from guard.errors import GuardError
from guard.journal.filters import Filters
from guard.journal.reader import JournalReader
from guard.verdict import Action


class Told(NamedTuple):
    faults: list[str]
    text: str
    setup: Setup


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    setup = prepare(workspace=tmp_path_factory.mktemp("demo"), journal=None, seed=0)
    screen = io.StringIO()
    faults = run(setup, console=Console(file=screen, width=100), port=0)
    return Told(faults, screen.getvalue(), setup)


def counts_of(told: Told, kind: str) -> tuple[int, ...]:
    line = next(line for line in told.text.splitlines() if line.startswith(kind))
    return tuple(map(int, re.findall(r"\d+", line)))


def test_demo_goes_as_promised(told: Told) -> None:
    assert told.faults == []


@pytest.mark.parametrize("kind", ["malformed bodies", "missing values", "contract-breaking"])
def test_demo_rejects_all_that_must_be_rejected(told: Told, kind: str) -> None:
    sent, allowed, flagged, rejected, errors = counts_of(told, kind)

    assert sent == rejected > 0
    assert allowed == flagged == errors == 0


def test_demo_serves_nearly_all_honest_rows(told: Told) -> None:
    sent, allowed, flagged, rejected, errors = counts_of(told, "honest rows")

    assert sent == allowed + flagged + rejected
    assert allowed > 0.9 * sent
    assert errors == 0


def test_demo_catches_most_far_outliers(told: Told) -> None:
    sent, _, flagged, rejected, errors = counts_of(told, "far outliers")

    assert flagged + rejected > sent / 2
    assert errors == 0


def test_demo_tells_promise_attack_entries_and_commands(told: Told) -> None:
    for words in (
        "False alarms: promised at most 1.00%",
        "Attack: ",
        "From the journal:",
        "mean_radius",
        "guard review list",
    ):
        assert words in told.text


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("far outliers", r"G511 \w+: \S+ lies outside the learned range, \S+ to \S+"),
        ("attacked rows", r"G51[134] \w+: .*(lies outside the learned range|for such a row|doesn't hold)"),
    ],
)
def test_demo_tells_why_an_outlier_was_flagged(told: Told, kind: str, pattern: str) -> None:
    headlines = ("flag: ", "reject: ")
    lines = [line.strip() for line in told.text.partition("From the journal:")[2].splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith(headlines) and f" {kind} (" in line)

    finding, reason = lines[start + 1 : start + 3]

    assert finding.startswith("G501: outlier score")
    assert re.match(pattern, reason)


def test_demo_journal_holds_what_the_table_counts(told: Told) -> None:
    kinds = ("honest", "malformed", "missing", "contract", "far", "attacked")
    flagged, rejected = (sum(counts_of(told, kind)[place] for kind in kinds) for place in (2, 3))

    assert JournalReader(told.setup.journal).counts(Filters()) == {"flag": flagged, "reject": rejected}


def test_demo_verdicts_go_to_a_file_and_leave_the_logger_as_it_was(told: Told) -> None:
    lines = (told.setup.workspace / "verdicts.log").read_text(encoding="utf-8").splitlines()

    assert len(lines) == sum(JournalReader(told.setup.journal).counts().values())
    assert logging.getLogger("guard").propagate


def test_demo_in_a_terminal_shows_the_table_while_it_sends(tmp_path: Path) -> None:
    setup = prepare(workspace=tmp_path, journal=None, seed=0)
    screen = io.StringIO()

    run(setup, console=Console(file=screen, width=100, force_terminal=True), port=0)

    assert screen.getvalue().count("honest rows") > 2


def test_demo_that_stays_answers_its_examples(tmp_path: Path) -> None:
    setup = prepare(workspace=tmp_path, journal=f"sqlite:///{tmp_path / 'other.db'}", seed=0)
    statuses: dict[str, int] = {}

    def ask(base_url: str) -> None:
        for name, path, url in write_examples(tmp_path, base_url=base_url):
            statuses[name] = httpx.post(url, content=path.read_bytes(), trust_env=False).status_code

    run(setup, console=Console(file=io.StringIO()), port=0, stay=ask)

    assert statuses == {"honest": 200, "hostile": 422}
    assert JournalReader(setup.journal).entries(Filters(action=Action.REJECT), limit=1)[0].request_id is None


def test_demo_without_a_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuardError, match="--journal sqlite:///FILE"):
        prepare(workspace=tmp_path, journal="off", seed=0)
