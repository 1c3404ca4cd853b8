"""HopSkipJump and ZOO of the Adversarial Robustness Toolbox, which guard doesn't bring along.

Both search in standardised units; whatever they ask about is repaired first, so that the search goes on among rows
that can be sent. HopSkipJump asks for classes (Chen et al., 2020), ZOO for probabilities (Chen et al., 2017).
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.attacks.knowledge import Knowledge
from benchmarks.attacks.victims import Victim

__all__ = ["PACKAGE", "hop_skip_jump", "installed", "zoo"]

PACKAGE = "adversarial-robustness-toolbox"

Matrix = npt.NDArray[np.float32]


def installed() -> bool:
    """Whether the toolbox is there."""
    return importlib.util.find_spec("art") is not None


def hop_skip_jump(victim: Victim, rows: Matrix, target: int, known: Knowledge, random: np.random.Generator) -> Matrix:
    """Walk along the boundary from a row of the class wanted towards raw rows, float32 [n, d].

    Where the attacker knows relations, rows that break one count as not yet of the class.
    """
    art = _art()
    scaler = victim.scaler
    # The toolbox draws from NumPy's global generator.
    np.random.seed(int(random.integers(2**31)))  # noqa: NPY002
    starts = known.donors[(victim.predict(known.donors) == target) & known.lawful(known.donors)]
    chosen = starts[random.integers(len(starts), size=len(rows))]
    attack = art.HopSkipJump(
        _classifier(victim, target, known), max_iter=4, max_eval=50, init_eval=20, init_size=20, verbose=False
    )
    start = scaler.transform(chosen).astype(np.float32)
    found = attack.generate(scaler.transform(rows).astype(np.float32), x_adv_init=start)
    return known.repaired(scaler.inverse_transform(found.astype(np.float64)))


def zoo(victim: Victim, rows: Matrix, target: int, known: Knowledge, random: np.random.Generator) -> Matrix:
    """Estimate the gradient coordinate by coordinate from raw rows, float32 [n, d]."""
    art = _art()
    np.random.seed(int(random.integers(2**31)))  # noqa: NPY002
    attack = art.ZooAttack(
        _classifier(victim, target, known),
        confidence=0.0,
        max_iter=20,
        learning_rate=0.2,
        binary_search_steps=3,
        initial_const=1.0,
        use_resize=False,
        use_importance=False,
        nb_parallel=20,
        batch_size=1,
        variable_h=0.3,
        abort_early=False,
        verbose=False,
    )
    found = attack.generate(victim.scaler.transform(rows).astype(np.float32))
    return known.repaired(victim.scaler.inverse_transform(found.astype(np.float64)))


def _art() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("art.attacks.evasion")


def _classifier(victim: Victim, target: int, known: Knowledge) -> Any:
    """The model as the toolbox asks it; its class 1 is the one that is wanted."""
    scaler, width = victim.scaler, known.donors.shape[1]

    def answer(standardised: npt.NDArray[Any]) -> Matrix:
        rows = known.repaired(np.asarray(standardised, dtype=np.float64) * scaler.scale_ + scaler.mean_)
        share = np.where(known.lawful(rows), victim.probability(rows, target), 0.0)
        return np.column_stack([1 - share, share]).astype(np.float32)

    ends = scaler.transform(np.stack([known.low, known.high]))
    classification = importlib.import_module("art.estimators.classification")
    return classification.BlackBoxClassifier(
        answer, input_shape=(width,), nb_classes=2, clip_values=(float(ends.min()), float(ends.max()))
    )
