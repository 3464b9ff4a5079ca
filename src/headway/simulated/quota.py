"""What a key may use of a model, and how the headers tell it.

Buckets refill continuously, a limit a minute. A request takes one from the requests and its reservation from the tokens
when it is admitted, or nothing at all when it is refused. Nothing is given back afterwards, whatever it came to use.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from headway.simulated.notation import go_duration
from headway.simulated.reply import Header, Refusal
from headway.simulated.settings import Quota

_MINUTE = 60.0
_EPSILON = 1e-9
_MOST_ACCOUNTS = 4096


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

    def headers(self, unit: str) -> tuple[Header, Header, Header]:
        return (
            (f"x-ratelimit-limit-{unit}", str(self.limit)),
            (f"x-ratelimit-remaining-{unit}", str(max(0, math.floor(self.level + _EPSILON)))),
            (f"x-ratelimit-reset-{unit}", go_duration(self.wait_for(self.limit))),
        )


class Account:
    """What one key has left of one model."""

    __slots__ = ("in_flight", "requests", "tokens")

    def __init__(self, quota: Quota, now: float) -> None:
        self.requests = Bucket(quota.rpm, now) if quota.rpm else None
        self.tokens = Bucket(quota.tpm, now) if quota.tpm else None
        self.in_flight = 0

    def headers(self) -> tuple[Header, ...]:
        buckets = ((self.requests, "requests"), (self.tokens, "tokens"))
        told = [bucket.headers(unit) for bucket, unit in buckets if bucket is not None]
        # As OpenAI orders them: both limits, what remains of both, both resets.
        return tuple(header for row in zip(*told, strict=True) for header in row)


class Admission(msgspec.Struct, frozen=True):
    """Admitted, or refused; in both cases with the headers that say how things stand now."""

    headers: tuple[Header, ...]
    account: Account | None = None
    refusal: Refusal | None = None


class _Asked(NamedTuple):
    """What a refusal tells of the limit that was met."""

    what: str
    type: str
    limit: int
    used: int
    requested: int


class Ledger:
    """The accounts of all keys and models. The caller releases what it was admitted to, once."""

    __slots__ = ("_accounts", "_organization", "_quota")

    def __init__(self, quota: Quota, organization: str) -> None:
        self._quota = quota
        self._organization = organization
        self._accounts: dict[tuple[str, str], Account] = {}

    def admit(self, key: str, model: str, need: int, now: float) -> Admission:
        """Take one request and `need` tokens, or refuse and take nothing."""
        if self._quota == Quota():
            return Admission(())
        account = self._account(key, model, now)
        for bucket in (account.requests, account.tokens):
            if bucket is not None:
                bucket.refill(now)
        refusal = self._refusal(account, model, need)
        if refusal is not None:
            return Admission(account.headers(), refusal=refusal)
        if account.requests is not None:
            account.requests.level -= 1
        if account.tokens is not None:
            account.tokens.level -= need
        account.in_flight += 1
        return Admission(account.headers(), account)

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

    def _refusal(self, account: Account, model: str, need: int) -> Refusal | None:
        cap = self._quota.concurrency
        if cap is not None and account.in_flight >= cap:
            asked = _Asked("concurrent requests", "requests", cap, account.in_flight, 1)
            return self._limited(model, asked, wait=1.0)
        for bucket, what, type_, need_of in (
            (account.requests, "requests per min (RPM)", "requests", 1),
            (account.tokens, "tokens per min (TPM)", "tokens", need),
        ):
            if bucket is None or bucket.holds(need_of):
                continue
            if need_of > bucket.limit:
                return self._too_large(model, bucket.limit, need_of)
            asked = _Asked(what, type_, bucket.limit, math.ceil(bucket.limit - bucket.level), need_of)
            return self._limited(model, asked, wait=bucket.wait_for(need_of))
        return None

    def _limited(self, model: str, asked: _Asked, *, wait: float) -> Refusal:
        milliseconds = max(1, math.ceil(wait * 1000 - 1e-6))
        return Refusal(
            status=429,
            message=f"Rate limit reached for {model} in organization {self._organization} on {asked.what}: "
            f"Limit {asked.limit}, Used {asked.used}, Requested {asked.requested}. "
            f"Please try again in {go_duration(milliseconds / 1000)}.",
            type=asked.type,
            code="rate_limit_exceeded",
            headers=(("retry-after", str(math.ceil(milliseconds / 1000))), ("retry-after-ms", str(milliseconds))),
        )

    def _too_large(self, model: str, limit: int, requested: int) -> Refusal:
        """It would never be admitted, so there is no moment to try again at."""
        return Refusal(
            status=429,
            message=f"Request too large for {model} in organization {self._organization} on tokens per min (TPM): "
            f"Limit {limit}, Requested {requested}. The input or output tokens must be reduced.",
            type="tokens",
            code="rate_limit_exceeded",
        )
