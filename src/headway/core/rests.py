"""Leaving alone for a while what was refused: a key, a key for one model, a deployment that asked for it.

A rest only ever moves later. How long each failure lets what rest is `core.health`'s decision.
"""

from __future__ import annotations

from math import inf

from headway.failures import FailureKind


class Unrest:
    """When nothing will rest, recover or be on trial any more. While that lies in the past nobody needs to look closer
    than this.
    """

    __slots__ = ("_latest", "_tripped", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self._latest = 0.0
        self._tripped = 0

    def lasts(self, until: float) -> None:
        self._latest = max(self._latest, until)
        self._look()

    def tripped(self, by: int) -> None:
        """So many breakers more, or less, are not closed."""
        self._tripped += by
        self._look()

    def _look(self) -> None:
        self.until = inf if self._tripped else self._latest


class Rest:
    """When something may be used again, why it rests, and how often in a row it was refused."""

    __slots__ = ("_since", "_unrest", "in_a_row", "kind", "until")

    def __init__(self, unrest: Unrest) -> None:
        self._unrest = unrest
        self._since = 0.0
        self.until = 0.0
        self.in_a_row = 0
        self.kind = FailureKind.RATE_LIMITED

    def counts(self, sent: float, now: float) -> int:
        """How often in a row it was refused, this time included. Refusals of what was sent before the last one came
        tell nothing new: a burst of fifty is one.
        """
        if sent >= self._since:
            self.in_a_row += 1
            self._since = now
        return max(self.in_a_row, 1)

    def forgive(self, sent: float) -> None:
        """It was used with success. What was sent before the last refusal came proves nothing."""
        if sent >= self._since:
            self.in_a_row = 0

    def extend(self, until: float, kind: FailureKind) -> None:
        if until > self.until:
            self.until = until
            self.kind = kind
            self._unrest.lasts(until)
