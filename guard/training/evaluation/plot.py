"""A detector's evaluation as a figure: a PNG, or a page with an SVG in it and no scripts.

Labels and file names are others' text: matplotlib isn't asked to read mathematics in it, nor the browser markup.
"""

from __future__ import annotations

import html
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.errors import TrainingError
from guard.training.evaluation.evaluate import measure_rate
from guard.training.evaluation.metrics import roc
from guard.training.evaluation.scored import Group, ScoredRows
from guard.training.extras import require

__all__ = ["ENDINGS", "check_plot", "draw", "save_plot"]

ENDINGS = (".png", ".html")

# Settings of matplotlib: the same bytes for the same figures, and texts that a page's reader can select.
STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.alpha": 0.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "guard",
    "text.parse_math": False,
}

# Colours that colour-blind readers tell apart (Okabe and Ito, 2008).
CLEAN, ANOMALOUS, FLAG, REJECT = "#0072B2", "#D55E00", "#E69F00", "#000000"

INCHES, DOTS_PER_INCH = (13.5, 4.2), 150

# p-values below 10^-12 stand in the last bin.
MOST_DECADES, BINS_PER_DECADE = 12.0, 5

RATES_PER_DECADE = 8

MOST_POINTS = 2000

Decades = npt.NDArray[np.float64]


def check_plot(path: Path) -> None:
    """Raise TrainingError where such a file can't be made, before rows are scored for it."""
    if path.suffix.lower() not in ENDINGS:
        raise TrainingError(f"{path} is no plot; expected a name that ends in {' or '.join(ENDINGS)}")
    require("matplotlib")


def draw(
    clean: ScoredRows, anomalous: ScoredRows, groups: tuple[Group, ...], *, flag_fpr: float, reject_fpr: float
) -> Any:
    """Draw p-values with the cuts, ROC if there are anomalies, and flag rate against promise: a matplotlib Figure.

    Rows without a score aren't drawn.
    """
    matplotlib = require("matplotlib")
    with matplotlib.rc_context(STYLE):
        figure = require("matplotlib.figure").Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots(1, 3)
        _draw_p_values(axes[0], clean, anomalous, flag_fpr=flag_fpr, reject_fpr=reject_fpr)
        _draw_roc(axes[1], clean, anomalous)
        _draw_promise(axes[2], clean, groups)
    return figure


def save_plot(figure: Any, path: Path, *, title: str, lines: Sequence[str] = ()) -> None:
    """Write the figure by the file's ending; a page has the title over it and the lines under it."""
    content = _png(figure) if path.suffix.lower() == ".png" else _page(figure, title, lines).encode()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise TrainingError(f"{path} can't be written: {error.strerror}") from None


def _tell_decades(axis: Any) -> None:
    """Write 0.01 at an axis, and not a power: the texts aren't read as mathematics."""
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _draw_p_values(axes: Any, clean: ScoredRows, anomalous: ScoredRows, *, flag_fpr: float, reject_fpr: float) -> None:
    shown = [("clean", clean, CLEAN), ("anomalous", anomalous, ANOMALOUS)]
    decades = {name: _decades(rows) for name, rows, _ in shown if len(rows.score)}
    last = min(max([float(found.max()) for found in decades.values()] + [4.0]), MOST_DECADES)
    edges = np.arange(math.ceil(last * BINS_PER_DECADE) + 1) / BINS_PER_DECADE
    for name, _, colour in shown:
        if name in decades:
            found = np.minimum(decades[name], edges[-1])
            weights = np.full(len(found), 1 / len(found))
            axes.hist(found, edges, weights=weights, color=colour, alpha=0.6, label=f"{name}, {len(found):,} rows")
    for what, fpr, colour in (("flag", flag_fpr, FLAG), ("reject", reject_fpr, REJECT)):
        if fpr > 0:
            axes.axvline(-math.log10(fpr), color=colour, linestyle="--", label=f"{what}, {fpr:g}")
    axes.set(yscale="log", xlabel="decades of rarity, -log10 of the p-value", ylabel="share of rows", title="Scores")
    _tell_decades(axes.yaxis)
    axes.legend(loc="upper right")


