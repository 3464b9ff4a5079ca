"""What an upstream can bear: quotas of each key, requests at a time, workers, and how long its answers take.

Quotas refill all the time and hold a minute's worth, or less. Where workers are all busy, requests wait for one, so
that an upstream that gets too many becomes slow; where there is a cap, it refuses.
"""

from __future__ import annotations

from heapq import heapreplace
from math import ceil, inf
from random import Random
from typing import Literal

import msgspec

from sim.answers import Asking

BYTES_PER_TOKEN = 4.5
"""Of these models. Nobody is told."""
MINUTE = 60.0


class Allowed(msgspec.Struct, frozen=True):
    """What one key may send in a minute."""

    requests: float = inf
    tokens: float = inf


class Capacity(msgspec.Struct, frozen=True):
    """`keys` by their secrets; a key that is not among them has no quota. `holds` are seconds of a quota that can be
    used up at once. `most` requests at a time are taken, and of `workers` each serves one at a time.
    """

    keys: dict[str, Allowed] = {}
    holds: float = MINUTE
    reserves: bool = False
    """Tokens are counted by `max_tokens`, and never given back; otherwise by what was truly used, when it is known."""
    tells: bool = True
    """Every reply tells what is left, and a refusal when to come again."""
    most: float = inf
    beyond: Literal["limited", "unavailable"] = "limited"
    """How it refuses what is too much at a time."""
    workers: int | None = None
    first: float = 0.5
    """Seconds to the first token, about."""
    per_token: float = 0.01
    answers: float = 100.0
    """Tokens, about."""


class Size(msgspec.Struct, frozen=True):
    """Of one exchange with the model, in tokens and seconds."""

    sent: int
    answered: int
    first: float
    whole: float


class Level:
    """A quota of one key. `left` may be less than nothing where answers were longer than expected."""

    def __init__(self, limit: float, holds: float, now: float) -> None:
        self.limit = limit
        self._most = limit * holds / MINUTE
        self._left = self._most
        self._at = now

    def left(self, now: float) -> float:
        if self.limit == inf:
            return inf
        self._left = min(self._left + (now - self._at) * self.limit / MINUTE, self._most)
        self._at = now
        return self._left

    def wait(self, amount: float, now: float) -> float:
        missing = min(amount, self._most) - self.left(now)
        return missing * MINUTE / self.limit if missing > 0.0 else 0.0

    def take(self, amount: float, now: float) -> None:
        self._left = self.left(now) - amount

    def fields(self, what: str, now: float) -> list[str]:
        if self.limit == inf:
            return []
        left = self.left(now)
        full = (self._most - left) * MINUTE / self.limit
        name = "x-ratelimit-{}-" + what
        return [
            f"{name.format('limit')}: {self.limit:.0f}",
            f"{name.format('remaining')}: {max(int(left), 0)}",
            f"{name.format('reset')}: {_duration(full)}",
        ]


class Load:
    """What an upstream bears this moment."""

    def __init__(self, capacity: Capacity, rng: Random) -> None:
        self.capacity = capacity
        self._rng = rng
        self._levels: dict[str, tuple[Level, Level]] = {}
        self._free_at = [0.0] * (capacity.workers or 0)
        self.under_way = 0
        self.most = 0
        """That were ever under way at a time."""

    def size(self, asking: Asking, slower: float) -> Size:
        """How long this answer will be, and how long it will take once somebody works at it."""
        capacity, rng = self.capacity, self._rng
        text = sum(len(message["content"]) for message in asking.fields["messages"])
        bound = asking.fields.get("max_tokens") or inf
        answered = min(capacity.answers * rng.uniform(0.5, 1.5), bound)
        first = capacity.first * rng.uniform(0.7, 1.3)
        whole = first + capacity.per_token * answered
        return Size(ceil(text / BYTES_PER_TOKEN), max(int(answered), 1), first * slower, whole * slower)

    def refuses(self, key: str, asking: Asking, size: Size, now: float) -> float:
        """Seconds until the key may come again; 0 if it may now, which takes what the request needs from its quota."""
        requests, tokens = self._levels_of(key, now)
        need = float(size.sent)
        if self.capacity.reserves:
            need += asking.fields.get("max_tokens") or self.capacity.answers
        wait = max(requests.wait(1.0, now), tokens.wait(need, now))
        if wait <= 0.0:
            requests.take(1.0, now)
            tokens.take(need, now)
        return wait

    def is_full(self) -> bool:
        return self.under_way >= self.capacity.most

    def begins(self, now: float, seconds: float) -> float:
        """Seconds until somebody works at it; the work takes so many more."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if not self._free_at:
            return 0.0
        start = max(self._free_at[0], now)
        heapreplace(self._free_at, start + seconds)
        return start - now

    def ends(self, key: str, size: Size, now: float) -> None:
        self.under_way -= 1
        if not self.capacity.reserves:
            self._levels_of(key, now)[1].take(float(size.answered), now)

    def fields(self, key: str, now: float) -> list[str]:
        """What a reply's head tells."""
        if not self.capacity.tells:
            return []
        requests, tokens = self._levels_of(key, now)
        return requests.fields("requests", now) + tokens.fields("tokens", now)

    def _levels_of(self, key: str, now: float) -> tuple[Level, Level]:
        found = self._levels.get(key)
        if found is None:
            allowed, holds = self.capacity.keys.get(key, Allowed()), self.capacity.holds
            found = Level(allowed.requests, holds, now), Level(allowed.tokens, holds, now)
            self._levels[key] = found
        return found


def _duration(seconds: float) -> str:
    """As OpenAI writes them: 120ms, 6.2s, 1m3s."""
    if seconds < 1.0:
        return f"{ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, MINUTE)
    return f"{int(minutes)}m{rest:.3f}s" if minutes else f"{rest:.3f}s"
