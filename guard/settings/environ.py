"""Variables before they are values: where they come from, secrets in files, names that nobody knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["PREFIX", "find_unknown", "ours", "read_secret_files", "source_of", "variable"]

PREFIX = "GUARD_"

# Kubernetes sets these for a service that is named guard.
_IGNORED = re.compile(r"GUARD_(PORT.*|SERVICE_.*)")


def ours(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are meant for guard."""
    return {name: value for name, value in environ.items() if name.startswith(PREFIX) and not _IGNORED.fullmatch(name)}


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def source_of(name: str, environ: Mapping[str, str]) -> str:
    """Where a variable's value comes from: `environment`, `file` or `default`."""
    if f"{name}_FILE" in environ:
        return "file"
    return "environment" if name in environ else "default"


def read_secret_files(given: Mapping[str, str], secrets: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Give the variables with those that name a secret's file read, and what is wrong with them."""
    values, faults = dict(given), []
    for name in secrets:
        path = values.pop(f"{name}_FILE", None)
        if path is None:
            continue
        if name in values:
            faults.append(f"{name} and {name}_FILE are both set; expected one of them")
            continue
        try:
            values[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{name}_FILE can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}: {path!r}")
    return values, faults


def find_unknown(values: Mapping[str, str], known: list[str]) -> list[str]:
    """Tell, in words, the variables that are no settings."""
    faults = []
    suffixes = [name.removeprefix(PREFIX) for name in known]
    for name in sorted(set(values) - set(known)):
        near = difflib.get_close_matches(name.removeprefix(PREFIX), suffixes, n=1)
        hint = f"; did you mean {PREFIX}{near[0]}?" if near else "; `guard config` lists the known ones"
        faults.append(f"{name} is not a setting of guard{hint}")
    return faults
