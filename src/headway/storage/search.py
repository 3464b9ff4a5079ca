"""Where in the log to look for some exchanges.

Two filters that each fit many exchanges may have next to none in common, and no index knows. The sums by the hour do:
they tell in which hours there is anything, so that only those are looked through. What filters mean for single rows is
`request_log`'s business.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterable

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from headway.storage.rows import LAST_ID, first_id, fit, moment
from headway.storage.tables import BOUNDS, TIMES, hours

_HOUR = 3600
_FIRST_LOOK, _LONGEST_LOOK = 24, 24 * 32
"""Hours of sums that are read at once: few first, since most pages are full soon."""
_FOUND_BY_INDEX = ("request_id", "session", "tag")
"""Filters that fit few exchanges, whatever else is asked for."""
_ALONE = ("route", "target", "key")
"""Filters that have an index which finds their exchanges newest first, if nothing else is asked for."""


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


async def spans(connection: AsyncConnection, filters: Filters, before: int | None) -> AsyncGenerator[tuple[int, int]]:
    """Ranges of ids, newest first, outside of which there is nothing: from the first number to less than the second."""
    first = 0 if filters.since is None else first_id(filters.since)
    end = min(LAST_ID if before is None else before, LAST_ID if filters.until is None else first_id(filters.until))
    wanted = _of_sums(filters)
    if not _needs_sums(filters) or not wanted:
        yield first, end
        return
    known = (await connection.execute(select(func.min(hours.c.at), func.max(hours.c.at)))).one()
    oldest, newest = (0, -1) if known[0] is None else known
    upper, look = min(newest, _hour_of(end - 1)) + 1, _FIRST_LOOK
    lowest = max(oldest, _hour_of(first))
    while upper > lowest:
        lower = max(upper - look, lowest)
        query = select(hours.c.at).distinct().where(hours.c.at >= lower, hours.c.at < upper, *wanted)
        found = (await connection.execute(query.order_by(hours.c.at.desc()))).scalars().all()
        for begins, ends in _runs(found):
            yield max(first, first_id(begins * _HOUR)), min(end, first_id(ends * _HOUR))
        upper, look = lower, min(look * 2, _LONGEST_LOOK)
    if first < (rest := min(end, first_id(oldest * _HOUR))):
        yield first, rest  # of before there were sums, or their time has come before that of the exchanges


def _hour_of(row_id: int) -> int:
    return int(moment(row_id) // _HOUR)


def _runs(found: Iterable[int]) -> list[tuple[int, int]]:
    """Hours, latest first, as stretches: the first hour, and the one after the last."""
    runs: list[tuple[int, int]] = []
    for hour in found:
        if runs and runs[-1][0] == hour + 1:
            runs[-1] = (hour, runs[-1][1])
        else:
            runs.append((hour, hour + 1))
    return runs


def _needs_sums(filters: Filters) -> bool:
    given = {name for name in filters.__struct_fields__ if getattr(filters, name) is not None} - {"since", "until"}
    if not given or not given.isdisjoint(_FOUND_BY_INDEX):
        return False
    return len(given) > 1 or given.isdisjoint(_ALONE)


def _of_sums(filters: Filters) -> list[ColumnElement[bool]]:
    """What holds of sums that may have such exchanges among them."""
    found: list[ColumnElement[bool]] = []
    for name in ("route", "target", "key", "endpoint"):
        value = getattr(filters, name)
        if value is not None:
            found.append(hours.c[name] == fit(name, value))
    if filters.provider is not None:
        found.append(_of_provider(fit("provider", filters.provider)))
    if filters.outcome == "failed" or (filters.status is not None and filters.status >= 400):
        found.append(hours.c.outcome != "ok")
    elif filters.outcome is not None:
        found.append(hours.c.outcome == fit("outcome", filters.outcome))
    if filters.slower is not None:
        found.append(or_(*(hours.c[name] > 0 for name in TIMES[bisect_right(BOUNDS, filters.slower) :])))
    if filters.stream is not None:
        found.append(hours.c.streams > 0 if filters.stream else hours.c.requests > hours.c.streams)
    return found


def _of_provider(provider: str) -> ColumnElement[bool]:
    """Targets are `provider/model`."""
    if not provider:
        return hours.c.target == ""
    return or_(hours.c.target == provider, func.substr(hours.c.target, 1, len(provider) + 1) == provider + "/")
