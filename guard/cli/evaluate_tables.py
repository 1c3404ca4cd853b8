"""An evaluation as tables, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from guard.cli.terminal import cell
from guard.training.evaluation.batches import Batches
from guard.training.evaluation.evaluate import Detection, Evaluation, Rate
from guard.training.evaluation.share import Share

__all__ = ["print_tables"]

VERDICTS = {"within": "kept", "above": "ABOVE", "nothing promised": "none"}


def print_tables(console: Console, found: Evaluation) -> None:
    """Print rates, detection and batches, as far as there are any."""
    for line in _head(found):
        console.print(cell(line), soft_wrap=True)
    console.print(_rates(found))
    for line in _notes(found):
        console.print(cell(line), soft_wrap=True)
    if found.detection is not None:
        console.print()
        console.print(_detections(found))
    if found.batches is not None:
        console.print()
        for line in _batches(found.batches):
            console.print(cell(line), soft_wrap=True)


def _head(found: Evaluation) -> Iterator[str]:
    yield f"rows: {found.rows:,}; clean {found.clean:,}, anomalous {found.anomalous:,}"
    if found.unscored:
        yield f"unscored: {found.unscored:,} lack a value that may not be missing; rejected when served, not counted"
    if found.unlabelled:
        yield f"unlabelled: {found.unlabelled:,}, not counted here"
    yield ""


def _rates(found: Evaluation) -> Table:
    table = Table("clean rows", "rate", "flagged", "share (95 % interval)", "at most", "beyond", "promise", box=None)
    table.pad_edge = False
    rates = [("all", found.flag, found.reject)]
    if len(found.groups) > 1:
        rates += [(group.name, group.flag, group.reject) for group in found.groups]
    for name, flag, reject in rates:
        table.add_row(cell(name), f"flag {flag.fpr:g}", *_rate(flag))
        table.add_row("", f"reject {reject.fpr:g}", *_rate(reject))
    return table


def _rate(rate: Rate) -> tuple[str, ...]:
    share = rate.flagged
    return (
        f"{share.count:,}",
        f"{share.rate:.2%} ({share.low:.2%} to {share.high:.2%})",
        f"{rate.most:,}" if rate.covered_rows else "",
        f"{rate.extrapolated:,}",
        VERDICTS[rate.verdict],
    )


def _notes(found: Evaluation) -> Iterator[str]:
    yield ""
    yield (
        "at most: the one-sided 97.5 % point of the beta-binomial number of flagged rows, given the calibration "
        "rows' number; a detector that keeps its promise is above it in one test of forty"
    )
    if found.flag.extrapolated or not found.reject.covered_rows:
        yield "beyond: flagged by an extrapolated p-value, below 1 / (n + 1), of which nothing is promised"


def _detections(found: Evaluation) -> Table:
    table = Table("anomalies", "number", "AUROC", "recall at 1 %", "recall at 5 %", "flagged", "rejected", box=None)
    table.pad_edge = False
    named = [("all", found.detection), *((f"kind {name}", kind) for name, kind in found.kinds.items())]
    if len(found.groups) > 1:
        named += [(group.name, group.detection) for group in found.groups]
    named += [(f"by {name} alone", part) for name, part in found.parts.items()]
    for name, detection in named:
        if detection is not None:
            table.add_row(cell(name), *_detection(detection))
    return table


def _detection(found: Detection) -> tuple[str, ...]:
    return (
        f"{found.anomalies:,}",
        f"{found.auroc:.4f}",
        f"{found.recall_1:.2%}",
        f"{found.recall_5:.2%}",
        _percent(found.flagged),
        _percent(found.rejected),
    )


def _percent(share: Share | None) -> str:
    return "" if share is None else f"{share.rate:.2%}"


def _batches(found: Batches) -> Iterator[str]:
    yield (
        f"requests: clean rows by {found.column!r}, {found.smallest:,} to {found.largest:,} rows each, "
        f"median {found.median:g}; a rate of {found.fpr:g} a request"
    )
    yield f"flagged, rows as they belong together: {found.clustered}"
    yield f"flagged, the same rows shuffled: {found.shuffled}"
    yield "rows of one origin aren't exchangeable: the promise is of the shuffled ones"
