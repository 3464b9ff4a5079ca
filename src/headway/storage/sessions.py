"""Logins that last: who holds one, until when, and what they may do as their account is now."""

from __future__ import annotations

from typing import cast

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headway.storage.admin_tables import accounts, sessions
from headway.storage.audit import record
from headway.types import Caller, Role


class Session(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: Role
    expires: float
    """Unix time in seconds."""


class Sessions:
    """Each is known by the hash of what its holder shows."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, caller: Caller, digest: str, *, now: float, expires: float) -> None:
        """For `caller.name`. What has expired goes."""
        row = {"hash": digest, "name": caller.name, "created": int(now * 1e6), "expires": int(expires * 1e6)}
        async with self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires <= int(now * 1e6)))
            await connection.execute(insert(sessions).values(row))
            await record(connection, caller, "session.begin", caller.name)

    async def find(self, digest: str, *, now: float) -> Session | None:
        """None: it has ended, or its account may not come in any more."""
        wanted = (
            select(sessions.c.name, sessions.c.expires, accounts.c.role)
            .join(accounts, accounts.c.name == sessions.c.name)
            .where(sessions.c.hash == digest, sessions.c.expires > int(now * 1e6), accounts.c.enabled)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(wanted)).mappings().first()
        if row is None:
            return None
        return Session(name=row["name"], role=cast("Role", row["role"]), expires=row["expires"] / 1e6)

    async def end(self, caller: Caller, digest: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.hash == digest))
            await record(connection, caller, "session.end", caller.name)
