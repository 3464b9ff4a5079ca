"""How fast to send to a provider that refuses without saying how much it takes.

The rate falls to seven tenths of what was truly sent, and grows back along a cubic: quickly at first, slowly near the
rate that was refused, then beyond it. (The curve is CUBIC's, as in the AWS SDKs' adaptive mode; theirs returns within a
second, which would offend again at once where limits are per minute.)
"""

from __future__ import annotations

from math import inf

CUT = 0.7
RETURNS = 60.0
"""Seconds until the rate that was refused is tried again."""
SLOWEST = 0.25
"""Requests per second. What is slower is left to the rests that follow a refusal (`core.health`)."""


class Pace:
    """Requests per second, and so many at once as fall into one second. It begins with a refusal."""

    __slots__ = ("_at", "_cut", "_highest", "_level")

    def __init__(self) -> None:
        self._highest = inf
        """The rate that was refused last."""
        self._cut = -inf
        self._level = 0.0
        self._at = 0.0

    def rate(self, now: float) -> float:
        """Requests per second that may be sent now."""
        elapsed = now - self._cut
        if elapsed == inf:
            return inf
        steepness = (1.0 - CUT) * self._highest / RETURNS**3
        return max(steepness * (elapsed - RETURNS) ** 3 + self._highest, SLOWEST)

    def room(self, now: float) -> float:
        """Requests that may be sent at once."""
        rate = self.rate(now)
        if now > self._at:
            self._level = min(self._level + (now - self._at) * rate, max(rate, 1.0))
            self._at = now
        return self._level

    def wait(self, now: float) -> float:
        """Seconds until one more may be sent."""
        room = self.room(now)
        return 0.0 if room >= 1.0 else (1.0 - room) / self.rate(now)

    def sent(self, now: float) -> None:
        self._level = self.room(now) - 1.0

    def refused(self, sent: float, measured: float, now: float) -> None:
        """`measured` is the rate at which was sent of late. What was `sent` before the last cut tells nothing new: a
        burst of fifty refusals is one.
        """
        if sent < self._cut:
            return
        self._highest = max(min(self.rate(now), measured), SLOWEST / CUT)
        self._cut = self._at = now
        self._level = 1.0  # whoever was refused may come again; when, is said elsewhere
