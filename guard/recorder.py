"""Recorder: which verdicts become entries, and what goes into the journal with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from guard.features import Table
from guard.journal import Entry, Journal, RequestContext
from guard.protection import Artifact
from guard.settings import GuardSettings
from guard.verdict import Action, Verdict

__all__ = ["Recorder", "replay_headers"]

# The headers that say how a body is read; an entry keeps them, so that it can be judged again.
_REPLAY_HEADERS = tuple(
    (name.encode(), name) for name in ("content-type", "content-encoding", "inference-header-content-length")
)

_BODY: dict[str, Literal["none", "features", "full"]] = {"none": "none", "features": "features", "full": "full"}


def replay_headers(values: Mapping[bytes, bytes]) -> tuple[tuple[str, str], ...]:
    """The headers by which an entry is judged again, with their values as text."""
    return tuple([(name, values[key].decode("latin-1")) for key, name in _REPLAY_HEADERS if key in values])


class Recorder:
    """Journals every flagged and rejected request, and a sample of the accepted ones.

    `artifacts` gives what verdicts depend on; it is asked once, when the journal starts.
    """

    def __init__(
        self,
        settings: GuardSettings,
        *,
        artifacts: Callable[[], Iterable[Artifact]],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.journal = Journal(settings.journal, body=_BODY[settings.journal_body])
        for artifact in artifacts():
            self.journal.add_artifact(artifact.kind, artifact.digest, artifact.content)
        self._keeps_body = settings.journal_body == "full"
        self._keeps_features = settings.journal_body != "none"
        self._sample = settings.journal_sample
        self._draw = draw

    def wants(self, verdict: Verdict) -> bool:
        """Whether the verdict is to be journaled."""
        return verdict.action is not Action.ALLOW or (self._sample > 0 and self._draw() < self._sample)

    def record(self, verdict: Verdict, *, context: RequestContext, table: Table | None, body: bytes) -> bool:
        """Queue an entry, without waiting; False where it was dropped."""
        features = table if self._keeps_features else None
        entry = Entry(
            verdict=verdict,
            context=context,
            # Empty is a body that wasn't read, or not to its end.
            body=body or None if self._keeps_body else None,
            feature_names=features.contract.names if features else None,
            features=features.values if features else None,
            texts=features.texts if features else None,
            reason="sampled" if verdict.action is Action.ALLOW else "flagged",
        )
        return self.journal.append(entry)

    def start(self) -> None:
        """Start writing in this process, unless it has begun."""
        self.journal.start()

    def close(self) -> None:
        """Write what is queued, and stop."""
        self.journal.close()

    @property
    def dropped(self) -> int:
        """How many entries of this process were lost, for whatever reason."""
        return sum(self.journal.counters().dropped.values())
