"""Which database a URL means, and how it is opened.

SQLite is told to let readers read while somebody writes. Who works with rows is `request_log`'s, `usage`'s and
`retention`'s business.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Kind = Literal["sqlite", "postgresql"]

_DRIVERS: dict[str, tuple[Kind, str]] = {
    "sqlite": ("sqlite", "sqlite+aiosqlite"),
    "sqlite+aiosqlite": ("sqlite", "sqlite+aiosqlite"),
    "postgresql": ("postgresql", "postgresql+asyncpg"),
    "postgres": ("postgresql", "postgresql+asyncpg"),
    "postgresql+asyncpg": ("postgresql", "postgresql+asyncpg"),
}
_PARAMETERS = {"host": "host", "port": "port", "ssl": "ssl", "sslmode": "ssl"}
"""What may stand in a PostgreSQL URL after `?`, and what the driver calls it."""
_BUSY = 5000
"""Milliseconds for which a writer of SQLite waits for another."""
_CONNECT = 5.0
"""Seconds for which PostgreSQL may take to accept a connection."""


BROKEN = (SQLAlchemyError, CommandError, OSError, TimeoutError)
"""What a database raises that does not answer, or not as it should."""


class BadUrlError(ValueError):
    """A URL that names no database that can be used; the message says why, without a password."""


class Database:
    """One database, opened on first use. `url` is as people write it."""

    def __init__(self, url: str) -> None:
        self.kind, self._url = _read(url)
        self.engine = _engine(self.kind, self._url)

    @property
    def name(self) -> str:
        """For messages: without the password."""
        return self._url.set(drivername=self.kind).render_as_string(hide_password=True)

    async def close(self) -> None:
        await self.engine.dispose()

    def explain(self, error: Exception) -> str:
        """One line: which database, what is wrong with it, and the way out where that is known."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        said = str(cause).strip().partition("\n")[0]
        if not said or isinstance(error, TimeoutError):
            said = "it does not answer in time"
        said = said.partition(">: ")[2] or said  # the driver's class
        return f"{self.name}: {said[:200]}{self._way_out(error, said)}"

    def _way_out(self, error: Exception, said: str) -> str:
        if isinstance(error, CommandError):
            return "; a newer version of Headway has made it, which has to be used on"
        if self.kind == "postgresql":
            return ""
        file = Path(self._url.database or "")
        if "unable to open" in said and not file.parent.is_dir():
            return f"; there is no folder {file.parent.absolute()}: create it, or set storage.url"
        if "unable to open" in said or "readonly" in said:
            return f"; {file.parent.absolute()} must be a folder that may be written in, or set storage.url"
        return ""


def _read(url: str) -> tuple[Kind, URL]:
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise BadUrlError("must be a URL such as sqlite:///headway.db or postgresql://user@host/headway") from None
    known = _DRIVERS.get(found.drivername)
    if known is None:
        raise BadUrlError(f"{found.drivername!r} is no database that is known here; sqlite and postgresql are")
    kind, driver = known
    if kind == "postgresql":
        found = _checked(found)
    return kind, found.set(drivername=driver)


def _checked(url: URL) -> URL:
    """A URL of PostgreSQL in its driver's terms."""
    if find_spec("asyncpg") is None:
        raise BadUrlError("PostgreSQL needs asyncpg: pip install 'headway[postgres]'")
    if not url.host and "host" not in url.query:
        raise BadUrlError("must name a host, as in postgresql://user@host/headway")
    unknown = sorted(url.query.keys() - _PARAMETERS.keys())
    if unknown:
        raise BadUrlError(f"has the parameter {unknown[0]!r}, which is not known here; {', '.join(_PARAMETERS)} are")
    return url.set(query={_PARAMETERS[name]: value for name, value in url.query.items()})


def _engine(kind: Kind, url: URL) -> AsyncEngine:
    if kind == "postgresql":
        engine = create_async_engine(
            url, pool_size=5, max_overflow=5, pool_pre_ping=True, connect_args={"timeout": _CONNECT}
        )
        event.listen(engine.sync_engine, "connect", _prepare_postgresql)
        return engine
    engine = create_async_engine(url)
    event.listen(engine.sync_engine, "do_connect", partial(_begin_file, url.database))
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_postgresql(connection: DBAPIConnection, _record: object) -> None:
    """A plan for any value of a filter would look through a whole log for a rare one; compiling a query takes longer
    than it saves.
    """
    cursor = connection.cursor()
    for setting in ("plan_cache_mode = force_custom_plan", "jit = off"):
        cursor.execute(f"SET {setting}")
    cursor.close()
    connection.commit()


def _begin_file(file: str | None, *_: object) -> None:
    """A new file is for its owner alone: it may come to hold messages, and it holds hashes of passwords."""
    if file and file != ":memory:":
        with suppress(OSError):  # there already, or it cannot be made, which connecting says better
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY}", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    with suppress(sqlite3.OperationalError):  # locked: another process is just switching the file, for all who come
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()
