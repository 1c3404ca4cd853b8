from __future__ import annotations

import platform

import numpy as np
import onnxruntime
import pytest

from guard.detectors import Detector
from guard.detectors.machine import computes_alike, processor


def test_processor_begins_with_the_machine() -> None:
    assert processor().startswith(platform.machine())
    assert processor() == processor()


def test_detector_that_was_fitted_here_computes_alike(numeric_detector: Detector) -> None:
    versions = numeric_detector.manifest.versions

    assert (versions.onnxruntime, versions.numpy) == (onnxruntime.__version__, np.__version__)
    assert computes_alike(versions)


@pytest.mark.parametrize("name", ["onnxruntime", "numpy", "processor"])
def test_another_of_what_matters_may_compute_otherwise(numeric_detector: Detector, name: str) -> None:
    assert not computes_alike(numeric_detector.manifest.versions.model_copy(update={name: "another"}))


def test_what_only_fitting_needs_does_not_matter(numeric_detector: Detector) -> None:
    other = {"scikit_learn": "0", "onnx": "0", "guard": "0", "python": "2"}

    assert computes_alike(numeric_detector.manifest.versions.model_copy(update=other))
