"""The rows of a file with what a detector says of each, for whoever counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import Detector
from guard.detectors.evidence import Judge
from guard.detectors.manifest import Manifest
from guard.detectors.promise import TIE_MARGIN, Promise, cut
from guard.training.rows.provenance import TrainingDigest
from guard.training.rows.stream import Chunk, Stream

__all__ = [
    "Coded",
    "Group",
    "ScoredRows",
    "digested",
    "extrapolated",
    "flagged",
    "groups_of",
    "make_judge",
    "score_matrix",
    "score_rows",
]

# Of the classes that share a calibration.
MOST_NAMES = 3

Vector = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Group(NamedTuple):
    """Rows that share a calibration of `n` rows: those of some predicted classes, or all."""

    name: str
    n: int
    confidence: float | None

    def promise(self, fpr: float) -> Promise:
        """What is promised of the group's rows at a rate."""
        return Promise(fpr, self.n, self.confidence)


class Coded(NamedTuple):
    """A column of texts: `codes` int64 [n] are places in `names`, -1 where there is none."""

    names: tuple[str, ...]
    codes: Codes


class ScoredRows(NamedTuple):
    """n rows: `score` and `p_value` float32 [n], NaN where unscored; `group` int64 [n], a place in the detector's.

    `parts` float32 [n] each, and the columns that the stream carried along.
    """

    score: Vector
    p_value: Vector
    group: Codes
    parts: Mapping[str, Vector]
    carried: Mapping[str, Coded]

    def where(self, mask: Bools) -> Self:
        """Those of the rows for which the mask, bool [n], holds."""
        return self._replace(
            score=self.score[mask],
            p_value=self.p_value[mask],
            group=self.group[mask],
            parts={name: part[mask] for name, part in self.parts.items()},
            carried={name: Coded(coded.names, coded.codes[mask]) for name, coded in self.carried.items()},
        )


def groups_of(manifest: Manifest) -> tuple[Group, ...]:
    """The groups, in the order of the manifest's calibrations; named after their classes where there are several."""
    return tuple(
        Group(_name(manifest, place), calibration.n, calibration.confidence)
        for place, calibration in enumerate(manifest.calibrations)
    )


def _name(manifest: Manifest, place: int) -> str:
    classes = manifest.classes
    if classes is None or len(manifest.calibrations) == 1:
        return "all"
    members = [name for name, group in zip(classes.names, classes.groups, strict=True) if group == place]
    more = f" and {len(members) - MOST_NAMES} more" if len(members) > MOST_NAMES else ""
    return f"class {', '.join(members[:MOST_NAMES])}{more}"


def score_rows(
    detector: Detector, stream: Stream, *, with_parts: bool = False, on_done: Callable[[int], None] = lambda _: None
) -> ScoredRows:
    """Score a stream to its end; `on_done` is told how much of its total is behind."""
    coders: dict[str, dict[str, int]] = {}
    blocks = []
    for chunk in stream.chunks:
        blocks.append(_score_chunk(detector, chunk, coders, with_parts=with_parts))
        on_done(chunk.done)
    if not blocks:
        return score_matrix(detector, np.empty((0, len(detector.manifest.features)), dtype=np.float32))
    return ScoredRows(
        np.concatenate([block.score for block in blocks]),
        np.concatenate([block.p_value for block in blocks]),
        np.concatenate([block.group for block in blocks]),
        {name: np.concatenate([block.parts[name] for block in blocks]) for name in blocks[0].parts},
        {
            name: Coded(tuple(coder), np.concatenate([block.carried[name].codes for block in blocks]))
            for name, coder in coders.items()
        },
    )


def digested(chunks: Iterator[Chunk], digest: TrainingDigest) -> Iterator[Chunk]:
    """Pass the chunks on; once they are at an end, the digest is that of a fit to the same rows."""
    for chunk in chunks:
        digest.add(chunk.rows.astype(np.float32))
        yield chunk


def _score_chunk(
    detector: Detector, chunk: Chunk, coders: dict[str, dict[str, int]], *, with_parts: bool
) -> ScoredRows:
    parts = _parts(detector, chunk.rows) if with_parts else {}
    carried = {name: Coded((), _code(texts, coders.setdefault(name, {}))) for name, texts in chunk.carried.items()}
    return score_matrix(detector, chunk.rows)._replace(parts=parts, carried=carried)


def score_matrix(detector: Detector, rows: npt.NDArray[np.floating]) -> ScoredRows:
    """Score raw rows, [N, d] in the manifest's order, without their parts."""
    found = detector.score(rows)
    group = np.zeros(len(rows), dtype=np.int64) if found.group is None else found.group
    return ScoredRows(found.score, found.p_value, group, {}, {})


def _parts(detector: Detector, rows: npt.NDArray[np.float64]) -> dict[str, Vector]:
    """Each part; what is evidence on one side only is the same for all rows on the other."""
    least = {card.name: min(card.start) for card in detector.manifest.parts if card.one_sided}
    found = detector.parts(rows)
    return {name: np.maximum(part, least[name]) if name in least else part for name, part in found.items()}


def _code(texts: list[str | None], coder: dict[str, int]) -> Codes:
    """Number the texts in the order in which they are met."""
    return np.array([-1 if text is None else coder.setdefault(text, len(coder)) for text in texts], dtype=np.int64)


def flagged(rows: ScoredRows, groups: tuple[Group, ...], fpr: float) -> Bools:
    """Which rows, each sent alone, are flagged at a rate, bool [n]; what has no score is."""
    cuts = np.array([cut(group.n, fpr, group.confidence) for group in groups])
    return ~(rows.p_value.astype(np.float64) > cuts[rows.group])


def extrapolated(rows: ScoredRows, groups: tuple[Group, ...]) -> Bools:
    """Which p-values come from a fitted tail, bool [n]."""
    least = np.array([(1 - TIE_MARGIN) / (group.n + 1) for group in groups])
    return rows.p_value.astype(np.float64) < least[rows.group]


def make_judge(groups: tuple[Group, ...], *, flag_fpr: float, reject_fpr: float) -> Judge:
    """The judge of whole requests."""
    return Judge.of(
        n_calibration=[group.n for group in groups],
        flag_fpr=flag_fpr,
        reject_fpr=reject_fpr,
        confidence=groups[0].confidence,
    )
