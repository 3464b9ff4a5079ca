"""Which of several targets gets the next attempt: the strategies, by name.

A strategy sees candidates that are well, have a slot and room in their quotas, and chooses one. `adaptive` looks at how
soon and how reliably each answers, how much it has under way and how much its quota still holds; the others look at one
thing each. Further ones are added by `add`, before the configuration is read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import inf
from random import Random
from typing import Protocol

from headway.core.candidates import Candidate, usual_of

LONGEST_CYCLE = 256
HOT = 0.8
"""The part of a quota or a limit in use beyond which a target is spared."""
ALIKE = 1.2
"""Scores that differ by less than this say nothing."""
LOOKS_AGAIN = 0.1
"""Seconds for which the shares of a tier hold."""
EXPLORES = 0.02
"""Part of the requests that `latency` sends to any target, to see how soon it answers now."""


class Strategy(Protocol):
    """Of one tier. `choose` gets at least one candidate, all of which may be asked."""

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate: ...

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        """Whom it would most likely choose, before anybody was asked whether it has room; None if it does not know. For
        tiers of many targets, where asking all of them costs more than the choice.
        """
        ...


class Weighted:
    """Smooth weighted draw: every candidate earns its weight in credit, the richest is chosen and pays the sum. Shares
    hold exactly over every few draws, and draws of one candidate are spread out rather than bunched. (The algorithm is
    nginx's.)
    """

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        left = ready
        while True:
            candidate = self._richest(left)
            share = candidate.state.breaker.share(now)
            if share >= 1.0 or rng.random() < share:  # one that has just recovered is passed over now and then
                return candidate
            others = [other for other in left if other.state.breaker is not candidate.state.breaker]
            if not others:
                return candidate
            left = others

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        return None

    def _richest(self, ready: Sequence[Candidate]) -> Candidate:
        total = 0.0
        best = ready[0]
        highest = -inf
        for candidate in ready:
            weight = self._weight(candidate)
            total += weight
            credit = candidate.credit = candidate.credit + weight
            if credit > highest:
                best = candidate
                highest = credit
        best.credit = highest - total
        return best

    def _weight(self, candidate: Candidate) -> float:
        return candidate.weight

    def cycle(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The order in which it draws while all are ready, until it repeats itself; empty if that takes too long. A
        draw from it costs nothing, and most of the time all are ready.
        """
        if any(candidate.credit for candidate in candidates) or not all(candidate.weight for candidate in candidates):
            return []
        order: list[Candidate] = []
        while candidates and len(order) < LONGEST_CYCLE:
            order.append(self._richest(candidates))
            if all(abs(candidate.credit) < 1e-9 for candidate in candidates):
                break
        else:
            order = []
        for candidate in candidates:
            candidate.credit = 0.0
        return order


class RoundRobin(Weighted):
    """One after the other, whatever their weights."""

    def _weight(self, candidate: Candidate) -> float:
        return 1.0


class LeastBusy:
    """Whoever has least under way for its weight. The next request counts as a random part of one, so that those who
    have nothing under way are drawn by their weights.
    """

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        return _least(ready, lambda each: (each.concurrency.used + rng.random()) / (each.weight * each.share(now)))[0]

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        best, least = None, inf
        random = rng.random
        for each in candidates:
            weight = each.weight
            if weight > 0.0:
                busy = (each.concurrency.used + random()) / weight
                if busy < least:
                    best, least = each, busy
        return best


class Latency:
    """Whoever answers soonest. A small part goes to any, so that whoever was slow is seen to be quick again."""

    __slots__ = ("_among", "_quickest", "_until")

    def __init__(self) -> None:
        self._among: Sequence[Candidate] = ()
        self._quickest: list[Candidate] = []
        self._until = -inf

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        if rng.random() < EXPLORES:
            return ready[rng.randrange(len(ready))]
        cold = [each for each in ready if each.used(now) <= HOT] or ready
        return _any_of(self._soonest(cold, now), rng)

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        if rng.random() < EXPLORES:
            return candidates[int(rng.random() * len(candidates))]
        if now >= self._until or candidates is not self._among:
            self._until = now + LOOKS_AGAIN
            self._among = candidates
            well = [each for each in candidates if each.is_well(now)]
            self._quickest = self._soonest(well, now)
        quickest = self._quickest
        if not quickest:
            return None
        found = quickest[int(rng.random() * len(quickest))]
        return found if found.used(now) <= HOT else None

    @staticmethod
    def _soonest(ready: Sequence[Candidate], now: float) -> list[Candidate]:
        on_trial = [each for each in ready if each.state.breaker.tripped]
        if on_trial:  # one request at a time tells whether it is well again
            return on_trial
        usual = usual_of(ready)
        return _least(ready, lambda each: each.seconds(usual, now) / each.share(now))


class Cost:
    """Whoever is cheapest; those whose price is not known come last. Between equals, `adaptive`."""

    def __init__(self) -> None:
        self._between_equals = Adaptive()

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        prices = [each.price for each in ready]
        cheapest = min(prices)
        equals = [each for each, price in zip(ready, prices, strict=True) if price == cheapest]
        return self._between_equals.choose(equals, now, rng)

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        best, second = None, inf
        for each in candidates:
            if each.weight > 0.0:
                if best is None or each.price < best.price:
                    best, second = each, inf if best is None else best.price
                else:
                    second = min(second, each.price)
        return best if best is not None and best.price < second else None


class Adaptive:
    """Two are drawn by their shares, the better is taken. A target's share is its weight, times what its quota still
    holds, times how often it answers, by how long it takes. The better of two is the one whose quotas and limits are
    less used, if one of them is hot; otherwise the one that is quicker for what it has under way.
    """

    __slots__ = ("_among", "_ends", "_shares", "_until")

    def __init__(self) -> None:
        self._until = -inf
        self._among: Sequence[Candidate] = ()
        self._ends: list[float] = []
        self._shares: dict[Candidate, tuple[float, float]] = {}
        """Of each: its share, relative to the average, and the seconds it takes."""

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        if len(ready) == 1:
            return ready[0]
        shares = _shares(ready, now)
        ends = list(accumulate(share for share, _ in shares))
        at = [min(bisect_right(ends, rng.random() * ends[-1]), len(ready) - 1) for _ in range(2)]
        if at[0] == at[1]:
            return ready[at[0]]
        return _better(ready[at[0]], shares[at[0]], ready[at[1]], shares[at[1]], now)

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        return None

    def pair(self, candidates: Sequence[Candidate], now: float, rng: Random) -> tuple[Candidate, Candidate] | None:
        """Two of a tier's candidates by their shares, perhaps the same twice, without asking whether they have room;
        None if nobody is well.
        """
        if now >= self._until or candidates is not self._among:
            self._look(candidates, now)
        ends = self._ends
        total = ends[-1]
        if total <= 0.0:
            return None
        last = len(ends) - 1
        first = bisect_right(ends, rng.random() * total)
        second = bisect_right(ends, rng.random() * total)
        return candidates[min(first, last)], candidates[min(second, last)]

    def better(self, first: Candidate, second: Candidate, now: float) -> Candidate:
        """Of such a pair."""
        return _better(first, self._shares[first], second, self._shares[second], now)

    def share(self, candidate: Candidate) -> float:
        """Its share when last looked at, relative to the average; 0 if it was never looked at."""
        return self._shares.get(candidate, (0.0, 0.0))[0]

    def _look(self, candidates: Sequence[Candidate], now: float) -> None:
        self._until = now + LOOKS_AGAIN
        self._among = candidates
        shares = _shares(candidates, now)
        self._shares = dict(zip(candidates, shares, strict=True))
        well = [share if each.is_well(now) else 0.0 for each, (share, _) in zip(candidates, shares, strict=True)]
        self._ends = list(accumulate(well))


def adaptive_shares(candidates: Sequence[Candidate], now: float) -> list[float]:
    """What each would get under `adaptive`, relative to the average, whether or not it may be asked."""
    return [share for share, _ in _shares(candidates, now)]


def _shares(candidates: Sequence[Candidate], now: float) -> list[tuple[float, float]]:
    usual = usual_of(candidates)
    rooms = [each.room(now) for each in candidates]
    most = max((room for room in rooms if room < inf), default=1.0)
    shares: list[float] = []
    times: list[float] = []
    for each, room in zip(candidates, rooms, strict=True):
        seconds = each.seconds(usual, now)
        times.append(seconds)
        share = each.weight * min(room, most) * usual.seconds / seconds
        if not each.state.breaker.tripped:  # one that is on trial has to be tried, whatever it did
            share *= each.state.standing.reliability(now) ** 2 * each.state.breaker.share(now)
        shares.append(share)
    average = sum(shares) / len(shares)
    if average <= 0.0:
        return [(1.0, seconds) for seconds in times]
    return [(share / average, seconds) for share, seconds in zip(shares, times, strict=True)]


def _better(
    first: Candidate, of_first: tuple[float, float], second: Candidate, of_second: tuple[float, float], now: float
) -> Candidate:
    if first.state.breaker.tripped or second.state.breaker.tripped:  # one request at a time tells if it is well again
        return first if first.state.breaker.tripped else second
    used, used_other = first.used(now), second.used(now)
    if used > HOT or used_other > HOT:
        return first if used <= used_other else second
    score = of_first[1] * (1.0 + first.concurrency.used / (of_first[0] or 0.001))
    other = of_second[1] * (1.0 + second.concurrency.used / (of_second[0] or 0.001))
    return second if score > ALIKE * other else first


def _least(ready: Sequence[Candidate], key: Callable[[Candidate], float]) -> list[Candidate]:
    """Those with the least."""
    keys = [key(each) for each in ready]
    least = min(keys, default=0.0)
    return [each for each, value in zip(ready, keys, strict=True) if value <= least]


def _any_of(equals: list[Candidate], rng: Random) -> Candidate:
    return equals[0] if len(equals) == 1 else equals[rng.randrange(len(equals))]


def add(name: str, make: Callable[[], Strategy]) -> None:
    """Make a strategy known under a name, for every configuration read from then on. `make` is called for each tier.

    Raises ValueError if there is one of that name.
    """
    if name in STRATEGIES:
        raise ValueError(f"there is a strategy {name!r} already")
    STRATEGIES[name] = make


STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "adaptive": Adaptive,
    "weighted": Weighted,
    "round_robin": RoundRobin,
    "least_busy": LeastBusy,
    "latency": Latency,
    "cost": Cost,
}
