"""`guard demo`: a real model behind guard, honest and hostile requests over HTTP, and what became of them."""

from __future__ import annotations

import shlex
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guard.errors import GuardError

__all__ = ["demo"]

# What the demo needs beyond the core.
EXTRAS = ("httpx", "starlette", "uvicorn")

SERVE_POLL_S = 3600.0


def demo(
    *,
    serve: Annotated[bool, typer.Option("--serve", help="Keep the server up afterwards, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.", min=0, max=65535)] = 0,
    journal: Annotated[
        str | None, typer.Option(help="Where the journal is kept, as sqlite:///FILE; else a new folder.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the attack and of the order of requests.")] = 0,
) -> None:
    """Serve a real model behind guard, and send it honest and hostile requests.

    Exit status 0 if all went as promised, 1 if not.
    """
    check_extras()
    from guard.demo.run import run  # noqa: PLC0415 - needs the extras
    from guard.demo.setup import prepare  # noqa: PLC0415

    console = Console()
    workspace = Path(tempfile.mkdtemp(prefix="guard-demo-"))
    setup = prepare(workspace=workspace, journal=journal, seed=seed)

    def stay(base_url: str) -> None:
        show_examples(console, base_url=base_url, workspace=workspace)
        wait_for_interrupt()

    faults = run(setup, console=console, port=port, stay=stay if serve else None)
    for fault in faults:
        console.print(f"not as promised: {fault}", style="red", markup=False, highlight=False)
    if faults:
        raise typer.Exit(1)
    console.print("\nAll went as promised.", style="green")


def check_extras() -> None:
    """Raise GuardError, which says what to install, where a library is missing."""
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if missing:
        raise GuardError(f"guard demo needs {', '.join(missing)}; install: pip install 'inference-guard[all]'")


def show_examples(console: Console, *, base_url: str, workspace: Path) -> None:
    """Print a command for an honest request and one for a hostile one."""
    from guard.demo.examples import write_examples  # noqa: PLC0415 - needs the extras

    console.print("\nThe server stays up; Ctrl-C ends it. From another terminal:", highlight=False)
    for name, path, url in write_examples(workspace, base_url=base_url):
        command = f"curl -si {url} -H 'content-type: application/json' -d @{shlex.quote(str(path))}"
        console.print(f"  {command}   # {name}", highlight=False, soft_wrap=True, markup=False)


def wait_for_interrupt() -> None:
    """Sleep until Ctrl-C."""
    try:
        while True:
            time.sleep(SERVE_POLL_S)
    except KeyboardInterrupt:
        return
