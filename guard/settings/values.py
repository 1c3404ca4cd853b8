"""What the value of a variable may be: parsers and checks, one for each form."""

from __future__ import annotations

import re
from typing import NamedTuple

from pydantic import AfterValidator, BeforeValidator

__all__ = [
    "EVERYWHERE",
    "DetectorRef",
    "choice",
    "list_of",
    "or_everywhere",
    "parse_callable",
    "parse_client",
    "parse_detectors",
    "parse_encodings",
    "starts_with",
]

EVERYWHERE = ("/**",)

ENCODINGS = ("gzip", "deflate")


class DetectorRef(NamedTuple):
    """One detector that GUARD_DETECTOR names.

    `model` is None where the detector serves every model; `sha256` is None where none is demanded.
    """

    model: str | None
    path: str
    sha256: str | None


def list_of(separator: str) -> BeforeValidator:
    """Split a text at a separator; parts are stripped, and empty ones left out."""

    def split(value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(separator) if part.strip())
        return value

    return BeforeValidator(split)


def choice(*names: str) -> AfterValidator:
    """Accept one of some names."""

    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"expected one of: {', '.join(names)}")
        return value

    return AfterValidator(check)


def starts_with(*prefixes: str, or_name: str) -> AfterValidator:
    """Accept a name, or what begins with one of the prefixes."""

    def check(value: str) -> str:
        if value != or_name and not value.startswith(prefixes):
            raise ValueError(f"expected {or_name} or something that begins with: {', '.join(prefixes)}")
        return value

    return AfterValidator(check)


def parse_detectors(value: object) -> object:
    """Read `FILE`, `FILE@sha256:DIGEST` or `MODEL=FILE;MODEL=FILE`."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(";") if part.strip()]
    refs = tuple(_parse_detector(part) for part in parts)
    models = [ref.model for ref in refs]
    if len(refs) > 1 and None in models:
        raise ValueError("where several detectors are given, each is MODEL=FILE")
    if len(set(models)) < len(models):
        raise ValueError("a model is named twice")
    return refs


def _parse_detector(text: str) -> DetectorRef:
    model, equals, path = text.partition("=")
    if not equals:
        model, path = "", text
    path, at, digest = path.partition("@sha256:")
    if at and not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError("after @sha256: stand 64 lower-case hexadecimal digits")
    if not path:
        raise ValueError("expected FILE, FILE@sha256:DIGEST or MODEL=FILE;MODEL=FILE")
    return DetectorRef(model or None, path, digest or None)


def parse_client(value: str) -> str:
    """Accept `address` or `header:NAME`."""
    if value != "address" and not re.fullmatch(r"header:[A-Za-z0-9-]+", value):
        raise ValueError("expected address, or header:NAME")
    return value


def parse_encodings(values: tuple[str, ...]) -> tuple[str, ...]:
    """Accept the names of encodings that guard can undo."""
    unknown = [value for value in values if value not in ENCODINGS]
    if unknown:
        raise ValueError(f"expected some of: {', '.join(ENCODINGS)}")
    return values


def parse_callable(value: str | None) -> str | None:
    """Accept `module:callable`; an empty variable, as of a compose file, is none."""
    if not value:
        return None
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", value):
        raise ValueError("expected module:callable")
    return value


def or_everywhere(paths: tuple[str, ...]) -> tuple[str, ...]:
    """An empty variable, as of a compose file, must not open a gate."""
    return paths or EVERYWHERE
