"""One entry of the journal, laid out for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from guard.cli.review_request import TEXT_CHARS, feature_columns, features_table, new_table
from guard.cli.terminal import cell
from guard.detectors import Explanation
from guard.inference import Fault
from guard.journal.log import iso_time
from guard.journal.reasons import OUTLIERS, Reasons
from guard.journal.records import EntryDetail
from guard.verdict import Action, Finding, Kind

__all__ = ["print_entry"]

# As many instances as fit side by side; the export has them all.
MAX_INSTANCES = 5

MAX_FINDINGS = 50
MAX_REASONS = 50

# A request without half of its features breaks one rule as often.
MAX_FINDINGS_OF_RULE = 10


def print_entry(console: Console, entry: EntryDetail, *, reasons: Reasons | None) -> None:
    """Print everything but the body; `reasons` are None where there is no outlier to explain."""
    console.print(_pairs(_facts(entry)))
    findings = _first_findings(entry)
    _print_part(console, "Findings", _findings(findings) if findings else None)
    if entry.row.n_findings > len(findings):
        console.print(
            Text(f"{entry.row.n_findings - len(findings)} more findings; `guard review export` has up to 1000")
        )
    if reasons is not None:
        _print_reasons(console, reasons)
    shown = _instances(entry)
    _print_part(console, "Instances", _scores(entry, shown, reasons) if entry.scores is not None else None)
    columns, left = feature_columns(entry, shown)
    # Of images and texts there are columns at most, and no rows.
    has_rows = bool(columns and shown) and entry.features is not None and len(entry.features) > 0
    _print_part(console, "Request", features_table(entry, shown, columns, reasons) if has_rows else None)
    if entry.body:
        console.print(Text(f"the body is kept, {len(entry.body):,} bytes; --body FILE writes it as it came"))
    if left:
        console.print(Text(f"{left} more features are missing"))
    if entry.row.n_instances > len(shown):
        console.print(Text(f"{len(shown)} of {entry.row.n_instances} instances are shown"))
    _print_part(console, "Digests", _pairs(asdict(entry.digests).items()))
    _print_part(console, "Labels", _labels(entry) if entry.row.labels else None)


def _print_part(console: Console, title: str, table: Table | None) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    console.print(Text("none kept" if title in {"Instances", "Request"} else "none") if table is None else table)


def _print_reasons(console: Console, reasons: Reasons) -> None:
    faults = reasons.faults
    if faults or reasons.note is None:
        _print_part(console, "Reasons", _reasons(faults) if faults else None)
    else:
        console.print(Text("\nReasons", style="bold"))
    if len(faults) > MAX_REASONS:
        console.print(Text(f"{len(faults) - MAX_REASONS} more reasons"))
    if reasons.note is not None:
        console.print(cell(reasons.note))


def _pairs(pairs: Iterable[tuple[str, object]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(
            cell(name, TEXT_CHARS), Text("none", style="dim") if value is None else cell(str(value), TEXT_CHARS)
        )
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
        *((name, value) for name, value in entry.headers.items() if name != "content-type"),
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


def _first_findings(entry: EntryDetail) -> list[Finding]:
    """The findings to show: of each rule some."""
    counts: Counter[str] = Counter()
    found = []
    for finding in entry.findings:
        counts[finding.rule_id] += 1
        if counts[finding.rule_id] <= MAX_FINDINGS_OF_RULE:
            found.append(finding)
    return found[:MAX_FINDINGS]


def _findings(findings: Iterable[Finding]) -> Table:
    table = new_table("rule", "asks for", "kind", "instance", "feature", "where", "message")
    for finding in findings:
        table.add_row(*_finding_cells(finding))
    return table


def _finding_cells(finding: Finding) -> list[Text]:
    instance = None if finding.instance is None else str(finding.instance)
    texts = (
        finding.rule_id, finding.action.label, finding.kind, instance, finding.feature, finding.where, finding.message,
    )  # fmt: skip
    return [cell(text, TEXT_CHARS) for text in texts]


def _reasons(faults: list[Fault]) -> Table:
    table = new_table("rule", "instance", "feature", "reason")
    for fault in faults[:MAX_REASONS]:
        texts = (fault.rule, str(fault.instance), fault.feature, fault.detail)
        table.add_row(*(cell(text, TEXT_CHARS) for text in texts))
    return table


def _instances(entry: EntryDetail) -> list[int]:
    """The instances to show: those with findings, outliers before others, else the one with the lowest p-value."""
    found = {finding.instance for finding in entry.findings if finding.instance is not None}
    if not found and entry.p_values is not None and entry.p_values.size:
        found = {int(entry.p_values.argmin())}
    if not found and entry.row.n_instances:
        found = {0}
    outliers = {finding.instance for finding in entry.findings if finding.rule_id in OUTLIERS}
    return sorted(sorted(found, key=lambda instance: (instance not in outliers, instance))[:MAX_INSTANCES])


def _scores(entry: EntryDetail, shown: list[int], reasons: Reasons | None) -> Table:
    explained = {instance: reasons.of(instance) for instance in shown} if reasons else {}
    extra = ("flagged above", "votes in decades, and class") if any(explained.values()) else ()
    table = new_table("instance", "score", "p-value", *extra)
    for instance in shown:
        explanation = explained.get(instance)
        told = [Text(""), Text(_by_contract(entry, instance))] if explanation is None else _explained(explanation)
        cells = told if extra else []
        table.add_row(str(instance), _value(entry.scores, instance), _value(entry.p_values, instance), *cells)
    return table


def _by_contract(entry: EntryDetail, instance: int) -> str:
    """What an instance has instead of an explanation."""
    found = [finding for finding in entry.findings if finding.instance == instance]
    if not found or any(finding.kind is not Kind.CONTRACT for finding in found):
        return ""
    return f"{'refused' if any(finding.action is Action.REJECT for finding in found) else 'found'} by contract"


def _explained(explanation: Explanation) -> list[Text]:
    """The threshold, and what the score is made of, the highest first, with the class that the detector computes."""
    votes = sorted(explanation.votes.items(), key=lambda vote: -vote[1])
    told = [f"{name} {vote:.3g}" for name, vote in votes]
    if explanation.predicted is not None:
        told.append(f"class {explanation.predicted}")
    return [Text(f"{explanation.threshold:.6g}"), cell(", ".join(told), TEXT_CHARS)]


def _value(values: object, instance: int) -> str:
    return f"{values[instance]:.6g}" if values is not None and instance < len(values) else ""  # type: ignore[index, arg-type]


def _labels(entry: EntryDetail) -> Table:
    table = new_table("time", "label", "reviewer", "reason")
    for label in entry.row.labels:
        table.add_row(iso_time(label.time_s), cell(label.label), cell(label.reviewer), cell(label.reason))
    return table
