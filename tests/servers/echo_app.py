"""An app that tells what it received, behind guard; run by the servers under test."""

import hashlib
import json
from typing import Any

from guard import GuardMiddleware


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body's length and digest, and guard's verdict."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        await send({"type": "websocket.close"})
        return
    body, complete = b"", False
    while not complete:
        message = await receive()
        if message["type"] == "http.disconnect":
            # Granian can still send it, and answers 500 by itself where an app says nothing.
            await send({"type": "http.response.start", "status": 400, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        body += message.get("body", b"")
        complete = not message.get("more_body", False)
    verdict = scope.get("state", {}).get("guard")
    told = {
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "action": verdict.action.label if verdict else None,
        "rules": [finding.rule_id for finding in verdict.findings] if verdict else [],
        "headers": sorted(name.decode() for name, _ in scope["headers"]),
    }
    answer = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


app = GuardMiddleware(echo)
