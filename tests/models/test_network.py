from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from guard.demo.host import OnnxModel
from models.data import load_rows, split
from models.network import Network, compile_network
from models.train import WEIGHT_STEP, train

FEATURES = ("a", "b", "c")


def small_network() -> Network:
    rng = np.random.default_rng(0)
    shapes = ((3,), (3,), (3, 4), (4,), (4, 1), (1,))
    return Network(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))


def by_hand(network: Network, rows: np.ndarray) -> np.ndarray:
    scaled = (rows - network.mean) * network.inverse_spread
    active = np.maximum(scaled @ network.hidden_weights + network.hidden_bias, 0)
    logit = active @ network.output_weights + network.output_bias
    probability: np.ndarray = 1 / (1 + np.exp(-logit[:, 0]))
    return probability


def test_compile_network_computes_what_the_weights_say(tmp_path: Path) -> None:
    network, path = small_network(), tmp_path / "model.onnx"
    rows = np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32)
    path.write_bytes(compile_network(network, features=FEATURES, metadata={}))

    probability, label = OnnxModel(path, features=FEATURES).run(rows)

    expected = by_hand(network, rows)
    np.testing.assert_allclose(probability, expected, rtol=1e-5)
    np.testing.assert_array_equal(label, (expected > 0.5).astype(np.int64))
    assert 0 < label.sum() < len(label)


def test_compile_network_twice_gives_the_same_bytes() -> None:
    first, second = (
        compile_network(small_network(), features=FEATURES, metadata={"b": "2", "a": "1"}) for _ in range(2)
    )

    assert first == second


def test_compile_network_carries_its_metadata() -> None:
    content = compile_network(small_network(), features=FEATURES, metadata={"seed": "7"})

    assert {prop.key: prop.value for prop in onnx.load_from_string(content).metadata_props} == {"seed": "7"}


def test_train_rounds_weights_so_that_last_bits_dont_matter() -> None:
    training, _ = split(load_rows(), seed=0)

    network = train(training, seed=0)

    for weights in (network.hidden_weights, network.hidden_bias, network.output_weights, network.output_bias):
        np.testing.assert_array_equal(weights / WEIGHT_STEP, np.round(weights / WEIGHT_STEP))
