"""Which database a URL means, and how it is opened.

SQLite is told to let readers read while somebody writes. Who works with rows is `requests`', `rollups`' and
`retention`'s business.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Kind = Literal["sqlite", "postgresql"]

_DRIVERS: dict[str, tuple[Kind, str]] = {
    "sqlite": ("sqlite", "sqlite+aiosqlite"),
    "sqlite+aiosqlite": ("sqlite", "sqlite+aiosqlite"),
    "postgresql": ("postgresql", "postgresql+asyncpg"),
    "postgres": ("postgresql", "postgresql+asyncpg"),
    "postgresql+asyncpg": ("postgresql", "postgresql+asyncpg"),
}
_BUSY = 5000
"""Milliseconds for which a writer of SQLite waits for another."""
_CONNECT = 5.0
"""Seconds for which PostgreSQL may take to accept a connection."""


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


def fault_of(url: str) -> str | None:
    """Why a URL cannot be used; None if it can."""
    try:
        _read(url)
    except BadUrlError as error:
        return str(error)
    return None


def _read(url: str) -> tuple[Kind, URL]:
    try:
        found = make_url(url)
    except ArgumentError:
        raise BadUrlError("must be a URL such as sqlite:///headway.db or postgresql://user@host/headway") from None
    known = _DRIVERS.get(found.drivername)
    if known is None:
        raise BadUrlError(f"{found.drivername!r} is no database that is known here; sqlite and postgresql are")
    kind, driver = known
    if kind == "postgresql" and not found.host and "host" not in found.query:
        raise BadUrlError("must name a host, as in postgresql://user@host/headway")
    return kind, found.set(drivername=driver)


def _engine(kind: Kind, url: URL) -> AsyncEngine:
    if kind == "postgresql":
        return create_async_engine(
            url, pool_size=5, max_overflow=5, pool_pre_ping=True, connect_args={"timeout": _CONNECT}
        )
    engine = create_async_engine(url)
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_BUSY}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
