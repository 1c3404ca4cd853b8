"""The demo's classifier: a small network on the breast cancer data."""

from __future__ import annotations

import platform
import warnings

import numpy as np
import numpy.typing as npt
import onnx
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from models.data import Rows
from models.network import Network

__all__ = ["provenance", "train"]

HIDDEN_UNITS = 16
EPOCHS = 100
# Strong enough that the fitted probabilities don't saturate on 427 rows.
PENALTY = 1.0
LEARNING_RATE = 0.01

# Weights are rounded to multiples of this: coarser than what the last bits of another processor's matrix products
# grow to in 100 epochs, finer than what any label depends on.
WEIGHT_STEP = 2.0**-12


def train(rows: Rows, *, seed: int) -> Network:
    """Fit the network to `rows.malignant`."""
    mean, spread = rows.values.mean(axis=0), rows.values.std(axis=0)
    classifier = MLPClassifier(
        hidden_layer_sizes=(HIDDEN_UNITS,),
        alpha=PENALTY,
        learning_rate_init=LEARNING_RATE,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        random_state=seed,
    )
    with threadpool_limits(1), warnings.catch_warnings():  # one thread: sums in one order
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after EPOCHS, and is meant to
        classifier.fit((rows.values - mean) / spread, rows.malignant)
    (hidden, output), (hidden_bias, output_bias) = classifier.coefs_, classifier.intercepts_
    rounded = (_round(weights) for weights in (hidden, hidden_bias, output, output_bias))
    return Network(mean.astype(np.float32), (1 / spread).astype(np.float32), *rounded)


def provenance(*, seed: int) -> dict[str, str]:
    """What the bytes depend on: the seed, the versions, the processor family."""
    kernels = {str(pool["architecture"]) for pool in threadpool_info() if pool.get("architecture")}
    return {
        "kernels": ",".join(sorted(kernels)),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "scikit-learn": sklearn.__version__,
        "seed": str(seed),
    }


def _round(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return (np.round(weights / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32)
