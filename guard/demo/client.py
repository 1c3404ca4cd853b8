"""Sends the demo's requests over real HTTP, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import httpx

from guard.demo.host import INFER_PATH
from guard.demo.tally import Outcome
from guard.demo.traffic import DemoRequest

__all__ = ["send_all"]

TIMEOUT_S = 10.0


def send_all(requests: Iterable[DemoRequest], *, base_url: str, run_id: str) -> Iterator[Outcome]:
    """Send each request under an id of its own, which begins with `run_id`, and tell its outcome."""
    with httpx.Client(base_url=base_url, timeout=TIMEOUT_S, trust_env=False) as client:
        for number, request in enumerate(requests, start=1):
            yield _send(client, request, request_id=f"{run_id}-{number:04d}")


def _send(client: httpx.Client, request: DemoRequest, *, request_id: str) -> Outcome:
    headers = {"content-type": "application/json", "x-request-id": request_id, **request.headers}
    try:
        answer = client.post(INFER_PATH, content=request.body, headers=headers)
    except httpx.TransportError:
        return Outcome(request=request, request_id=request_id, status=None, refused_by_guard=False)
    # Only guard's refusals have an event id; on this path their type is that of the model's own errors.
    refused = not answer.is_success and '"instance":"urn:uuid:' in answer.text
    return Outcome(request=request, request_id=request_id, status=answer.status_code, refused_by_guard=refused)
