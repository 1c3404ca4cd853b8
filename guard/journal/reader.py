"""JournalReader: entries by filter or by id, their labels, and what is missing.

A transaction is as short as one page: with SQLite's rollback journal a reader holds up the writers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from guard.errors import JournalError
from guard.journal.filters import Filters, conditions
from guard.journal.location import sqlite_path
from guard.journal.records import Cursor, EntryDetail, EntryRow, Gap, LabelName, LabelRow, detail, summary
from guard.journal.schema import artifacts, entries, entry_columns, findings, labels, require_journal
from guard.journal.store import open_engine

__all__ = ["JournalReader"]

# Everything after this column belongs to one entry's own page.
_LAST_OF_LIST = "traceparent"

PAGE = 200

Columns = Sequence[sa.ColumnElement[Any]]

_SHORTEST_ID = 4


class JournalReader:
    """Reads a journal that exists, while others write it.

    Every method raises JournalError where the journal can't be read.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._path = sqlite_path(url)
        self._clock = clock
        if not self._path.is_file():
            raise JournalError(f"there is no journal at {str(self._path)!r}; guard makes it when it starts")
        self._engine = open_engine(self._path, writes=False)
        with self._reading() as connection:
            require_journal(connection)

    def entries(
        self, filters: Filters | None = None, *, limit: int = 50, after: Cursor | None = None
    ) -> list[EntryRow]:
        """One page, newest first; `after` is the cursor of the last row of the page before."""
        columns = list(entries.c)[: list(entries.c.keys()).index(_LAST_OF_LIST) + 1]
        with self._reading() as connection:
            rows = connection.execute(_page(columns, filters, limit=limit, after=after)).all()
            ids = [row.id for row in rows]
            rules, marks = _rules(connection, ids), _labels(connection, ids)
        return [summary(row, rules=rules.get(row.id, ()), labels=marks.get(row.id, ())) for row in rows]

    def details(self, filters: Filters | None = None, *, limit: int | None = None) -> Iterator[EntryDetail]:
        """All that match, newest first, with everything that is kept of them; read page by page."""
        after: Cursor | None = None
        left = limit
        while left is None or left > 0:
            page = self._details(partial(_page, filters=filters, limit=min(PAGE, left or PAGE), after=after))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].row.cursor
            left = None if left is None else left - len(page)

    def entry(self, event: str) -> EntryDetail:
        """The entry with this event id, or with the only id that begins or ends so.

        Event ids begin with their time: what tells entries of one minute apart is the end.
        """
        with self._reading() as connection:
            entry_id = _find(connection, event)
        return self._details(lambda columns: sa.select(*columns).where(entries.c.id == entry_id))[0]

    def artifact(self, digest: str) -> bytes | None:
        """The detector, contract or settings of this SHA-256 that verdicts depend on; None where it isn't kept."""
        with self._reading() as connection:
            query = sa.select(artifacts.c.content).where(artifacts.c.digest == digest)
            content: bytes | None = connection.scalar(query)
        return content

    def label(self, events: Sequence[str], label: LabelName, *, reviewer: str, reason: str | None = None) -> list[str]:
        """Add a label to each of the entries, or to none where one isn't found; returns their event ids."""
        with self._explained(), open_engine(self._path, writes=True).begin() as connection:
            ids = dict.fromkeys(_find(connection, event) for event in events)
            row = {"label": str(label), "reviewer": reviewer, "reason": reason, "time_s": self._clock()}
            connection.execute(sa.insert(labels), [{"entry_id": entry_id, **row} for entry_id in ids])
            named = sa.select(entries.c.id, entries.c.event_id).where(entries.c.id.in_(ids))
            names = {row.id: str(row.event_id) for row in connection.execute(named)}
        return [names[entry_id] for entry_id in ids]

    def counts(self, filters: Filters | None = None) -> dict[str, int]:
        """How many entries match, by action."""
        query = sa.select(entries.c.action, sa.func.count()).where(*conditions(filters or Filters()))
        with self._reading() as connection:
            return {action: n for action, n in connection.execute(query.group_by(entries.c.action))}  # noqa: C416

    def gaps(self) -> list[Gap]:
        """The numbers that are missing of each writer: entries that were lost, or are on their way.

        What was lost after a writer's last entry leaves no gap.
        """
        number = entries.c.sequence
        before = sa.func.lag(number, 1, 0).over(partition_by=entries.c.writer, order_by=number)
        steps = sa.select(entries.c.writer, number, before.label("before")).subquery()
        query = sa.select(steps).where(steps.c.sequence > steps.c.before + 1).order_by(steps.c.writer, steps.c.sequence)
        with self._reading() as connection:
            return [Gap(row.writer, row.before + 1, row.sequence - 1) for row in connection.execute(query)]

    def _details(self, query: Callable[[Columns], sa.Select[Any]]) -> list[EntryDetail]:
        with self._reading() as connection:
            rows = connection.execute(query(entry_columns(connection))).all()
            ids = [row.id for row in rows]
            found: dict[int, list[Any]] = {entry_id: [] for entry_id in ids}
            ordered = sa.select(findings).where(findings.c.entry_id.in_(ids)).order_by(findings.c.position)
            for row in connection.execute(ordered):
                found[row.entry_id].append(row)
            marks = _labels(connection, ids)
        return [detail(row, findings=found[row.id], labels=marks.get(row.id, ())) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or type(error).__name__
            raise JournalError(f"the journal {str(self._path)!r} can't be read: {reason}") from None


def _page(columns: Columns, filters: Filters | None, *, limit: int, after: Cursor | None) -> sa.Select[Any]:
    place = (entries.c.time_s, entries.c.id)
    query = sa.select(*columns).where(*conditions(filters or Filters()))
    if after is not None:
        query = query.where(sa.tuple_(*place) < sa.tuple_(*map(sa.literal, after)))
    return query.order_by(*(column.desc() for column in place)).limit(limit)


def _find(connection: sa.Connection, event: str) -> int:
    """The id of the one entry that is meant; raises JournalError where it is none or several."""
    ids = entries.c.event_id
    tries = [ids == event]
    if len(event) >= _SHORTEST_ID:
        tries += [ids.startswith(event, autoescape=True), ids.endswith(event, autoescape=True)]
    for condition in tries:
        found = connection.scalars(sa.select(entries.c.id).where(condition).limit(2)).all()
        if len(found) == 1:
            return int(found[0])
        if found:
            raise JournalError(f"several events are meant by {event!r}; give more of the id")
    raise JournalError(f"no event {event!r} in the journal; `guard review list` shows what there is")


def _rules(connection: sa.Connection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    query = sa.select(findings.c.entry_id, findings.c.rule_id).where(findings.c.entry_id.in_(ids))
    first = sa.func.min(findings.c.position)
    rules: dict[int, tuple[str, ...]] = {}
    for entry_id, rule in connection.execute(query.group_by(findings.c.entry_id, findings.c.rule_id).order_by(first)):
        rules[entry_id] = (*rules.get(entry_id, ()), rule)
    return rules


def _labels(connection: sa.Connection, ids: Sequence[int]) -> dict[int, list[LabelRow]]:
    marks: dict[int, list[LabelRow]] = {}
    for row in connection.execute(sa.select(labels).where(labels.c.entry_id.in_(ids)).order_by(labels.c.id)):
        marks.setdefault(row.entry_id, []).append(LabelRow(row.label, row.reviewer, row.reason, row.time_s))
    return marks
