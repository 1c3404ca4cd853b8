"""Rules of evidence: what the detector found, under the promised false-positive rate.

They are data alone: the p-values are judged where the detector is called.
"""

from __future__ import annotations

from guard.rules.rule import Rule
from guard.verdict import Action, Kind

__all__ = ["EVIDENCE_RULES", "MINED_RELATION"]

MINED_RELATION = "G513"

# MITRE ATLAS: evade AI model, craft adversarial data; OWASP: input manipulation
TAGS = ("AML.T0015", "AML.T0043", "ML01:2023")

# Inadequate detection or handling of adversarial input perturbations
PERTURBATIONS = "https://cwe.mitre.org/data/definitions/1039.html"
CONFORMAL = "https://doi.org/10.1214/22-AOS2244"  # Bates et al., Testing for outliers with conformal p-values, 2023
ISOLATION_FOREST = "https://doi.org/10.1109/ICDM.2008.17"  # Liu, Ting, Zhou, Isolation Forest, 2008


def _rule(rule_id: str, action: Action, title: str, message: str, *references: str) -> Rule:
    return Rule(
        id=rule_id,
        action=action,
        kind=Kind.EVIDENCE,
        title=title,
        message=message,
        tags=TAGS,
        references=references,
    )


EVIDENCE_RULES: tuple[Rule, ...] = (
    _rule(
        "G501",
        # Whether it rejects depends on the p-value; whoever has it says so.
        Action.FLAG,
        "outlier",
        "An instance is less like the clean instances than the accepted false-positive rate allows.",
        CONFORMAL,
        ISOLATION_FOREST,
        PERTURBATIONS,
    ),
    _rule(
        "G502",
        Action.FLAG,
        "many unusual instances",
        "More instances of a batch are mildly unusual than chance explains.",
        CONFORMAL,
        PERTURBATIONS,
    ),
    Rule(
        id="G503",
        action=Action.REJECT,
        kind=Kind.COVERAGE,
        title="no detector for this model",
        message="No detector is configured for the model that the request names.",
        tags=TAGS,
        references=("https://cwe.mitre.org/data/definitions/636.html",),
        status=400,
    ),
    _rule(
        "G511",
        Action.ALLOW,
        "outside the learned range",
        "A reason for an outlier: a value beyond those of the clean instances.",
        PERTURBATIONS,
    ),
    _rule(
        "G512",
        Action.ALLOW,
        "unseen category",
        "A reason for an outlier: a category that no clean instance had.",
        PERTURBATIONS,
    ),
    _rule(
        MINED_RELATION,
        Action.ALLOW,
        "mined relation broken",
        "A reason for an outlier: a relation between features that held in the clean instances doesn't.",
        PERTURBATIONS,
    ),
    _rule(
        "G514",
        Action.ALLOW,
        "unusual value",
        "A reason for an outlier: with a usual value of the feature, the instance would be less unusual.",
        PERTURBATIONS,
    ),
    _rule(
        "G515",
        Action.ALLOW,
        "no single feature",
        "A reason for an outlier: no feature alone makes the instance unusual; their combination does.",
        PERTURBATIONS,
    ),
)
