"""The protected models that are attacked: trained by scikit-learn, kept and asked as ONNX."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from guard.detectors.detector import open_session

__all__ = ["KINDS", "Victim", "train"]

KINDS = ("network", "trees")

# What detectors are made of, too.
OPSETS = {"": 18, "ai.onnx.ml": 3}

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Victim(NamedTuple):
    """A binary classifier over raw rows: its ONNX file, a session of it, and what it was exported from.

    `scaler` standardises raw rows by the training rows, whatever the model does.
    """

    kind: str
    content: bytes
    session: Any
    scaler: Any
    model: Any

    def probability(self, rows: Matrix, target: int) -> Floats:
        """Of the class `target`, [n], for raw rows float32 [n, d]."""
        (found,) = self.session.run(["probabilities"], {"X": np.ascontiguousarray(rows, dtype=np.float32)})
        return np.asarray(found[:, target], dtype=np.float64)

    def predict(self, rows: Matrix) -> Labels:
        """Give the class as the file's own output does, int64 [n]."""
        (found,) = self.session.run(["label"], {"X": np.ascontiguousarray(rows, dtype=np.float32)})
        return np.asarray(found, dtype=np.int64)

    def gradient(self, standardised: Floats) -> Floats:
        """Of the network's logit by its standardised input, [n, d]."""
        network = self.model[-1]
        activations = [standardised]
        for weights, bias in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
            activations.append(np.maximum(activations[-1] @ weights + bias, 0))
        slope = np.ones((len(standardised), 1)) @ network.coefs_[-1].T
        for weights, active in zip(network.coefs_[-2::-1], activations[:0:-1], strict=True):
            slope = (slope * (active > 0)) @ weights.T
        return np.asarray(slope, dtype=np.float64)


def train(kind: str, rows: Matrix, labels: Labels, *, seed: int) -> Victim:
    """Train one of KINDS on raw rows, and export it."""
    scaler = StandardScaler().fit(rows)
    if kind == "network":
        model = make_pipeline(scaler, MLPClassifier((64, 32), alpha=2.0, max_iter=30, random_state=seed))
    else:
        model = GradientBoostingClassifier(
            n_estimators=200, max_depth=5, subsample=0.5, max_features=20, random_state=seed
        )
    with warnings.catch_warnings():
        # The network is stopped early on purpose: it generalises better.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, labels)
    options = {id(model): {"zipmap": False}}
    proto = to_onnx(model, rows[:1], options=options, target_opset=OPSETS)
    content: bytes = proto.SerializeToString()
    return Victim(kind, content, open_session(content, source=kind), scaler, model)
