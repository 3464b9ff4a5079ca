"""How many requests are in flight, and how many may be: of a key, of a provider, of one target.

Keys and providers have the caps that the configuration sets. A target has a limit besides that is learnt: none at all
until it shows that it is overloaded, then seven tenths of what was under way; each round of successes adds one (AIMD,
as in Netflix' concurrency-limits). Only overload and time-outs lower it, and a burst of them is one: what was sent
before the last cut tells nothing new. A target that many wait for and that answers none of them is passed over long
before the first time-out says so.
"""

from __future__ import annotations

from math import inf

CUT = 0.7
FEWEST = 1.0
MANY = 16
"""Requests in flight below which silence says nothing."""
SILENCE, TIMES_USUAL = 3.0, 10.0
"""Seconds without the beginning of any reply, and how many times the usual they must be."""
LEARNS = 0.1


class Slots:
    """Requests in flight against a cap; None: uncapped."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0

    def free(self) -> bool:
        return self.limit is None or self.used < self.limit

    def share(self) -> float:
        """The part in use: 0 to 1."""
        return self.used / self.limit if self.limit else 0.0


class Concurrency:
    """Requests in flight at one target. `limit` is infinite until it was ever overloaded. `heard` is when a reply began
    last, or when the first of those in flight was sent; `usual` how long that takes, in seconds.
    """

    __slots__ = ("_cut", "heard", "limit", "used", "usual")

    def __init__(self) -> None:
        self.used = 0
        self.limit = inf
        self.heard = -inf
        self.usual = 0.0
        self._cut = -inf

    def free(self) -> bool:
        return self.used + 1.0 <= self.limit

    def share(self) -> float:
        """The part in use: 0 to 1."""
        return self.used / self.limit if self.limit < inf else 0.0

    def answered(self, sent: float, now: float) -> None:
        """A reply has begun, whatever it says."""
        took = now - sent
        self.usual = self.usual + (took - self.usual) * LEARNS if self.usual else took
        self.heard = now

    def silent(self, now: float) -> bool:
        """Do many wait, and none has been answered for far longer than usual? It may hang: others come first."""
        quiet = now - self.heard
        return self.used >= MANY and quiet > SILENCE and 0.0 < self.usual * TIMES_USUAL < quiet

    def succeeded(self) -> None:
        """Called before the slot is given back."""
        limit = self.limit
        if limit < inf and self.used * 2.0 >= limit:
            self.limit = limit + 1.0 / limit

    def overloaded(self, sent: float, now: float) -> bool:
        """Called before the slot is given back. True: the limit was lowered."""
        if sent < self._cut:
            return False
        self._cut = now
        self.limit = max(min(self.limit, float(self.used)) * CUT, FEWEST)
        return True
