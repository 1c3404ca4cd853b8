"""Scoring, and every refusal of `load_detector`."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from guard.contract import FeatureType
from guard.detectors import Detector, load_detector
from guard.detectors.detector import MAX_DETECTOR_BYTES
from guard.errors import DetectorError
from guard.training import FittedDetector


def place_of(detector: Detector, name: str) -> int:
    return detector.manifest.names.index(name)


def typical(detector: Detector, n: int = 1) -> np.ndarray:
    row = [
        card.median if card.median is not None else float(len(card.categories) - 1)
        for card in detector.manifest.features
    ]
    return np.tile(np.array(row, dtype=np.float32), (n, 1))


def test_score_gives_one_score_and_p_value_per_row(numeric_detector: Detector) -> None:
    found = numeric_detector.score(np.zeros((3, 4)))

    assert found.score.shape == found.p_value.shape == (3,)


def test_score_of_no_rows_is_empty(numeric_detector: Detector) -> None:
    found = numeric_detector.score(np.empty((0, 4)))

    assert found.score.shape == (0,)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 5), (1, 2, 4)])
def test_score_of_another_shape_names_both(numeric_detector: Detector, shape: tuple[int, ...]) -> None:
    with pytest.raises(DetectorError, match=r"expected \(N, 4\)") as error:
        numeric_detector.score(np.zeros(shape))

    assert str(shape) in str(error.value)


def test_score_does_not_depend_on_dtype_or_layout(numeric_detector: Detector) -> None:
    rows = np.random.default_rng(3).normal(size=(20, 4)).astype(np.float32)

    as_float64 = numeric_detector.score(rows.astype(np.float64))
    as_fortran = numeric_detector.score(np.asfortranarray(rows))

    np.testing.assert_array_equal(as_float64.score, numeric_detector.score(rows).score)
    np.testing.assert_array_equal(as_fortran.score, as_float64.score)


def test_score_of_one_row_is_that_in_a_batch(numeric_detector: Detector) -> None:
    rows = np.random.default_rng(4).normal(size=(50, 4)).astype(np.float32)

    together = numeric_detector.score(rows).score
    apart = [numeric_detector.score(row[None]).score[0] for row in rows]

    np.testing.assert_allclose(together, apart, rtol=1e-6)


@pytest.mark.parametrize("place", range(4))
def test_score_of_a_missing_required_value_is_nan(numeric_detector: Detector, place: int) -> None:
    rows = np.zeros((2, 4))
    rows[0, place] = np.nan

    found = numeric_detector.score(rows)

    assert np.isnan([found.score[0], found.p_value[0]]).all()
    assert np.isfinite([found.score[1], found.p_value[1]]).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e20, -1e38, 1e300])
@pytest.mark.parametrize("place", range(4))
def test_score_of_a_huge_value_is_huge_and_finite(numeric_detector: Detector, value: float, place: int) -> None:
    rows = np.zeros((1, 4))
    rows[0, place] = value

    found = numeric_detector.score(rows)

    assert 1e3 < found.score[0] < np.inf
    assert 0 < found.p_value[0] < 1e-9


def test_score_of_a_missing_optional_value_is_finite(mixed_detector: Detector) -> None:
    rows = typical(mixed_detector)
    rows[0, place_of(mixed_detector, "income")] = np.nan

    assert np.isfinite(mixed_detector.score(rows).score[0])


@pytest.mark.parametrize("code", [-1.0, 3.0, 1000.0, -np.inf, np.inf])
def test_parts_count_an_unseen_category(mixed_detector: Detector, code: float) -> None:
    rows = typical(mixed_detector, 2)
    rows[0, place_of(mixed_detector, "kind")] = code

    parts = mixed_detector.parts(rows)

    np.testing.assert_array_equal(parts["unseen"], [0.5, -0.5])


def test_score_of_an_unseen_category_is_flagged(mixed_detector: Detector) -> None:
    rows = typical(mixed_detector, 2)
    rows[0, place_of(mixed_detector, "kind")] = -1

    found = mixed_detector.score(rows)

    assert found.p_value[0] < 0.01 < found.p_value[1]


@pytest.mark.parametrize("value", [2.0, 4.0, 1e9])
def test_score_of_a_departed_constant_is_flagged(mixed_detector: Detector, value: float) -> None:
    rows = typical(mixed_detector, 2)
    rows[0, place_of(mixed_detector, "version")] = value

    found = mixed_detector.score(rows)

    assert found.p_value[0] < 0.01 < found.p_value[1]


def test_parts_are_those_of_the_manifest(mixed_detector: Detector) -> None:
    parts = mixed_detector.parts(typical(mixed_detector, 3))

    assert list(parts) == [card.name for card in mixed_detector.manifest.parts]
    assert {"near_range_1", "near_spread_5", "forest", "unseen", "relations"} <= set(parts)
    assert all(part.shape == (3,) for part in parts.values())


def test_contract_is_what_was_learned(mixed_detector: Detector) -> None:
    contract = mixed_detector.contract()

    kinds = {feature.name: (feature.type, feature.nullable) for feature in contract.features}
    assert kinds == {
        "age": (FeatureType.INTEGER, False),
        "income": (FeatureType.NUMBER, True),
        "kind": (FeatureType.CATEGORY, False),
        "vip": (FeatureType.BOOLEAN, False),
        "version": (FeatureType.INTEGER, False),
    }
    assert contract.features[2].categories == ("z", "yy", "x")


def test_load_with_the_right_digest(numeric: FittedDetector, numeric_path: Path) -> None:
    loaded = load_detector(numeric_path, sha256=numeric.digest)

    assert loaded.digest == numeric.digest == hashlib.sha256(loaded.content).hexdigest()


def test_load_with_another_digest(numeric_path: Path) -> None:
    with pytest.raises(DetectorError, match="was demanded"):
        load_detector(numeric_path, sha256="0" * 64)


def test_load_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="No such file"):
        load_detector(tmp_path / "none.onnx")


def test_load_of_a_file_over_the_size(tmp_path: Path) -> None:
    path = tmp_path / "long.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_DETECTOR_BYTES + 1)

    with pytest.raises(DetectorError, match="longer than"):
        load_detector(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, b"\x08\x00\x00\x00ORTM" + b"\x00" * 50])
def test_load_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)

    with pytest.raises(DetectorError, match=r"not an ONNX file|unexpected field"):
        load_detector(path)


def test_load_of_a_file_cut_short(numeric: FittedDetector, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(numeric.content[: len(numeric.content) // 2])

    with pytest.raises(DetectorError):
        load_detector(path)


def remove_manifest(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def break_manifest(model: onnx.ModelProto) -> None:
    model.metadata_props[0].value = '{"format":2}'


def shorter_paths(model: onnx.ModelProto) -> None:
    forest = next(node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")
    weights = next(a for a in forest.attribute if a.name == "target_weights")
    weights.floats[:] = [weight * 0.3 for weight in weights.floats]


def other_p_values(model: onnx.ModelProto) -> None:
    node = [node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor"][-1]
    weights = next(a for a in node.attribute if a.name == "target_weights")
    weights.floats[:] = [1.0 for _ in weights.floats]


def golden_score_for_nan(model: onnx.ModelProto) -> None:
    manifest = json.loads(model.metadata_props[0].value)
    manifest["golden"][15] |= {"score": 1.0, "p_value": 0.5}
    model.metadata_props[0].value = json.dumps(manifest)


def golden_nan_for_score(model: onnx.ModelProto) -> None:
    manifest = json.loads(model.metadata_props[0].value)
    manifest["golden"][2] |= {"score": None, "p_value": None}
    model.metadata_props[0].value = json.dumps(manifest)


def other_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


def lose_p_value(model: onnx.ModelProto) -> None:
    kept = [output for output in model.graph.output if output.name != "p_value"]
    del model.graph.output[:]
    model.graph.output.extend(kept)


def no_golden(model: onnx.ModelProto) -> None:
    manifest = json.loads(model.metadata_props[0].value)
    manifest["golden"] = []
    model.metadata_props[0].value = json.dumps(manifest)


def narrow_golden(model: onnx.ModelProto) -> None:
    manifest = json.loads(model.metadata_props[0].value)
    manifest["golden"][3]["x"].pop()
    model.metadata_props[0].value = json.dumps(manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove_manifest, "without guard's manifest"),
        (break_manifest, "can't be read at"),
        (shorter_paths, "golden vector 0"),
        (other_p_values, "golden vector"),
        (golden_score_for_nan, "golden vector 15"),
        (golden_nan_for_score, "golden vector 2"),
        (other_input, "can't load|by its manifest"),
        (lose_p_value, "no output p_value"),
        (no_golden, "no golden vectors"),
        (narrow_golden, "don't fit the features"),
    ],
)
def test_load_of_an_altered_file(
    numeric: FittedDetector, tmp_path: Path, change: Callable[[onnx.ModelProto], None], message: str
) -> None:
    model = onnx.load_from_string(numeric.content)
    change(model)
    path = tmp_path / "altered.onnx"
    path.write_bytes(model.SerializeToString())

    with pytest.raises(DetectorError, match=message):
        load_detector(path)
