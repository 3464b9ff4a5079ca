"""How much traffic may be repeated, and how much of it one failing provider may push onto another.

Both bound what a failure adds to the load: repeats at a deployment spend tokens that its successes earn (as in gRPC's
retry throttling), and failovers may make up only a part of what runs at their destination (as in Envoy's retry budget).
"""

from __future__ import annotations

MOST_TOKENS = 20.0
EARNED = 0.1
"""Tokens for a success; a failure costs one."""
FAILOVER_SHARE = 0.3
FEWEST_FAILOVERS = 3


class Allowance:
    """Of one deployment. `in_flight` counts all its requests, `failovers` those that failed elsewhere first."""

    __slots__ = ("_tokens", "failovers", "in_flight")

    def __init__(self) -> None:
        self._tokens = MOST_TOKENS
        self.in_flight = 0
        self.failovers = 0

    def succeeded(self) -> None:
        tokens = self._tokens
        if tokens < MOST_TOKENS:
            self._tokens = tokens + EARNED

    def failed(self) -> None:
        self._tokens = max(self._tokens - 1.0, 0.0)

    def may_repeat(self) -> bool:
        return self._tokens > MOST_TOKENS / 2.0

    def may_take_over(self) -> bool:
        return self.failovers < max(FEWEST_FAILOVERS, FAILOVER_SHARE * self.in_flight)
