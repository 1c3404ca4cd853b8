"""What `pip install 'inference-guard[fit]'` brings, asked for when it is needed."""

from __future__ import annotations

import importlib
from typing import Any

from guard.errors import TrainingError

__all__ = ["require"]


def require(module: str) -> Any:
    """Import a module of the extra `fit`; raises TrainingError, which says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError:
        root = module.partition(".")[0]
        raise TrainingError(f"{root} isn't installed; pip install 'inference-guard[fit]'") from None
