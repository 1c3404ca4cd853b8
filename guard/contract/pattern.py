"""Patterns of text features.

Threat model: a client sends a text that makes a backtracking engine take exponential time. RE2 runs in time
linear in the text, so `re` is never used for a pattern that an operator wrote. Out of scope: a pattern
that matches more than its author meant.
"""

from __future__ import annotations

from typing import Any

from guard.errors import ContractError

__all__ = ["compile_pattern", "matches", "pattern_fault"]


def compile_pattern(pattern: str) -> Any:
    """Compile an RE2 pattern; raises ContractError where it is wrong, or google-re2 isn't installed."""
    try:
        import re2  # noqa: PLC0415 - an optional dependency, loaded by the contracts that need it
    except ImportError:
        raise ContractError(
            "patterns need google-re2, which isn't installed; `pip install 'inference-guard[contract]'` brings it"
        ) from None
    options = re2.Options()
    # What is wrong with a pattern is told in the exception; the library would also write it to stderr.
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown reason"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ContractError(f"{pattern!r} is not a pattern in RE2's syntax: {text}") from None


def pattern_fault(pattern: str) -> str | None:
    """Say what is wrong with a pattern, or None."""
    try:
        compile_pattern(pattern)
    except ContractError as error:
        return str(error)
    return None


def matches(compiled: Any, text: str) -> bool:
    """Whether the whole text matches."""
    try:
        return compiled.fullmatch(text) is not None
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form, which is what RE2 reads.
        return False
