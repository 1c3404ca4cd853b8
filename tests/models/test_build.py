from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from guard.demo.assets import read_rows
from guard.demo.host import OnnxModel
from guard.detectors import load_detector

# Elsewhere than where the files were built, scores may differ by this much.
TOLERANCE = 1e-4


def built_with(path: Path) -> str:
    """What the bytes of an ONNX file depend on, as the file itself tells."""
    if path.stem == "detector":
        return str(load_detector(path).manifest.versions)
    return str(sorted(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map.items()))


@pytest.mark.parametrize("name", ["model.onnx", "detector.onnx"])
def test_build_with_the_same_versions_and_processor_gives_the_same_bytes(
    committed: Path, rebuilt: Path, name: str
) -> None:
    there, here = built_with(committed / name), built_with(rebuilt / name)
    if there != here:
        pytest.skip(f"{name} was built with {there}, this is {here}; only its scores are compared")

    assert (rebuilt / name).read_bytes() == (committed / name).read_bytes()


@pytest.mark.parametrize("name", ["heldout.csv", "contract.toml"])
def test_build_of_what_no_library_alters_gives_the_same_bytes(committed: Path, rebuilt: Path, name: str) -> None:
    assert (rebuilt / name).read_bytes() == (committed / name).read_bytes()


def test_build_anywhere_gives_the_same_probabilities(committed: Path, rebuilt: Path) -> None:
    features, heldout = read_rows(committed / "heldout.csv")
    rows = heldout.astype(np.float32)

    there, here = (OnnxModel(folder / "model.onnx", features=features).run(rows)[0] for folder in (committed, rebuilt))

    np.testing.assert_allclose(here, there, atol=TOLERANCE)


def test_build_anywhere_gives_the_same_outlier_scores(committed: Path, rebuilt: Path) -> None:
    _, heldout = read_rows(committed / "heldout.csv")

    there, here = (load_detector(folder / "detector.onnx").score(heldout).score for folder in (committed, rebuilt))

    np.testing.assert_allclose(here, there, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["model.onnx", "detector.onnx", "contract.toml", "heldout.csv"])
def test_card_tells_the_digest_of_each_file(committed: Path, name: str) -> None:
    card = (committed / "README.md").read_text(encoding="utf-8")

    assert f"`{name}`" in card
    assert hashlib.sha256((committed / name).read_bytes()).hexdigest() in card
