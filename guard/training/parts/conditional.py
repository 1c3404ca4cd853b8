"""How a row sits among the clean rows of the class that the protected model predicts for it.

Two parts, learned from clean rows and predicted classes alone. A forest of other make, fitted to the predictions, gives
the class's probability: where it doubts what the model says, the row lies where models err. And the Mahalanobis
distance to the class: Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial
attacks" (2018), here of the features themselves, with a covariance for each class, drawn towards the pooled one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.training.extras import require

__all__ = ["Conditional", "Gaussians", "fit_conditional"]

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# Small trees on few features: what one model has learned too well, they haven't.
N_TREES, MOST_LEAVES, LEAST_LEAF = 50, 128, 2

# Rows that the forest and the covariances are fitted to: more change them little.
MOST_ROWS = 50_000

# The skewness from which a column is taken by its logarithm.
HEAVY = 2.0

# Added to the variances of standardised columns.
RIDGE = 1e-3

# Numbers that the whitening of all classes may have: beyond, the pooled covariance stands for each.
MOST_NUMBERS = 2**20


class Gaussians(NamedTuple):
    """The transformed row, `(t - mean) * inverse` where t is `log(1 + x - low)` of `heavy` columns, else x: [e] each.

    Squared distances to class c are `|row @ whitening[c] - centres[c]|^2`, with whitening [C, e, e], or [1, e, e] where
    all classes share it, and centres [C, e].
    """

    heavy: npt.NDArray[np.bool_]
    low: Floats
    mean: Floats
    inverse: Floats
    whitening: Floats
    centres: Floats


class Conditional(NamedTuple):
    """A fitted scikit-learn forest of the predicted classes, and the classes' distributions."""

    forest: object
    gaussians: Gaussians
    n_classes: int


def fit_conditional(encoded: Matrix, codes: Codes, *, n_classes: int, seed: int) -> Conditional:
    """Fit to encoded rows, float32 [n, e], and the class predicted for each, int64 [n]."""
    if len(encoded) > MOST_ROWS:
        chosen = np.sort(np.random.default_rng([seed, MOST_ROWS]).choice(len(encoded), MOST_ROWS, replace=False))
        encoded, codes = encoded[chosen], codes[chosen]
    ensemble = require("sklearn.ensemble")
    n_features = max(1, round(math.sqrt(encoded.shape[1]) / 2))
    forest = ensemble.RandomForestClassifier(
        N_TREES,
        max_features=n_features,
        max_leaf_nodes=MOST_LEAVES,
        min_samples_leaf=LEAST_LEAF,
        random_state=seed,
        n_jobs=1,
    )
    with require("threadpoolctl").threadpool_limits(1):
        gaussians = _gaussians(encoded.astype(np.float64), codes, n_classes)
    return Conditional(forest.fit(encoded, codes), gaussians, n_classes)


def _gaussians(rows: Floats, codes: Codes, n_classes: int) -> Gaussians:
    spread = rows.std(axis=0)
    spread[spread == 0] = 1.0
    heavy = (((rows - rows.mean(axis=0)) / spread) ** 3).mean(axis=0) > HEAVY
    low = np.where(heavy, rows.min(axis=0), 0.0)
    transformed = np.where(heavy, np.log1p(np.maximum(rows - low, 0)), rows)
    mean, spread = transformed.mean(axis=0), transformed.std(axis=0)
    inverse = 1 / np.where(spread == 0, 1.0, spread)
    standardised = (transformed - mean) * inverse
    return Gaussians(heavy, low, mean, inverse, *_whiten(standardised, codes, n_classes))


def _whiten(rows: Floats, codes: Codes, n_classes: int) -> tuple[Floats, Floats]:
    n, e = rows.shape
    means = [rows[codes == code].mean(axis=0) if (codes == code).any() else np.zeros(e) for code in range(n_classes)]
    scatters = [_scatter(rows[codes == code]) for code in range(n_classes)]
    pooled = sum((scatter for scatter, _ in scatters), np.zeros((e, e))) / n
    shared = n_classes * e * e > MOST_NUMBERS
    found = []
    for scatter, count in scatters[:1] if shared else scatters:
        weight = 1.0 if shared or count < 2 else e / (e + count)
        covariance = weight * pooled + (1 - weight) * scatter / max(count, 1) + RIDGE * np.eye(e)
        values, vectors = np.linalg.eigh(covariance)
        found.append(vectors / np.sqrt(np.maximum(values, RIDGE)))
    whitening = np.stack(found)
    return whitening, np.stack([mean @ whitening[0 if shared else code] for code, mean in enumerate(means)])


def _scatter(rows: Floats) -> tuple[Floats, int]:
    """The sum of squared deviations from the class's mean, [e, e], and the number of rows."""
    if not len(rows):
        return np.zeros((rows.shape[1], rows.shape[1])), 0
    centred = rows - rows.mean(axis=0)
    return centred.T @ centred, len(rows)
