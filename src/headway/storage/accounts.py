"""Accounts, and what must not happen to them: a name taken twice, or the last administrator lost.

Passwords come as hashes; how they are made and compared is for others to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headway.storage.admin_tables import accounts, api_tokens, sessions
from headway.storage.audit import record
from headway.storage.exclusive import exclusive
from headway.types import Caller, Role, Secret

SIGNED_ON = "oidc:"
"""How the names of those begin who come by single sign-on. No other account's name may have a colon."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Times are Unix time in seconds."""

    name: str
    role: Role
    digest: Secret
    """Of its password; empty: it has none."""
    enabled: bool
    created: float
    changed: float

    @property
    def shown(self) -> dict[str, object]:
        """For the audit log."""
        return {"role": self.role, "enabled": self.enabled}


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be otherwise. None: as it was."""

    role: Role | None = None
    enabled: bool | None = None
    digest: Secret | None = None


class AccountError(Exception):
    """Why an account cannot be changed so."""

    def __init__(
        self, kind: Literal["exists", "missing", "last_admin", "not_first", "signed_on"], message: str
    ) -> None:
        super().__init__(message)
        self.kind = kind


class Accounts:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def exist(self) -> bool:
        async with self.engine.connect() as connection:
            return await _exist(connection)

    async def all(self) -> list[Account]:
        async with self.engine.connect() as connection:
            rows = (await connection.execute(select(accounts).order_by(accounts.c.name))).mappings().all()
        return [_account(row) for row in rows]

    async def one(self, name: str) -> Account | None:
        async with self.engine.connect() as connection:
            return await _found(connection, name)

    async def add(
        self, caller: Caller, name: str, role: Role, digest: Secret, *, now: float, first: bool = False
    ) -> Account:
        """`first`: only if there is none yet."""
        made = Account(name=name, role=role, digest=digest, enabled=True, created=now, changed=now)
        async with exclusive(self.engine, accounts) as connection:
            if first and await _exist(connection):
                raise AccountError("not_first", "there are accounts already; an administrator can make another")
            if await _found(connection, name) is not None:
                raise AccountError("exists", f"there is an account {name!r} already")
            await connection.execute(insert(accounts).values(_row(made)))
            await record(connection, caller, "account.add", name, after=made.shown)
        return made

    async def change(self, caller: Caller, name: str, change: AccountChange, *, now: float) -> Account:
        """Ends the account's sessions."""
        async with exclusive(self.engine, accounts) as connection:
            before = await _existing(connection, name)
            if name.startswith(SIGNED_ON) and (change.role is not None or change.digest is not None):
                raise AccountError(
                    "signed_on", "role and password of this account are its identity provider's business"
                )
            after = msgspec.structs.replace(
                before,
                role=change.role or before.role,
                enabled=before.enabled if change.enabled is None else change.enabled,
                digest=change.digest or before.digest,
                changed=now,
            )
            if not (after.enabled and after.role == "admin"):
                await _keep_an_admin(connection, before)
            await connection.execute(update(accounts).where(accounts.c.name == name).values(_row(after)))
            await connection.execute(delete(sessions).where(sessions.c.name == name))
            told = after.shown | ({"password": "changed"} if change.digest is not None else {})
            await record(connection, caller, "account.change", name, before=before.shown, after=told)
        return after

    async def remove(self, caller: Caller, name: str) -> None:
        """With its sessions and tokens: another account of this name must not come by them."""
        async with exclusive(self.engine, accounts) as connection:
            before = await _existing(connection, name)
            await _keep_an_admin(connection, before)
            await connection.execute(delete(accounts).where(accounts.c.name == name))
            await connection.execute(delete(sessions).where(sessions.c.name == name))
            await connection.execute(update(api_tokens).where(api_tokens.c.author == name).values(revoked=True))
            await record(connection, caller, "account.remove", name, before=before.shown)

    async def signed_on(self, caller: Caller, name: str, role: Role, *, now: float) -> Account:
        """What the identity provider says now of somebody. Whoever was disabled stays so."""
        async with exclusive(self.engine, accounts) as connection:
            before = await _found(connection, name)
            if before is not None and before.role == role:
                return before
            if before is None:
                after = Account(name=name, role=role, digest=Secret(""), enabled=True, created=now, changed=now)
                await connection.execute(insert(accounts).values(_row(after)))
            else:
                after = msgspec.structs.replace(before, role=role, changed=now)
                await connection.execute(update(accounts).where(accounts.c.name == name).values(_row(after)))
            action, shown = ("account.add", None) if before is None else ("account.change", before.shown)
            await record(connection, caller, action, name, before=shown, after=after.shown)
        return after

    async def rehash(self, name: str, old: Secret, new: Secret) -> None:
        """The same password, hashed as it is done nowadays."""
        same = (accounts.c.name == name) & (accounts.c.password == old.reveal())
        async with self.engine.begin() as connection:
            await connection.execute(update(accounts).where(same).values(password=new.reveal()))


async def _exist(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(accounts.c.name).limit(1))).first() is not None


async def _found(connection: AsyncConnection, name: str) -> Account | None:
    row = (await connection.execute(select(accounts).where(accounts.c.name == name))).mappings().first()
    return None if row is None else _account(row)


async def _existing(connection: AsyncConnection, name: str) -> Account:
    found = await _found(connection, name)
    if found is None:
        raise AccountError("missing", f"there is no account {name!r}")
    return found


async def _keep_an_admin(connection: AsyncConnection, lost: Account) -> None:
    """Raises if it is the last that can log in by itself and may do everything."""
    if not (lost.enabled and lost.role == "admin" and lost.digest.reveal()):
        return
    can: ColumnElement[bool] = accounts.c.enabled & (accounts.c.role == "admin") & (accounts.c.password != "")
    others = select(func.count()).select_from(accounts).where(can & (accounts.c.name != lost.name))
    if not (await connection.execute(others)).scalar_one():
        raise AccountError("last_admin", f"{lost.name!r} is the last administrator; make another one first")


def _account(row: Mapping[Any, Any]) -> Account:
    return Account(
        name=row["name"],
        role=cast("Role", row["role"]),
        digest=Secret(row["password"]),
        enabled=row["enabled"],
        created=row["created"] / 1e6,
        changed=row["changed"] / 1e6,
    )


def _row(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role,
        "password": account.digest.reveal(),
        "enabled": account.enabled,
        "created": int(account.created * 1e6),
        "changed": int(account.changed * 1e6),
    }
