"""Tokens that people make for tools: what each may do, until when, and who made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from headway.storage.admin_tables import accounts, api_tokens
from headway.storage.audit import record
from headway.types import Caller, Permission, Role

MOST_LISTED = 1000
_USED_EVERY = 60.0
"""Seconds: how exactly it is known when a token was last used."""


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """Times are Unix time in seconds."""

    id: str
    name: str
    scopes: frozenset[Permission]
    author: str
    created: float
    expires: float | None
    used: float | None
    revoked: bool

    @property
    def shown(self) -> dict[str, object]:
        """For the audit log."""
        return {"name": self.name, "author": self.author, "scopes": sorted(self.scopes), "expires": self.expires}


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A token that somebody shows, and what its author may do just now. `role` None: there is no such account, or it is
    disabled.
    """

    token: ApiToken
    role: Role | None


class ApiTokens:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def make(self, caller: Caller, token: ApiToken, digest: str) -> None:
        row = {
            "id": token.id,
            "name": token.name,
            "hash": digest,
            "scopes": " ".join(sorted(token.scopes)),
            "author": token.author,
            "created": int(token.created * 1e6),
            "expires": None if token.expires is None else int(token.expires * 1e6),
            "revoked": False,
        }
        async with self._engine.begin() as connection:
            await connection.execute(insert(api_tokens).values(row))
            await record(connection, caller, "token.make", token.id, after=token.shown)

    async def find(self, digest: str, *, now: float) -> Presented | None:
        """None: nobody made it, it was revoked, or its time is over."""
        wanted = (
            select(api_tokens, accounts.c.role, accounts.c.enabled)
            .join(accounts, accounts.c.name == api_tokens.c.author, isouter=True)
            .where(api_tokens.c.hash == digest, ~api_tokens.c.revoked)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(wanted)).mappings().first()
        if row is None:
            return None
        token = _token(row)
        if token.expires is not None and token.expires <= now:
            return None
        await self._note_use(token, now)
        return Presented(token=token, role=cast("Role", row["role"]) if row["enabled"] else None)

    async def of(self, author: str | None) -> list[ApiToken]:
        """Newest first; None: of everybody. Revoked ones are gone."""
        wanted = select(api_tokens).where(~api_tokens.c.revoked).order_by(api_tokens.c.created.desc())
        if author is not None:
            wanted = wanted.where(api_tokens.c.author == author)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted.limit(MOST_LISTED))).mappings().all()
        return [_token(row) for row in rows]

    async def revoke(self, caller: Caller, number: str, *, author: str | None) -> bool:
        """False: there is none, or it is not the author's."""
        wanted = (api_tokens.c.id == number) & ~api_tokens.c.revoked
        if author is not None:
            wanted &= api_tokens.c.author == author
        async with self._engine.begin() as connection:
            row = (await connection.execute(select(api_tokens).where(wanted))).mappings().first()
            if row is None:
                return False
            await connection.execute(update(api_tokens).where(api_tokens.c.id == number).values(revoked=True))
            await record(connection, caller, "token.revoke", number, before=_token(row).shown)
        return True

    async def _note_use(self, token: ApiToken, now: float) -> None:
        if token.used is not None and now - token.used < _USED_EVERY:
            return
        async with self._engine.begin() as connection:
            used = update(api_tokens).where(api_tokens.c.id == token.id).values(used=int(now * 1e6))
            await connection.execute(used)


def _token(row: Mapping[Any, Any]) -> ApiToken:
    return ApiToken(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(cast("list[Permission]", row["scopes"].split())),
        author=row["author"],
        created=row["created"] / 1e6,
        expires=None if row["expires"] is None else row["expires"] / 1e6,
        used=None if row["used"] is None else row["used"] / 1e6,
        revoked=row["revoked"],
    )
