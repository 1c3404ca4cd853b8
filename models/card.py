"""The model card of the demo's model, with what was measured when it was built."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import load_contract
from guard.demo.attack import attack
from guard.demo.host import OnnxModel
from guard.demo.outliers import far_outliers
from guard.demo.plan import keeps
from guard.detectors import Detector, Promise, cut, load_detector
from guard.detectors.describe import libraries
from models.data import load_rows, split
from models.rates import FLAG_FPR, REJECT_FPR, Rate, measure, over

__all__ = ["render_card"]

FILES = ("model.onnx", "detector.onnx", "contract.toml", "heldout.csv")


class _Caught(NamedTuple):
    """Of some rows, how many are flagged or rejected."""

    caught: int
    sent: int

    def __str__(self) -> str:
        return f"{self.caught} of {self.sent} ({self.caught / self.sent:.1%})"


def render_card(folder: Path, *, seed: int, n_seeds: int) -> str:
    """The text of README.md for the files in the folder, which were built with `seed`."""
    template = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    detector = load_detector(folder / "detector.onnx")
    contract = (folder / "contract.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        rates = list(measure(range(n_seeds), contract=contract, folder=Path(scratch)))
    return template.format(
        **_facts(folder, detector, seed=seed), **_hostile(folder, detector, seed=seed), **_rates(rates), seed=seed
    )


def _facts(folder: Path, detector: Detector, *, seed: int) -> dict[str, object]:
    manifest = detector.manifest
    training, heldout = split(load_rows(), seed=seed)
    model = OnnxModel(folder / "model.onnx", features=training.features)
    return {
        "files": "\n".join(_file_line(folder / name) for name in FILES),
        "accuracy": f"{(model.predict(heldout.values.astype(np.float32)) == heldout.malignant).mean():.1%}",
        "n_training": len(training.values),
        "n_heldout": len(heldout.values),
        "n_fit": manifest.split.fit,
        "n_select": manifest.split.select,
        "n_calibrate": manifest.split.calibrate,
        "trees": manifest.forest.trees,
        "n_relations": len(manifest.relations),
        "promise": Promise(FLAG_FPR, manifest.calibrations[0].n).describe(),
        "tail": Promise(REJECT_FPR, manifest.calibrations[0].n).describe(),
        "processor": manifest.versions.processor,
        "versions": libraries(manifest.versions),
    }


def _hostile(folder: Path, detector: Detector, *, seed: int) -> dict[str, object]:
    """What the demo's hostile rows, of which the contract sees nothing, come to."""
    contract = load_contract(folder / "contract.toml")
    _, heldout = split(load_rows(), seed=seed)
    maxima = {feature.name: feature.maximum or np.inf for feature in contract.features}
    moved = far_outliers(heldout.values, features=contract.names, maxima=maxima, seed=seed)
    model = OnnxModel(folder / "model.onnx", features=contract.names)
    rows = heldout.values.astype(np.float32)
    attacked = attack(rows, predict=model.predict, obeys=lambda candidates: keeps(contract, candidates), seed=seed)
    return {
        "honest": _caught(detector, heldout.values),
        "outliers": _caught(detector, moved),
        "attacked": _caught(detector, attacked.rows),
        "n_queries": f"{attacked.n_queries:,}",
    }


def _rates(rates: Sequence[Rate]) -> dict[str, object]:
    n_rows = sum(rate.n_rows for rate in rates)
    return {
        "n_seeds": len(rates),
        "flag_rate": f"{sum(rate.flagged for rate in rates) / n_rows:.2%}",
        "reject_rate": f"{sum(rate.rejected for rate in rates) / n_rows:.2%}",
        "n_over": over(rates),
        "most": rates[0].most,
    }


def _caught(detector: Detector, rows: npt.ArrayLike) -> _Caught:
    p_values = detector.score(rows).p_value.astype(np.float64)
    return _Caught(int((p_values <= cut(detector.manifest.calibrations[0].n, FLAG_FPR)).sum()), len(p_values))


def _file_line(path: Path) -> str:
    content = path.read_bytes()
    return f"| `{path.name}` | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |"
