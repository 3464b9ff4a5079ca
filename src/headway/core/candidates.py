"""Which targets may take an attempt now.

A candidate is a target inside one route with the live state that stands in its way: slots in use, and rests after
failures. Slots and rests are shared between routes and outlive a reload (`core.registry`); choosing among those that
may is `core.balance`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headway.core.health import Rest, Unrest
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
    """One target of one tier. `credit` belongs to the tier's balance."""

    __slots__ = (
        "credential_rest",
        "credential_slots",
        "credit",
        "deployment_rest",
        "name",
        "provider_slots",
        "rate_rest",
        "target",
        "target_slots",
        "weight",
    )

    def __init__(
        self,
        target: Target,
        *,
        credential_slots: Slots,
        provider_slots: Slots,
        target_slots: Slots,
        rate_rest: Rest,
        deployment_rest: Rest,
        credential_rest: Rest,
    ) -> None:
        self.target = target
        self.name = target.name
        self.weight = target.weight
        self.credit = 0.0
        self.credential_slots = credential_slots
        self.provider_slots = provider_slots
        self.target_slots = target_slots
        self.rate_rest = rate_rest
        self.deployment_rest = deployment_rest
        self.credential_rest = credential_rest

    def has_slot(self) -> bool:
        return self.credential_slots.free() and self.provider_slots.free()

    def rests_until(self) -> float:
        """When all of its rests are over (monotonic seconds); a moment in the past means now."""
        return max(self.rate_rest.until, self.deployment_rest.until, self.credential_rest.until)

    def acquire(self) -> None:
        self.credential_slots.used += 1
        self.provider_slots.used += 1
        self.target_slots.used += 1

    def release(self) -> None:
        self.credential_slots.used -= 1
        self.provider_slots.used -= 1
        self.target_slots.used -= 1


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

    def draw(self, now: float, pick: Pick) -> Candidate | None:
        """The one whose turn it is among those that are ready; None if none is."""
        cycle = self._cycle
        if cycle and self._plain and self._unrest.until <= now:
            turn = self._turn = (self._turn + 1) % len(cycle)
            return cycle[turn]
        ready = self.ready(now)
        return pick(ready) if ready else None

    def ready(self, now: float) -> list[Candidate]:
        """Those with a free slot, out of every rest, and not drained. Not to be changed by the caller."""
        if self._plain and self._unrest.until <= now:
            return self.candidates
        return [
            candidate
            for candidate in self.candidates
            if candidate.weight > 0.0
            and candidate.deployment_rest.until <= now
            and candidate.rate_rest.until <= now
            and candidate.credential_rest.until <= now
            and candidate.has_slot()
        ]
