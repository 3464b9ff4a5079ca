"""What is kept for how long, and how the rest goes.

PostgreSQL drops whole days, today never; SQLite deletes the oldest rows in small portions, so that nobody waits long
for it.
"""

from __future__ import annotations

from sqlalchemy import Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from headway.storage import partitions
from headway.storage.rows import first_id, moment
from headway.storage.tables import days, hours, minutes, request_content, requests, tag_hours
from headway.types import Kept

_PORTION = 5000
"""Rows that SQLite deletes at once."""
_TO_SHRINK = 0.9
"""Of the size that is allowed, when it is exceeded."""
_ROW_OF_SUMS = 350
"""Bytes in SQLite, about."""


async def prepare(engine: AsyncEngine, now: float) -> None:
    """Make room for the rows to come."""
    if engine.dialect.name == "postgresql":
        await partitions.make(engine, partitions.coming(now))


async def forget(engine: AsyncEngine, kept: Kept, now: float) -> int:
    """Delete what is too old, and the oldest of what is too large. How many rows or days went."""
    gone = 0
    for table, unit, age in (
        (minutes, 60, kept.minutes),
        (hours, 3600, kept.hours),
        (tag_hours, 3600, kept.hours),
        (days, 86400, kept.hours),
    ):
        async with engine.begin() as connection:
            gone += (await connection.execute(delete(table).where(table.c.at < int((now - age) // unit)))).rowcount
    if engine.dialect.name == "postgresql":
        return gone + await _drop_content(engine, kept, now) + await _drop_days(engine, kept, now)
    gone += await _delete_portions(engine, request_content, first_id(now - min(kept.content, kept.age)))
    gone += await _delete_before(engine, first_id(now - kept.age))
    return gone + await _shrink_file(engine, kept.size)


async def _drop_content(engine: AsyncEngine, kept: Kept, now: float) -> int:
    oldest = partitions.day_of(now - kept.content)
    old = [day for day, _ in await partitions.found(engine, [request_content]) if day < oldest]
    for day in old:
        await partitions.drop(engine, day, [request_content])
    return len(old)


async def _drop_days(engine: AsyncEngine, kept: Kept, now: float) -> int:
    gone = 0
    found = await partitions.found(engine)
    oldest, today = partitions.day_of(now - kept.age), partitions.day_of(now)
    total = sum(size for _, size in found)
    for day, size in found:
        if day >= oldest and (total <= kept.size or day >= today):
            break
        await partitions.drop(engine, day)
        total -= size
        gone += 1
    return gone


# --- SQLite ---


async def _delete_before(engine: AsyncEngine, before: int) -> int:
    """Of requests, with all that belongs to them."""
    gone = await _delete_portions(engine, requests, before)
    await _delete_portions(engine, request_content, before)
    await _delete_tags_before(engine, before)
    return gone


async def _delete_portions(engine: AsyncEngine, table: Table, before: int) -> int:
    gone = 0
    while True:
        oldest = select(table.c.id).where(table.c.id < before).order_by(table.c.id).limit(_PORTION)
        async with engine.begin() as connection:
            portion = (await connection.execute(delete(table).where(table.c.id.in_(oldest)))).rowcount
        gone += portion
        if portion < _PORTION:
            return gone


async def _delete_tags_before(engine: AsyncEngine, before: int) -> None:
    """In the order in which they were written, which is nearly that of time: there is no index by time alone. Where a
    whole portion is to stay, so is what comes after it.
    """
    portion = text(
        "SELECT max(rowid) FROM"
        f" (SELECT rowid FROM request_tags WHERE rowid > :done ORDER BY rowid LIMIT {_PORTION}) AS portion"
    )
    statement = text("DELETE FROM request_tags WHERE rowid > :done AND rowid <= :last AND id < :before")
    done = -1
    while True:
        async with engine.begin() as connection:
            last = (await connection.execute(portion, {"done": done})).scalar_one()
            if last is None:
                return
            if not (await connection.execute(statement, {"done": done, "last": last, "before": before})).rowcount:
                return
        done = last


async def _shrink_file(engine: AsyncEngine, most: int) -> int:
    """Pages that are free are used again, so that the file grows no more; it does not get smaller."""
    gone = 0
    while (used := await _used(engine)) > most:
        async with engine.connect() as connection:
            oldest, newest = (await connection.execute(select(func.min(requests.c.id), func.max(requests.c.id)))).one()
        if oldest is None or oldest == newest:
            return gone
        part = 1.0 - most * _TO_SHRINK / used
        until = moment(oldest) + (moment(newest) - moment(oldest)) * min(max(part, 0.01), 0.5)
        gone += await _delete_before(engine, max(first_id(until), oldest + 1))
    return gone


async def _used(engine: AsyncEngine) -> int:
    """Bytes, but for the sums."""
    async with engine.connect() as connection:
        pages, free, size = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        ]
        sums = 0
        for table in (minutes, hours, tag_hours, days):
            sums += (await connection.execute(select(func.count()).select_from(table))).scalar_one()
    return (pages - free) * size - sums * _ROW_OF_SUMS
