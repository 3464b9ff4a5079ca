"""Which target a conversation was with: providers keep what they have read of a prompt for some minutes, per key.

A pin is a wish, not a rule: whoever is asked to keep it decides whether its target is well, has room and is not slow.
"""

from __future__ import annotations

from typing import Generic, TypeVar

MOST = 65_536
"""Conversations that are remembered for one route; those not heard of for longest give way."""
REMEMBERED = 600.0
"""Seconds after which the priority of a conversation is forgotten."""


Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Something for each conversation. Conversations are hashes."""

    __slots__ = ("_known", "ttl")

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        """Seconds without a request after which a conversation is forgotten."""
        self._known: dict[int, tuple[Value, float]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, session: int, now: float) -> Value | None:
        """What was kept for it; None if nothing was, or too long ago."""
        found = self._known.get(session)
        return None if found is None or now - found[1] > self.ttl else found[0]

    def keep(self, session: int, value: Value, now: float) -> None:
        known = self._known
        if session in known:
            del known[session]
        known[session] = (value, now)
        if len(known) > MOST:
            del known[next(iter(known))]


class Pins(Memory[str]):
    """Of one route: the name of the target that each conversation was with, so that pins outlive a reload."""

    __slots__ = ()


class Ranks(Memory[int]):
    """The priority that each conversation was given: it is in or out as a whole."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(REMEMBERED)
