"""The promise in other modes: by predicted class, cross-fitted, and on the demo's data."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import RandomForestClassifier

from benchmarks.clean_requests import send
from benchmarks.clean_rows import Heldout, halves, hold_out, read_normals, read_phishing
from guard.detectors import Promise, open_detector
from guard.detectors.flag_count import UPPER_POINT, flag_count_points, most_flags
from guard.training import fit_detector
from guard.training.evaluation.evaluate import measure_rate
from guard.training.evaluation.scored import groups_of, score_matrix
from models.build import HOME
from models.rates import FLAG_FPR, REJECT_FPR, measure, over

# Cross-fitting is for few rows: so many of each of these sets.
FEW = 400
FEW_SETS = ("PageBlocks", "SpamBase", "satellite", "annthyroid")

COLUMN = "predicted"

SIZES = (1, 10, 100)

TREES = 30

VARIANTS = {
    "--predictions, model trained on other rows": {"own": False, "column": True},
    "--model, trained on other rows": {"own": False, "column": False},
    "--model, trained on the detector's own rows": {"own": True, "column": False},
}


class ByClass(NamedTuple):
    """A detector with classes: its held-out rows, and of each group the rows sent, flagged, promised and at most."""

    heldout: Heldout
    groups: tuple[tuple[int, int, float, int], ...]


def show_classes(seeds: Sequence[int]) -> None:
    """URL phishing: a half trains the model, a quarter the detector, a quarter is sent."""
    features, phishing = read_phishing()
    print("\nBy predicted class: URL phishing, a random forest's predictions; clean requests flagged at 1 %")
    for word, options in VARIANTS.items():
        runs = [_by_class(features, phishing, seed=seed, **options) for seed in seeds]
        shares = [np.mean([_share(run.heldout, m) for run in runs]) for m in SIZES]
        print(f"{word}: " + ", ".join(f"m = {m} {share:.3%}" for m, share in zip(SIZES, shares, strict=True)))
        flagged = [sum(group[1] for group in run.groups) for run in runs]
        most = [flag_count_points(_promises(run.heldout), UPPER_POINT)[0] for run in runs]
        n_over = sum(found > point for found, point in zip(flagged, most, strict=True))
        print(f"  single rows over in {n_over} of {len(runs)} runs")
        for place in range(max(len(run.groups) for run in runs)):
            _show_group(place, [run.groups[place] for run in runs if len(run.groups) > place])


def _show_group(place: int, found: Sequence[tuple[int, int, float, int]]) -> None:
    sent, flagged, promised, most = np.array(found).T
    share, mean = (flagged / sent).mean(), promised.mean()
    print(
        f"  group {place}: {sent.mean():,.0f} rows sent, promised {mean:.3%}, flagged {share:.3%}, "
        f"over in {int((flagged > most).sum())} of {len(found)} runs"
    )


def _promises(heldout: Heldout) -> list[tuple[Promise, int]]:
    sizes = np.bincount(heldout.rows.group, minlength=len(heldout.groups)).tolist()
    return [(group.promise(FLAG_FPR), size) for group, size in zip(heldout.groups, sizes, strict=True)]


def _by_class(
    features: pl.DataFrame, phishing: npt.NDArray[np.bool_], *, seed: int, own: bool, column: bool
) -> ByClass:
    training, others = halves(len(features), seed=seed)
    fit, heldout = np.array_split(others, 2)
    values = features.to_numpy().astype(np.float32)
    model: Any = RandomForestClassifier(n_estimators=TREES, random_state=seed, n_jobs=1)
    learned = fit if own else training
    model.fit(values[learned], phishing[learned].astype(np.int64))
    told = pl.Series(COLUMN, model.predict(values[fit]))
    rows = features[fit].with_columns(told) if column else features[fit]
    means = {"predictions": COLUMN} if column else {"model": _compile(model, values.shape[1])}
    detector = open_detector(fit_detector(rows, seed=seed, **means).content, source="the new detector")
    sent = features[heldout].to_numpy().astype(np.float64)
    found = Heldout(score_matrix(detector, sent), groups_of(detector.manifest), sent, heldout)
    return ByClass(found, tuple(_of_group(found, place) for place in range(len(found.groups))))


def _compile(model: Any, n_features: int) -> bytes:
    from skl2onnx import to_onnx

    content: bytes = to_onnx(
        model, np.zeros((1, n_features), dtype=np.float32), options={"zipmap": False}
    ).SerializeToString()
    return content


def _of_group(heldout: Heldout, place: int) -> tuple[int, int, float, int]:
    rate = measure_rate(heldout.rows.where(heldout.rows.group == place), heldout.groups, FLAG_FPR)
    return rate.flagged.n, rate.flagged.count, rate.promised, rate.most


def show_cross_fitted(seeds: Sequence[int]) -> None:
    """Few rows: "approximate", beside the exact promise of the same number of calibration rows."""
    print(f"\nCross-fitted to {FEW} rows, all of which calibrate; single rows at 1 %, nothing promised exactly")
    for name in FEW_SETS:
        values = read_normals(name)
        runs = [hold_out(values, seed=seed, most=FEW, cross_fitted=True) for seed in seeds]
        promise = runs[0].groups[0].promise(FLAG_FPR)
        most = most_flags(promise, n_rows=len(runs[0].values))
        flags = [send(run, m=1, fpr=FLAG_FPR) for run in runs]
        flagged = np.mean([found.flagged / found.requests for found in flags])
        rejected = np.mean([found.rejected / found.requests for found in flags])
        n_over = sum(found.flagged > most for found in flags)
        print(
            f"{name:12} approximately {promise.mean:.3%}; flagged {flagged:.3%}, rejected {rejected:.3%} "
            f"(extrapolated); over an exact promise's point in {n_over} of {len(runs)} runs"
        )


def show_demo(seeds: Sequence[int]) -> None:
    """The breast cancer data: a quarter is held out, the rest carries 1 % and not 0.1 %."""
    contract = (HOME / "contract.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        rates = list(measure(seeds, contract=contract, folder=Path(folder)))
    n_rows = sum(rate.n_rows for rate in rates)
    flagged, rejected = sum(rate.flagged for rate in rates), sum(rate.rejected for rate in rates)
    promised = Promise(FLAG_FPR, rates[0].n_calibration).mean
    print(
        f"\nThe demo's data (breast cancer), {rates[0].n_calibration} calibration rows, {rates[0].n_rows} sent a seed:"
    )
    print(
        f"flagged {flagged} of {n_rows}: {flagged / n_rows:.3%}, promised {promised:.3%}; rejected {rejected}: "
        f"{rejected / n_rows:.3%}, asked {REJECT_FPR:.1%} (extrapolated, no promise)\n"
        f"over the 97.5 % point in {over(rates)} of {len(rates)} runs"
    )


def _share(heldout: Heldout, m: int) -> float:
    found = send(heldout, m=m, fpr=FLAG_FPR)
    return found.flagged / found.requests
