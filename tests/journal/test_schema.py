from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from guard.errors import JournalError
from guard.journal.schema import (
    MIGRATIONS,
    entries,
    entry_columns,
    metadata,
    migrate,
    require_journal,
    schema_version,
)
from guard.journal.store import open_engine

NEXT = len(MIGRATIONS) + 1


@pytest.fixture
def engine(path: Path) -> sa.Engine:
    return open_engine(path, writes=True)


def versions(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(schema_version.c.version)))


def make_notes(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY)")


def make_notes_badly(connection: sa.Connection) -> None:
    make_notes(connection)
    raise RuntimeError("in the middle")


def test_migrate_makes_all_tables_once(engine: sa.Engine) -> None:
    migrate(engine)
    migrate(engine)

    assert set(sa.inspect(engine).get_table_names()) == {*metadata.tables, "schema_version"}
    assert versions(engine) == [1, 2]


def make_version_1(engine: sa.Engine) -> None:
    """The tables of entries as the first release made them, less what doesn't matter here."""
    with engine.begin() as connection:
        schema_version.create(connection)
        connection.execute(sa.insert(schema_version).values(version=1, applied_s=0.0))
        metadata.create_all(connection)
        connection.exec_driver_sql("ALTER TABLE entries DROP COLUMN headers")


def column_names(engine: sa.Engine) -> list[str]:
    return [column["name"] for column in sa.inspect(engine).get_columns("entries")]


def test_headers_are_added_to_a_journal_of_version_1(engine: sa.Engine) -> None:
    make_version_1(engine)
    before = column_names(engine)

    migrate(engine)

    assert versions(engine) == [1, 2]
    assert column_names(engine) == [*before, "headers"]


def test_new_journal_has_the_columns_in_order(engine: sa.Engine) -> None:
    migrate(engine)

    assert column_names(engine) == list(entries.c.keys())


def test_column_that_an_old_journal_lacks_is_null(engine: sa.Engine) -> None:
    make_version_1(engine)

    with engine.connect() as connection:
        rows = connection.execute(sa.select(*entry_columns(connection))).all()
        assert rows == []
        lacking = [column.name for column in entry_columns(connection) if column is not entries.c.get(column.name)]
    assert lacking == ["headers"]


def test_migrate_applies_only_what_is_new(engine: sa.Engine) -> None:
    migrate(engine)

    migrate(engine, migrations=(*MIGRATIONS, (NEXT, make_notes)))

    assert versions(engine) == [1, 2, NEXT]
    assert sa.inspect(engine).has_table("notes")


def test_failed_migration_leaves_nothing(engine: sa.Engine) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate(engine, migrations=(*MIGRATIONS, (NEXT, make_notes_badly)))

    assert versions(engine) == [1, 2]
    assert not sa.inspect(engine).has_table("notes")


def test_newer_database_is_refused(engine: sa.Engine) -> None:
    migrate(engine, migrations=(*MIGRATIONS, (NEXT, make_notes)))

    with pytest.raises(JournalError, match="has schema version 3, this guard knows up to 2"):
        migrate(engine)


def test_migrate_from_several_threads_at_once(engine: sa.Engine) -> None:
    threads = [threading.Thread(target=migrate, args=[engine]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert versions(engine) == [1, 2]


def test_another_database_is_no_journal(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        make_notes(connection)

    with engine.connect() as connection, pytest.raises(JournalError, match="is no journal"):
        require_journal(connection)


def test_migrations_are_numbered_in_order() -> None:
    assert [version for version, _ in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
