"""From rows, however many, to what a detector is fitted to, in bounded memory and two passes.

The first pass learns the types, ranges and categories of all fit rows; the second encodes every row, for the digest,
and keeps those of each share up to a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import Contract, merge
from guard.detectors.manifest import FeatureCard, learned_contract
from guard.errors import TrainingError
from guard.training.rows.breaches import Breaches, checked_rows, find_breaches
from guard.training.rows.data import Dataset, Source, Texts
from guard.training.rows.drift import Drift, drifting
from guard.training.rows.encode import raw_matrix, with_medians
from guard.training.rows.provenance import TrainingDigest, duplicates
from guard.training.rows.split import MOST_FIT, Indices, Sizes, split_rows, thin_out
from guard.training.rows.survey import Survey

__all__ = ["Classes", "Gathered", "gather"]

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.intp]
OnRows = Callable[[int, int], None]

PASSES = 2


class Classes(NamedTuple):
    """The class that was predicted for each kept row, as a place in `names`; -1 where no row of the fit share has it.

    `names` are those of the fit share, the rarest first.
    """

    names: tuple[str, ...]
    fit: Codes
    select: Codes
    calibrate: Codes


class Gathered(NamedTuple):
    """What is kept of the rows: float32 [n, d] of each share in the order of the file, as the graph reads them.

    `fit` is a uniform sample where the share has more rows than MOST_FIT; `seen` says how many it has. Ranges,
    categories and missing values are those of all of them, medians those of the kept. `missing` counts rows without a
    value by feature; `duplicates` counts kept rows that are the same as an earlier one; `drift` compares kept rows.
    """

    features: tuple[FeatureCard, ...]
    fit: Matrix
    select: Matrix
    calibrate: Matrix
    seen: Sizes
    training_sha256: str
    duplicates: int
    missing: dict[str, int]
    breaches: Breaches | None
    classes: Classes | None
    drift: tuple[Drift, ...]


def gather(
    source: Source,
    *,
    declared: Contract | None = None,
    seed: int = 0,
    most_fit: int = MOST_FIT,
    on_rows: OnRows = lambda *_: None,
) -> Gathered:
    """Read the rows twice; `declared` is the contract that they should keep.

    The result doesn't depend on where the rows come from, nor on the chunks. `on_rows` is told how many have been
    read, and of how many.
    """
    shares = split_rows(source.n_rows, seed=seed)
    seen = Sizes(*map(len, shares))
    survey = _survey(source, shares.fit, on_rows)
    nullable = [feature.name for feature in declared.features if feature.nullable] if declared else []
    features = survey.cards(nullable)
    # What was declared and what was learned are laid over each other as at serving: now is the time to contradict.
    contract = merge(declared, learned_contract(features)) if declared else None
    codes = {name: code for code, name in enumerate(survey.class_names)}
    thinned = shares._replace(fit=thin_out(shares.fit, most=most_fit, seed=seed))
    fit, select, calibrate = kept = [_Kept(places, len(features), codes) for places in thinned]
    checked = _Checked(source.n_rows if contract else 0)
    digest = TrainingDigest(features)
    for start, chunk in _chunks(source, 1, on_rows):
        rows = raw_matrix(chunk, features)
        digest.add(rows)
        checked.add(start, chunk)
        for share in kept:
            share.add(start, rows, chunk.predicted)
    return Gathered(
        features=with_medians(features, fit.rows),
        fit=fit.rows,
        select=select.rows,
        calibrate=calibrate.rows,
        seen=seen,
        training_sha256=digest.hexdigest(),
        duplicates=duplicates(fit.rows, select.rows, calibrate.rows),
        missing=survey.missing,
        breaches=checked.breaches(contract) if contract else None,
        classes=Classes(survey.class_names, fit.codes, select.codes, calibrate.codes) if codes else None,
        drift=drifting(np.concatenate([share.rows for share in kept]), np.concatenate(thinned), features),
    )


def _chunks(source: Source, done: int, on_rows: OnRows) -> Iterator[tuple[int, Dataset]]:
    """Give each chunk with the number of its first row, in the pass before which so many were done."""
    start = 0
    for chunk in source.chunks():
        if start + chunk.n_rows > source.n_rows:
            break
        yield start, chunk
        start += chunk.n_rows
        on_rows(done * source.n_rows + start, PASSES * source.n_rows)
    else:
        if start == source.n_rows:
            return
    raise TrainingError(f"the file held {source.n_rows:,} rows at first, and no longer does: let nothing write to it")


def _survey(source: Source, fit: Indices, on_rows: OnRows) -> Survey:
    is_fit = np.zeros(source.n_rows, dtype=np.bool_)
    is_fit[fit] = True
    survey = Survey()
    for start, chunk in _chunks(source, 0, on_rows):
        survey.add(chunk, fit=is_fit[start : start + chunk.n_rows])
    return survey


class _Kept:
    """The rows of a share that are kept, and the codes of their classes, filled as they come."""

    def __init__(self, places: Indices, n_features: int, codes: Mapping[str, int]) -> None:
        self._places = places
        self._codes = codes
        self.rows = np.empty((len(places), n_features), dtype=np.float32)
        self.codes = np.full(len(places), -1, dtype=np.intp)

    def add(self, start: int, rows: Matrix, predicted: Texts | None) -> None:
        """Keep what is to be kept of a chunk that begins at row `start`."""
        filled, taken = _within(self._places, start, len(rows))
        self.rows[filled] = rows[taken]
        if predicted is not None:
            self.codes[filled] = [self._codes.get(predicted[row] or "", -1) for row in taken.tolist()]


class _Checked:
    """The rows, spread evenly over n, that the contract is checked with."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._rows = checked_rows(n)
        self._parts: list[Dataset] = []

    def add(self, start: int, chunk: Dataset) -> None:
        """Keep those of a chunk that begins at row `start`."""
        _, taken = _within(self._rows, start, chunk.n_rows)
        if len(taken):
            self._parts.append(chunk.take(taken))

    def breaches(self, contract: Contract) -> Breaches:
        """Check them."""
        return find_breaches(Dataset.join(self._parts), contract, sampled=len(self._rows) < self._n)


def _within(wanted: Indices, start: int, n: int) -> tuple[slice, Indices]:
    """Which of the ascending wanted rows are of the n from `start` on: as a slice of them, and counted from there."""
    low, high = np.searchsorted(wanted, [start, start + n]).tolist()
    return slice(low, high), wanted[low:high] - start
