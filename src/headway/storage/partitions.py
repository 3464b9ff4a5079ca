"""The days of PostgreSQL: each has a partition of its own, which goes as a whole.

Making one holds up neither readers nor writers. Which days have had their time is `retention`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage.rows import first_id, moment
from headway.storage.tables import request_content, request_tags, requests

DAY = 86400
_AHEAD = 3
"""Days for which partitions are made in advance, today among them."""
LOG = (requests, request_tags)
ALL = (*LOG, request_content)
_ONE_AT_A_TIME = 7_240_116_905_114
"""PostgreSQL's advisory lock while one process changes partitions; its number means nothing."""


def day_of(at: float) -> int:
    return int(at // DAY)


def day_of_row(row_id: int) -> int:
    return day_of(moment(row_id))


def coming(now: float) -> range:
    """The days that rows will soon be of."""
    return range(day_of(now) - 1, day_of(now) + _AHEAD)


async def make(engine: AsyncEngine, days: Iterable[int], tables: Sequence[Table] = ALL) -> None:
    """What there is already stays as it is."""
    async with engine.begin() as connection:
        await _alone(connection)
        for day in days:
            for table in tables:
                await _make(connection, table, day)


async def drop(engine: AsyncEngine, day: int, tables: Sequence[Table] = ALL) -> None:
    """In transactions of their own: readers of other days never wait for long."""
    for table in tables:
        async with engine.begin() as connection:
            await _alone(connection)
            await connection.execute(text(f"DROP TABLE IF EXISTS {_name(table, day)}"))


async def found(engine: AsyncEngine, tables: Sequence[Table] = ALL) -> list[tuple[int, int]]:
    """The days that there are partitions of, oldest first, and their sizes in bytes."""
    parents = ", ".join(f"'{table.name}'::regclass" for table in tables)
    query = text(
        "SELECT right(c.relname, 8), sum(pg_total_relation_size(c.oid)) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid"
        f" WHERE i.inhparent IN ({parents}) GROUP BY 1 ORDER BY 1"
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    return [
        (day_of(datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC).timestamp()), int(size)) for date, size in rows
    ]


async def _alone(connection: AsyncConnection) -> None:
    await connection.execute(text("SET LOCAL lock_timeout = '3s'"))
    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))


async def _make(connection: AsyncConnection, table: Table, day: int) -> None:
    """CREATE ... PARTITION OF would wait for every reader of the table, and have all others wait for it; ATTACH does
    not.
    """
    name = _name(table, day)
    if (await connection.execute(text(f"SELECT to_regclass('{name}')"))).scalar() is not None:
        return
    first, end = first_id(day * DAY), first_id((day + 1) * DAY)
    await connection.execute(text(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL)"))
    await connection.execute(
        text(f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})")
    )


def _name(table: Table, day: int) -> str:
    return f"{table.name}_{datetime.fromtimestamp(day * DAY, UTC):%Y%m%d}"
