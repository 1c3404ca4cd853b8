"""What a replay found, for a terminal and as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from guard.cli.review_rows import SHORT_ID_CHARS
from guard.cli.terminal import cell
from guard.detectors.manifest import TOLERANCE
from guard.journal.log import iso_time
from guard.review.comparison import Change, Comparison, Step
from guard.review.replay import Difference, Replay
from guard.review.scores import Agreement, ScoreReplay
from guard.verdict import Action

__all__ = ["comparison_object", "print_comparison", "print_replay", "replay_object"]

WORDS = {
    Agreement.BIT_FOR_BIT: "bit for bit",
    Agreement.WITHIN_TOLERANCE: f"within {TOLERANCE:g}",
    Agreement.NONE: "otherwise",
}

NO_EVIDENCE_OF_MORE = (
    "How many accepted requests would have been flagged is unknown: none of a sample was judged "
    "(GUARD_JOURNAL_SAMPLE keeps some)."
)


def print_replay(console: Console, found: Replay) -> None:
    """Print what was demanded of scores and actions, what was met, and the entries that differ."""
    for line in _replay_lines(found):
        console.print(cell(line), soft_wrap=True)
    if found.differences:
        table = _table("time (UTC)", "event", "score differs by", "action", "now")
        for difference in found.differences:
            table.add_row(*_difference_cells(difference))
        _print_listed(console, table, shown=len(found.differences), total=found.n_differences)


def print_comparison(console: Console, found: Comparison) -> None:
    """Print what would have changed: actions, labels, what the sample says, and the changed entries."""
    for line in (f"{found.entries:,} entries, {found.n_judged:,} judged again", *_reasons(found.unjudged)):
        console.print(cell(line), soft_wrap=True)
    if not found.n_judged:
        console.print("nothing could be judged: what would have changed is unknown", soft_wrap=True)
        return
    console.print()
    console.print(_steps_table(found))
    for line in (*_totals(found), *_label_lines(found), *_sample_lines(found)):
        console.print(cell(line), soft_wrap=True)
    if found.changes:
        table = _table("time (UTC)", "event", "action", "now", "p", "p now", "labels")
        for change in found.changes:
            table.add_row(*_change_cells(change))
        _print_listed(console, table, shown=len(found.changes), total=found.n_changes)


def replay_object(found: Replay) -> dict[str, Any]:
    """The same, ready for JSON."""
    return {
        "entries": found.entries,
        "agrees": found.agrees,
        "scores": [
            {"demanded": WORDS[demanded], "met": WORDS[met], "agrees": met >= demanded, "entries": n}
            for (demanded, met), n in sorted(found.scores.items(), reverse=True)
        ],
        "not_scored": dict(found.unscored),
        "actions": [
            {"from": str(basis), "same": found.actions[basis], "other": found.other_actions[basis]}
            for basis in sorted(found.actions | found.other_actions)
        ],
        "not_judged": dict(found.unjudged),
        "judged_by_other_code": found.other_code,
        "n_differing": found.n_differences,
        "differing": [_difference_object(difference) for difference in found.differences],
    }


def comparison_object(found: Comparison) -> dict[str, Any]:
    """The same, ready for JSON."""
    return {
        "entries": found.entries,
        "judged": found.n_judged,
        "not_judged": dict(found.unjudged),
        "actions": _steps_list(found.steps),
        "flagged": {"before": found.before(Action.FLAG), "now": found.now(Action.FLAG)},
        "rejected": {"before": found.before(Action.REJECT), "now": found.now(Action.REJECT)},
        "changed_by_label": {label: _steps_list(steps) for label, steps in sorted(found.labels.items())},
        "sampled": {
            "judged": found.sampled.total(),
            "now": {action.label: found.sampled[action] for action in Action},
            "estimated_now": {action.label: _estimate(found, action) for action in Action},
            "share_95": {action.label: found.sampled_share(action) for action in Action},
        },
        "n_changed": found.n_changes,
        "changed": [_change_object(change) for change in found.changes],
    }


def _replay_lines(found: Replay) -> Iterator[str]:
    yield f"{found.entries:,} entries"
    yield f"scores: {found.scores.total():,} computed again"
    for (demanded, met), n in sorted(found.scores.items(), reverse=True):
        verdict = "agree" if met >= demanded else "DIFFER"
        yield f"  {n:,} {verdict}: demanded {WORDS[demanded]}, came out {_met(met)}"
    yield from _hints(found)
    yield from _reasons(found.unscored)
    yield f"actions: {(found.actions + found.other_actions).total():,} judged again with the kept settings"
    for basis in sorted(found.actions | found.other_actions):
        yield f"  {found.actions[basis]:,} the same, {found.other_actions[basis]:,} DIFFER: {basis}"
    yield from _reasons(found.unjudged)
    if found.other_code:
        yield f"{found.other_code:,} had been judged by another version of guard than this"
    if not found.scores and not found.actions and not found.other_actions:
        yield "nothing was replayed: that nothing differs says nothing"
    else:
        yield f"{found.n_differences:,} entries differ" if found.n_differences else "all that was replayed agrees"


def _hints(found: Replay) -> Iterator[str]:
    """What to make of scores that aren't, or needn't be, the same bit for bit."""
    if any(demanded is Agreement.WITHIN_TOLERANCE for demanded, _ in found.scores):
        yield "  the tolerance is demanded where asked for, or fitting had another processor, onnxruntime or NumPy"
    if found.scores[Agreement.BIT_FOR_BIT, Agreement.WITHIN_TOLERANCE]:
        yield "  if the requests were scored on another kind of machine than this: --within-tolerance"


def _met(met: Agreement) -> str:
    return "the same bit for bit" if met is Agreement.BIT_FOR_BIT else WORDS[met]


def _reasons(reasons: Counter[str]) -> Iterator[str]:
    for reason, n in reasons.most_common():
        yield f"  {n:,} not replayable: {reason}"


def _steps_table(found: Comparison) -> Table:
    table = _table("action", *(f"now {action.label}" for action in Action))
    for before in Action:
        table.add_row(before.label, *(f"{found.steps[Step(before, now)]:,}" for now in Action))
    return table


def _totals(found: Comparison) -> Iterator[str]:
    yield ""
    for word, action in (("flagged", Action.FLAG), ("rejected", Action.REJECT)):
        before, now = found.before(action), found.now(action)
        yield f"{word}: {before:,}, now {now:,} ({now - before:+,})"
    yield f"{found.n_changes:,} entries change"


def _label_lines(found: Comparison) -> Iterator[str]:
    for label, steps in sorted(found.labels.items()):
        moves = ", ".join(f"{n:,} {_arrow(step)}" for step, n in sorted(steps.items()))
        yield f"  {steps.total():,} {label}: {moves}"


def _sample_lines(found: Comparison) -> Iterator[str]:
    """What can be said of accepted requests, of which the journal has a sample at most."""
    yield "The journal has the flagged and rejected requests, and a sample of the accepted ones."
    if not found.sampled:
        yield NO_EVIDENCE_OF_MORE
        return
    yield f"Of {found.sampled.total():,} sampled ones, which had been accepted:"
    for action in (Action.FLAG, Action.REJECT):
        n, estimate = found.sampled[action], _estimate(found, action)
        stands = (
            "unknown how many of all: the share of the sample isn't"
            if estimate is None
            else f"about {estimate:,.0f} of all"
        )
        low, high = found.sampled_share(action) or (0.0, 1.0)
        yield f"  {n:,} now {action.label}: {stands}; {low:.2%} to {high:.2%} of the accepted (95 % interval)"


def _estimate(found: Comparison, action: Action) -> float | None:
    return found.estimates.get(action, 0.0) if found.sampled else None


def _print_listed(console: Console, table: Table, *, shown: int, total: int) -> None:
    console.print()
    console.print(table)
    if total > shown:
        console.print(Text(f"{total - shown:,} more; --limit tells of them"))


def _difference_cells(difference: Difference) -> Iterable[Text]:
    row = difference.row
    now = "" if difference.action is None else difference.action.label
    scores = "" if difference.scores is None else _apart(difference.scores)
    return map(cell, (_time(row.time_s), row.event_id[-SHORT_ID_CHARS:], scores, row.action.label, now))


def _apart(scores: ScoreReplay) -> str:
    return f"{scores.difference:.3g}" if scores.difference else "0, the p-value does"


def _change_cells(change: Change) -> Iterable[Text]:
    row = change.row
    labels = " ".join(label.label for label in row.labels)
    p_values = (_p_value(row.min_p_value), _p_value(change.min_p_value))
    steps = (row.action.label, change.step.now.label)
    return map(cell, (_time(row.time_s), row.event_id[-SHORT_ID_CHARS:], *steps, *p_values, labels))


def _difference_object(difference: Difference) -> dict[str, Any]:
    scores, row = difference.scores, difference.row
    apart = None if scores is None or math.isinf(scores.difference) else scores.difference
    return {
        "event_id": row.event_id,
        "time": iso_time(row.time_s),
        "action": row.action.label,
        "action_now": None if difference.action is None else difference.action.label,
        "scores_differ": scores is not None,
        "score_difference": apart,
    }


def _change_object(change: Change) -> dict[str, Any]:
    row = change.row
    return {
        "event_id": row.event_id,
        "time": iso_time(row.time_s),
        "model": row.model,
        "action": row.action.label,
        "action_now": change.step.now.label,
        "min_p_value": row.min_p_value,
        "min_p_value_now": change.min_p_value,
        "labels": [label.label for label in row.labels],
    }


def _steps_list(steps: Mapping[Step, int]) -> list[dict[str, Any]]:
    return [{"action": step.before.label, "now": step.now.label, "entries": n} for step, n in sorted(steps.items())]


def _arrow(step: Step) -> str:
    return f"{step.before.label} -> {step.now.label}"


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _time(time_s: float) -> str:
    return iso_time(time_s)[:19].replace("T", " ")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
