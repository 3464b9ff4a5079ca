"""How much each client may ask for: requests and tokens a minute, and requests at a time.

Clients are told apart by the key that they show. Tokens are reserved by estimate when a request comes in, and settled
when it is over; what is left is told in the terms that providers use, so that SDKs and agents can read it.
"""

from __future__ import annotations

from math import ceil, inf

import msgspec

from headway.core.buckets import NOTHING, Quota, Reservation, settle
from headway.core.load import Estimate, Load
from headway.types import ClientLimits, Limits, Usage

MANY = 10_000
"""Clients that are remembered. Keys can be made up, so there must be an end to it."""


class Client:
    """What one client has under way, and has left."""

    __slots__ = ("estimate", "quota", "under_way")

    def __init__(self, limits: Limits, now: float) -> None:
        self.quota = Quota()
        self.quota.configure(limits, now)
        self.estimate = Estimate()
        self.under_way = 0


class Admitted(msgspec.Struct, eq=False):
    """A request that a client's limits let in; to be given to `Clients.leave` once."""

    client: Client
    taken: tuple[Reservation, ...]
    load: Load


class Exceeded(msgspec.Struct, frozen=True):
    """`wait` is seconds after which it may come again; None: never, as it is too large."""

    what: str
    wait: float | None


class Clients:
    """`limits` are those of each client."""

    __slots__ = ("_clients", "_limits", "bounds")

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        self.bounds = limits != ClientLimits()
        """Is anybody bound by them?"""
        self._clients: dict[bytes, Client] = {}

    def adjust(self, limits: ClientLimits, now: float) -> None:
        self._limits = limits
        self.bounds = limits != ClientLimits()
        for client in self._clients.values():
            client.quota.configure(_per_minute(limits), now)

    def enter(self, who: bytes, load: Load, now: float) -> Admitted | Exceeded:
        client = self._clients.get(who)
        if client is None:
            client = self._new(who, now)
        most = self._limits.concurrency
        if most is not None and client.under_way >= most:
            return Exceeded(f"{most} requests at a time", 1.0)
        need = client.estimate.need(load, "actual")
        if not client.quota.admits(need, now):
            short = [bucket for bucket in client.quota.buckets if not bucket.holds(need.of(bucket.dimension), now)]
            wait = client.quota.wait(need, now)
            what = " and ".join(f"{bucket.limit:.0f} {bucket.dimension} a minute" for bucket in short)
            return Exceeded(what, None if wait == inf else wait)
        client.under_way += 1
        return Admitted(client, client.quota.reserve(need, now), load)

    def leave(self, admitted: Admitted, usage: Usage | None) -> None:
        """It is over; without usage what was reserved counts."""
        client = admitted.client
        client.under_way -= 1
        if usage is not None:
            client.estimate.learn(admitted.load, usage.input_tokens, usage.output_tokens)
            if admitted.taken is not NOTHING:
                settle(admitted.taken, usage, "actual")

    def told_of(self, who: bytes, now: float) -> bytes:
        """Header lines on what a client has left."""
        client = self._clients.get(who)
        if client is None:
            return b""
        lines: list[bytes] = []
        for bucket in client.quota.buckets:
            name = bucket.dimension.encode()
            left = max(bucket.refill(now), 0.0)
            full = (bucket.limit - left) * bucket.window / bucket.limit
            lines.append(
                b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %d\r\nx-ratelimit-reset-%b: %dms\r\n"
                % (name, bucket.limit, name, left, name, ceil(full * 1000.0))
            )
        return b"".join(lines)

    def _new(self, who: bytes, now: float) -> Client:
        if len(self._clients) >= MANY:
            self._forget_one()
        client = self._clients[who] = Client(_per_minute(self._limits), now)
        return client

    def _forget_one(self) -> None:
        """The one that has been known for longest, of those that have nothing under way."""
        for name, each in self._clients.items():
            if not each.under_way:
                del self._clients[name]
                return


def _per_minute(limits: ClientLimits) -> Limits:
    return Limits(rpm=limits.rpm, tpm=limits.tpm)
