from __future__ import annotations

from collections.abc import Callable

import pytest

from guard.demo.tally import Counts, Outcome, count, failures
from guard.demo.traffic import TrafficKind
from guard.detectors.flag_count import most_flags
from guard.detectors.promise import Promise

PROMISE = Promise(fpr=0.01, n_calibration=150)

Build = Callable[..., Outcome]


def test_count_of_a_kind_adds_up(outcome: Build) -> None:
    outcomes = [
        outcome(TrafficKind.HONEST, 200, request_id="a"),
        outcome(TrafficKind.HONEST, 200, request_id="b"),
        outcome(TrafficKind.HONEST, 422, refused=True),
        outcome(TrafficKind.HONEST, 503, refused=True),
        outcome(TrafficKind.HONEST, None),
        outcome(TrafficKind.OUTLIER, 200),
    ]

    counts = count(outcomes, kind=TrafficKind.HONEST, flagged={"b"})

    assert counts == Counts(sent=5, allowed=1, flagged=1, rejected=1, errors=2)
    assert counts.caught == 2


@pytest.mark.parametrize("kind", [TrafficKind.MALFORMED, TrafficKind.MISSING, TrafficKind.CONTRACT])
def test_failures_names_what_reached_the_model(outcome: Build, kind: TrafficKind) -> None:
    found = failures([outcome(kind, 200)], flagged=(), promise=PROMISE)

    assert found == [f"{kind}, some variant: reached the model"]


@pytest.mark.parametrize(
    ("status", "refused", "shown"),
    [(500, False, "500"), (503, True, "503"), (400, False, "400"), (None, False, "a broken connection")],
)
def test_failures_names_an_answer_that_nobody_wanted(
    outcome: Build, *, status: int | None, refused: bool, shown: str
) -> None:
    found = failures([outcome(TrafficKind.OUTLIER, status, refused=refused)], flagged=(), promise=PROMISE)

    assert found == [f"far outliers, some variant: answered with {shown}"]


def test_failures_of_hostile_rows_that_pass_is_none(outcome: Build) -> None:
    outcomes = [outcome(TrafficKind.OUTLIER, 200), outcome(TrafficKind.ATTACKED, 200)]

    assert failures(outcomes, flagged=(), promise=PROMISE) == []


@pytest.mark.parametrize(("n_flagged", "fails"), [(5, False), (6, True)])
def test_failures_of_honest_rows_begin_over_the_promise(outcome: Build, *, n_flagged: int, fails: bool) -> None:
    outcomes = [outcome(TrafficKind.HONEST, 200, request_id=str(i)) for i in range(142)]
    assert most_flags(PROMISE, n_rows=142) == 5, "or the table above is stale"

    found = failures(outcomes, flagged={str(i) for i in range(n_flagged)}, promise=PROMISE)

    assert bool(found) is fails
