"""A host's own virtual environment: made, filled with its pinned requirements and this checkout's guard, looked at."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.hosts.table import HERE, Host

__all__ = ["build_wheel", "make_environment", "versions"]

CHECKOUT = HERE.parents[1]


def build_wheel(folder: Path) -> Path:
    """Build guard's wheel from the checkout, once for all hosts."""
    _run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(CHECKOUT)])
    return next(folder.glob("inference_guard-*.whl"))


def make_environment(host: Host, folder: Path, *, wheel: Path) -> Path:
    """Install the host and guard, without extras; by uv where it is on the path, else by pip. Returns the python."""
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    given = ["-r", str(host.place / host.requirements), str(wheel)]
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "-q", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "-q", "--python", str(python), *given])
    else:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "-q", *given])
    return python


def versions(python: Path, *distributions: str) -> list[str]:
    """The installed versions, `-` for what isn't installed."""
    script = (
        "import importlib.metadata as m, json, sys\n"
        "have = {d.name.lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps([have.get(name, '-') for name in sys.argv[1:]]))"
    )
    found = subprocess.run([python, "-c", script, *distributions], check=True, capture_output=True, text=True)
    return [str(version) for version in json.loads(found.stdout)]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-2000:]}")
