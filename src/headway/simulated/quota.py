"""What a key may use of a model. How headers and refusals tell it is each dialect's business.

Buckets refill continuously, a limit a minute. A request takes one from the requests and its reservation from the tokens
when it is admitted, or nothing at all when it is refused. Nothing is given back afterwards, whatever it came to use.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import msgspec

from headway.simulated.settings import Quota

Unit = Literal["requests", "tokens"]

_MINUTE = 60.0
_EPSILON = 1e-9
_MOST_ACCOUNTS = 4096


class Level(NamedTuple):
    """How a bucket stands."""

    unit: Unit
    limit: int
    remaining: int
    reset: float
    """Seconds until it is full again."""


class Short(NamedTuple):
    """What there was too little of."""

    unit: Literal["requests", "tokens", "concurrency"]
    limit: int
    used: int
    requested: int
    wait: float | None
    """Seconds until the same request would pass; None: it asks for more than the limit, and never will."""


class Bucket:
    """So many a minute."""

    __slots__ = ("_at", "level", "limit")

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self.level = float(limit)
        self._at = now

    def refill(self, now: float) -> None:
        self.level = min(self.limit, self.level + max(0.0, now - self._at) * self.limit / _MINUTE)
        self._at = now

    def holds(self, need: int) -> bool:
        return self.level + _EPSILON >= need

    def wait_for(self, need: int) -> float:
        """Seconds until it holds that much."""
        return max(0.0, need - self.level) * _MINUTE / self.limit

    def told(self, unit: Unit) -> Level:
        remaining = max(0, math.floor(self.level + _EPSILON))
        return Level(unit, self.limit, remaining, self.wait_for(self.limit))


class Account:
    """What one key has left of one model."""

    __slots__ = ("in_flight", "requests", "tokens")

    def __init__(self, quota: Quota, now: float) -> None:
        self.requests = Bucket(quota.rpm, now) if quota.rpm else None
        self.tokens = Bucket(quota.tpm, now) if quota.tpm else None
        self.in_flight = 0

    def levels(self) -> tuple[Level, ...]:
        buckets: tuple[tuple[Bucket | None, Unit], ...] = ((self.requests, "requests"), (self.tokens, "tokens"))
        return tuple(bucket.told(unit) for bucket, unit in buckets if bucket is not None)


class Admission(msgspec.Struct, frozen=True):
    """Admitted, or refused for what is short; in both cases with how things stand now."""

    levels: tuple[Level, ...]
    account: Account | None = None
    short: Short | None = None


class Ledger:
    """The accounts of all keys and models. The caller releases what it was admitted to, once."""

    __slots__ = ("_accounts", "_quota")

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._accounts: dict[tuple[str, str], Account] = {}

    def admit(self, key: str, model: str, need: int, now: float) -> Admission:
        """Take one request and `need` tokens, or refuse and take nothing."""
        if self._quota == Quota():
            return Admission(())
        account = self._account(key, model, now)
        for bucket in (account.requests, account.tokens):
            if bucket is not None:
                bucket.refill(now)
        short = self._short(account, need)
        if short is not None:
            return Admission(account.levels(), short=short)
        if account.requests is not None:
            account.requests.level -= 1
        if account.tokens is not None:
            account.tokens.level -= need
        account.in_flight += 1
        return Admission(account.levels(), account)

    @property
    def accounts(self) -> int:
        """How many are kept."""
        return len(self._accounts)

    @staticmethod
    def release(account: Account) -> None:
        account.in_flight -= 1

    def _account(self, key: str, model: str, now: float) -> Account:
        account = self._accounts.get((key, model))
        if account is None:
            if len(self._accounts) >= _MOST_ACCOUNTS:
                self._accounts.pop(next(iter(self._accounts)))
            account = self._accounts[key, model] = Account(self._quota, now)
        return account

    def _short(self, account: Account, need: int) -> Short | None:
        cap = self._quota.concurrency
        if cap is not None and account.in_flight >= cap:
            return Short("concurrency", cap, account.in_flight, 1, 1.0)
        wanted: tuple[tuple[Bucket | None, Unit, int], ...] = (
            (account.requests, "requests", 1),
            (account.tokens, "tokens", need),
        )
        for bucket, unit, amount in wanted:
            if bucket is None or bucket.holds(amount):
                continue
            used = math.ceil(bucket.limit - bucket.level)
            return Short(unit, bucket.limit, used, amount, bucket.wait_for(amount) if amount <= bucket.limit else None)
        return None
