"""What is published just now, read by the gateway itself: without SQLAlchemy, writing nothing, waiting for nobody long.

SQLite's file is only opened when it has changed since the last look; PostgreSQL is asked over one connection that stays
open. A database that is not there, or has no such table yet, has nothing published.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import msgspec

from headway.config.published import NotToldError, Published

PATIENCE = 3.0
"""Seconds for PostgreSQL to accept a connection, and as many to answer."""
AT_LEAST_EVERY = 30.0
"""Seconds after which SQLite's file is read even if it seems unchanged."""
_NEWEST = "SELECT version, document FROM configurations ORDER BY version DESC LIMIT 1"

_Signature = tuple[tuple[int, int, int] | None, ...]


class Publications:
    """What is published at a URL. It keeps what makes the next look cheap; `close` lets go of it."""

    def __init__(self) -> None:
        self._url: str | None = None
        self._signature: _Signature = ()
        self._read_at = 0.0
        self._connection: Any = None

    async def newest(self, url: str, known: int | None) -> Published | None:
        """None: nothing is published, or `known` is the newest version. Raises NotToldError."""
        if url != self._url:
            await self.close()
            self._url = url
        if not url.startswith("sqlite"):
            return await self._of_postgresql(url, known)
        path = sqlite_path(url)
        return None if path is None else await asyncio.to_thread(self._of_sqlite, path, known)

    async def close(self) -> None:
        self._signature = ()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, TimeoutError):
                connection.terminate()

    def _of_sqlite(self, path: Path, known: int | None) -> Published | None:
        signature = _signature(path)
        if signature == self._signature and time.monotonic() - self._read_at < AT_LEAST_EVERY:
            return None
        found = read_sqlite(path)
        self._signature, self._read_at = signature, time.monotonic()
        return None if found is None or found.version == known else found

    async def _of_postgresql(self, url: str, known: int | None) -> Published | None:
        asyncpg = _asyncpg()
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(plain_url(url), timeout=PATIENCE, command_timeout=PATIENCE)
            row = await self._connection.fetchrow(_NEWEST)
        except asyncpg.UndefinedTableError:
            return None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
            await self.close()
            raise NotToldError(_said(error)) from None
        return None if row is None or row["version"] == known else _decoded(row["version"], row["document"])


def read_sqlite(path: Path) -> Published | None:
    """The newest, if there is one. No file is made. Raises NotToldError."""
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            row = connection.execute(_NEWEST).fetchone()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return None
        raise NotToldError(str(error)) from None
    return None if row is None else _decoded(*row)


def sqlite_path(url: str) -> Path | None:
    """The file of a database of SQLite; None if it lies in memory."""
    name = unquote(url.partition(":///")[2].partition("?")[0])
    return Path(name) if name and name != ":memory:" else None


def plain_url(url: str) -> str:
    """As the driver takes it: `storage.url` may also name the driver, and calls one parameter otherwise."""
    parts = urlsplit(url)
    query = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query)))


async def now(url: str) -> Published | None:
    """A single look. Raises NotToldError."""
    publications = Publications()
    try:
        return await publications.newest(url, None)
    finally:
        await publications.close()


def _asyncpg() -> Any:
    try:
        return import_module("asyncpg")
    except ImportError:
        raise NotToldError("PostgreSQL needs asyncpg: pip install 'headway[postgres]'") from None


def _signature(path: Path) -> _Signature:
    return tuple(map(_one_signature, (path, path.with_name(f"{path.name}-wal"))))


def _one_signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _decoded(version: int, text: str) -> Published:
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        document = None
    if not isinstance(document, dict):
        raise NotToldError(f"published version {version} is damaged")
    return Published(version=version, document=cast("dict[str, object]", document))


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
