"""mine_relations: from clean rows to the relations that hold in them."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from guard.detectors.manifest import FeatureCard
from guard.detectors.relations import KINDS, RelationCard
from guard.training.mining.alternatives import either_candidates, share_candidates, two_sums_candidates
from guard.training.mining.budget import within_budget
from guard.training.mining.candidate import LEAST_PRESENT, Candidate, Features, Matrix, evenly
from guard.training.mining.categories import determination_candidates
from guard.training.mining.linear import equality_candidates
from guard.training.mining.pairs import Pairwise, pair_candidates
from guard.training.mining.redundant import without_redundant
from guard.training.mining.selection import Judged, judge, kept_by
from guard.training.mining.single import single_candidates
from guard.training.mining.wording import text

__all__ = ["MOST_RELATIONS", "mine_relations"]

MOST_RELATIONS: Final = 512
"""More cost more than they tell. Half of the room is for relations of several features, where there are so many."""

# Pairs are looked for among so many rows, and then checked on all.
SAMPLE = 20_000


def mine_relations(features: tuple[FeatureCard, ...], fit: Matrix, select: Matrix) -> tuple[RelationCard, ...]:
    """Mine what holds in the fit rows float32 [n, d], and judge it by the selection rows float32 [k, d].

    The rows are raw, as the graph's input: numbers, 0 and 1, category codes (-1 where unseen), NaN where missing.
    The same rows give the same relations, in the order of KINDS and of the features.
    """
    if len(fit) < LEAST_PRESENT:
        return ()
    singles = judge(list(single_candidates(features, fit)), fit, select)
    equalities = judge(list(equality_candidates(features, fit)), fit, select)
    dependent = judge(list(determination_candidates(features, fit)), fit, select)
    sample = evenly(fit, SAMPLE)
    found = [propose(features, sample) for propose in (two_sums_candidates, either_candidates, share_candidates)]
    alternatives = judge(kept_by(fit, list(chain.from_iterable(found))), fit, select)
    pairs = _pairs(features, fit, select, equalities)
    chosen = _strongest([*equalities, *dependent, *alternatives, *pairs], singles)
    ordered = sorted(chosen, key=lambda found: (KINDS.index(found.candidate.kind), found.candidate.features))
    ids = _ids([found.candidate for found in ordered], features)
    return tuple(_card(name, found, features) for name, found in zip(ids, ordered, strict=True))


def _pairs(features: Features, fit: Matrix, select: Matrix, equalities: Iterable[Judged]) -> list[Judged]:
    sample = evenly(fit, SAMPLE)
    pairwise = Pairwise.of(features, sample, leave_out=_copies(equalities))
    candidates = list(pair_candidates(pairwise))
    if len(sample) < len(fit):
        candidates = kept_by(fit, candidates)
    judged = {found.candidate: found for found in judge(within_budget(candidates, select), fit, select)}
    return [judged[candidate] for candidate in without_redundant(list(judged))]


def _copies(equalities: Iterable[Judged]) -> list[int]:
    """The features that equal an earlier one: whatever holds of that holds of them."""
    found = (judged.candidate for judged in equalities)
    return [c.features[1] for c in found if len(c.features) == 2 and c.numbers[:3] == (1.0, -1.0, 0.0)]


def _strongest(joint: Sequence[Judged], single: Sequence[Judged]) -> list[Judged]:
    room = max(MOST_RELATIONS // 2, MOST_RELATIONS - len(single))
    kept = _most_supported(joint, room)
    return kept + _most_supported(single, MOST_RELATIONS - len(kept))


def _most_supported(found: Sequence[Judged], most: int) -> list[Judged]:
    return sorted(found, key=lambda judged: (-judged.candidate.support, judged.candidate.features))[:most]


def _ids(candidates: Sequence[Candidate], features: Features) -> list[str]:
    """Name each by its kind and its features, so that a refit, or another detector, gives the same one the same id."""
    seen: Counter[str] = Counter()
    ids = []
    for candidate in candidates:
        key = json.dumps([candidate.kind, *(features[place].name for place in candidate.features)])
        seen[key] += 1
        digest = hashlib.sha256(f"{key}{seen[key] if seen[key] > 1 else ''}".encode()).hexdigest()
        ids.append(f"R{digest[:8]}")
    return ids


def _card(name: str, found: Judged, features: Features) -> RelationCard:
    candidate: Candidate = found.candidate
    return RelationCard(
        id=name,
        kind=candidate.kind,
        text=text(candidate, features),
        features=candidate.features,
        numbers=candidate.numbers,
        table=candidate.table,
        support=candidate.support,
        checked=found.checked,
        broken=found.broken,
        decades=-math.log10((1 + found.broken) / (1 + found.checked)),
    )
