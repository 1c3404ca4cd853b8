"""Action, Finding, Verdict: what guard says of a request."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Action", "Digests", "Finding", "Kind", "Mode", "Verdict"]


class Action(enum.IntEnum):
    """What a finding asks for, and what a verdict decides; the highest wins."""

    ALLOW = 0
    FLAG = 1
    REJECT = 2

    @property
    def label(self) -> str:
        """The lower-case name, as it stands in the journal, in metrics and on the command line."""
        return self.name.lower()


class Mode(enum.StrEnum):
    """What guard may do: nothing, look, or refuse."""

    OFF = "off"
    MONITOR = "monitor"
    ENFORCE = "enforce"


class Kind(enum.StrEnum):
    """What a finding rests on."""

    PROTOCOL = "protocol"
    """the request can't be read, or exceeds a limit"""
    CONTRACT = "contract"
    """what was declared of the features doesn't hold"""
    EVIDENCE = "evidence"
    """learned from clean rows, under the promised false-positive rate"""
    TRAFFIC = "traffic"
    """quality of a batch; informs only"""
    COVERAGE = "coverage"
    """guard could not look: no decoder fits"""
    ERROR = "error"
    """guard itself failed or was late; GUARD_ON_ERROR decides"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found, and the action that it asks for.

    `status` is the HTTP status of a rejection for this finding; None means GUARD_REJECT_STATUS.
    `where` is a place in the request, such as `inputs[0].shape`. `message` may hold what the client
    sent: whoever shows it strips control characters.
    """

    rule_id: str
    action: Action
    kind: Kind
    message: str
    instance: int | None = None
    feature: str | None = None
    where: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256, in hexadecimal, of everything that a verdict depends on."""

    detector: str | None
    contract: str | None
    rules: str
    settings: str
    code: str


# A named tuple, since every request pays for making one: a frozen dataclass takes four times as long.
class Verdict(NamedTuple):
    """What was decided of one request.

    `action` is what the findings ask for, in every mode: in `monitor` it is what `enforce` would have
    done. `rejected` says whether the client is refused. `scores` and `p_values` are float32 arrays of
    shape (n_instances,), higher scores and lower p-values being more anomalous; None where nothing
    was scored.
    """

    event_id: str
    action: Action
    mode: Mode
    status: int | None
    findings: tuple[Finding, ...]
    model: str | None
    protocol: str | None
    n_instances: int
    scores: npt.NDArray[np.float32] | None
    p_values: npt.NDArray[np.float32] | None
    digests: Digests

    @property
    def rejected(self) -> bool:
        """Whether guard answers in the model's place."""
        return self.action is Action.REJECT and self.mode is Mode.ENFORCE
