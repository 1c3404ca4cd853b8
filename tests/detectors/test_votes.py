"""Votes from parts."""

import numpy as np

from guard.detectors import Detector
from guard.detectors.manifest import PartCard
from guard.detectors.votes import decades, votes


def test_votes_give_the_score_of_the_graph(mixed_detector: Detector) -> None:
    random = np.random.default_rng(0)
    rows = np.stack(
        [random.integers(10, 120, 300), random.lognormal(3, 2, 300), random.integers(-1, 3, 300), *np.ones((2, 300))],
        axis=1,
    )
    rows[:, 4] = 3
    rows[::9, 1] = np.nan
    parts = np.stack(list(mixed_detector.parts(rows).values()), axis=1)

    found = votes(parts, mixed_detector.manifest.parts)

    highest = np.max(list(found.values()), axis=0)
    np.testing.assert_allclose(mixed_detector.score(rows).score, highest, rtol=1e-4, atol=1e-4)
    assert {"near", "forest", "unseen", "relations"} == set(found)


def test_decades_of_nothing_found_are_no_evidence(mixed_detector: Detector) -> None:
    cards = mixed_detector.manifest.parts
    place = [card.name for card in cards].index("unseen")
    parts = np.zeros((1, len(cards)))

    assert decades(parts, cards)[0, place] == -np.inf


def test_what_is_on_top_counts_beside_the_highest_other_vote() -> None:
    cards = [
        PartCard(name="near", vote="near", base=0.0, start=(0.0,), scale=(1 / np.log(10),)),
        PartCard(name="far", vote="far", base=-1.0, start=(0.0,), scale=(1 / np.log(10),)),
        PartCard(
            name="rare", vote="rare", base=2.0, start=(0.0,), scale=(1 / np.log(10),), one_sided=True, on_top=True
        ),
    ]

    found = votes([[0.5, 0.0, 0.0], [0.5, 0.0, 1.0], [0.5, 4.0, 1.0], [-2.0, -2.0, 1.0]], cards)

    np.testing.assert_allclose(found["rare"], [-np.inf, 3.5, 6.0, 3.0])
    np.testing.assert_allclose(np.max(list(found.values()), axis=0), [0.5, 3.5, 6.0, 3.0])
