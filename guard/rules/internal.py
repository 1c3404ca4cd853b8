"""Rules about guard itself: where it failed, was late, or could not look.

Threat model: a client that makes guard fail, or sends what it can't read, hoping to be let through. Each case
has a declared outcome, and none can be switched off. Out of scope: a host that is out of memory.
"""

from __future__ import annotations

from guard.rules.rule import Rule
from guard.verdict import Action, Kind

__all__ = ["INTERNAL_RULES"]

CWE = "https://cwe.mitre.org/data/definitions/"
# MITRE ATLAS: denial of AI service, evade AI model; OWASP: input manipulation
TAGS = ("AML.T0029", "AML.T0015", "ML01:2023")
FAILING_OPEN = f"{CWE}636.html"

INTERNAL_RULES: tuple[Rule, ...] = (
    Rule(
        id="G901",
        action=Action.REJECT,
        kind=Kind.ERROR,
        title="guard failed",
        message="Guard failed on the request; GUARD_ON_ERROR decides.",
        tags=TAGS,
        references=(FAILING_OPEN, f"{CWE}755.html"),
        status=503,
        is_fixed=True,
    ),
    Rule(
        id="G902",
        action=Action.REJECT,
        kind=Kind.ERROR,
        title="deadline missed",
        message="Decoding and scoring took longer than GUARD_SCORE_TIMEOUT_MS; GUARD_ON_ERROR decides.",
        tags=TAGS,
        references=(FAILING_OPEN, f"{CWE}400.html"),
        status=503,
        is_fixed=True,
    ),
    Rule(
        id="G903",
        action=Action.ALLOW,
        kind=Kind.COVERAGE,
        title="unscreened",
        message="Guard can't read the body, and the path isn't one of inference: passed unseen.",
        tags=TAGS,
        references=(FAILING_OPEN,),
        is_fixed=True,
    ),
    Rule(
        id="G904",
        action=Action.REJECT,
        kind=Kind.CONTRACT,
        title="not scorable",
        message="The score of an instance isn't a number.",
        tags=TAGS,
        references=(f"{CWE}1339.html", FAILING_OPEN),
        status=400,
        is_fixed=True,
    ),
)
