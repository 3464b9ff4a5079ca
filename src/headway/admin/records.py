"""Where the pages read and write: the database that the configuration names, opened when somebody asks."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from headway.storage.database import BadUrlError, Database
from headway.storage.migrations import migrate
from headway.storage.request_log import RequestLog
from headway.storage.usage import UsageLog
from headway.types import Storage


class NoLogError(Exception):
    """There is no request log to read; the message says why."""


class Records:
    """`storage` tells what is configured just now."""

    def __init__(self, storage: Callable[[], Storage]) -> None:
        self._storage = storage
        self._url: str | None = None
        self._database: Database | None = None
        self._migrated = False

    @property
    def off(self) -> bool:
        """Nothing is kept, by configuration."""
        return self._storage().url is None

    async def engine(self) -> AsyncEngine:
        """For what the administration keeps itself: the tables are there."""
        database = await self._opened()
        if not self._migrated:
            await migrate(database.engine)
            self._migrated = True
        return database.engine

    async def requests(self) -> RequestLog:
        return RequestLog((await self._opened()).engine)

    async def usage(self) -> UsageLog:
        return UsageLog((await self._opened()).engine)

    async def close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    async def _opened(self) -> Database:
        url = self._storage().url
        if url is None:
            raise NoLogError("no request log is kept: storage.url is off")
        if self._database is None or self._url != url.reveal():
            await self.close()
            self._migrated = False
            self._url = url.reveal()
            try:
                self._database = Database(self._url)
            except (BadUrlError, ImportError) as error:
                raise NoLogError(f"the request log cannot be read: {error}") from None
        return self._database
