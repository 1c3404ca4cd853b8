"""Where the demo's model, its detector, its contract and its held-out rows lie."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

import guard
from guard.errors import GuardError

__all__ = ["BREAST_CANCER", "model_folder", "read_rows"]

BREAST_CANCER = "breast_cancer"


def model_folder(name: str) -> Path:
    """The folder that holds `model.onnx` and what belongs to it.

    In an installed wheel it lies inside the package, in a checkout in `models/`. Raises GuardError.
    """
    package = Path(guard.__file__).resolve().parent
    for folder in (package / "_models" / name, package.parent / "models" / name):
        if (folder / "model.onnx").is_file():
            return folder
    raise GuardError(
        f"the demo's model {name} is not in {package / '_models'}; install inference-guard from its wheel, "
        "or build the model in a checkout: python -m models.build"
    )


def read_rows(path: Path) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """The header and the rows, float64 [N, d], of a CSV file of numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return tuple(header), np.array(rows, dtype=np.float64)
