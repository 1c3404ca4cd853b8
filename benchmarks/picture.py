"""The promise in one picture: benchmarks/promise.svg, which README.md shows.

    python -m benchmarks.picture [--seeds N] [--set NAME] [-o FILE]

Left: one detector's calibration scores, the cut, and a row it hasn't seen. Right: of clean requests, the share that is
flagged, a dot a detector, each with a fit and a half of the rows of its own. The same figures give the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.clean_requests import send, send_clustered
from benchmarks.clean_rows import Heldout, halves, hold_out, read_normals
from guard.detectors import Promise
from guard.detectors.flag_count import most_flags
from guard.training import fit_detector
from guard.training.evaluation.share import Share

FPR = 0.01

# Texts stay texts in the reader's own font; colours are told apart on white and on black, and by the colour-blind.
STYLE = {
    "axes.facecolor": "none",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "guard",
    "text.parse_math": False,
}
GREY, BLUE, ORANGE = "#6e7781", "#2b8ccd", "#d9660d"
for _key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor"):
    STYLE[_key] = GREY

INCHES = (11.0, 4.3)
BINS = 60

# The row that is shown has this share of the calibration scores above it.
SHOWN = 0.003

COUNTS = (1, 10, 100, 1000)
LEAST_HEIGHT = 0.6

# In %.
TICKS = (0, 1, 2, 5, 10, 20)
WIDEST = 30

Scores = npt.NDArray[np.float32]


class Strip(NamedTuple):
    """Requests of a kind, and the share flagged of each detector's, in %."""

    name: str
    colour: str
    shares: Sequence[float]


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds, from 0 up")
    parser.add_argument("--set", default="smtp", help="a set of ADBench")
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("promise.svg"), help="the file to write")
    options = parser.parse_args()
    values = read_normals(options.set)
    runs = [hold_out(values, seed=seed) for seed in range(options.seeds)]
    strips = _strips(runs)
    for strip in strips:
        print(f"{strip.name.replace(chr(10), ' '):32} mean {np.mean(strip.shares):.3f} %")
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=INCHES, layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_scores(left, _calibration_scores(values))
        _draw_strips(right, strips, n=runs[0].n, n_rows=len(runs[0].values))
        metadata: dict[str, Any] = {"Date": None, "Title": "What guard promises, and what was measured"}
        figure.savefig(options.o, format="svg", transparent=True, metadata=metadata)
    print(f"wrote {options.o}, {options.o.stat().st_size:,} bytes")


def _calibration_scores(values: npt.NDArray[np.float64]) -> Scores:
    """Of the detector with seed 0, descending."""
    training, _ = halves(len(values), seed=0)
    names = [f"f{place}" for place in range(values.shape[1])]
    table = fit_detector(values[training], names=names, seed=0).manifest.calibrations[0]
    # `above` falls from one distinct score to the next by how often it occurs.
    counts = -np.diff([table.n, *table.above])
    return np.repeat(np.array(table.scores, dtype=np.float32), counts)[::-1]


def _strips(runs: Sequence[Heldout]) -> list[Strip]:
    strips = [Strip("1 row", BLUE, [_percent(send(run, m=1, fpr=FPR)) for run in runs])]
    for m in (10, 100):
        found = [send_clustered(run, m=m, fpr=FPR, by_order=False) for run in runs]
        strips.append(Strip(f"{m} rows,\nshuffled", BLUE, [_percent(batches.shuffled) for batches in found]))
        strips.append(Strip(f"{m} rows of\none customer", ORANGE, [_percent(batches.clustered) for batches in found]))
    return strips


def _percent(flags: Any) -> float:
    count, n = (flags.count, flags.n) if isinstance(flags, Share) else (flags.flagged, flags.requests)
    return 100 * float(count) / n


def _draw_scores(axes: Axes, scores: Scores) -> None:
    n = len(scores)
    k = Promise(FPR, n).k
    cut, end = float(scores[k - 1]), float(scores[0]) * 1.05
    heights, _, _ = axes.hist(scores, bins=BINS, color=BLUE, alpha=0.75, log=True)
    top = float(np.max(heights))
    axes.fill_between([cut, end], LEAST_HEIGHT, top * 2, color=ORANGE, alpha=0.15, linewidth=0)
    axes.vlines(cut, LEAST_HEIGHT, top * 2, color=ORANGE)
    told = f"flagged from the {k}th largest score on:\n{k} of n + 1 = {n + 1:,} ranks, {100 * k / (n + 1):.2f} %"
    axes.text(end, top * 3, told, color=ORANGE, ha="right", in_layout=False)
    _draw_new_row(axes, scores, (end, top * 0.5))
    axes.set_yticks(COUNTS, [f"{count:,}" for count in COUNTS])
    axes.minorticks_off()
    axes.set(
        xlim=(float(scores[-1]), end),
        ylim=(LEAST_HEIGHT, top * 12),
        xlabel="outlier score (decades of rarity)",
        ylabel="clean rows",
        title=f"Promised: {n:,} clean rows kept to calibrate",
    )


def _draw_new_row(axes: Axes, scores: Scores, corner: tuple[float, float]) -> None:
    """A row that is flagged, with its p-value, told below and left of a corner."""
    n = len(scores)
    shown = float(scores[round(SHOWN * n) - 1]) - 1e-3
    above = int((scores >= shown).sum())
    p_value = (above + 1) / (n + 1)
    axes.annotate(
        f"a new row: {above} clean\nrows score as high,\np = {above + 1} / {n + 1:,} = {100 * p_value:.2f} %",
        (shown, 1.2),
        corner,
        ha="right",
        va="top",
        in_layout=False,
        arrowprops={"arrowstyle": "->", "color": GREY},
    )


def _draw_strips(axes: Axes, strips: Sequence[Strip], *, n: int, n_rows: int) -> None:
    promise = Promise(FPR, n)
    band = [100 * most_flags(promise, n_rows=n_rows, share=share) / n_rows for share in (0.025, 0.975)]
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    axes.axvline(100 * FPR, color=GREY, linestyle="--", linewidth=1)
    axes.fill_betweenx([-0.4, 0.4], band[0], band[1], color=BLUE, alpha=0.2, linewidth=0)
    rng = np.random.default_rng(0)
    for place, strip in enumerate(strips):
        heights = place + rng.uniform(-0.25, 0.25, len(strip.shares))
        axes.scatter(strip.shares, heights, s=14, color=strip.colour, alpha=0.6, linewidths=0, clip_on=False)
        mean = float(np.mean(strip.shares))
        axes.plot([mean, mean], [place - 0.38, place + 0.38], color=strip.colour, linewidth=2.5)
        axes.text(WIDEST, place, f"{mean:.2f} %", color=strip.colour, ha="right", va="center")
    axes.text(1, -0.75, " 1 % set; shaded: 95 of 100 detectors", va="center", in_layout=False)
    axes.set_yticks(range(len(strips)), [strip.name for strip in strips])
    axes.set_xticks(TICKS, [f"{tick:g} %" for tick in TICKS])
    axes.set(
        xlim=(0, WIDEST),
        ylim=(len(strips) - 0.5, -1.1),
        xlabel="clean requests flagged: dots are detectors, bars means",
        title=f"Measured: {len(strips[0].shares)} detectors",
    )


if __name__ == "__main__":
    main()
