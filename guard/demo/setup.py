"""What a demo needs before its first request: model, settings, promise, requests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from guard.contract import load_contract
from guard.demo.assets import BREAST_CANCER, model_folder, read_rows
from guard.demo.host import MODEL_NAME, OnnxModel
from guard.demo.plan import Plan, make_plan
from guard.detectors import load_detector
from guard.detectors.promise import Promise
from guard.errors import GuardError
from guard.settings import GuardSettings

__all__ = ["Setup", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A demo that is ready to run; `workspace` is a folder of its own, `journal` the URL of its journal."""

    workspace: Path
    journal: str
    settings: GuardSettings
    model: OnnxModel
    promise: Promise
    plan: Plan


def prepare(*, workspace: Path, journal: str | None, seed: int) -> Setup:
    """Load the model and its detector, and make the requests.

    The settings are the demo's own: the GUARD_* variables of the environment play no part. The contract rides in the
    detector. The journal lies in the workspace unless a URL is given. Raises GuardError.
    """
    if journal == "off":
        raise GuardError("the demo reads from the journal what was flagged; give --journal sqlite:///FILE, or none")
    folder = model_folder(BREAST_CANCER)
    features, heldout = read_rows(folder / "heldout.csv")
    model = OnnxModel(folder / "model.onnx", features=features)
    url = journal or f"sqlite:///{workspace.resolve() / 'guard.db'}"
    settings = GuardSettings.from_environ(
        {
            "GUARD_MODE": "enforce",
            "GUARD_DETECTOR": f"{MODEL_NAME}={folder / 'detector.onnx'}",
            "GUARD_JOURNAL": url,
        }
    )
    n_calibration = load_detector(folder / "detector.onnx").manifest.calibrations[0].n
    return Setup(
        workspace=workspace,
        journal=url,
        settings=settings,
        model=model,
        promise=Promise(settings.flag_fpr, n_calibration),
        plan=make_plan(heldout, model=model, contract=load_contract(folder / "contract.toml"), seed=seed),
    )
