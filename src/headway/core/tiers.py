"""The candidates of one tier together: whose turn it is, who is ready, who will be.

Most of the time all are well and have room. A tier knows when that is so, and asks nobody then.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from random import Random

from headway.core.affinity import Pins
from headway.core.balance import LOOKS_AGAIN, Adaptive, Strategy, Weighted
from headway.core.candidates import Candidate, usual_of
from headway.core.concurrency import MANY
from headway.core.load import Load
from headway.core.rests import Unrest

SLOW = 2.0
"""A conversation leaves its target when another is so many times as quick."""


class LiveTier:
    """Candidates of equal preference."""

    __slots__ = (
        "_adaptive",
        "_by_name",
        "_cycle",
        "_looks_at",
        "_pins",
        "_plain",
        "_slow",
        "_turn",
        "_unrest",
        "candidates",
        "strategy",
    )

    def __init__(
        self, candidates: list[Candidate], unrest: Unrest, strategy: Strategy, pins: Pins | None = None
    ) -> None:
        self.candidates = candidates
        self.strategy = strategy
        self._unrest = unrest
        self._pins = pins if len(candidates) > 1 else None
        self._adaptive = strategy if isinstance(strategy, Adaptive) else None
        self._cycle: Sequence[Candidate] = strategy.cycle(candidates) if isinstance(strategy, Weighted) else ()
        """An order in which they may be drawn, over and over, while all of them are ready."""
        self._turn = -1
        self._by_name = {candidate.name: candidate for candidate in candidates}
        self._slow: set[Candidate] = set()
        """Those that conversations leave."""
        self._looks_at = -inf
        self._plain = all(
            candidate.weight > 0.0
            and candidate.credential_slots.limit is None
            and candidate.provider_slots.limit is None
            for candidate in candidates
        )

    @property
    def keeps_conversations(self) -> bool:
        return self._pins is not None

    def pinned(self, session: int | None, now: float) -> str | None:
        """The name of the target that a conversation was with."""
        return None if self._pins is None or session is None else self._pins.of(session, now)

    def draw(self, load: Load, session: int | None, now: float, rng: Random) -> Candidate | None:
        """The one to ask first; None if nobody is ready."""
        calm = self._plain and self._unrest.until <= now
        pins = self._pins
        if pins is None or session is None:
            return self._draw(load, now, rng, calm=calm)
        pinned = pins.of(session, now)
        if pinned is not None:
            found = self._by_name.get(pinned)
            if found is not None and self._may_stay(found, load, now, rng, calm=calm):
                pins.keep(session, pinned, now)
                return found
        found = self._draw(load, now, rng, calm=calm)
        if found is not None:
            pins.keep(session, found.name, now)
        return found

    def ready(self, load: Load, now: float) -> list[Candidate]:
        """Those that are well, may be asked, have a free slot and room in their quotas, though they may be silent."""
        return [each for each in self.candidates if each.is_well(now) and each.has_slot() and each.admits(load, now)]

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        """One of those that are ready. Who has just recovered gets but a part of its usual share: None if they all
        have, and this is no part of it.
        """
        if not ready or (self._unrest.until > now and not _bears(ready, now, rng)):
            return None
        return self.strategy.choose(ready, now, rng)

    def choose_any(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        return self.strategy.choose(ready, now, rng)

    def soonest(self, load: Load, now: float) -> float:
        """When somebody who is well may be asked (monotonic seconds), as far as is known: slots become free without
        notice. Infinite if nobody will.
        """
        return min((self._moment(each, load, now) for each in self.candidates if each.weight > 0.0), default=inf)

    # --- inside ---

    def _draw(self, load: Load, now: float, rng: Random, *, calm: bool) -> Candidate | None:
        candidates = self.candidates
        if len(candidates) == 1:
            only = candidates[0]
            if not _may(only, load, now, calm=calm):
                return None
            return only if calm else self.choose(candidates, now, rng)
        if not calm and not _bears(self._talking(load, now), now, rng):
            return None
        found = None
        if self._adaptive is not None:
            found = self._better_of_two(self._adaptive, load, now, rng, calm=calm)
        elif calm:
            found = self._next_or_guess(now, rng)
            if found is not None and not _may(found, load, now, calm=True):
                found = None
        if found is not None:
            return found
        ready = self._talking(load, now)
        return self.strategy.choose(ready, now, rng) if ready else None

    def _talking(self, load: Load, now: float) -> list[Candidate]:
        return [each for each in self.ready(load, now) if not each.concurrency.silent(now)]

    def _next_or_guess(self, now: float, rng: Random) -> Candidate | None:
        if not self._cycle:
            return self.strategy.guess(self.candidates, now, rng)
        turn = self._turn = (self._turn + 1) % len(self._cycle)
        return self._cycle[turn]

    def _better_of_two(
        self, adaptive: Adaptive, load: Load, now: float, rng: Random, *, calm: bool
    ) -> Candidate | None:
        """None if neither of two may be asked."""
        pair = adaptive.pair(self.candidates, now, rng)
        if pair is None:
            return None
        first, second = pair
        if not _may(first, load, now, calm=calm):
            return second if first is not second and _may(second, load, now, calm=calm) else None
        if first is second or not _may(second, load, now, calm=calm):
            return first
        return adaptive.better(first, second, now)

    def _may_stay(self, candidate: Candidate, load: Load, now: float, rng: Random, *, calm: bool) -> bool:
        """Is the one that a conversation was with as good as any?"""
        if now >= self._looks_at:
            self._looks_at = now + LOOKS_AGAIN
            self._slow = self._slow_ones(now)
        if candidate in self._slow or not _may(candidate, load, now, calm=calm):
            return False
        return calm or _bears((candidate,), now, rng)

    def _slow_ones(self, now: float) -> set[Candidate]:
        usual = usual_of(self.candidates)
        most = SLOW * usual.seconds
        known = [(each, each.last_seconds(usual)) for each in self.candidates]
        return {each for each, last in known if last is not None and last > most and each.seconds(usual, now) > most}

    @staticmethod
    def _moment(candidate: Candidate, load: Load, now: float) -> float:
        if candidate.state.breaker.tripped:
            return inf
        return max(candidate.rests().until, now + candidate.wait(load, now))


def _may(candidate: Candidate, load: Load, now: float, *, calm: bool) -> bool:
    """Is it a good choice now? `calm`: nobody rests, is on trial or recovers, and nobody has a cap."""
    concurrency = candidate.concurrency
    if concurrency.used + 1.0 > concurrency.limit:
        return False
    if concurrency.used >= MANY and concurrency.silent(now):
        return False
    return (calm or (candidate.is_well(now) and candidate.has_slot())) and candidate.admits(load, now)


def _bears(ready: Sequence[Candidate], now: float, rng: Random) -> bool:
    """Does one more request fall into the share that they can bear?"""
    share = max((each.share(now) for each in ready), default=0.0)
    return share >= 1.0 or rng.random() < share
