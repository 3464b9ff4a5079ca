"""Who waits for room, in which order, and who is refused at once because the wait would be too long.

One line per route. Higher priorities go first; among requests of one priority the tenants take turns by the tokens that
each has sent (start-time fair queueing), so that whoever sends much waits for its own. How long somebody new would
wait follows from what stands before it and how fast the line has moved of late. A line that stands for a while is no
burst any more: then only short waits are allowed, so that those who are let in are served in about their usual time
(after CoDel's rule: what counts is the shortest wait within an interval).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf
from typing import Generic, TypeVar

import msgspec

from headway.types import Priority

TARGET = 0.25
"""Seconds: no wait shorter than this is a standing line."""
INTERVAL = 1.0
EASES = 4.0
"""Seconds without a refusal after which a standing line is one no more."""
LEARNS = 0.2
"""How much one measurement changes what is believed of a line's speed."""
MEASURES = 0.5
"""Seconds that one takes."""
MANY = 1000
"""Tenants, above which those are forgotten who have not come of late."""
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")

Who = TypeVar("Who")


class Ticket(msgspec.Struct, frozen=True):
    """Who comes: `rank` is the place of its priority among `PRIORITIES`, `tokens` what it will cost, by estimate."""

    tenant: bytes
    rank: int
    tokens: float


class Place(msgspec.Struct, Generic[Who], eq=False):
    """`until` is when it has waited too long (monotonic seconds)."""

    who: Who
    ticket: Ticket
    since: float
    until: float


class _Tenant(Generic[Who]):
    """One tenant's places in one priority. Its line is no burst any more until `stands` (monotonic seconds)."""

    __slots__ = ("_interval_ends", "_shortest", "backlog", "places", "stands", "turn")

    def __init__(self, now: float) -> None:
        self.places: deque[Place[Who]] = deque()
        self.backlog = 0.0
        """Tokens."""
        self.turn = 0.0
        """When its first is due, in tokens that it and each other one have sent."""
        self.stands = 0.0
        self._shortest = inf
        self._interval_ends = now + INTERVAL

    def begins(self, now: float) -> None:
        """Somebody comes, and nobody stands there."""
        self._shortest = inf
        self._interval_ends = now + INTERVAL

    def moved(self, waited: float, now: float) -> None:
        self._shortest = min(self._shortest, waited)
        if now >= self._interval_ends:
            if self._shortest > TARGET:
                self.stands = now + EASES
            self._shortest = inf
            self._interval_ends = now + INTERVAL

    def idle(self, now: float) -> bool:
        """Is there nothing worth remembering?"""
        return not self.places and now >= self._interval_ends + INTERVAL


class Line(Generic[Who]):
    """`longest` is the most seconds that somebody may wait, `most` how many may."""

    __slots__ = ("_admitted", "_ranks", "_since", "_speed", "_turns", "length", "longest", "most", "refused")

    def __init__(self, longest: float, most: int) -> None:
        self.longest = longest
        self.most = most
        self.length = 0
        self.refused = 0
        """Those who were told that it would take too long, at once or later."""
        self._ranks: list[dict[bytes, _Tenant[Who]]] = [{} for _ in PRIORITIES]
        self._turns = [0.0 for _ in PRIORITIES]
        """The turn of whoever was let in last."""
        self._speed: float | None = None
        """Tokens per second that were let in while somebody waited."""
        self._since = 0.0
        self._admitted = 0.0

    # --- coming ---

    def expected(self, ticket: Ticket, alone: float) -> float:
        """Seconds that somebody new would wait: by the line's own speed, once that is known; `alone` is how long it
        would if nobody were there, and each one before it is taken to need as long.
        """
        if not self.length:
            return alone
        if not self._speed:
            return alone * (1.0 + self.length)
        before = sum(each.backlog for tenants in self._ranks[: ticket.rank] for each in tenants.values())
        tenants, tenant = self._ranks[ticket.rank], ticket.tenant
        own = tenants.get(tenant)
        mine = ticket.tokens + (0.0 if own is None else own.backlog)
        # they take turns: of each other one as much goes first as of its own, if there is as much
        before += sum(min(other.backlog, mine) for name, other in tenants.items() if name != tenant)
        return max((before + mine) / self._speed, alone)

    def allowed(self, ticket: Ticket, now: float) -> float:
        """Seconds that somebody new may be expected to wait. Whoever finds nobody of its own before it is no line."""
        known = self._ranks[ticket.rank].get(ticket.tenant)
        stands = known is not None and known.places and now < known.stands
        return min(2.0 * TARGET, self.longest) if stands else self.longest

    def turns_away(self, ticket: Ticket, now: float) -> None:
        """Somebody new would have to wait for too long. A line that stands does so while this happens."""
        known = self._ranks[ticket.rank].get(ticket.tenant)
        if known is not None and now < known.stands:
            known.stands = now + EASES

    def join(self, who: Who, ticket: Ticket, until: float, now: float) -> Place[Who]:
        if not self.length:
            self._since = now
            self._admitted = 0.0
        tenants = self._ranks[ticket.rank]
        of_tenant = tenants.get(ticket.tenant)
        if of_tenant is None:
            self._forget(tenants, now)
            of_tenant = tenants[ticket.tenant] = _Tenant(now)
        if not of_tenant.places:
            of_tenant.begins(now)
            of_tenant.turn = max(of_tenant.turn, self._turns[ticket.rank])
        of_tenant.backlog += ticket.tokens
        place = Place(who, ticket, now, until)
        of_tenant.places.append(place)
        self.length += 1
        return place

    # --- going ---

    def first(self) -> Place[Who] | None:
        """Whose turn it is."""
        for tenants in self._ranks:
            waiting = [each for each in tenants.values() if each.places]
            if waiting:
                return min(waiting, key=lambda each: each.turn).places[0]
        return None

    def let_in(self, place: Place[Who], now: float) -> None:
        """It has been given room."""
        ticket = place.ticket
        of_tenant = self._ranks[ticket.rank][ticket.tenant]
        self._turns[ticket.rank] = max(self._turns[ticket.rank], of_tenant.turn)
        of_tenant.turn += ticket.tokens
        of_tenant.moved(now - place.since, now)
        self.leave(place)
        self._admitted += ticket.tokens
        elapsed = now - self._since
        if elapsed >= MEASURES:
            speed = self._admitted / elapsed
            self._speed = speed if self._speed is None else self._speed + (speed - self._speed) * LEARNS
            self._since = now
            self._admitted = 0.0

    def leave(self, place: Place[Who]) -> None:
        """It waits no more."""
        of_tenant = self._ranks[place.ticket.rank][place.ticket.tenant]
        if of_tenant.places[0] is place:
            of_tenant.places.popleft()
        else:
            of_tenant.places.remove(place)
        of_tenant.backlog -= place.ticket.tokens
        self.length -= 1

    def late(self, now: float) -> list[Place[Who]]:
        """Those who have waited too long."""
        return [place for place in self if place.until <= now]

    def __iter__(self) -> Iterator[Place[Who]]:
        for tenants in self._ranks:
            for of_tenant in tenants.values():
                yield from of_tenant.places

    @staticmethod
    def _forget(tenants: dict[bytes, _Tenant[Who]], now: float) -> None:
        if len(tenants) >= MANY:
            for name in [name for name, each in tenants.items() if each.idle(now)]:
                del tenants[name]
