"""Which target a conversation was with: providers keep what they have read of a prompt for some minutes, per key.

A pin is a wish, not a rule: whoever is asked to keep it decides whether its target is well, has room and is not slow.
"""

from __future__ import annotations

MOST = 65_536
"""Conversations that are remembered for one route; those not heard of for longest give way."""


class Pins:
    """Of one route. Sessions are hashes; targets go by name, so that pins outlive a reload."""

    __slots__ = ("_pins", "ttl")

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        """Seconds without a request after which a conversation is forgotten."""
        self._pins: dict[int, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._pins)

    def of(self, session: int, now: float) -> str | None:
        """The name of the target that it was with."""
        found = self._pins.get(session)
        if found is None or now - found[1] > self.ttl:
            return None
        return found[0]

    def keep(self, session: int, target: str, now: float) -> None:
        pins = self._pins
        if session in pins:
            del pins[session]
        pins[session] = (target, now)
        if len(pins) > MOST:
            del pins[next(iter(pins))]
