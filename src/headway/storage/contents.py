"""Messages and replies in their database: masked before they are written, and read again by request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage import partitions
from headway.storage.masking import Bounded, Masks, TooSlowError
from headway.storage.rows import Row, first_id, fit, moment
from headway.storage.tables import request_content
from headway.storage.texts import masked
from headway.types import Content

LONGEST = 0.25
"""Seconds that masking one exchange may take. What takes longer is not kept."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one exchange. None: nothing of that side. `at` is Unix time in seconds."""

    request_id: str
    at: float
    request: str | None
    reply: str | None
    request_cut: bool
    """It was longer than what is kept."""
    reply_cut: bool


def content_row(content: Content, masks: Masks, cap: int) -> Row | None:
    """What is written of it; None if masking takes too long or cannot
    be done. At most `cap` bytes of each side."""
    try:
        with Bounded(LONGEST):
            request, request_cut = (None, False) if content.request is None else masked(content.request, masks, cap)
            reply, reply_cut = (None, False) if content.reply is None else masked(content.reply, masks, cap)
    except (TooSlowError, RecursionError, OverflowError, ValueError, msgspec.MsgspecError):
        return None
    return {
        "request_id": fit("request_id", content.request_id),
        "id": first_id(content.at),
        "request": request,
        "reply": reply,
        "request_cut": request_cut,
        "reply_cut": reply_cut,
    }


class Contents:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._days: set[int] = set()
        """Of PostgreSQL: they have partitions."""

    async def store(self, rows: Sequence[Row]) -> None:
        """All or none of them. What is stored already is not stored twice."""
        try:
            await self._store(rows)
        except IntegrityError:  # a partition has gone
            self._days.clear()
            await self._store(rows)

    async def one(self, connection: AsyncConnection, request_id: str) -> Kept | None:
        query = (
            select(request_content)
            .where(request_content.c.request_id == fit("request_id", request_id))
            .order_by(request_content.c.id.desc())
            .limit(1)
        )
        found = (await connection.execute(query)).mappings().first()
        if found is None:
            return None
        told = dict(found)
        return Kept(at=moment(told.pop("id")), **told)

    async def _store(self, rows: Sequence[Row]) -> None:
        kind = sqlite
        if self._engine.dialect.name == "postgresql":
            kind = postgresql
            missing = {partitions.day_of_row(int(str(row["id"]))) for row in rows} - self._days
            if missing:
                await partitions.make(self._engine, sorted(missing), [request_content])
                self._days |= missing
        async with self._engine.begin() as connection:
            await connection.execute(kind.insert(request_content).on_conflict_do_nothing(), list(rows))
