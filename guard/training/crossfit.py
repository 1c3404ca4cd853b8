"""Cross-fitting, for few rows: each row is scored by a detector fitted to the others, and all of them calibrate.

The final detector, fitted to all rows, isn't the one that scored any of them, so p-values are approximate: as a rule a
little too large, since it knows more rows than the others did. Source: cross-conformal prediction, Vovk (2015).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard, PartCard
from guard.detectors.options import FitOptions
from guard.detectors.promise import cut
from guard.detectors.votes import votes
from guard.training.calibrate import weigh
from guard.training.graph.build import Learned, build_graph, votes_of
from guard.training.learn import Rows, learn, run
from guard.training.protected.classes import predict
from guard.training.protected.predicted import Predicted
from guard.training.rows.encode import quantiles

__all__ = ["FOLDS", "cross_fit", "with_ranges_of"]

FOLDS = 5

Matrix = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int64]


def cross_fit(rows: Rows, learned: Learned, options: FitOptions) -> tuple[tuple[PartCard, ...], Matrix, Groups, float]:
    """Give what the parts weigh, the score and group of every row, and the share of rows flagged out of fold.

    `learned` is of all rows, which are the fit ones. The share is of the rows of each fold by the scores of the other
    folds, at the highest rate.
    """
    folds = np.random.default_rng([options.seed, FOLDS]).permutation(len(rows.fit)) % FOLDS
    parts = np.empty((len(rows.fit), len(votes_of(learned))), dtype=np.float32)
    for fold in range(FOLDS):
        held = folds == fold
        parts[held] = _parts_of(rows.fit[held], rows.fit[~held], learned, options)
    groups = np.zeros(len(rows.fit), dtype=np.int64)
    if learned.classes is not None:
        groups = np.array(learned.groups, dtype=np.int64)[predict(learned.classes, rows.fit)]
    cards = weigh(parts, votes_of(learned), groups, n_groups=learned.n_groups)
    scores = np.max(list(votes(parts, cards, groups).values()), axis=0).astype(np.float32)
    return cards, scores, groups, _flagged_out_of_fold(scores, groups, folds, options)


def _parts_of(held: Matrix, others: Matrix, learned: Learned, options: FitOptions) -> Matrix:
    """Score the rows of a fold by what the others teach, in the same parts."""
    features = with_ranges_of(learned.features, others)
    function, groups = learned.classes, learned.groups
    found = None if function is None else Predicted(function, predict(function, others), groups)
    taught = learn(features, Rows(others, others[:0], others[:0]), options=options, classes=found)
    names = [vote.part for vote in votes_of(taught)]
    parts = run(build_graph(taught), "parts", held)
    nothing = np.zeros(len(held), dtype=np.float32)
    # A fold may lack what all rows have, such as any relation.
    columns = [parts[:, names.index(vote.part)] if vote.part in names else nothing for vote in votes_of(learned)]
    return np.stack(columns, axis=1)


def _flagged_out_of_fold(scores: Matrix, groups: Groups, folds: npt.NDArray[np.int64], options: FitOptions) -> float:
    flagged = 0
    for fold in range(FOLDS):
        for group in np.unique(groups).tolist():
            mine = scores[(folds == fold) & (groups == group)]
            others = np.sort(scores[(folds != fold) & (groups == group)])
            p_values = (1 + len(others) - np.searchsorted(others, mine)) / (len(others) + 1)
            flagged += int(np.count_nonzero(p_values <= cut(len(others), options.rates[0], options.confidence)))
    return flagged / len(scores)


def with_ranges_of(features: tuple[FeatureCard, ...], rows: Matrix) -> tuple[FeatureCard, ...]:
    """Give numeric features the ranges, quantiles and missing counts of raw rows, float32 [n, d]."""
    return tuple(_with_range(card, rows[:, place]) for place, card in enumerate(features))


def _with_range(card: FeatureCard, values: Matrix) -> FeatureCard:
    present = values[~np.isnan(values)]
    if not card.is_numeric or not len(present):
        return card
    low, high = float(present.min()), float(present.max())
    median = float(np.float32(np.median(present.astype(np.float64))))
    update = {"minimum": low, "maximum": high, "median": median, "quantiles": quantiles(values)}
    return card.model_copy(update=update | {"constant": low == high, "missing": len(values) - len(present)})
