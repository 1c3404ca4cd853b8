"""From an inference request to the matrix that rules and detectors read."""

from guard.features.table import Table
from guard.features.tabular import extract

__all__ = ["Table", "extract"]
