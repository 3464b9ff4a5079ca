"""What is kept for how long, and how the rest goes.

PostgreSQL keeps each day in a partition of its own, which goes as a whole; SQLite deletes the oldest rows in small
portions, so that nobody waits long for it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage.rows import first_id, moment
from headway.storage.tables import hours, minutes, request_tags, requests, tag_hours
from headway.types import Kept

_DAY = 86400
_AHEAD = 3
"""Days for which partitions are made in advance."""
_PORTION = 5000
"""Rows that SQLite deletes at once."""
_TO_SHRINK = 0.9
"""Of the size that is allowed, when it is exceeded."""
_PARTITIONED = (requests, request_tags)


async def make_partitions(engine: AsyncEngine, now: float) -> None:
    """For yesterday, today and the days to come; nothing where there are no partitions."""
    if engine.dialect.name != "postgresql":
        return
    async with engine.begin() as connection:
        for day in range(int(now // _DAY) - 1, int(now // _DAY) + _AHEAD):
            for table in _PARTITIONED:
                await _make_partition(connection, table, day)


async def _make_partition(connection: AsyncConnection, table: Table, day: int) -> None:
    name, first, end = f"{table.name}_{_date(day)}", first_id(day * _DAY), first_id((day + 1) * _DAY)
    await connection.execute(
        text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table.name} FOR VALUES FROM ({first}) TO ({end})")
    )


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY, UTC).strftime("%Y%m%d")


async def forget(engine: AsyncEngine, kept: Kept, now: float) -> int:
    """Delete what is too old, and the oldest of what is too large. How many rows or partitions went."""
    gone = 0
    for table, unit, age in ((minutes, 60, kept.minutes), (hours, 3600, kept.hours), (tag_hours, 3600, kept.hours)):
        async with engine.begin() as connection:
            gone += (await connection.execute(delete(table).where(table.c.at < int((now - age) // unit)))).rowcount
    if engine.dialect.name == "postgresql":
        return gone + await _drop_partitions(engine, kept, now)
    gone += await _delete_before(engine, first_id(now - kept.age))
    return gone + await _shrink_file(engine, kept.size)


# --- PostgreSQL ---


async def _drop_partitions(engine: AsyncEngine, kept: Kept, now: float) -> int:
    gone = 0
    async with engine.connect() as connection:
        days = await _days(connection)
    oldest = int((now - kept.age) // _DAY)
    total = sum(size for _, size in days)
    for day, size in days:
        if day >= oldest and (total <= kept.size or day >= int(now // _DAY)):
            break
        await _drop_day(engine, day)
        total -= size
        gone += 1
    return gone


async def _drop_day(engine: AsyncEngine, day: int) -> None:
    """Each in a transaction of its own: readers of other days never wait."""
    for table in _PARTITIONED:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '3s'"))
            await connection.execute(text(f"DROP TABLE IF EXISTS {table.name}_{_date(day)}"))


async def _days(connection: AsyncConnection) -> list[tuple[int, int]]:
    """The days that there are partitions of, oldest first, and their sizes in bytes."""
    query = text(
        "SELECT right(c.relname, 8), sum(pg_total_relation_size(c.oid)) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent"
        " WHERE p.relname IN ('requests', 'request_tags') GROUP BY 1 ORDER BY 1"
    )
    found: list[tuple[int, int]] = []
    for date, size in (await connection.execute(query)).all():
        begins = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC)
        found.append((int(begins.timestamp() // _DAY), int(size)))
    return found


# --- SQLite ---


async def _delete_before(engine: AsyncEngine, before: int) -> int:
    gone = 0
    while True:
        async with engine.begin() as connection:
            oldest = select(requests.c.id).where(requests.c.id < before).order_by(requests.c.id).limit(_PORTION)
            last = (await connection.execute(select(func.max(oldest.subquery().c.id)))).scalar()
            if last is None:
                return gone
            await connection.execute(delete(request_tags).where(request_tags.c.id <= last))
            gone += (await connection.execute(delete(requests).where(requests.c.id <= last))).rowcount


async def _shrink_file(engine: AsyncEngine, most: int) -> int:
    """Pages that are free are used again, so that the file grows no more; it does not get smaller."""
    gone = 0
    while await _used(engine) > most:
        wanted = most * _TO_SHRINK
        async with engine.connect() as connection:
            oldest, newest = (await connection.execute(select(func.min(requests.c.id), func.max(requests.c.id)))).one()
        if oldest is None or oldest == newest:
            return gone
        part = 1.0 - wanted / await _used(engine)
        until = moment(oldest) + (moment(newest) - moment(oldest)) * min(max(part, 0.01), 0.5)
        gone += await _delete_before(engine, first_id(until))
    return gone


async def _used(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        pages, free, size = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        ]
    return (pages - free) * size
