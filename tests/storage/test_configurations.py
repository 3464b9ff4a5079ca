"""Published configurations: kept in order, read by the gateway itself, and lost by nobody."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from headway.config.published import NotToldError, Published
from headway.storage.admin_tables import configurations
from headway.storage.audit import AuditLog
from headway.storage.configurations import Configurations, Conflict, Told
from headway.storage.database import Database
from headway.storage.published import Publications, now, plain_url
from headway.types import PERMISSIONS, Caller
from storage.postgres import Postgres

ANN = Caller(name="ann", proof="session", permissions=PERMISSIONS["admin"], address="192.0.2.1")
TOLD = Told(action="configuration.publish", subject="", before={}, after={"models.x": ["a/m"]})


async def publish(store: Configurations, base: int, number: int = 0, **more: Any) -> int | Conflict:
    return await store.publish(base, {"models": {f"m{number}": ["a/m"]}}, ANN, TOLD, **more)


async def test_versions_are_counted_and_kept(database: Database):
    store = Configurations(database.engine)
    assert await store.newest() == Published(version=0, document={})
    assert await publish(store, 0, 1, note="first") == 1
    assert await publish(store, 1, 2, restored=1) == 2
    assert (await store.newest()).document == {"models": {"m2": ["a/m"]}}
    one = await store.one(1)
    assert one is not None
    assert (one.author, one.note, one.restored, one.document) == ("ann", "first", None, {"models": {"m1": ["a/m"]}})
    assert abs(one.at - time.time()) < 60
    assert await store.one(3) is None
    assert [(each.version, each.restored) for each in await store.page(most=10)] == [(2, 1), (1, None)]
    assert [each.version for each in await store.page(most=10, before=2)] == [1]


@pytest.mark.parametrize("base", [0, 2, 7])
async def test_a_change_of_another_version_than_the_newest_is_not_published(database: Database, base: int):
    store = Configurations(database.engine)
    await publish(store, 0)
    assert await publish(store, base) == Conflict(1)
    assert (await store.newest()).version == 1
    assert len(await AuditLog(database.engine).page(most=10)) == 1


async def test_of_many_publishers_at_once_one_succeeds_each_time(url: str, database: Database):
    """Each with a connection of its own, as nodes have."""
    databases = [Database(url) for _ in range(6)]
    stores = [Configurations(each.engine) for each in databases]
    try:
        for base in range(5):
            told = await asyncio.gather(*(publish(store, base, at) for at, store in enumerate(stores)))
            assert sorted(map(str, told)) == sorted([str(base + 1), *[str(Conflict(base + 1))] * 5])
    finally:
        for each in databases:
            await each.close()
    assert [each.version for each in await Configurations(database.engine).page(most=10)] == [5, 4, 3, 2, 1]
    assert len(await AuditLog(database.engine).page(most=10)) == 5, "one entry for each that succeeded"


async def test_what_is_published_is_in_the_audit_log(database: Database):
    await publish(Configurations(database.engine), 0)
    (entry,) = await AuditLog(database.engine).page(most=10)
    assert (entry.who, entry.action, entry.after) == ("ann", "configuration.publish", {"models.x": ["a/m"]})


# --- as the gateway reads it ---


async def test_the_gateway_reads_the_newest_and_only_what_is_newer(url: str, database: Database):
    store, reader = Configurations(database.engine), Publications()
    try:
        assert await reader.newest(url, None) is None
        for version in (1, 2, 3):
            await publish(store, version - 1, version)
            found = await reader.newest(url, version - 1)
            assert found == Published(version=version, document={"models": {f"m{version}": ["a/m"]}})
            assert await reader.newest(url, version) is None
        await reader.close()
        assert await reader.newest(url, None) == found
    finally:
        await reader.close()


async def test_an_empty_database_has_nothing_published(url: str, tmp_path: Path):
    assert await now(url) is None
    assert list(tmp_path.iterdir()) == [], "and none is made by looking"


@pytest.mark.real
async def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path: Path):
    with pytest.raises(NotToldError) as told:
        await now(f"postgresql://headway:hunter2@/headway?host={tmp_path}")
    assert "hunter2" not in str(told.value)
    (tmp_path / "log.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(NotToldError):
        await now(f"sqlite:///{tmp_path}/log.db")


async def test_a_document_that_is_damaged_is_told(url: str, database: Database):
    row = {"version": 1, "at": 0, "author": "x", "note": "", "document": "[1]"}
    async with database.engine.begin() as connection:
        await connection.execute(insert(configurations).values(row))
    with pytest.raises(NotToldError, match="published version 1 is damaged"):
        await now(url)


@pytest.mark.real
async def test_a_reader_finds_its_way_back_to_postgresql(own_postgres: Postgres, connections_ended: None):
    url = own_postgres.new_database()
    reader = Publications()
    assert await reader.newest(url, None) is None
    await asyncio.to_thread(own_postgres.stop)
    with pytest.raises(NotToldError):
        await reader.newest(url, None)
    await asyncio.to_thread(own_postgres.start)
    assert await reader.newest(url, None) is None
    await reader.close()


def test_the_driver_is_told_parameters_by_its_own_names():
    told = plain_url("postgresql+asyncpg://u:p%40@h:1/d?ssl=require&host=/run/x")
    assert told == "postgresql://u:p%40@h:1/d?sslmode=require&host=%2Frun%2Fx"
