"""The score's votes, computed from its parts as the graph does, for whoever asks what a score rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import PartCard

__all__ = ["decades", "votes"]

Floats = npt.NDArray[np.float64]


def decades(parts: npt.ArrayLike, cards: Sequence[PartCard], groups: npt.NDArray[np.int64] | None = None) -> Floats:
    """Each part in decades of rarity, float64 [N, P]; -inf where a one-sided part found nothing.

    `parts` are [N, P] in the order of the cards; `groups` [N], None where there is one.
    """
    values = np.asarray(parts, dtype=np.float64)
    members = np.zeros(len(values), dtype=np.int64) if groups is None else groups
    starts, scales = (np.array([getattr(card, name) for card in cards]).T[members] for name in ("start", "scale"))
    surplus = values - starts
    found = np.array([card.base for card in cards]) + surplus / (scales * math.log(10))
    one_sided = np.array([card.one_sided for card in cards])
    return np.where(one_sided & (surplus <= 0), -np.inf, found)


def votes(
    parts: npt.ArrayLike, cards: Sequence[PartCard], groups: npt.NDArray[np.int64] | None = None
) -> Mapping[str, Floats]:
    """Each vote in decades, float64 [N]: the mean over its parts. The score is the highest.

    A vote `on_top` is that beside the highest other vote, taken for 0 where it is less.
    """
    found = decades(parts, cards, groups)
    names = dict.fromkeys(card.vote for card in cards)
    means = {
        name: found[:, [place for place, card in enumerate(cards) if card.vote == name]].mean(axis=1) for name in names
    }
    on_top = {card.vote for card in cards if card.on_top}
    others = [mean for name, mean in means.items() if name not in on_top]
    highest = np.max([np.zeros(len(found)), *others], axis=0)
    return {name: mean + highest if name in on_top else mean for name, mean in means.items()}
