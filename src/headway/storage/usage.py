"""What was used, told from the roll-ups: over time, and by whom or what most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, FromClause, RowMapping, Table, and_, func, or_, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from headway.storage.rows import fit, fit_tag
from headway.storage.sums import percentile
from headway.storage.tables import COUNTED, DIMENSIONS, FIRSTS, SUMS, TAG_SUMS, TIMES, days, hours, minutes, tag_hours

Dimension = Literal["route", "target", "key", "endpoint", "outcome"]
Measure = Literal["requests", "failed", "input_tokens", "output_tokens", "cost"]
Told = dict[str, Any]
FINE = 24 * 3600
"""Seconds; what is longer is told by the hour."""
LONG = 8 * 86400
"""Seconds; of what is longer, whole days are added up instead of their hours."""
MOST_POINTS = 1500
MOST_POINTS_BY = 150
"""For each of those that a series is told by."""
MOST_ROWS = 200
_LAST_MOMENT = 9e9


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
    def length(self) -> float:
        return self.until - self.since

    def counted(self, unit: int) -> tuple[int, int]:
        """The first and the last of the minutes or hours, both among those that are meant."""
        first, last = (int(min(max(0.0, at), _LAST_MOMENT) // unit) for at in (self.since, self.until))
        return first, last

    def of(self, table: FromClause) -> list[ColumnElement[bool]]:
        """Which exchanges."""
        wanted: list[ColumnElement[bool]] = []
        for name in DIMENSIONS:
            value = getattr(self, name)
            if name == "outcome" and value == "failed":
                wanted.append(table.c.outcome != "ok")
            elif value is not None:
                wanted.append(table.c[name] == fit(name, value))
        return wanted


class Source(NamedTuple):
    """Sums that make up a span. Their `at` counts units of so many seconds."""

    table: FromClause
    unit: int
    within: ColumnElement[bool]


class UsageLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def total(self, span: Span) -> Told:
        source = await self._source(span, days_will_do=True)
        found = await self._rows(select(*_sums(source.table)).where(source.within))
        return _told(found[0])

    async def series(self, span: Span, *, step: int, by: Dimension | None = None) -> list[Told]:
        """Sums for every `step` seconds in which anything happened, oldest first; `at` is where each begins. Steps get
        longer where there would be too many; those of a long span that is told by something are days.
        """
        by_days = by is not None and span.length > LONG
        source = await self._source(span, days_will_do=by_days)
        table, unit = source.table, source.unit
        most = MOST_POINTS if by is None else MOST_POINTS_BY
        width = max(1, step // unit, int(span.length / unit / most) + 1)
        if by_days:
            width = -(-width // 24) * 24
        begins = table.c.at if width == 1 else (table.c.at - table.c.at % width).label("begins")
        groups: list[ColumnElement[Any]] = [begins] if by is None else [begins, table.c[by]]
        query = select(*groups, *_sums(table)).where(source.within).group_by(*groups).order_by(*groups)
        found = await self._rows(query)
        return [{"at": row[begins] * unit, **({} if by is None else {by: row[by]}), **_told(row)} for row in found]

    async def top(self, span: Span, by: Dimension, *, measure: Measure = "requests", most: int = 20) -> list[Told]:
        """Which of them had most of something, most first."""
        source = await self._source(span, days_will_do=True)
        table = source.table
        sums = _sums(table)
        wanted = next(each for each in sums if each.name == measure)
        query = select(table.c[by], *sums).where(source.within).group_by(table.c[by])
        query = query.order_by(wanted.desc(), table.c[by]).limit(min(max(most, 1), MOST_ROWS))
        return [{by: row[by], **_told(row)} for row in await self._rows(query)]

    async def top_tags(self, span: Span, *, measure: Measure = "requests", most: int = 20) -> list[Told]:
        """Tags are told by whole hours, and of all exchanges that have them."""
        sums = [func.sum(tag_hours.c[name]).label(name) for name in TAG_SUMS]
        wanted = next(each for each in sums if each.name == measure)
        within = tag_hours.c.at.between(*span.counted(3600))
        query = select(tag_hours.c.tag, *sums).where(within).group_by(tag_hours.c.tag)
        found = await self._rows(query.order_by(wanted.desc(), tag_hours.c.tag).limit(min(max(most, 1), MOST_ROWS)))
        return [{"tag": row["tag"], **{name: int(row[name]) for name in TAG_SUMS}} for row in found]

    async def spent(self, span: Span) -> int:
        """Micro-dollars, of all the days that the span touches."""
        within = and_(days.c.at.between(*span.counted(86400)), *span.of(days))
        return await self._cost(select(func.sum(days.c.cost)).where(within))

    async def spent_by_tag(self, tag: str, since: float, until: float) -> int:
        """The same of one tag, of all the hours."""
        first, last = Span(since=since, until=until).counted(3600)
        # Hour by hour, as the key begins with it: a range would be read with all the other tags in it.
        within = and_(tag_hours.c.at.in_(range(first, last + 1)), tag_hours.c.tag == fit_tag(tag))
        return await self._cost(select(func.sum(tag_hours.c.cost)).where(within))

    async def _cost(self, query: Any) -> int:
        async with self._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one() or 0)

    async def _source(self, span: Span, *, days_will_do: bool) -> Source:
        """Minutes for a short span, unless they have been deleted of a part of it."""
        if span.length <= FINE and not await self._minutes_are_gone(span):
            return _plain(minutes, 60, span)
        if days_will_do and span.length > LONG:
            return _with_days(span)
        return _plain(hours, 3600, span)

    async def _minutes_are_gone(self, span: Span) -> bool:
        oldest = func.coalesce(select(func.min(minutes.c.at)).scalar_subquery(), 2**31 - 1)
        gone = and_(hours.c.at >= span.counted(3600)[0], (hours.c.at + 1) * 60 <= oldest)
        return bool(await self._rows(select(hours.c.at).where(gone).limit(1)))

    async def _rows(self, query: Any) -> Sequence[RowMapping]:
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).mappings().all()


def _plain(table: Table, unit: int, span: Span) -> Source:
    return Source(table, unit, and_(table.c.at.between(*span.counted(unit)), *span.of(table)))


def _with_days(span: Span) -> Source:
    """The days that lie within as such, and the hours before and after them."""
    first, last = span.counted(3600)
    first_day, end_day = -(-first // 24), (last + 1) // 24
    rest = (*DIMENSIONS, *COUNTED)
    inner = select((days.c.at * 24).label("at"), *(days.c[name] for name in rest))
    inner = inner.where(days.c.at >= first_day, days.c.at < end_day, *span.of(days))
    edges = or_(hours.c.at.between(first, first_day * 24 - 1), hours.c.at.between(end_day * 24, last))
    outer = select(hours.c.at, *(hours.c[name] for name in rest)).where(edges, *span.of(hours))
    return Source(union_all(inner, outer).subquery(), 3600, true())


def _sums(table: FromClause) -> list[ColumnElement[Any]]:
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
