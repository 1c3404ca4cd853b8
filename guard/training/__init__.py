"""Fitting a detector: the only part of guard that needs scikit-learn and onnx."""

from guard.training.fit import FittedDetector, fit_detector
from guard.training.rows.data import Dataset, Selection, Source
from guard.training.rows.sources import open_source

__all__ = ["Dataset", "FittedDetector", "Selection", "Source", "fit_detector", "open_source"]
