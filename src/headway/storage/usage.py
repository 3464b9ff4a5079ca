"""What was used, told from the roll-ups: over time, and by whom or what most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headway.storage.rows import fit
from headway.storage.sums import percentile
from headway.storage.tables import COUNTED, DIMENSIONS, FIRSTS, SUMS, TAG_SUMS, TIMES, hours, minutes, tag_hours

Dimension = Literal["route", "target", "key", "endpoint", "outcome"]
Measure = Literal["requests", "failed", "input_tokens", "output_tokens", "cost"]
Told = dict[str, Any]
FINE = 24 * 3600
"""Seconds; what is longer is told by the hour."""
_LAST_MOMENT = 9e9
MOST_POINTS = 1500
MOST_ROWS = 200


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when (Unix time in seconds), of which exchanges."""

    since: float
    until: float
    route: str | None = None
    target: str | None = None
    key: str | None = None
    endpoint: str | None = None
    outcome: str | None = None

    @property
    def fine(self) -> bool:
        return self.until - self.since <= FINE

    def within(self, table: Table) -> ColumnElement[bool]:
        unit = 60 if table is minutes else 3600
        wanted = [table.c.at >= _count(self.since, unit), table.c.at <= _count(self.until, unit)]
        for name in DIMENSIONS:
            value = getattr(self, name)
            if name == "outcome" and value == "failed":
                wanted.append(table.c.outcome != "ok")
            elif value is not None:
                wanted.append(table.c[name] == fit(name, value))
        return and_(*wanted)


class UsageLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def total(self, span: Span) -> dict[str, Any]:
        table = await self._table(span)
        found = await self._rows(select(*_sums(table)).where(span.within(table)))
        return _told(found[0])

    async def series(self, span: Span, *, step: int, by: Dimension | None = None) -> list[Told]:
        """Sums for every `step` seconds in which anything happened, oldest first; `at` is where each begins."""
        table = await self._table(span)
        unit = 60 if table is minutes else 3600
        width = max(1, step // unit, int((span.until - span.since) / unit / MOST_POINTS) + 1)
        begins = (table.c.at - table.c.at % width).label("begins")
        groups: list[ColumnElement[Any]] = [begins] if by is None else [begins, table.c[by]]
        query = select(*groups, *_sums(table)).where(span.within(table)).group_by(*groups).order_by(*groups)
        found = await self._rows(query)
        return [{"at": row["begins"] * unit, **({} if by is None else {by: row[by]}), **_told(row)} for row in found]

    async def top(self, span: Span, by: Dimension, *, measure: Measure = "requests", most: int = 20) -> list[Told]:
        """Which of them had most of something, most first."""
        table = await self._table(span)
        sums = _sums(table)
        wanted = next(each for each in sums if each.name == measure)
        query = select(table.c[by], *sums).where(span.within(table)).group_by(table.c[by])
        query = query.order_by(wanted.desc(), table.c[by]).limit(min(max(most, 1), MOST_ROWS))
        return [{by: row[by], **_told(row)} for row in await self._rows(query)]

    async def top_tags(self, span: Span, *, measure: Measure = "requests", most: int = 20) -> list[Told]:
        """Tags are told by whole hours, and of all exchanges that have them."""
        sums = [func.sum(tag_hours.c[name]).label(name) for name in TAG_SUMS]
        wanted = next(each for each in sums if each.name == measure)
        within = tag_hours.c.at.between(_count(span.since, 3600), _count(span.until, 3600))
        query = select(tag_hours.c.tag, *sums).where(within).group_by(tag_hours.c.tag)
        found = await self._rows(query.order_by(wanted.desc(), tag_hours.c.tag).limit(min(max(most, 1), MOST_ROWS)))
        return [{"tag": row["tag"], **{name: int(row[name]) for name in TAG_SUMS}} for row in found]

    async def _table(self, span: Span) -> Table:
        """Minutes for a short span, unless they have been deleted of a part of it."""
        if not span.fine:
            return hours
        oldest = func.coalesce(select(func.min(minutes.c.at)).scalar_subquery(), 2**31 - 1)
        gone = and_(hours.c.at >= _count(span.since, 3600), (hours.c.at + 1) * 60 <= oldest)
        return hours if await self._rows(select(hours.c.at).where(gone).limit(1)) else minutes

    async def _rows(self, query: Any) -> Sequence[RowMapping]:
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).mappings().all()


def _count(at: float, unit: int) -> int:
    """Minutes or hours of Unix time."""
    return int(min(max(0.0, at), _LAST_MOMENT) // unit)


def _sums(table: Table) -> list[ColumnElement[Any]]:
    failed = func.coalesce(func.sum(table.c.requests).filter(table.c.outcome != "ok"), 0).label("failed")
    return [failed, *(func.sum(table.c[name]).label(name) for name in COUNTED)]


def _told(row: RowMapping) -> dict[str, Any]:
    """Sums as people read them. Latencies are of all requests, times to the first byte of streams; None: there were
    none.
    """
    found: dict[str, Any] = {name: int(row[name] or 0) for name in ("failed", *SUMS)}
    total = found.pop("microseconds")
    found["mean_seconds"] = total / 1e6 / found["requests"] if found["requests"] else None
    for name, columns in (("latency", TIMES), ("first_byte", FIRSTS)):
        counts = [int(row[column] or 0) for column in columns]
        found[name] = {f"p{part}": percentile(counts, part / 100) for part in (50, 90, 95, 99)}
    return found
