"""Distances to prototypes: the graph's against NumPy's."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from guard.detectors import Detector, open_detector
from guard.training import fit_detector
from guard.training.graph.near import add_encoded, add_near
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.learn import run
from guard.training.parts.near import Near, fit_near
from guard.training.rows.encode import ForestColumn, describe, forest_columns, forest_matrix, raw_matrix
from guard.training.rows.frames import from_frame

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

NOTHING = np.empty(0, dtype=np.float32)


def numbers(n_columns: int) -> tuple[ForestColumn, ...]:
    return tuple(ForestColumn(place, "value", 0.0, NOTHING, nullable=False) for place in range(n_columns))


def graph_of(near: Near, n_columns: int) -> bytes:
    graph = GraphBuilder(n_columns)
    graph.rename(add_near(graph, INPUT, near), "distances")
    graph.export("distances", ["N", len(near.spaces) * len(near.mix.names)])
    return graph.serialize()


def expected(near: Near, rows: Matrix) -> Floats:
    """By the definition, in float64; of projected rows the exact distance."""
    found = []
    for space in near.spaces:
        points = (rows - near.mean) * near.inverse * space.scale
        squares = ((points[:, None, :] - space.prototypes[None]) ** 2).sum(axis=2) * space.weights
        if space.projection is not None:
            directions = space.projection.directions
            inner = (points @ directions) @ (space.prototypes @ directions).T
            squares = (points**2).sum(axis=1)[:, None] + (space.prototypes**2).sum(axis=1) - 2 * inner
            squares *= space.weights
        k = min(5, squares.shape[1])
        nearest = np.sqrt(np.maximum(np.sort(squares, axis=1)[:, :k], 0))
        found.append(nearest @ near.mix.weights[:k])
    return np.concatenate(found, axis=1)


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(("n", "d"), [(300, 1), (300, 7), (6000, 5), (400, 130)])
def test_distances_of_the_graph_are_those_of_numpy(n: int, d: int, clean: bool) -> None:
    random = np.random.default_rng(n + d)
    rows = random.normal(size=(n, d)).astype(np.float32) * np.float32(3) + np.float32(5)
    near = fit_near(rows, numbers(d), seed=1, clean=clean)
    new = random.normal(scale=6, size=(200, d)).astype(np.float32)

    found = run(graph_of(near, d), "distances", new)

    np.testing.assert_allclose(found, expected(near, new), rtol=1e-3, atol=2e-3 * np.sqrt(d))


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1e5, 1e12])
def test_distances_of_features_of_unlike_sizes(size: float) -> None:
    random = np.random.default_rng(7)
    rows = (random.normal(size=(400, 4)) * [1, size, 1, size]).astype(np.float32)
    near = fit_near(rows, numbers(4), seed=1, clean=True)
    new = (random.normal(scale=3, size=(100, 4)) * [1, size, 1, size]).astype(np.float32)

    found = run(graph_of(near, 4), "distances", new)

    np.testing.assert_allclose(found, expected(near, new), rtol=1e-3, atol=4e-3)


@pytest.mark.parametrize("size", [1e-25, 1e20, 1e30])
def test_distances_of_features_of_extreme_size(size: float) -> None:
    random = np.random.default_rng(8)
    rows = (random.normal(size=(400, 3)) * size).astype(np.float32)
    near = fit_near(rows, numbers(3), seed=1, clean=True)
    new = (random.normal(scale=3, size=(100, 3)) * size).astype(np.float32)

    np.testing.assert_allclose(run(graph_of(near, 3), "distances", new), expected(near, new), rtol=1e-3, atol=4e-3)


def test_distances_of_a_prototype_to_itself_are_none() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    near = fit_near(rows, numbers(4), seed=0, clean=True)

    found = run(graph_of(near, 4), "distances", rows)

    names = [f"{space.name}_{name}" for space in near.spaces for name in near.mix.names]
    assert (found[:, names.index("range_1")] < 0.02).all()
    assert (found[:, names.index("range_3")] > 0.02).any()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e20, 3e38])
def test_distances_of_what_is_far_are_finite(value: float) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    near = fit_near(rows, numbers(3), seed=0, clean=True)

    found = run(graph_of(near, 3), "distances", np.array([[0, value, 0]], dtype=np.float32))

    assert np.isfinite(found).all()
    assert (found > 1000).all()


def test_distances_of_a_dense_part_count_more() -> None:
    random = np.random.default_rng(0)
    dense, sparse = random.normal(scale=0.01, size=(400, 2)), random.normal(loc=20, scale=2, size=(400, 2))
    near = fit_near(np.concatenate([dense, sparse]).astype(np.float32), numbers(2), seed=0, clean=True)
    off = np.array([[0.5, 0.5], [20.5, 20.5]], dtype=np.float32)

    found = run(graph_of(near, 2), "distances", off)

    assert (found[0] > 3 * found[1]).all()


def test_rows_on_a_lattice_have_no_local_scale() -> None:
    rows = np.random.default_rng(0).integers(0, 4, size=(500, 6)).astype(np.float32)

    near = fit_near(rows, numbers(6), seed=0, clean=True)

    assert all((space.weights == 1).all() for space in near.spaces)


def test_encoded_row_of_the_graph_is_that_of_numpy(frame: pl.DataFrame) -> None:
    dataset = from_frame(frame)
    cards = describe(dataset, fit=np.arange(frame.height))
    raw = raw_matrix(dataset, cards)
    columns = tuple(
        sorted(forest_columns(cards, raw), key=lambda column: (column.kind == "missing", len(column.frequencies) > 0))
    )
    raw[:20, 2] = [-1, np.nan] * 10
    graph = GraphBuilder(len(cards))
    graph.rename(add_encoded(graph, INPUT, columns), "encoded")
    graph.export("encoded", ["N", len(columns)])

    found = run(graph.serialize(), "encoded", raw)

    np.testing.assert_array_equal(found, forest_matrix(raw, columns))


@pytest.mark.parametrize("code", [5.0, 1e9, -7.0, np.inf, -np.inf])
def test_code_of_no_category_reads_as_unseen(frame: pl.DataFrame, code: float) -> None:
    cards = describe(from_frame(frame), fit=np.arange(frame.height))
    columns = tuple(column for column in forest_columns(cards, raw_matrix(from_frame(frame), cards)) if column.unseen)
    graph = GraphBuilder(len(cards))
    graph.rename(add_encoded(graph, INPUT, columns), "encoded")
    graph.export("encoded", ["N", 1])
    row = np.zeros((1, len(cards)), dtype=np.float32)
    row[0, columns[0].feature] = code

    assert run(graph.serialize(), "encoded", row)[0, 0] == np.float32(columns[0].unseen)


@pytest.fixture(scope="module")
def private() -> tuple[Detector, Matrix]:
    rows = np.random.default_rng(2).normal(size=(900, 4)).astype(np.float32)
    return open_detector(fit_detector(rows, private=True).content, source="test"), rows


def test_private_detector_shows_no_row(private: tuple[Detector, Matrix]) -> None:
    detector, rows = private

    shown = detector.nearest(rows)

    assert not {tuple(row) for row in shown.tolist()} & {tuple(row) for row in rows.tolist()}
    assert len(np.unique(shown, axis=0)) > 10
    assert np.linalg.norm(rows - shown, axis=1).mean() < np.linalg.norm(rows, axis=1).mean()


def test_private_detector_still_tells_far_from_near(private: tuple[Detector, Matrix]) -> None:
    detector, _ = private

    assert detector.score([[0, 0, 0, 0]]).p_value[0] > 0.1
    assert detector.score([[6, 6, 0, 0]]).p_value[0] < 0.01


def test_private_prototypes_are_means_of_several() -> None:
    rows = np.random.default_rng(3).normal(size=(600, 3)).astype(np.float32)

    near = fit_near(rows, numbers(3), seed=0, clean=True, private=True)

    for space in near.spaces:
        assert min(map(len, space.members)) >= 5
        for prototype, members in zip(space.prototypes, space.members, strict=True):
            points = (rows[members] - near.mean) * near.inverse * space.scale
            np.testing.assert_allclose(prototype, points.mean(axis=0), atol=1e-4)


def test_shown_row_is_the_nearest_kept_one() -> None:
    rows = np.random.default_rng(4).normal(size=(600, 3)).astype(np.float32)
    detector = open_detector(fit_detector(rows).content, source="test")

    shown = detector.nearest(rows[:200])

    assert {tuple(row) for row in shown.tolist()} <= {tuple(row) for row in rows.tolist()}
    assert np.median(np.linalg.norm(rows[:200] - shown, axis=1)) < 0.5
