"""Migrations bring about the tables that the code works with, on both databases, however often and by however many."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from events import made_event
from headway.storage.admin_tables import METADATA
from headway.storage.database import Database
from headway.storage.migrations import migrate
from storage.made import Kept, logged

MIGRATE = """
import asyncio, sys
from headway.storage.database import Database
from headway.storage.migrations import migrate

async def main():
    database = Database(sys.argv[1])
    await migrate(database.engine)
    await database.close()

asyncio.run(main())
"""


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return compare_metadata(context, METADATA)


async def test_they_bring_about_exactly_the_tables(database: Database):
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_primary_keys_and_the_partial_index_are_as_the_tables_say(database: Database):
    """What Alembic does not compare."""

    def keys(connection: Connection) -> dict[str, list[str]]:
        found = inspect(connection)
        return {name: found.get_pk_constraint(name)["constrained_columns"] for name in METADATA.tables}

    def failed(connection: Connection) -> Any:
        found = {index["name"]: index for index in inspect(connection).get_indexes("requests")}["ix_requests_failed"]
        return found["column_names"], found.get("dialect_options")

    async with database.engine.connect() as connection:
        assert await connection.run_sync(keys) == {
            name: [column.name for column in table.primary_key] for name, table in METADATA.tables.items()
        }
        columns, options = await connection.run_sync(failed)
    assert columns == ["id", "outcome", "status"]
    assert "outcome" in str(options[f"{database.kind}_where"])


async def test_a_second_time_nothing_happens(database: Database, kept: Kept):
    await kept.log.store(logged(made_event()))
    await migrate(database.engine)
    assert await kept.count("requests") == 1


async def test_several_processes_migrate_at_once(url: str):
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, url) for _ in range(3)]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    database = Database(url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_a_database_of_a_newer_version_is_left_alone_and_said_so(database: Database):
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CommandError) as raised:
        await migrate(database.engine)
    assert "a newer version of Headway" in database.explain(raised.value)
