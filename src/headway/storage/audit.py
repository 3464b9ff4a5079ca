"""Who changed what, when, from where, and how it was before and after."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage.admin_tables import audit
from headway.storage.rows import cut
from headway.types import Caller

MOST_ON_A_PAGE = 500


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `at` is Unix time in seconds; `before` and `after` are None where there was or is nothing."""

    id: int
    at: float
    who: str
    proof: str
    address: str | None
    action: str
    subject: str
    before: Any
    after: Any


async def record(
    connection: AsyncConnection, caller: Caller, action: str, subject: str, *, before: Any = None, after: Any = None
) -> None:
    """In the transaction of the change itself, so that there is none without the other. `action` is `noun.verb`.
    Whoever calls has masked every secret in `before` and `after`.
    """
    entry = {
        "at": int(time.time() * 1e6),
        "who": cut(caller.name, 128),
        "proof": caller.proof,
        "address": None if caller.address is None else cut(caller.address, 64),
        "action": action,
        "subject": cut(subject, 256),
        "before": _text(before),
        "after": _text(after),
    }
    await connection.execute(insert(audit).values(entry))


class AuditLog:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, *, most: int, before: int | None = None, who: str | None = None, action: str | None = None
    ) -> list[Entry]:
        """Newest first; those before the entry with the number `before`."""
        wanted = select(audit).order_by(audit.c.id.desc()).limit(most)
        if before is not None:
            wanted = wanted.where(audit.c.id < before)
        if who is not None:
            wanted = wanted.where(audit.c.who == who)
        if action is not None:
            wanted = wanted.where(audit.c.action == action)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted)).mappings().all()
        return [
            Entry(**{**row, "at": row["at"] / 1e6, "before": _value(row["before"]), "after": _value(row["after"])})
            for row in rows
        ]


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _value(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
