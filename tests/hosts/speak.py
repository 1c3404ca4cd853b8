"""Run in a host's environment: `python -P speak.py CLIENT PORT` calls a host by its own client.

Prints one JSON array with what each call gave, or what it raised.
"""

import json
import runpy
import sys
from collections.abc import Callable
from typing import Any


def told(call: Callable[[], Any]) -> dict[str, Any]:
    """What a call gave or raised."""
    try:
        return {"answer": call()}
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is asked for
        return {"error": type(error).__name__, "message": str(error)}


if __name__ == "__main__":
    path, port = sys.argv[1], int(sys.argv[2])
    calls = runpy.run_path(path)["calls"](port)
    print(json.dumps([{"client": client, "request": kind, **told(call)} for client, kind, call in calls]))
