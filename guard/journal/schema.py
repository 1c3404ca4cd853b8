"""The journal's tables, and the migrations that make them.

Types and statements suit SQLite and PostgreSQL alike. A float64 array is a blob of little-endian bytes,
and so is a body: NaN, infinities and bytes that are no text survive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    null,
    select,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from guard.errors import JournalError
from guard.journal.text import escape, unescape

__all__ = ["MIGRATIONS", "artifacts", "entries", "entry_columns", "findings", "labels", "migrate", "require_journal"]

Migration = tuple[int, Callable[[Connection], None]]


class LosslessText(TypeDecorator[str]):
    """Any Python string, by `guard.journal.text`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """Escape on the way in."""
        return None if value is None else escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """Unescape on the way out."""
        return None if value is None else unescape(value)


metadata = MetaData()


def _column(name: str, type_: Any, *, nullable: bool = False) -> Column[Any]:
    return Column(name, type_, nullable=nullable)


# The order of the columns is that of `rows.entry_row`. What is large stands last: SQLite reads a row
# from its beginning, and lists need only the first part.
entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _column("writer", Text),
    _column("sequence", Integer),
    _column("event_id", Text),
    _column("time_s", Double),
    _column("action", Text),
    _column("mode", Text),
    _column("rejected", Boolean),
    _column("status", Integer, nullable=True),
    _column("reason", Text),
    _column("n_instances", Integer),
    _column("n_findings", Integer),
    _column("min_p_value", Double, nullable=True),
    _column("max_score", Double, nullable=True),
    _column("model", LosslessText, nullable=True),
    _column("protocol", LosslessText, nullable=True),
    _column("client", LosslessText, nullable=True),
    _column("route", LosslessText),
    _column("method", LosslessText),
    _column("request_id", LosslessText, nullable=True),
    _column("traceparent", LosslessText, nullable=True),
    _column("content_type", LosslessText, nullable=True),
    _column("headers", LosslessText, nullable=True),
    _column("digest_detector", Text, nullable=True),
    _column("digest_contract", Text, nullable=True),
    _column("digest_rules", Text),
    _column("digest_settings", Text),
    _column("digest_code", Text),
    _column("body_kept", Text),
    _column("scores", LargeBinary, nullable=True),
    _column("p_values", LargeBinary, nullable=True),
    _column("feature_names", Text, nullable=True),
    _column("features", LargeBinary, nullable=True),
    _column("texts", Text, nullable=True),
    _column("body", LargeBinary, nullable=True),
    UniqueConstraint("event_id"),
    UniqueConstraint("writer", "sequence"),
    Index("entries_time", "time_s", "id"),
    Index("entries_action", "action", "time_s"),
    Index("entries_model", "model", "time_s"),
    Index("entries_client", "client", "time_s"),
    Index("entries_route", "route", "time_s"),
)

findings = Table(
    "findings",
    metadata,
    Column("entry_id", ForeignKey("entries.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _column("rule_id", Text),
    _column("action", Text),
    _column("kind", Text),
    _column("instance", Integer, nullable=True),
    _column("feature", LosslessText, nullable=True),
    _column("where", LosslessText, nullable=True),
    _column("message", LosslessText),
    _column("status", Integer, nullable=True),
    Index("findings_rule", "rule_id", "entry_id"),
)

labels = Table(
    "labels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entry_id", ForeignKey("entries.id"), nullable=False),
    _column("label", Text),
    _column("reviewer", LosslessText),
    _column("reason", LosslessText, nullable=True),
    _column("time_s", Double),
    Index("labels_entry", "entry_id", "id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("digest", Text, primary_key=True),
    _column("kind", Text),
    _column("content", LargeBinary),
    _column("first_seen_s", Double),
)

schema_version = Table(
    "schema_version",
    MetaData(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _column("applied_s", Double),
)


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection)


def _add_headers(connection: Connection) -> None:
    if "headers" not in _stored(connection):
        connection.exec_driver_sql("ALTER TABLE entries ADD COLUMN headers TEXT")


# Ordered. A function that was released never changes: the next version alters what it made. The first makes the tables
# as they are now, so that those after it find nothing to do in a new journal.
MIGRATIONS: tuple[Migration, ...] = ((1, _create_tables), (2, _add_headers))


def migrate(engine: Engine, *, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the database up to the newest version, each step and its record in one transaction.

    Raises JournalError where the database is newer than this code.
    """
    with engine.begin() as connection:
        schema_version.create(connection, checkfirst=True)
        _refuse_newer(connection, newest=migrations[-1][0])
    for version, apply in migrations:
        with engine.begin() as connection:
            if _version(connection) < version:
                apply(connection)
                connection.execute(insert(schema_version).values(version=version, applied_s=time.time()))


def entry_columns(connection: Connection) -> list[ColumnElement[Any]]:
    """The columns of entries; those that a journal of an earlier version lacks are NULL: readers alter nothing."""
    stored = _stored(connection)
    return [column if column.name in stored else null().label(column.name) for column in entries.c]


def require_journal(connection: Connection) -> None:
    """Raise JournalError unless this is a journal that this code can read."""
    if not inspect(connection).has_table(schema_version.name) or _version(connection) < 1:
        raise JournalError(f"{str(connection.engine.url.database)!r} is no journal of guard")
    _refuse_newer(connection, newest=MIGRATIONS[-1][0])


def _stored(connection: Connection) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(entries.name)}


def _refuse_newer(connection: Connection, *, newest: int) -> None:
    found = _version(connection)
    if found > newest:
        raise JournalError(
            f"the journal {str(connection.engine.url.database)!r} has schema version {found}, this guard knows up to "
            f"{newest}; use a newer guard, or another journal"
        )


def _version(connection: Connection) -> int:
    return int(connection.scalar(select(func.coalesce(func.max(schema_version.c.version), 0))) or 0)
