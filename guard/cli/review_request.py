"""What a request asked of the model, and the clean rows most like it, laid out for a terminal."""

from __future__ import annotations

import math

from rich.table import Table
from rich.text import Text

from guard.cli.terminal import cell, safe
from guard.detectors import NormalValue
from guard.journal.reasons import Reasons
from guard.journal.records import EntryDetail

__all__ = ["TEXT_CHARS", "feature_columns", "features_table", "new_table"]

# Instances with the most similar clean row beside them.
MAX_COMPARED = 2

# Features that all of the shown instances lack.
MAX_MISSING = 10

# Beyond it a float64 has steps of more than one.
LARGEST_PLAIN = 2**53

TEXT_CHARS = 200


def feature_columns(entry: EntryDetail, shown: list[int]) -> tuple[list[int], int]:
    """The columns to show, and how many are left out: of those that all shown instances lack, all but the first."""
    columns = range(len(entry.feature_names) if entry.features is not None else 0)
    lacking = [
        column for column in columns if shown and all(_feature(entry, one, column) == "missing" for one in shown)
    ]
    left = set(lacking[MAX_MISSING:])
    return [column for column in columns if column not in left], len(left)


def features_table(entry: EntryDetail, shown: list[int], columns: list[int], reasons: Reasons | None) -> Table:
    """A column for each instance; beside some that are explained, the clean row most like it, differences in bold."""
    told = (*entry.findings, *(reasons.faults if reasons else ()))
    named = {(finding.instance, finding.feature) for finding in told}
    normal = _normal(shown, reasons)
    is_mean = any(explanation.is_mean for explanation in reasons.explanations) if reasons else False
    clean = "mean of similar clean rows" if is_mean else "similar clean row"
    headings = [[f"instance {i}", *[clean] * (i in normal)] for i in shown]
    table = new_table("feature", *(heading for pair in headings for heading in pair))
    for column in columns:
        name, cells = entry.feature_names[column], []
        for instance in shown:
            marked = (instance, name) in named
            cells.append(Text(_feature(entry, instance, column), style="bold red" if marked else ""))
            if instance in normal:
                cells.append(_normal_cell(normal[instance].get(name)))
        table.add_row(cell(name), *cells)
    return table


def _normal(shown: list[int], reasons: Reasons | None) -> dict[int, dict[str, NormalValue]]:
    """The clean rows to be shown, by instance and feature."""
    found = [reasons.of(instance) for instance in shown] if reasons else []
    return {
        explanation.instance: {value.feature: value for value in explanation.nearest}
        for explanation in [explanation for explanation in found if explanation is not None][:MAX_COMPARED]
        if explanation.instance is not None
    }


def _normal_cell(value: NormalValue | None) -> Text:
    if value is None:
        return Text("")
    text = "missing" if value.normal is None else value.normal
    told = safe(text, TEXT_CHARS) if isinstance(text, str) else _plain(text, f"{text:.6g}")
    return Text(told, style="bold" if value.differs else "dim")


def _feature(entry: EntryDetail, instance: int, column: int) -> str:
    texts = entry.texts.get(entry.feature_names[column])
    if texts is not None and instance < len(texts):
        text = texts[instance]
        return "missing" if text is None else safe(text, TEXT_CHARS)
    if entry.features is None or instance >= len(entry.features):
        return ""
    value = float(entry.features[instance, column])
    return "missing" if math.isnan(value) else _plain(value, repr(value))


def _plain(value: float, otherwise: str) -> str:
    """An integer without a fraction, as far as its digits are known."""
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST_PLAIN else otherwise


def new_table(*headings: str) -> Table:
    """An empty table with these headings, which folds what is too long."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
