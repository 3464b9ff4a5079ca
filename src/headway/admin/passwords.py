"""Which passwords may be chosen, how they are kept, and how one is checked without telling whether its account exists.

One is hashed at a time, in a thread: each takes 64 MiB and a good part of a second, and requests to models go on.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from headway.types import Secret

Result = TypeVar("Result")
SHORTEST, LONGEST = 12, 256
"""Characters of a new one."""
MOST_WAITING = 8
"""Passwords that wait to be hashed; more logins than that are told to come again."""


class Cost(NamedTuple):
    """argon2id's; RFC 9106 §4, second choice, on one lane."""

    time: int = 3
    memory: int = 64 * 1024
    """KiB."""


class Checked(NamedTuple):
    right: bool
    again: Secret | None
    """Its hash as it is made nowadays, where the one that is kept is not."""


class Passwords:
    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(time_cost=cost.time, memory_cost=cost.memory, parallelism=1)
        self._nobodys = _nobodys(cost)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0

    @property
    def busy(self) -> bool:
        return self._waiting >= MOST_WAITING

    async def hash(self, password: str) -> Secret:
        return await self._away(self._thread.submit(self.hash_now, password))

    async def check(self, password: str, digest: Secret | None) -> Checked:
        """`digest` None or empty: there is no such password, which takes as long to find out."""
        return await self._away(self._thread.submit(self._check, password, digest))

    def hash_now(self, password: str) -> Secret:
        return Secret(self._hasher.hash(_normal(password)))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, digest: Secret | None) -> Checked:
        kept = digest.reveal() if digest is not None else ""
        try:
            self._hasher.verify(kept or self._nobodys, _normal(password))
        except (VerificationError, InvalidHashError):
            return Checked(False, None)
        if not kept:
            return Checked(False, None)
        return Checked(True, self.hash_now(password) if self._hasher.check_needs_rehash(kept) else None)

    async def _away(self, work: Future[Result]) -> Result:
        self._waiting += 1
        try:
            return await asyncio.wrap_future(work)
        finally:
            self._waiting -= 1


def fault_of(password: str, name: str) -> str | None:
    """Why it may not be chosen; None: it may."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password must have {SHORTEST} to {LONGEST} characters"
    if name.lower() in password.lower() and len(password) < len(name) + SHORTEST:
        return "a password must be more than the account's name"
    if len(set(password)) < 5:
        return "a password must have at least 5 different characters"
    return None


def _normal(password: str) -> str:
    """Keyboards differ in how they make the same letter."""
    return unicodedata.normalize("NFC", password)


def _nobodys(cost: Cost) -> str:
    """A hash that no password has."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.time},p=1${salt}${digest}"
