"""Which URLs name a database, and what is said of those that do not, or that do not answer."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from headway.storage import database as opened
from headway.storage.database import BROKEN, BadUrlError, Database
from headway.storage.migrations import migrate
from storage.made import until


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///headway.db",
        "sqlite:////var/lib/headway/headway.db",
        "postgresql://user:pass@host/headway",
        "postgres://user@host:5433/headway",
        "postgresql://user@host/headway?sslmode=require",
        "postgresql://user@/headway?host=/run/postgresql",
    ],
)
def test_urls_that_name_a_database(url: str):
    assert Database(url).name


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("headway.db", "must be a URL such as"),
        ("postgresql://user@host:port/headway", "must be a URL such as"),
        ("mysql://host/headway", "'mysql' is no database that is known here"),
        ("postgresql:///headway", "must name a host"),
        ("postgresql://host/headway?channel_binding=require", "has the parameter 'channel_binding'"),
    ],
)
def test_urls_that_name_none(url: str, why: str):
    with pytest.raises(BadUrlError, match=re.escape(why)):
        Database(url)


def test_without_the_driver_of_postgresql_its_package_is_named(monkeypatch: pytest.MonkeyPatch):
    def nothing_found(name: str) -> None:
        return None

    monkeypatch.setattr(opened, "find_spec", nothing_found)
    with pytest.raises(BadUrlError, match=re.escape("pip install 'headway[postgres]'")):
        Database("postgresql://host/headway")
    assert Database("sqlite:///headway.db").kind == "sqlite"


def test_a_password_is_never_shown():
    assert "pass" not in Database("postgresql://user:pass@host/headway").name


async def error_of(url: str) -> str:
    database = Database(url)
    with pytest.raises(BROKEN) as raised:
        async with database.engine.connect():
            pass
    await database.close()
    # aiosqlite's thread says goodbye to the loop after a failed connect, without being waited for.
    await until(lambda: not [each for each in threading.enumerate() if "_worker_thread" in each.name], "threads end")
    assert isinstance(raised.value, Exception)
    return database.explain(raised.value)


async def test_a_folder_that_is_missing_is_named(tmp_path: Path):
    said = await error_of(f"sqlite:///{tmp_path}/nowhere/log.db")
    assert f"there is no folder {tmp_path}/nowhere: create it, or set storage.url" in said


async def test_a_file_that_is_a_folder_is_said_to_be_none_to_write_in(tmp_path: Path):
    assert "must be a folder that may be written in" in await error_of(f"sqlite:///{tmp_path}")


@pytest.mark.real
async def test_a_server_that_refuses_is_told_in_one_line():
    said = await error_of("postgresql://user:secret@127.0.0.1:1/headway")
    assert "Connect call failed" in said
    assert "secret" not in said
    assert "\n" not in said


async def test_a_new_file_is_its_owner_s_alone_and_one_that_is_there_stays_as_it_is(
    tmp_path: Path, connections_ended: None
):
    for name, mode in (("new.db", None), ("old.db", 0o640)):
        file = tmp_path / name
        if mode is not None:
            file.touch()
            file.chmod(mode)
        database = Database(f"sqlite:///{file}")
        await migrate(database.engine)
        assert file.stat().st_mode & 0o777 == (mode or 0o600)
        beside = file.with_name(f"{name}-wal")
        assert beside.stat().st_mode & 0o777 == (mode or 0o600)
        await database.close()
