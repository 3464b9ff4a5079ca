"""Requests for which there is no room: they wait in the line of their route, or are told at once that it would take too
long.

`core.line` says whose turn it is; this asks for room on their behalf, whenever an exchange has ended and at least every
tenth of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from headway.core.line import Line, Place, Ticket
from headway.core.registry import LiveRoute
from headway.ports import Timer, Timers
from headway.types import QueueRecord

LOOKS_AFTER = 0.1
"""Seconds after which somebody who waits is looked at again, whatever happened meanwhile."""
SOONEST = 0.002
MANY = 1000
"""Lines that are remembered. Clients may ask for any model, so there must be an end to it."""


class Waiting(Protocol):
    """An exchange that has not asked anybody yet."""

    def try_again(self, now: float) -> float | None:
        """Begin. None: it has begun, or is over; otherwise when there may be room (monotonic seconds)."""
        ...

    def turned_away(self, expected: float, now: float) -> None:
        """It waited for too long. `expected` is how much longer it would have to, in seconds."""
        ...


class Admission:
    def __init__(self, loop: Timers, now: Callable[[], float]) -> None:
        self._loop = loop
        self._now = now
        self._lines: dict[str, Line[Waiting]] = {}
        self._timer: Timer | None = None
        self._busy = False
        self.waiting = 0
        """Requests, in all lines."""

    def line_of(self, route: LiveRoute) -> Line[Waiting]:
        line = self._lines.get(route.route.name)
        queue = route.route.queue
        if line is None:
            if len(self._lines) >= MANY:
                self._lines = {name: each for name, each in self._lines.items() if each.length}
            line = self._lines[route.route.name] = Line(queue.wait, queue.length)
        line.longest, line.most = queue.wait, queue.length
        return line

    def has_line(self, route: LiveRoute) -> bool:
        """Is somebody waiting for this route?"""
        line = self._lines.get(route.route.name)
        return line is not None and line.length > 0

    def lengths(self) -> dict[str, int]:
        """How many wait, by route."""
        return {name: line.length for name, line in self._lines.items()}

    def refusals(self) -> dict[str, int]:
        """How many were refused so far, by route; a line that is forgotten begins anew."""
        return {name: line.refused for name, line in self._lines.items() if line.refused}

    def seen(self, route: LiveRoute) -> QueueRecord:
        """How the line of a route stands."""
        line, queue = self._lines.get(route.route.name), route.route.queue
        length, refused = (0, 0) if line is None else (line.length, line.refused)
        return QueueRecord(length=length, most=queue.length, longest=queue.wait, refused=refused)

    def join(
        self, route: LiveRoute, who: Waiting, ticket: Ticket, room_at: float, deadline: float
    ) -> Place[Waiting] | float:
        """A place in the line, or the seconds for which it would have to wait, which is too long."""
        now = self._now()
        line = self.line_of(route)
        expected = line.expected(ticket, room_at - now)
        full = line.length >= line.most or line.longest <= 0.0
        if full or expected > line.allowed(ticket, now) or now + expected >= deadline:
            line.refused += 1
            line.turns_away(ticket, now)
            return max(expected, 0.001)
        place = line.join(who, ticket, min(now + line.longest, deadline), now)
        self.waiting += 1
        self._look_after(room_at - now)
        return place

    def leave(self, route: LiveRoute, place: Place[Waiting]) -> None:
        """It does not wait any more."""
        self.line_of(route).leave(place)
        self.waiting -= 1

    def pump(self) -> None:
        """Let in whoever there is room for."""
        if self._busy:  # an exchange that is over at once comes here again
            return
        self._busy = True
        try:
            now = self._now()
            soonest = now + LOOKS_AFTER
            for line in self._lines.values():
                if line.length:
                    soonest = min(soonest, self._serve(line, now))
        finally:
            self._busy = False
        if self.waiting:
            self._look_after(soonest - now)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _serve(self, line: Line[Waiting], now: float) -> float:
        """When to look at this line again."""
        again = now + LOOKS_AFTER
        while (place := line.first()) is not None:
            room_at = place.who.try_again(now)
            if room_at is not None:
                again = room_at
                break
            line.let_in(place, now)
            self.waiting -= 1
        for place in line.late(now):
            line.leave(place)
            self.waiting -= 1
            line.refused += 1
            place.who.turned_away(line.expected(place.ticket, 0.0), now)
        return again

    def _look_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(min(max(seconds, SOONEST), LOOKS_AFTER), self._timed)

    def _timed(self) -> None:
        self._timer = None
        self.pump()
