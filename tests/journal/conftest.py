from __future__ import annotations

import os
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guard.journal import Entry, Journal, RequestContext
from guard.journal.entry import Reason
from guard.verdict import Action, Digests, Finding, Kind, Mode, Verdict

NOW_S = 1_800_000_000.0

DIGESTS = Digests(detector="d" * 64, contract=None, rules="a" * 64, settings="5" * 64, code="c" * 64)

FINDING = Finding(
    rule_id="G501", action=Action.FLAG, kind=Kind.EVIDENCE, message="p-value 0.004", instance=0, feature="mean radius"
)


def build_entry(
    event_id: str | None = None,
    *,
    action: Action = Action.FLAG,
    mode: Mode = Mode.MONITOR,
    status: int | None = None,
    findings: tuple[Finding, ...] = (FINDING,),
    model: str | None = "tumours",
    protocol: str | None = "v2",
    n_instances: int = 1,
    scores: Sequence[float] | None = (0.7,),
    p_values: Sequence[float] | None = (0.004,),
    digests: Digests = DIGESTS,
    time_s: float = NOW_S,
    request_id: str | None = None,
    traceparent: str | None = None,
    method: str = "POST",
    path: str = "/v2/models/tumours/infer",
    client: str | None = "client-1",
    content_type: str | None = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    feature_names: tuple[str, ...] | None = ("mean radius", "mean area"),
    features: Any = ((14.5, 600.0),),
    texts: Mapping[str, list[str | None]] | None = None,
    reason: Reason = "flagged",
) -> Entry:
    verdict = Verdict(
        event_id=event_id or str(uuid.uuid4()),
        action=action,
        mode=mode,
        status=status,
        findings=findings,
        model=model,
        protocol=protocol,
        n_instances=n_instances,
        scores=None if scores is None else np.array(scores),
        p_values=None if p_values is None else np.array(p_values),
        digests=digests,
    )
    context = RequestContext(
        time_s=time_s,
        request_id=request_id,
        traceparent=traceparent,
        method=method,
        path=path,
        client=client,
        status=status if verdict.rejected else None,
        content_type=content_type,
        headers=headers,
    )
    matrix = None if features is None else np.array(features, dtype=np.float64)
    return Entry(
        verdict=verdict,
        context=context,
        body=body,
        feature_names=feature_names,
        features=matrix,
        texts=texts,
        reason=reason,
    )


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    return build_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guard.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def open_journal(url: str) -> Iterator[Callable[..., Journal]]:
    """Journals that are closed when the test ends."""
    opened: list[Journal] = []

    def opener(at: str | None = url, **options: Any) -> Journal:
        journal = Journal(at, **options)
        opened.append(journal)
        return journal

    yield opener
    for journal in opened:
        journal.close()


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a child process; its exit status is 1 where it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, fork beside threads warns
        pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:  # noqa: BLE001 - pytest's own exceptions must not run on in the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@pytest.fixture
def in_child() -> Callable[[Callable[[], None]], int]:
    return fork


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        end_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end_s, "it didn't happen in time"
            time.sleep(0.01)

    return wait
