"""Fitting a detector: the only part of guard that needs scikit-learn and onnx."""

from guard.training.data import Dataset, Selection
from guard.training.files import read_dataset
from guard.training.fit import FittedDetector, fit_detector

__all__ = ["Dataset", "FittedDetector", "Selection", "fit_detector", "read_dataset"]