def _decades(rows: ScoredRows) -> Decades:
    return np.asarray(-np.log10(np.maximum(rows.p_value.astype(np.float64), 10.0**-MOST_DECADES)))


def _draw_roc(axes: Any, clean: ScoredRows, anomalous: ScoredRows) -> None:
    axes.set(xlabel="share of clean rows above", ylabel="share of anomalies above", title="ROC")
    if not len(clean.score) or not len(anomalous.score):
        axes.text(0.5, 0.5, "no anomalies" if len(clean.score) else "no clean rows", ha="center", va="center")
        return
    curve, least = roc(clean.score, anomalous.score), 1 / len(clean.score)
    # As many as are seen: the axis is logarithmic.
    shown = np.unique(np.geomspace(1, len(curve.recall), MOST_POINTS).astype(np.intp)) - 1
    rates = np.maximum(curve.false_positive_rate[shown], least / 2)
    axes.step(rates, curve.recall[shown], where="post", color=ANOMALOUS)
    chance = np.geomspace(least / 2, 1, 100)
    axes.plot(chance, chance, color="grey", linestyle=":", label="chance")
    axes.set(xscale="log", xlim=(least / 2, 1), ylim=(0, 1.02))
    _tell_decades(axes.xaxis)
    axes.legend(loc="upper left")


def _draw_promise(axes: Any, clean: ScoredRows, groups: tuple[Group, ...]) -> None:
    axes.set(xlabel="promised rate", ylabel="share of clean rows flagged", title="Promise, kept or not")
    if not len(clean.score):
        axes.text(0.5, 0.5, "no clean rows", ha="center", va="center")
        return
    resolution = 1 / (max(group.n for group in groups) + 1)
    asked = np.geomspace(resolution / 10, 0.5, math.ceil(RATES_PER_DECADE * math.log10(5 / resolution)))
    rates = [measure_rate(clean, groups, float(fpr)) for fpr in asked]
    n, floor = len(clean.score), 0.5 / len(clean.score)
    band = [(rate.fpr, rate.least / n, rate.most / n) for rate in rates if rate.covered_rows == n]
    if band:
        fprs, least, most = zip(*band, strict=True)
        axes.fill_between(fprs, np.maximum(least, floor), most, color="grey", alpha=0.25, label="95 % of tests")
    axes.plot(asked, np.maximum([rate.flagged.rate for rate in rates], floor), "o-", ms=3, color=CLEAN, label="flagged")
    axes.plot(asked, np.maximum(asked, floor), color="grey", linestyle=":", label="as promised")
    axes.axvspan(asked[0], resolution, color=FLAG, alpha=0.15, label="extrapolated")
    axes.set(xscale="log", yscale="log", xlim=(asked[0], asked[-1]), ylim=(floor, 1))
    _tell_decades(axes.xaxis)
    _tell_decades(axes.yaxis)
    axes.legend(loc="lower right")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    with require("matplotlib").rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _page(figure: Any, title: str, lines: Sequence[str]) -> str:
    buffer = io.StringIO()
    with require("matplotlib").rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    # Without the XML declaration and document type, which have no place within a page.
    drawing = drawing[drawing.index("<svg") :]
    told = "\n".join(map(html.escape, lines))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{html.escape(title)}</title>\n"
        "<style>body { font-family: sans-serif; margin: 2rem } svg { max-width: 100%; height: auto }</style>\n"
        f"</head>\n<body>\n<h1>{html.escape(title)}</h1>\n"
        f'<figure role="img" aria-label="Scores, ROC, promise">\n{drawing}\n</figure>\n'
        f"<pre>{told}</pre>\n</body>\n</html>\n"
    )
