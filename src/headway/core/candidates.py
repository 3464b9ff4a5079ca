"""Which targets may take an attempt now.

A candidate is a target inside one route with the live state that stands in its way: slots in use, rests and breakers
after failures. That state is shared between routes and outlives a reload (`core.registry`); the order among those that
may is `core.balance`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from headway.core.health import State
from headway.core.rests import Rest, Unrest
from headway.types import Target


class Slots:
    """Requests in flight against a cap; None: uncapped."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0

    def free(self) -> bool:
        return self.limit is None or self.used < self.limit


class Candidate:
    """One target of one tier. `credit` belongs to the tier's balance, `state` is shared with whatever other candidates
    have the same deployment or credential.
    """

    __slots__ = (
        "_allowance",
        "credential_slots",
        "credit",
        "deployment",
        "key",
        "name",
        "provider_slots",
        "state",
        "target",
        "target_slots",
        "weight",
    )

    def __init__(
        self, target: Target, state: State, *, credential_slots: Slots, provider_slots: Slots, target_slots: Slots
    ) -> None:
        self.target = target
        self.name = target.name
        self.deployment = target.deployment.name
        self.key = f"{target.deployment.provider.name}#{target.credential.name}"
        self.weight = target.weight
        self.credit = 0.0
        self.state = state
        self._allowance = state.allowance
        self.credential_slots = credential_slots
        self.provider_slots = provider_slots
        self.target_slots = target_slots

    def has_slot(self) -> bool:
        return self.credential_slots.free() and self.provider_slots.free()

    def rests(self) -> Rest:
        """Of the rests that providers asked for, the one that lasts longest."""
        state = self.state
        longest = state.pair if state.pair.until >= state.credential.until else state.credential
        return longest if longest.until >= state.deployment.until else state.deployment

    def may_be_asked(self, now: float) -> bool:
        """Has nobody forbidden it? Health is another matter."""
        return self.weight > 0.0 and self.rests().until <= now

    def acquire(self) -> None:
        self.credential_slots.used += 1
        self.provider_slots.used += 1
        self.target_slots.used += 1
        self._allowance.in_flight += 1

    def release(self) -> None:
        self.credential_slots.used -= 1
        self.provider_slots.used -= 1
        self.target_slots.used -= 1
        self._allowance.in_flight -= 1


Pick = Callable[[list[Candidate]], Candidate]
"""Chooses one of at least one ready candidates."""


class LiveTier:
    """Candidates of equal preference. `cycle` is an order in which they may be drawn, over and over, while all of them
    are ready; empty if there is none.
    """

    __slots__ = ("_cycle", "_plain", "_turn", "_unrest", "candidates")

    def __init__(self, candidates: list[Candidate], unrest: Unrest, cycle: Sequence[Candidate] = ()) -> None:
        self.candidates = candidates
        self._unrest = unrest
        self._cycle = cycle
        self._turn = -1
        self._plain = all(
            candidate.weight > 0.0
            and candidate.credential_slots.limit is None
            and candidate.provider_slots.limit is None
            for candidate in candidates
        )

    def draw(self, now: float, pick: Pick, rng: Random) -> Candidate | None:
        """The one whose turn it is among those that are ready; None if none is."""
        cycle = self._cycle
        if cycle and self._plain and self._unrest.until <= now:
            turn = self._turn = (self._turn + 1) % len(cycle)
            return cycle[turn]
        return chosen(self.ready(now), now, pick, rng)

    def ready(self, now: float) -> list[Candidate]:
        """Those that are well, may be asked and have a free slot. Not to be changed by the caller."""
        if self._plain and self._unrest.until <= now:
            return self.candidates
        return [
            candidate
            for candidate in self.candidates
            if candidate.may_be_asked(now) and candidate.state.breaker.allows(now) and candidate.has_slot()
        ]


def chosen(ready: list[Candidate], now: float, pick: Pick, rng: Random) -> Candidate | None:
    """The pick among those that are ready. One that has just recovered is passed over now and then, and so gets the
    part of its usual share that it can bear: None if that leaves none.
    """
    left = ready
    while left:
        candidate = pick(left)
        share = candidate.state.breaker.share(now)
        if share >= 1.0 or rng.random() < share:
            return candidate
        left = [other for other in left if other.state.breaker is not candidate.state.breaker]
    return None
