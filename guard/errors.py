"""The exceptions of guard.

GuardError
├─ ConfigError            start-up: a setting, or several, are wrong; one exception lists them all
├─ ContractError          start-up: the contract file can't be used
├─ DetectorError          start-up: the detector is missing, altered, or fails its self-test
├─ TrainingError          `guard fit` and `guard score`: the data can't be used
├─ RequestError           the client's fault; says which rule, and where in the request
│  ├─ BodyTooLarge        413
│  ├─ BodyTimeout         408
│  ├─ OverBudget          503; the requests in flight hold all the bytes they may
│  ├─ UnsupportedMediaType  415
│  ├─ MalformedRequest    400
│  └─ NotScorable         400
├─ ScoringError           ours; handled by GUARD_ON_ERROR
└─ JournalError           ours; never reaches the client
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "BodyTimeout",
    "BodyTooLarge",
    "ConfigError",
    "ContractError",
    "DetectorError",
    "GuardError",
    "JournalError",
    "MalformedRequest",
    "NotScorable",
    "OverBudget",
    "RequestError",
    "ScoringError",
    "TrainingError",
    "UnsupportedMediaType",
]


class GuardError(Exception):
    """Whatever guard raises is one of these."""


class ConfigError(GuardError):
    """The configuration can't be used; `faults` lists everything that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("\n".join(self.faults))


class ContractError(GuardError):
    """The contract file can't be read, or contradicts itself or the detector."""


class DetectorError(GuardError):
    """The detector file is missing, altered, unsafe, or fails its self-test."""


class TrainingError(GuardError):
    """The rows given to fit, calibrate or score can't be used."""


class RequestError(GuardError):
    """The request can't be read or scored, by the client's fault.

    `rule` is the id of the rule it breaks, `where` the place in the request (`inputs[0].shape`).
    """

    status: ClassVar[int] = 400

    def __init__(self, detail: str, *, rule: str, where: str | None = None) -> None:
        self.detail = detail
        self.rule = rule
        self.where = where
        super().__init__(detail)

    def __str__(self) -> str:
        """The place and what was found there."""
        return self.detail if self.where is None else f"{self.where}: {self.detail}"


class BodyTooLarge(RequestError):
    """The body is longer than GUARD_MAX_BODY_BYTES."""

    status = 413


class BodyTimeout(RequestError):
    """The body didn't arrive in GUARD_BODY_TIMEOUT_S, or paused for GUARD_BODY_IDLE_S."""

    status = 408


class OverBudget(RequestError):
    """All requests together, or this client's, hold more bytes than GUARD_MAX_INFLIGHT_BYTES allows."""

    status = 503


class UnsupportedMediaType(RequestError):
    """No decoder reads this body."""

    status = 415


class MalformedRequest(RequestError):
    """A decoder recognised the body, and it breaks the format's rules."""


class NotScorable(RequestError):
    """The body can be read, but holds nothing that the detector can score."""


class ScoringError(GuardError):
    """The detector failed on a request that it should have scored."""


class JournalError(GuardError):
    """The journal can't be opened, written or read."""
