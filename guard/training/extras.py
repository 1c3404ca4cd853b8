"""What extras such as `pip install 'inference-guard[fit]'` bring, asked for when it is needed."""

from __future__ import annotations

import importlib
from typing import Any

from guard.errors import TrainingError

__all__ = ["require"]

FIT = "fit"

# Those that another extra brings.
EXTRAS = {"matplotlib": "plot"}


def require(module: str) -> Any:
    """Import a module that an extra brings; raises TrainingError, which says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError:
        root = module.partition(".")[0]
        extra = EXTRAS.get(root, FIT)
        raise TrainingError(f"{root} isn't installed; pip install 'inference-guard[{extra}]'") from None
