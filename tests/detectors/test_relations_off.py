"""Mined relations, switched off one by one at serving."""

import numpy as np
import numpy.typing as npt
import pytest

from guard.detectors import Detector, open_detector
from guard.training import fit_detector


@pytest.fixture(scope="module")
def ordered() -> Detector:
    random = np.random.default_rng(0)
    low = random.normal(size=900)
    rows = np.stack([low, low + random.exponential(1.0, 900), random.normal(size=900)], axis=1)
    return open_detector(fit_detector(rows, names=["low", "high", "other"]).content, source="test")


@pytest.fixture
def crossed() -> npt.NDArray[np.float32]:
    return np.array([[0.5, 0.2, 0.0]], dtype=np.float32)


def order(detector: Detector) -> str:
    return next(card.id for card in detector.manifest.relations if card.kind == "order")


def test_a_broken_relation_is_told_and_counts(ordered: Detector, crossed: npt.NDArray[np.float32]) -> None:
    ids = [card.id for card in ordered.manifest.relations]
    decades = {card.id: card.decades for card in ordered.manifest.relations}

    assert ordered.broken(crossed)[0].tolist() == [name == order(ordered) for name in ids]
    assert ordered.parts(crossed)["relations"][0] == pytest.approx(decades[order(ordered)] - 0.01)
    assert ordered.score(crossed).score[0] >= decades[order(ordered)] * 0.999


def test_a_relation_switched_off_counts_nothing(ordered: Detector, crossed: npt.NDArray[np.float32]) -> None:
    without = ordered.without_relations([order(ordered)])

    assert without.parts(crossed)["relations"][0] == pytest.approx(-0.01)
    assert without.score(crossed).score[0] < ordered.score(crossed).score[0]
    assert ordered.parts(crossed)["relations"][0] > 0


def test_switching_off_never_raises_a_score(ordered: Detector) -> None:
    rows = np.random.default_rng(1).normal(scale=2, size=(500, 3))
    ids = [card.id for card in ordered.manifest.relations]

    before, after = ordered.score(rows), ordered.without_relations(ids).score(rows)

    assert (after.score <= before.score).all()
    assert (after.p_value >= before.p_value).all()
    assert (after.score < before.score).any()


def test_switching_off_one_after_the_other_leaves_both_off(ordered: Detector, crossed: npt.NDArray[np.float32]) -> None:
    others = [card.id for card in ordered.manifest.relations if card.kind != "order"]

    without = ordered.without_relations([order(ordered)]).without_relations(others)

    assert without.parts(crossed)["relations"][0] == pytest.approx(-0.01)


def test_an_unknown_relation_is_refused(ordered: Detector) -> None:
    with pytest.raises(KeyError, match="R999"):
        ordered.without_relations(["R999"])
