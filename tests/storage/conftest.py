"""Databases to keep the log in: SQLite in a file, and a PostgreSQL of the tests' own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from headway.storage.database import Database
from headway.storage.migrations import migrate
from storage.made import Kept
from storage.postgres import Postgres, new_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    yield from new_server()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that the test may stop."""
    yield from new_server()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
async def database(url: str, connections_ended: None) -> AsyncIterator[Database]:
    """With its tables."""
    database = Database(url)
    await migrate(database.engine)
    yield database
    await database.close()


@pytest.fixture
def kept(database: Database) -> Kept:
    return Kept(database)
