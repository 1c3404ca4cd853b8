"""The model card that stands beside a detector, as Markdown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from guard.detectors.classes import ClassCard
from guard.detectors.describe import built_with, contract_line, learned, secret
from guard.detectors.detector import Detector, open_detector
from guard.detectors.manifest import FeatureCard, Manifest
from guard.detectors.relations import RelationCard
from guard.training.evaluation.evaluate import Rate, measure_rate
from guard.training.evaluation.scored import Group, groups_of, score_matrix
from guard.training.markdown import plain, table
from guard.training.write import write_whole

__all__ = ["card_path", "render_card", "write_card"]

TEMPLATE = Path(__file__).with_name("card.md")

# The manifest has them all.
MOST_RELATIONS = 50

Matrix = npt.NDArray[np.float32]


def card_path(detector: Path) -> Path:
    """Where the card of a detector's file stands: d/x.onnx has d/x.md."""
    return detector.with_suffix(".md")


def write_card(text: str, detector: Path) -> Path:
    """Write the card beside the detector's file; returns where."""
    target = card_path(detector)
    write_whole(target, text.encode())
    return target


def render_card(
    content: bytes,
    *,
    path: Path,
    select: Matrix | None = None,
    measured: float | None = None,
    concerns: Sequence[str] = (),
) -> str:
    """The card of a detector's bytes, which go to `path`.

    `select` are the select rows, float32 [n, d] as the graph reads them: on these the card's figures are measured,
    since the calibration rows' share is k / n by construction, and the fit rows are what was learned by heart.
    A cross-fitted detector has none: `measured` is the share that it flagged of rows held out in turn.
    """
    detector = open_detector(content, source=str(path))
    manifest, groups = detector.manifest, groups_of(detector.manifest)
    return TEMPLATE.read_text(encoding="utf-8").format(
        **_origin(manifest, content, path),
        concerns="\n".join(f"* {plain(sentence)}" for sentence in concerns) or "None.",
        parts=table(("part", "vote"), ((plain(part.name), plain(part.vote)) for part in manifest.parts)),
        promises=_promises(manifest, groups),
        measured=_measured(detector, groups, select, measured),
        features=_features(manifest.features),
        classes=_classes(manifest.classes),
        relations=_relations(manifest.relations),
    )


def _origin(manifest: Manifest, content: bytes, path: Path) -> dict[str, str]:
    return {
        "name": plain(path.name),
        "path": path.name,
        "secret": secret(manifest),
        "digest": hashlib.sha256(content).hexdigest(),
        "n_bytes": f"{len(content):,}",
        "training": manifest.training_sha256,
        "options": plain(_options(manifest)),
        "contract": contract_line(manifest),
        "built_with": plain(built_with(manifest.versions)),
        "rows": _rows(manifest),
        "model": " --model MODEL" if manifest.options.model_sha256 else "",
    }


def _rows(manifest: Manifest) -> str:
    split, fresh = manifest.split, manifest.recalibration
    n_calibrate = f"{fresh.n:,} fresh, since recalibrated" if fresh else f"{split.calibrate:,}"
    n_rows = sum((split.fit, split.select, split.calibrate))
    if manifest.options.cross_fit and fresh:
        return f"{n_rows:,} rows fit, {fresh.n:,} fresh ones calibrate, since it was recalibrated; none is in two."
    if manifest.options.cross_fit:
        return (
            f"{n_rows:,} rows, cross-fitted: each of them fits, and each calibrates, with the score that it has from a "
            f"detector fitted to four fifths of the rows without it. The detector in this file is fitted to all of "
            f"them, so that what is promised holds only about."
        )
    shares = table(
        ("share", "rows", "what for"),
        (
            ("fit", f"{split.fit:,}", "everything that is learned: ranges, categories, forest, neighbours"),
            ("select", f"{split.select:,}", "everything that is chosen: weights of the parts, which relations hold"),
            ("calibrate", n_calibrate, "only counted: from score to p-value"),
        ),
    )
    return f"A seeded permutation splits the rows in three; none is in two.\n\n{shares}"


