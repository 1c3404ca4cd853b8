"""The policy's truth table."""

import itertools

import pytest

from guard.policy import Decision, decide
from guard.settings import GuardSettings
from guard.verdict import Action, Finding, Kind

ENFORCE = GuardSettings.from_environ({"GUARD_MODE": "enforce"})
OPEN = GuardSettings.from_environ({"GUARD_MODE": "enforce", "GUARD_ON_ERROR": "allow"})


def finding(action: Action, *, kind: Kind = Kind.EVIDENCE, status: int | None = None) -> Finding:
    return Finding(rule_id="G501", action=action, kind=kind, message="", status=status)


TELL, FLAG, REJECT = (finding(action) for action in Action)
LIMIT = finding(Action.REJECT, kind=Kind.PROTOCOL, status=413)
FAILED = finding(Action.REJECT, kind=Kind.ERROR, status=503)


@pytest.mark.parametrize(
    ("findings", "settings", "expected"),
    [
        ((), ENFORCE, Decision(Action.ALLOW, None)),
        ((TELL,), ENFORCE, Decision(Action.ALLOW, None)),
        ((FLAG,), ENFORCE, Decision(Action.FLAG, None)),
        ((FLAG, FLAG), ENFORCE, Decision(Action.FLAG, None)),
        ((TELL, FLAG), ENFORCE, Decision(Action.FLAG, None)),
        ((FLAG, REJECT), ENFORCE, Decision(Action.REJECT, 422)),
        ((LIMIT,), ENFORCE, Decision(Action.REJECT, 413)),
        ((FLAG, LIMIT, REJECT), ENFORCE, Decision(Action.REJECT, 413)),
        ((REJECT, LIMIT), ENFORCE, Decision(Action.REJECT, 422)),
        ((FAILED,), ENFORCE, Decision(Action.REJECT, 503)),
        ((FAILED,), OPEN, Decision(Action.FLAG, None)),
        ((FAILED, REJECT), OPEN, Decision(Action.REJECT, 422)),
        ((FAILED, TELL), OPEN, Decision(Action.FLAG, None)),
    ],
)
def test_policy_takes_the_highest_action(
    findings: tuple[Finding, ...], settings: GuardSettings, expected: Decision
) -> None:
    assert decide(findings, settings) == expected


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_policy_decides_alike_in_every_mode(mode: str) -> None:
    settings = GuardSettings.from_environ({"GUARD_MODE": mode})

    decisions = [decide(pair, settings) for pair in itertools.product((TELL, FLAG, REJECT, LIMIT, FAILED), repeat=2)]

    assert decisions == [
        decide(pair, ENFORCE) for pair in itertools.product((TELL, FLAG, REJECT, LIMIT, FAILED), repeat=2)
    ]


def test_policy_status_of_a_rejection_is_the_operator_s() -> None:
    settings = GuardSettings.from_environ({"GUARD_REJECT_STATUS": "403"})

    assert decide((REJECT,), settings).status == 403
