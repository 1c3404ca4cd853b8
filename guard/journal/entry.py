"""What the serving path hands to the journal: references only, nothing serialised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.verdict import Verdict

__all__ = ["Artifact", "Entry", "Reason", "RequestContext"]

Reason = Literal["flagged", "sampled"]

# What an entry holds beside its body, features and findings: the objects themselves, names, digests.
ENTRY_BYTES = 2048

# A finding with its message, feature and place.
FINDING_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """What the transport knows of a request.

    `time_s` counts from the epoch. `client` is a pseudonym already. `status` is what guard answered,
    None where the request was passed on. `headers` are those that say how the body is read, by lower-case name.
    The texts may hold whatever the client sent.
    """

    time_s: float
    request_id: str | None
    traceparent: str | None
    method: str
    path: str
    client: str | None
    status: int | None
    content_type: str | None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One journaled request.

    `features` is float64 [N, d], its columns named by `feature_names`; `texts` has the columns of text,
    each of length N. Nobody changes any of them after `append`: the writer reads them later.
    """

    verdict: Verdict
    context: RequestContext
    body: bytes | None = None
    feature_names: tuple[str, ...] | None = None
    features: npt.NDArray[np.float64] | None = None
    texts: Mapping[str, list[str | None]] | None = None
    reason: Reason = "flagged"

    @property
    def approximate_bytes(self) -> int:
        """The memory that the entry keeps alive while it is queued."""
        size = ENTRY_BYTES + FINDING_BYTES * len(self.verdict.findings) + 16 * self.verdict.n_instances
        size += sum(len(value) for _, value in self.context.headers)
        if self.body is not None:
            size += len(self.body)
        if self.features is not None:
            size += self.features.nbytes
        if self.texts:
            size += sum(len(value) for column in self.texts.values() for value in column if value)
        return size


class Artifact(NamedTuple):
    """Something that verdicts depend on, by its SHA-256: a detector, a contract or the settings."""

    digest: str
    kind: str
    content: bytes
