"""One entry of the journal, laid out for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from guard.cli.terminal import cell, safe
from guard.inference import Fault
from guard.journal.log import iso_time
from guard.journal.reasons import Reasons
from guard.journal.records import EntryDetail
from guard.verdict import Finding

__all__ = ["print_entry"]

# As many instances as fit side by side; the export has them all.
MAX_INSTANCES = 5

MAX_FINDINGS = 50
MAX_REASONS = 50

_TEXT_CHARS = 200


def print_entry(console: Console, entry: EntryDetail, *, reasons: Reasons | None) -> None:
    """Print everything but the body; `reasons` are None where there is no outlier to explain."""
    console.print(_pairs(_facts(entry)))
    _print_part(console, "Findings", _findings(entry) if entry.findings else None)
    if entry.row.n_findings > MAX_FINDINGS:
        console.print(
            Text(f"{entry.row.n_findings - MAX_FINDINGS} more findings; `guard review export` has up to 1000")
        )
    if reasons is not None:
        _print_reasons(console, reasons)
    shown = _instances(entry)
    _print_part(console, "Instances", _scores(entry, shown) if entry.scores is not None else None)
    _print_part(console, "Request", _features(entry, shown, reasons) if entry.features is not None else None)
    if entry.row.n_instances > len(shown):
        console.print(Text(f"{len(shown)} of {entry.row.n_instances} instances are shown"))
    _print_part(console, "Digests", _pairs(asdict(entry.digests).items()))
    _print_part(console, "Labels", _labels(entry) if entry.row.labels else None)


def _print_part(console: Console, title: str, table: Table | None) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    console.print(Text("none kept" if title in {"Instances", "Request"} else "none") if table is None else table)


def _print_reasons(console: Console, reasons: Reasons) -> None:
    if reasons.note is not None:
        console.print(Text("\nReasons", style="bold"))
        console.print(cell(reasons.note))
        return
    _print_part(console, "Reasons", _reasons(reasons.faults))
    if len(reasons.faults) > MAX_REASONS:
        console.print(Text(f"{len(reasons.faults) - MAX_REASONS} more reasons"))


def _pairs(pairs: Iterable[tuple[str, object]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text("none", style="dim") if value is None else cell(str(value), _TEXT_CHARS))
    return table


def _facts(entry: EntryDetail) -> list[tuple[str, object]]:
    row = entry.row
    answered = f"refused with {row.status}" if row.status else "passed on"
    return [
        ("event", row.event_id),
        ("time", iso_time(row.time_s)),
        ("action", f"{row.action.label}, mode {row.mode}, {answered}"),
        ("kept because", row.reason),
        ("request", f"{row.method} {row.route}"),
        ("content type", entry.content_type),
        ("request id", row.request_id),
        ("traceparent", row.traceparent),
        ("client", row.client),
        ("model", row.model),
        ("protocol", row.protocol),
        ("instances", row.n_instances),
        ("lowest p-value", row.min_p_value),
        ("highest score", row.max_score),
        ("kept of the body", entry.body_kept),
        ("number", f"{row.sequence} of writer {row.writer}"),
    ]


def _findings(entry: EntryDetail) -> Table:
    table = _table("rule", "asks for", "kind", "instance", "feature", "where", "message")
    for finding in entry.findings[:MAX_FINDINGS]:
        table.add_row(*_finding_cells(finding))
    return table


def _finding_cells(finding: Finding) -> list[Text]:
    instance = None if finding.instance is None else str(finding.instance)
    texts = (
        finding.rule_id, finding.action.label, finding.kind, instance, finding.feature, finding.where, finding.message,
    )  # fmt: skip
    return [cell(text, _TEXT_CHARS) for text in texts]


def _reasons(faults: list[Fault]) -> Table:
    table = _table("rule", "instance", "feature", "reason")
    for fault in faults[:MAX_REASONS]:
        texts = (fault.rule, str(fault.instance), fault.feature, fault.detail)
        table.add_row(*(cell(text, _TEXT_CHARS) for text in texts))
    return table


def _instances(entry: EntryDetail) -> list[int]:
    """The instances to show: those with findings, else the one with the lowest p-value."""
    found = dict.fromkeys(finding.instance for finding in entry.findings if finding.instance is not None)
    if not found and entry.p_values is not None and entry.p_values.size:
        found = {int(entry.p_values.argmin()): None}
    return sorted(found or {0: None} if entry.row.n_instances else ())[:MAX_INSTANCES]


def _scores(entry: EntryDetail, shown: list[int]) -> Table:
    table = _table("instance", "score", "p-value")
    for instance in shown:
        table.add_row(str(instance), _value(entry.scores, instance), _value(entry.p_values, instance))
    return table


def _value(values: object, instance: int) -> str:
    return f"{values[instance]:.6g}" if values is not None and instance < len(values) else ""  # type: ignore[index, arg-type]


def _features(entry: EntryDetail, shown: list[int], reasons: Reasons | None) -> Table:
    told = (*entry.findings, *(reasons.faults if reasons else ()))
    named = {(finding.instance, finding.feature) for finding in told}
    table = _table("feature", *(f"instance {instance}" for instance in shown))
    for column, name in enumerate(entry.feature_names):
        cells = []
        for instance in shown:
            marked = (instance, name) in named
            cells.append(Text(_feature(entry, instance, column), style="bold red" if marked else ""))
        table.add_row(cell(name), *cells)
    return table


def _feature(entry: EntryDetail, instance: int, column: int) -> str:
    texts = entry.texts.get(entry.feature_names[column])
    if texts is not None and instance < len(texts):
        text = texts[instance]
        return "missing" if text is None else safe(text, _TEXT_CHARS)
    if entry.features is None or instance >= len(entry.features):
        return ""
    value = float(entry.features[instance, column])
    return "missing" if value != value else repr(value)  # noqa: PLR0124 - only NaN differs from itself


def _labels(entry: EntryDetail) -> Table:
    table = _table("time", "label", "reviewer", "reason")
    for label in entry.row.labels:
        table.add_row(iso_time(label.time_s), cell(label.label), cell(label.reviewer), cell(label.reason))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
