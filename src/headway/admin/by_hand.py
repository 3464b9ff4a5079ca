"""Accounts straight in the database, for whoever has lost the way in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from headway.admin.access_shapes import AccountName
from headway.admin.passwords import Passwords, fault_of
from headway.storage.accounts import Account, AccountChange, AccountError, Accounts
from headway.storage.database import BROKEN, BadUrlError, Database
from headway.storage.migrations import migrate
from headway.types import Caller, Role, Secret

Result = TypeVar("Result")
_CALLER = Caller(name="(command line)", proof="open", permissions=frozenset())


class ByHand:
    """What cannot be done raises ValueError that says why."""

    def __init__(self, url: str) -> None:
        self._url = url

    def all(self) -> list[Account]:
        return self._do(lambda accounts: accounts.all())

    def add(self, name: str, role: Role, password: str) -> Account:
        name = _checked(name)
        digest = _hashed(name, password)
        return self._do(lambda accounts: accounts.add(_CALLER, name, role, digest, now=time.time()))

    def change_password(self, name: str, password: str) -> Account:
        """Enables it, too."""
        change = AccountChange(enabled=True, digest=_hashed(name.lower(), password))
        return self._do(lambda accounts: accounts.change(_CALLER, name.lower(), change, now=time.time()))

    def remove(self, name: str) -> None:
        self._do(lambda accounts: accounts.remove(_CALLER, name.lower()))

    def _do(self, work: Callable[[Accounts], Awaitable[Result]]) -> Result:
        return asyncio.run(self._done(work))

    async def _done(self, work: Callable[[Accounts], Awaitable[Result]]) -> Result:
        try:
            database = Database(self._url)
        except BadUrlError as error:
            raise ValueError(f"storage.url {error}") from None
        try:
            await migrate(database.engine)
            return await work(Accounts(database.engine))
        except AccountError as error:
            raise ValueError(str(error)) from None
        except BROKEN as error:
            raise ValueError(database.explain(error)) from None
        finally:
            await database.close()


def _checked(name: str) -> str:
    try:
        return TypeAdapter(AccountName).validate_python(name)
    except ValidationError:
        raise ValueError(
            "a name is at most 120 letters, digits, dots, dashes, underscores and @, a letter or digit first, "
            "and neither 'token' nor 'anybody'"
        ) from None


def _hashed(name: str, password: str) -> Secret:
    fault = fault_of(password, name)
    if fault is not None:
        raise ValueError(fault)
    passwords = Passwords()
    try:
        return passwords.hash_now(password)
    finally:
        passwords.close()
