"""The request log in its database: what is written, and how it is read again, newest first.

Roll-ups are read by `usage`; what is too old goes by `retention`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, RowMapping, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage import partitions
from headway.storage.rows import Ids, Logged, Row, fit, fit_tag, microseconds, moment, row_of, tag_rows
from headway.storage.search import Filters, spans
from headway.storage.sums import Sums, rows_of, tag_rows_of
from headway.storage.tables import (
    COUNTED,
    DIMENSIONS,
    FAILED,
    TAG_SUMS,
    days,
    hours,
    minutes,
    request_tags,
    requests,
    tag_hours,
)

MOST_ON_A_PAGE = 500
_TRIES = 4
"""To find numbers that no other writer has."""
_PLAIN = ("request_id", "route", "target", "provider", "key", "endpoint", "model", "status", "stream", "session")
"""Filters that want a column to have their value."""
_SHOWN = [column for column in requests.c if column.name != "event"]


class Page(msgspec.Struct, frozen=True):
    """Some exchanges, newest first, and the cursor that asks for those before them; None if there are none."""

    rows: list[dict[str, Any]]
    before: int | None


class RequestLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._days: set[int] = set()
        """Of PostgreSQL: they have partitions."""

    async def store(self, batch: Sequence[Logged]) -> None:
        """All of the batch with its sums, or nothing of it. What is stored already is not stored twice."""
        for _ in range(_TRIES - 1):
            try:
                await self._store(batch)
            except IntegrityError:
                self._days.clear()
                batch = await self._left(batch)
            else:
                return
        await self._store(batch)

    async def _store(self, batch: Sequence[Logged]) -> None:
        if not batch:
            return
        sums = Sums()
        for logged in batch:
            sums.add(logged.event)
        tags = tag_rows(batch)
        await self._make_partitions(batch)
        async with self._engine.begin() as connection:
            await connection.execute(insert(requests), [row_of(logged) for logged in batch])
            if tags:
                await connection.execute(insert(request_tags), tags)
                await _add(connection, tag_hours, ("at", "tag"), TAG_SUMS, tag_rows_of(sums.tags))
            for table, found in ((minutes, sums.minutes), (hours, sums.hours), (days, sums.days)):
                await _add(connection, table, ("at", *DIMENSIONS), COUNTED, rows_of(found))

    async def _left(self, batch: Sequence[Logged]) -> list[Logged]:
        """What is not there yet: an earlier attempt may have come through though its answer did not. Numbers that
        another writer has taken are given anew.
        """
        query = select(requests.c.id, requests.c.request_id).where(requests.c.id.in_([logged.id for logged in batch]))
        async with self._engine.connect() as connection:
            taken = {row[0]: row[1] for row in (await connection.execute(query)).all()}
        ids = Ids()
        left: list[Logged] = []
        for logged in batch:
            name = taken.get(logged.id)
            if name is None:
                left.append(logged)
            elif name != fit("request_id", logged.event.request_id):
                left.append(structs.replace(logged, id=ids.new(logged.event.at)))
        return left

    async def _make_partitions(self, batch: Sequence[Logged]) -> None:
        """Rows that have waited for long may be of days that nobody has prepared."""
        if self._engine.dialect.name != "postgresql":
            return
        missing = {partitions.day_of_row(logged.id) for logged in batch} - self._days
        if missing:
            await partitions.make(self._engine, sorted(missing), partitions.LOG)
            self._days |= missing

    async def page(self, filters: Filters, *, most: int = 50, before: int | None = None) -> Page:
        """Without the events themselves."""
        most = min(max(most, 1), MOST_ON_A_PAGE)
        query = select(*_SHOWN).where(*_conditions(filters)).order_by(requests.c.id.desc())
        found: list[RowMapping] = []
        async with self._engine.connect() as connection, aclosing(spans(connection, filters, before)) as ranges:
            async for first, end in ranges:
                within = query.where(requests.c.id >= first, requests.c.id < end).limit(most + 1 - len(found))
                found += (await connection.execute(within)).mappings().all()
                if len(found) > most:
                    break
        return Page([_shown(row) for row in found[:most]], found[most - 1]["id"] if len(found) > most else None)

    async def one(self, request_id: str) -> dict[str, Any] | None:
        """All that is known of an exchange: its row, and its event."""
        query = (
            select(requests)
            .where(requests.c.request_id == fit("request_id", request_id))
            .order_by(requests.c.id.desc())
            .limit(1)
        )
        async with self._engine.connect() as connection:
            found = (await connection.execute(query)).mappings().first()
        return None if found is None else {**_shown(found), "event": msgspec.json.decode(found["event"])}


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """All but the times."""
    found: list[ColumnElement[bool]] = []
    for name in _PLAIN:
        value = getattr(filters, name)
        if value is not None:
            found.append(requests.c[name] == (fit(name, value) if isinstance(value, str) else value))
    has_failed = filters.outcome is not None and filters.outcome != "ok"
    if has_failed or (filters.status is not None and filters.status >= 400):
        found.append(FAILED)
    if filters.outcome is not None and filters.outcome != "failed":
        found.append(requests.c.outcome == fit("outcome", filters.outcome))
    if filters.slower is not None:
        found.append(requests.c.duration > microseconds(filters.slower))
    if filters.tag is not None:
        tagged = select(request_tags.c.id).where(request_tags.c.tag == fit_tag(filters.tag))
        found.append(requests.c.id.in_(tagged))
    return found


def _shown(row: RowMapping) -> dict[str, Any]:
    """A row as people read it: Unix time, and seconds."""
    found: dict[str, Any] = {"at": moment(row["id"]), **row}
    del found["id"]
    found["duration"] = row["duration"] / 1e6
    if row["first_byte"] is not None:
        found["first_byte"] = row["first_byte"] / 1e6
    found["tokens_per_second"] = _speed(found)
    return found


def _speed(found: dict[str, Any]) -> float | None:
    """Of a stream from its first byte on, of a whole answer from the request on."""
    seconds = found["duration"] - ((found["first_byte"] or 0.0) if found["stream"] else 0.0)
    told = found["outcome"] == "ok" and found["output_tokens"] > 0 and seconds > 0.0
    return round(found["output_tokens"] / seconds, 2) if told else None


async def _add(
    connection: AsyncConnection, table: Table, keys: Sequence[str], sums: Sequence[str], rows: list[Row]
) -> None:
    """Add to what is there; begin what is not."""
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = kind.insert(table)
    more = {name: table.c[name] + statement.excluded[name] for name in sums}
    await connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=more), rows)
