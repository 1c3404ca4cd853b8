"""Which feature is named first: a known culprit is put into clean rows, and has to be found."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from guard.detectors import Detector, open_detector
from guard.detectors.attribution import attribute, clean_row_like
from guard.training import fit_detector

Matrix = npt.NDArray[np.float32]

N_FIT, N_HELD = 700, 300


def independent(random: np.random.Generator, n: int) -> Matrix:
    """Six features of different kinds and sizes, each by itself."""
    columns = [random.normal(50, 10, n), random.lognormal(2, 1, n), random.integers(0, 100, n), random.random(n) < 0.3]
    return np.column_stack([*columns, random.uniform(-1e-3, 1e-3, n), random.exponential(1e5, n)]).astype(np.float32)


def dependent(random: np.random.Generator, n: int) -> Matrix:
    """Eight features of two factors: each follows from the others but for a little noise."""
    factors = random.normal(size=(n, 2))
    loads = np.array([[1, 2, -1, 0.5, 0, 1, -2, 1], [0, 1, 1, -2, 1, -1, 0.5, 2]])
    return np.asarray(factors @ loads + random.normal(0, 0.05, size=(n, 8)), dtype=np.float32)


def clustered(random: np.random.Generator, n: int) -> Matrix:
    """Five features around three centres: what is usual of one depends on the others."""
    centres = np.array([[0, 0, 0, 0, 0], [10, 0, 10, 0, 10], [0, 10, 10, 10, 0]])
    return np.asarray(centres[random.integers(3, size=n)] + random.normal(0, 0.3, size=(n, 5)), dtype=np.float32)


SETS = [independent, dependent, clustered]


def hit_rate(detector: Detector, clean: Matrix, changed: Matrix, culprits: npt.NDArray[np.intp]) -> tuple[float, int]:
    """How often the culprit comes first, of the rows that are flagged only since the change; and their number."""
    new = (detector.score(changed).p_value <= 0.01) & (detector.score(clean).p_value > 0.01)
    found = [attribute(detector, row).order[0] for row in changed[new]]
    return float(np.mean(np.array(found) == culprits[new])), len(found)


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize(("widths", "least"), [(0.5, 0.98), (0.02, 0.95)], ids=["far", "just"])
def test_culprit_outside_its_range_comes_first(
    make: Callable[[np.random.Generator, int], Matrix], widths: float, least: float
) -> None:
    random = np.random.default_rng(3)
    fit, clean = make(random, N_FIT), make(random, N_HELD)
    detector = open_detector(fit_detector(fit, rates=[0.01]).content, source="test")
    culprits = random.choice(np.flatnonzero(np.ptp(fit, axis=0) > 0), N_HELD)
    low, high = fit.min(axis=0), fit.max(axis=0)
    width = widths * (high - low)
    beyond = np.where(random.random(N_HELD) < 0.5, (high + width)[culprits], (low - width)[culprits])
    changed = clean.copy()
    changed[np.arange(N_HELD), culprits] = beyond

    rate, n = hit_rate(detector, clean, changed, culprits)

    assert n >= 40
    assert rate >= least


@pytest.mark.parametrize("make", [dependent, clustered])
def test_culprit_with_the_value_of_another_row_comes_first(make: Callable[[np.random.Generator, int], Matrix]) -> None:
    random = np.random.default_rng(4)
    fit, clean = make(random, N_FIT), make(random, N_HELD)
    detector = open_detector(fit_detector(fit, rates=[0.01]).content, source="test")
    culprits = random.integers(fit.shape[1], size=N_HELD)
    changed = clean.copy()
    changed[np.arange(N_HELD), culprits] = fit[random.integers(N_FIT, size=N_HELD), culprits]

    rate, n = hit_rate(detector, clean, changed, culprits)

    assert n >= 40
    assert rate >= 0.8


def test_usual_value_is_that_of_such_rows_and_not_of_all() -> None:
    random = np.random.default_rng(5)
    detector = open_detector(fit_detector(clustered(random, N_FIT), rates=[0.01]).content, source="test")

    found = attribute(detector, np.array([10, 0, 0, 0, 10], dtype=np.float32))

    assert found.order[0] == 2
    assert found.usual[2] == pytest.approx(10, abs=1)
    assert found.decades[2] > 1


def test_category_can_be_the_culprit() -> None:
    random = np.random.default_rng(6)
    kind = random.integers(3, size=900)
    frame = pl.DataFrame({"kind": np.array(["a", "b", "c"])[kind], "size": kind * 10 + random.normal(0, 0.3, 900)})
    detector = open_detector(fit_detector(frame, rates=[0.01]).content, source="test")
    card = detector.manifest.features[0]

    found = attribute(detector, np.array([-1, 20], dtype=np.float32))

    assert found.order[0] == 0
    assert 0 <= found.usual[0] < len(card.categories)
    assert found.decades[0] > 1


def test_clean_row_like_one_far_outside_is_like_it_in_the_rest(numeric_detector: Detector) -> None:
    row = np.array([1e30, 0.5, 0.5, -0.5], dtype=np.float32)

    found = clean_row_like(numeric_detector, row)

    assert np.isfinite(found).all()
    assert np.abs(found[1:] - row[1:]).max() < 1.5


@pytest.fixture(scope="module", params=[False, True], ids=["kept rows", "private"])
def cities(request: pytest.FixtureRequest) -> Detector:
    """Three cities as common as each other, so that an unseen one lies far from all; two sizes, one by the city."""
    random = np.random.default_rng(7)
    city = np.arange(1500) % 3
    frame = pl.DataFrame(
        {
            "size": random.uniform(0, 100, 1500),
            "fee": city * 50 + random.normal(0, 1, 1500),
            "city": np.array(["Oslo", "Paris", "Rome"])[city],
            "street": np.array(["A", "B"])[np.arange(1500) % 2],
        }
    )
    return open_detector(fit_detector(frame, rates=[0.01], private=request.param).content, source="test")


@pytest.mark.parametrize("unseen", [-1, 99])
@pytest.mark.parametrize(("size", "fee"), [(10, 0), (50, 50), (90, 100), (10, 100)])
def test_clean_row_like_one_of_an_unseen_category_is_like_it_in_the_rest(
    cities: Detector, size: float, fee: float, unseen: float
) -> None:
    found = clean_row_like(cities, np.array([size, fee, unseen, unseen], dtype=np.float32))

    assert found[0] == pytest.approx(size, abs=15)
    assert found[1] == pytest.approx(fee, abs=5)
    place = {0: "Oslo", 50: "Paris", 100: "Rome"}[int(fee)]
    assert cities.manifest.features[2].categories[int(found[2])] == place


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e38, -1e38])
def test_huge_value_is_the_culprit(numeric_detector: Detector, value: float) -> None:
    row = np.zeros(4, dtype=np.float32)
    row[2] = value

    found = attribute(numeric_detector, row)

    assert found.order[0] == 2
    assert np.isfinite(found.decades).all()
    assert np.isfinite(found.usual[2])


def test_missing_value_without_which_there_is_no_score_comes_first(numeric_detector: Detector) -> None:
    found = attribute(numeric_detector, np.array([9, np.nan, 0, 0], dtype=np.float32))

    assert found.order[:2].tolist() == [1, 0]
    assert found.decades[1] == np.inf
    assert 0 < found.decades[0] < np.inf


def test_typical_row_has_no_culprit(numeric_detector: Detector) -> None:
    typical = np.array([[card.median for card in numeric_detector.manifest.features]], dtype=np.float32)

    assert attribute(numeric_detector, numeric_detector.nearest(typical)[0]).decades.max() < 0.5
