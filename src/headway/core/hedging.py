"""When a stream that is slow to begin is worth a second attempt: not before the target's own usual worst, and for a
small part of a route's requests only. When everything is slow, the usual worst is slow too, and nothing is hedged.
"""

from __future__ import annotations

from collections import deque

from headway.types import Hedge

REMEMBERED = 100
"""Times to first token kept for each deployment."""
FADES_AFTER = 1000
"""Requests after which those before count for half."""


class Hedging:
    """Of one route. `started` and `hedged` count its requests."""

    __slots__ = ("_hedge", "_hedged", "_started", "_times")

    def __init__(self, hedge: Hedge) -> None:
        self._hedge = hedge
        self._started = 0.0
        self._hedged = 0.0
        self._times: dict[str, deque[float]] = {}

    def started(self) -> None:
        self._started += 1.0
        if self._started >= FADES_AFTER:
            self._started /= 2.0
            self._hedged /= 2.0

    def first_token(self, deployment: str, seconds: float) -> None:
        times = self._times.get(deployment)
        if times is None:
            times = self._times[deployment] = deque(maxlen=REMEMBERED)
        times.append(seconds)

    def delay(self, deployment: str) -> float:
        """Seconds after which an attempt at this deployment is slow."""
        times = sorted(self._times.get(deployment, ()))
        usual_worst = times[int(0.95 * (len(times) - 1))] if times else 0.0
        return max(usual_worst, self._hedge.delay)

    def spend(self) -> bool:
        """Take one hedge from the budget, if it holds one. A route's first is always granted: a share of few requests
        would otherwise be none.
        """
        if self._hedged + 1.0 > max(1.0, self._hedge.share * self._started):
            return False
        self._hedged += 1.0
        return True
