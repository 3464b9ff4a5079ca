"""How much traffic may be repeated, and how much of it one failing provider may push onto another.

Both bound what a failure adds to the load: repeats at a deployment spend tokens that its successes earn (as in gRPC's
retry throttling), and failovers may make up only a part of what runs at their destination (as in Envoy's retry budget).
That part grows while the destination shows that it copes (as in TCP's slow start): a provider that hangs gives back all
it was sent within one time-out, which may be more than the other one has in flight.
"""

from __future__ import annotations

MOST_TOKENS = 20.0
EARNED = 0.1
"""Tokens for a success; a failure costs one."""
FAILOVER_SHARE = 0.3
FEWEST_FAILOVERS = 3


class Allowance:
    """Of one deployment. `in_flight` counts all its requests, `failovers` those that failed elsewhere first."""

    __slots__ = ("_room", "_tokens", "failovers", "in_flight")

    def __init__(self) -> None:
        self._tokens = MOST_TOKENS
        self._room = 0.0
        """Failovers that it may take beyond its usual part."""
        self.in_flight = 0
        self.failovers = 0

    def succeeded(self) -> None:
        tokens = self._tokens
        if tokens < MOST_TOKENS:
            self._tokens = tokens + EARNED

    def failed(self) -> None:
        self._tokens = max(self._tokens - 1.0, 0.0)
        self._room /= 2.0

    def may_repeat(self) -> bool:
        return self._tokens > MOST_TOKENS / 2.0

    # --- failovers ---

    def may_take_over(self) -> bool:
        return self.failovers < self._most()

    def take_over(self) -> None:
        self.failovers += 1

    def coped(self) -> None:
        """A failover began to be answered: room for one more, if what there is was wanted."""
        if self.failovers > self._most() / 2.0:
            self._room += 1.0

    def give_back(self) -> None:
        """A failover has ended, well or not."""
        self.failovers -= 1
        if not self.failovers:
            self._room = 0.0

    def _most(self) -> float:
        return max(FEWEST_FAILOVERS, FAILOVER_SHARE * self.in_flight) + self._room
