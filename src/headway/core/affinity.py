"""Which target a conversation was with: providers keep what they have read of a prompt for some minutes, per key.

A pin is a wish, not a rule: whoever is asked to keep it decides whether its target is well, has room and is not slow.
"""

from __future__ import annotations

MOST = 65_536
"""Conversations that are remembered for one route; those not heard of for longest give way."""
REMEMBERED = 600.0
"""Seconds after which the priority of a conversation is forgotten."""


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


class Ranks:
    """The priority that each conversation was given: it is in or out as a whole."""

    __slots__ = ("_ranks",)

    def __init__(self) -> None:
        self._ranks: dict[int, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def of(self, session: int, now: float) -> int | None:
        """The rank that was said last; None if none was, or long ago."""
        found = self._ranks.get(session)
        return None if found is None or now - found[1] > REMEMBERED else found[0]

    def keep(self, session: int, rank: int, now: float) -> None:
        ranks = self._ranks
        ranks.pop(session, None)
        ranks[session] = (rank, now)
        if len(ranks) > MOST:
            del ranks[next(iter(ranks))]
