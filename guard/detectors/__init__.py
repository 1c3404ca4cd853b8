"""The detector: one ONNX file; what its scores are evidence of, and why."""

from guard.detectors.detector import Detector, Scores, load_detector, open_detector
from guard.detectors.evidence import Crowd, Evidence, Judge, Outlier
from guard.detectors.explain import explain, explain_row
from guard.detectors.explanation import Explanation, FeatureReason, NormalValue
from guard.detectors.manifest import Manifest
from guard.detectors.promise import Promise, cut, is_extrapolated, rank_count_limit

__all__ = [
    "Crowd",
    "Detector",
    "Evidence",
    "Explanation",
    "FeatureReason",
    "Judge",
    "Manifest",
    "NormalValue",
    "Outlier",
    "Promise",
    "Scores",
    "cut",
    "explain",
    "explain_row",
    "is_extrapolated",
    "load_detector",
    "open_detector",
    "rank_count_limit",
]