def _promises(manifest: Manifest, groups: tuple[Group, ...]) -> str:
    lines = []
    # Fresh rows fitted nothing: what they promise is exact.
    approximate = manifest.options.cross_fit and manifest.recalibration is None
    for group, calibration in zip(groups, manifest.calibrations, strict=True):
        whose = f"{plain(group.name)}, " if len(groups) > 1 else ""
        lines += [
            f"* {whose}rate {promise.fpr:g}: {promise.describe(approximate=approximate)}."
            for promise in calibration.promises
        ]
    return "\n".join(lines)


def _options(manifest: Manifest) -> str:
    given = manifest.options.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items())


def _measured(detector: Detector, groups: tuple[Group, ...], select: Matrix | None, measured: float | None) -> str:
    if measured is not None:
        rate = detector.manifest.options.rates[0]
        return (
            f"Approximate, since it was cross-fitted: of rows held out in turn, detectors fitted and calibrated on the "
            f"others flagged {measured:.3%} at a rate of {rate:g}. `guard evaluate` measures this one on new rows."
        )
    if select is None or not len(select):
        return "Nothing: no rows but those that fit and calibrate. `guard evaluate` measures it on others."
    every = score_matrix(detector, select)
    rows = every.where(~np.isnan(every.score))
    rates = [measure_rate(rows, groups, fpr) for fpr in detector.manifest.calibrations[0].rates]
    header = ("rate", "flagged", "95 % interval", "promised", "at most", "extrapolated", "promise")
    return (
        f"On the {len(rows.score):,} select rows. They calibrated nothing and taught nothing, but weights and "
        f"relations were chosen on them: rows never seen may be flagged somewhat more often, which `guard evaluate` "
        f"measures. Of the calibration rows, k of n are flagged by construction, so that they show nothing.\n\n"
        f"{table(header, map(_rate, rates))}\n\n"
        f"*At most* is the one-sided 97.5 % point of the beta-binomial number of flagged rows."
    )


def _rate(rate: Rate) -> tuple[str, ...]:
    share, covered = rate.flagged, rate.covered_rows > 0
    return (
        f"{rate.fpr:g}",
        f"{share.count:,} of {share.n:,} = {share.rate:.3%}",
        f"{share.low:.3%} to {share.high:.3%}",
        f"{rate.promised:.3%}" if covered else "nothing",
        f"{rate.most:,}" if covered else "",
        f"{rate.extrapolated:,}",
        {"within": "kept", "above": "**not kept**", "nothing promised": "none"}[rate.verdict],
    )


def _features(cards: tuple[FeatureCard, ...]) -> str:
    return table(
        ("feature", "type", "learned from the fit rows", "median", "may be missing"),
        (
            (
                plain(card.name),
                card.type,
                plain(learned(card)),
                "" if card.median is None else f"{card.median:.6g}",
                f"yes, {card.missing:,} fit rows" if card.nullable else "no",
            )
            for card in cards
        ),
    )


def _classes(card: ClassCard | None) -> str:
    if card is None:
        return ""
    names = ", ".join(map(plain, card.names))
    kind = "the protected model's own operators" if card.kind == "model" else "trees fitted to the model's predictions"
    note = f" {plain(card.note)}." if card.note else ""
    return f"\n## Predicted classes\n\n{names}: by {kind}, right for {card.agreement:.2%} of the select rows.{note}\n"


def _relations(cards: Sequence[RelationCard]) -> str:
    if not cards:
        return ""
    rows = table(
        ("id", "relation", "support", "broken by select rows", "decades"),
        (
            (
                plain(card.id),
                plain(card.text),
                f"{card.support:,}",
                f"{card.broken:,} of {card.checked:,}",
                f"{card.decades:.2f}",
            )
            for card in cards[:MOST_RELATIONS]
        ),
    )
    more = (
        f"\n\nAnd {len(cards) - MOST_RELATIONS:,} more: `guard detector show`." if len(cards) > MOST_RELATIONS else ""
    )
    return (
        f"\n## Relations\n\nThey held between the features of the fit rows. Breaking one is evidence within the one "
        f"score, with no promise of its own.\n\n{rows}{more}\n"
    )
