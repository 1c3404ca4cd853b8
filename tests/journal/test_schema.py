from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from guard.errors import JournalError
from guard.journal.schema import MIGRATIONS, metadata, migrate, require_journal, schema_version
from guard.journal.store import open_engine


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
    assert versions(engine) == [1]


def test_migrate_applies_only_what_is_new(engine: sa.Engine) -> None:
    migrate(engine)

    migrate(engine, migrations=(*MIGRATIONS, (2, make_notes)))

    assert versions(engine) == [1, 2]
    assert sa.inspect(engine).has_table("notes")


def test_failed_migration_leaves_nothing(engine: sa.Engine) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate(engine, migrations=(*MIGRATIONS, (2, make_notes_badly)))

    assert versions(engine) == [1]
    assert not sa.inspect(engine).has_table("notes")


def test_newer_database_is_refused(engine: sa.Engine) -> None:
    migrate(engine, migrations=(*MIGRATIONS, (2, make_notes)))

    with pytest.raises(JournalError, match="has schema version 2, this guard knows up to 1"):
        migrate(engine)


def test_migrate_from_several_threads_at_once(engine: sa.Engine) -> None:
    threads = [threading.Thread(target=migrate, args=[engine]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert versions(engine) == [1]


def test_another_database_is_no_journal(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        make_notes(connection)

    with engine.connect() as connection, pytest.raises(JournalError, match="is no journal"):
        require_journal(connection)


def test_migrations_are_numbered_in_order() -> None:
    assert [version for version, _ in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
