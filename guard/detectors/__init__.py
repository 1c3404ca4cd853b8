"""The detector: one ONNX file; what its scores are evidence of, and why."""

from guard.detectors.detector import Detector, Scores, load_detector, open_detector
from guard.detectors.evidence import Crowd, Evidence, Judge, Outlier
from guard.detectors.explain import explain
from guard.detectors.manifest import Manifest
from guard.detectors.promise import Promise, cut, is_extrapolated, rank_count_limit
from guard.detectors.reasons import reasons

__all__ = [
    "Crowd",
    "Detector",
    "Evidence",
    "Judge",
    "Manifest",
    "Outlier",
    "Promise",
    "Scores",
    "cut",
    "explain",
    "is_extrapolated",
    "load_detector",
    "open_detector",
    "rank_count_limit",
    "reasons",
]
