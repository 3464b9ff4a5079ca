"""The request log in its database: what is written, and how it is read again, newest first.

Roll-ups are read by `usage`; what is too old goes by `retention`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Table, and_, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage.rows import Ids, Logged, Row, first_id, moment, row_of, tags_of
from headway.storage.sums import Sums, rows_of, tag_rows_of
from headway.storage.tables import COUNTED, DIMENSIONS, TAG_SUMS, hours, minutes, request_tags, requests, tag_hours

MOST_ON_A_PAGE = 500
_PLAIN = ("request_id", "route", "target", "provider", "key", "endpoint", "model", "status", "stream", "session")
"""Filters that want a column to have their value."""
_SHOWN = [column for column in requests.c if column.name != "event"]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which exchanges. Everything that is given must hold. `outcome` may be `failed`, whatever it failed of; `since`
    and `until` are Unix time in seconds, `slower` is a duration in seconds.
    """

    request_id: str | None = None
    route: str | None = None
    target: str | None = None
    provider: str | None = None
    key: str | None = None
    endpoint: str | None = None
    model: str | None = None
    outcome: str | None = None
    status: int | None = None
    stream: bool | None = None
    session: str | None = None
    tag: str | None = None
    since: float | None = None
    until: float | None = None
    slower: float | None = None


class Page(msgspec.Struct, frozen=True):
    """Some exchanges, newest first, and the cursor that asks for those before them; None if there are none."""

    rows: list[dict[str, Any]]
    before: int | None


class RequestLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._ids = Ids()

    async def store(self, batch: Sequence[Logged]) -> None:
        """All of the batch with its sums, or nothing of it."""
        sums = Sums()
        for logged in batch:
            sums.add(logged.event)
        try:
            await self._store(batch, sums)
        except IntegrityError:  # another writer had one of the numbers: all get others
            self._ids = Ids()
            await self._store(batch, sums)

    async def _store(self, batch: Sequence[Logged], sums: Sums) -> None:
        rows = [row_of(logged, self._ids) for logged in batch]
        tags = [tag for row, logged in zip(rows, batch, strict=True) for tag in tags_of(row, logged.event)]
        async with self._engine.begin() as connection:
            await connection.execute(insert(requests), rows)
            if tags:
                await connection.execute(insert(request_tags), tags)
                await _add(connection, tag_hours, ("at", "tag"), TAG_SUMS, tag_rows_of(sums.tags))
            for table, found in ((minutes, sums.minutes), (hours, sums.hours)):
                await _add(connection, table, ("at", *DIMENSIONS), COUNTED, rows_of(found))

    async def page(self, filters: Filters, *, most: int = 50, before: int | None = None) -> Page:
        """Without the events themselves."""
        most = min(max(most, 1), MOST_ON_A_PAGE)
        wanted = _conditions(filters)
        if before is not None:
            wanted.append(requests.c.id < before)
        query = select(*_SHOWN).where(and_(True, *wanted)).order_by(requests.c.id.desc()).limit(most + 1)
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).mappings().all()
        rows = [_shown(row) for row in found[:most]]
        return Page(rows, found[most - 1]["id"] if len(found) > most else None)

    async def one(self, request_id: str) -> dict[str, Any] | None:
        """All that is known of an exchange: its row, and its event."""
        query = select(requests).where(requests.c.request_id == request_id).order_by(requests.c.id.desc()).limit(1)
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).mappings().first()
        return None if found is None else {**_shown(found), "event": msgspec.json.decode(found["event"])}


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name in _PLAIN:
        value = getattr(filters, name)
        if value is not None:
            found.append(requests.c[name] == value)
    if filters.outcome == "failed":
        found.append(requests.c.outcome != "ok")
    elif filters.outcome is not None:
        found.append(requests.c.outcome == filters.outcome)
    if filters.since is not None:
        found.append(requests.c.id >= first_id(filters.since))
    if filters.until is not None:
        found.append(requests.c.id < first_id(filters.until))
    if filters.slower is not None:
        found.append(requests.c.duration >= int(filters.slower * 1e6))
    if filters.tag is not None:
        found.append(requests.c.id.in_(select(request_tags.c.id).where(request_tags.c.tag == filters.tag)))
    return found


def _shown(row: RowMapping) -> dict[str, Any]:
    """A row as people read it: Unix time, and seconds."""
    found: dict[str, Any] = {"at": moment(row["id"]), **row}
    del found["id"]
    found["duration"] = row["duration"] / 1e6
    if row["first_byte"] is not None:
        found["first_byte"] = row["first_byte"] / 1e6
    return found


async def _add(
    connection: AsyncConnection, table: Table, keys: Sequence[str], sums: Sequence[str], rows: list[Row]
) -> None:
    """Add to what is there; begin what is not."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = kind.insert(table)
    more = {name: table.c[name] + statement.excluded[name] for name in sums}
    await connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=more), rows)
