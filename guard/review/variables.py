"""Variables from a file of lines NAME=value."""

from __future__ import annotations

from pathlib import Path

from guard.errors import ConfigError

__all__ = ["read_variables"]

QUOTES = ("'", '"')


def read_variables(path: Path) -> dict[str, str]:
    """Read lines `NAME=value`; empty ones and those that begin with # don't count.

    Quotes around a whole value are dropped, and `export` before a name. Raises ConfigError, which lists every bad line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not UTF-8"]) from None
    variables: dict[str, str] = {}
    faults = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.strip().isidentifier():
            faults.append(f"{path}: line {number} isn't NAME=value")
            continue
        variables[name.strip()] = _unquoted(value.strip())
    if faults:
        raise ConfigError(faults)
    return variables


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in QUOTES
    return value[1:-1] if is_quoted else value
