"""The user's own decoder, `GUARD_DECODER=module:callable`.

The callable is `decode(body: bytes, headers: Mapping[str, str], path: str)`; headers are by lower-case name. It gives
None for a body that isn't its own, and guard's decoders go on; else what `guard.decode.custom.returned` reads.

Threat model. A client whose body the user's code didn't expect: what reading it usually raises is the client's fault
(G129), so that no body can turn a refusal into an error of ours, which GUARD_ON_ERROR=allow would pass. What else is
raised, and a return value that no body explains, is ours (G901). Out of scope: what the user's code does, how long it
takes, and how much memory.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import logging
import struct
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from guard.decode.custom.returned import read_returned
from guard.decode.limits import DecodeLimits
from guard.errors import ConfigError, MalformedRequest, ScoringError
from guard.inference import InferenceRequest

__all__ = ["CustomDecoder"]

logger = logging.getLogger("guard")

# What parsers raise for a body that isn't as they expect; JSONDecodeError and UnicodeDecodeError are ValueErrors.
_REFUSALS = (ValueError, LookupError, TypeError, RecursionError, struct.error)


class CustomDecoder:
    """Loads a user's callable, asks it, and checks what it gives.

    Raises ConfigError where the module can't be imported, or has no such callable.
    """

    def __init__(self, reference: str) -> None:
        self.reference = reference
        module_name, _, name = reference.partition(":")
        self._module = _import(module_name, reference)
        self._decode = _find(self._module, name, reference)

    def decode(
        self, body: bytes, *, headers: Mapping[bytes, bytes], path: str, limits: DecodeLimits
    ) -> InferenceRequest | None:
        """Ask the user's callable; None where the body isn't its own.

        Raises RequestError, its own or G129, ScoringError for a wrong return value, and whatever else it raises.
        """
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        try:
            returned = self._decode(body, named, path)
        except _REFUSALS as error:
            raise MalformedRequest(f"{self.reference} raised {type(error).__name__}", rule="G129") from None
        if returned is None:
            return None
        try:
            return read_returned(returned, limits=limits)
        except ScoringError as error:
            logger.error("GUARD_DECODER: %s returned %s", self.reference, error)  # noqa: TRY400 - our own words
            raise

    def source_digest(self) -> str:
        """SHA-256, in hexadecimal, of the module's file, on which verdicts depend too."""
        file = getattr(self._module, "__file__", None)
        return hashlib.sha256(Path(file).read_bytes() if file else b"").hexdigest()


def _import(module_name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        found = f"there is no module {error.name!r}; expected one that Python finds, as by PYTHONPATH"
        raise _fault(reference, found) from error
    except Exception as error:
        raise _fault(reference, f"importing {module_name!r} failed with {type(error).__name__}: {error}") from error


def _find(module: ModuleType, name: str, reference: str) -> Callable[[bytes, Mapping[str, str], str], Any]:
    try:
        found = reduce(getattr, name.split("."), module)
    except AttributeError:
        raise _fault(reference, f"{module.__name__!r} has no {name!r}") from None
    if not callable(found):
        raise _fault(reference, f"{name!r} is of type {type(found).__name__}; expected a callable")
    if inspect.iscoroutinefunction(found):
        raise _fault(reference, f"{name!r} is async; expected a plain function")
    if not _takes_three(found):
        raise _fault(reference, f"{name!r} takes other arguments; expected {name}(body, headers, path)")
    return found


def _takes_three(found: Callable[..., Any]) -> bool:
    try:
        inspect.signature(found).bind(b"", {}, "")
    except TypeError:
        return False
    except ValueError:  # a built-in that doesn't tell
        return True
    return True


def _fault(reference: str, found: str) -> ConfigError:
    return ConfigError([f"GUARD_DECODER is {reference!r}: {found}"])
