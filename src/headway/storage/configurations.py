"""Published configurations: the newest, older ones, and one more, so that nobody's change is lost.

Whoever publishes says which version they began with. If it is no longer the newest, nothing is published: of two who
began with the same one succeeds, however close they are. What the document says, and that its secrets are sealed, is
its publisher's business.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.config.published import Published
from headway.storage.admin_tables import configurations
from headway.storage.audit import record
from headway.storage.rows import cut
from headway.types import Caller

MOST_ON_A_PAGE = 200


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """Who published a version, and when (Unix time in seconds). `restored` is the version that it brought back."""

    version: int
    at: float
    author: str
    note: str
    restored: int | None


class WholeEdition(Edition, frozen=True, kw_only=True):
    document: dict[str, Any]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit log is told of a change, with secrets masked."""

    action: str
    subject: str
    before: Any
    after: Any


class Conflict(msgspec.Struct, frozen=True):
    """Nothing was published: `newest` is not the version that the change began with."""

    newest: int


class Configurations:
    """`engine` is of a database with its tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def newest(self) -> Published:
        """Version 0 with nothing in it, if none is published."""
        wanted = select(configurations.c.version, configurations.c.document)
        wanted = wanted.order_by(configurations.c.version.desc()).limit(1)
        async with self._engine.connect() as connection:
            found = (await connection.execute(wanted)).one_or_none()
        if found is None:
            return Published(version=0, document={})
        return Published(version=found.version, document=msgspec.json.decode(found.document))

    async def one(self, version: int) -> WholeEdition | None:
        wanted = select(configurations).where(configurations.c.version == version)
        async with self._engine.connect() as connection:
            found = (await connection.execute(wanted)).mappings().one_or_none()
        if found is None:
            return None
        return WholeEdition(**{**found, "at": found["at"] / 1e6, "document": msgspec.json.decode(found["document"])})

    async def page(self, *, most: int, before: int | None = None) -> list[Edition]:
        """Newest first; those before the version `before`."""
        columns = [each for each in configurations.c if each.name != "document"]
        wanted = select(*columns).order_by(configurations.c.version.desc()).limit(most)
        if before is not None:
            wanted = wanted.where(configurations.c.version < before)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted)).mappings().all()
        return [Edition(**{**row, "at": row["at"] / 1e6}) for row in rows]

    async def publish(
        self,
        base: int,
        document: Mapping[str, object],
        caller: Caller,
        told: Told,
        *,
        note: str = "",
        restored: int | None = None,
    ) -> int | Conflict:
        """The number of the new version, which is the one after `base`."""
        row = {
            "version": base + 1,
            "at": int(time.time() * 1e6),
            "author": cut(caller.name, 128),
            "note": cut(note, 512),
            "restored": restored,
            "document": msgspec.json.encode(document).decode(),
        }
        try:
            async with self._engine.begin() as connection:
                newest = await _newest(connection)
                if newest == base:
                    await connection.execute(insert(configurations).values(row))
                    await record(connection, caller, told.action, told.subject, before=told.before, after=told.after)
                    return base + 1
        except IntegrityError:  # somebody was quicker between the look and the insertion
            async with self._engine.connect() as connection:
                newest = await _newest(connection)
        return Conflict(newest)


async def _newest(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.coalesce(func.max(configurations.c.version), 0)))).scalar_one()
