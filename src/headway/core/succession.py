"""Whom to ask after a failure, or when nothing is ready to begin with.

In this order: another deployment that is well and may take over; the failed one once more, after a moment; one that is
left alone for its health, since being wrong about that must not be an outage; whoever becomes ready soon. What a
provider forbade (a refused key, a rate limit) is never overruled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from random import Random

import msgspec

from headway.core.candidates import Candidate, too_large
from headway.core.load import Load
from headway.core.registry import LiveFallback, LiveRoute
from headway.core.remedies import REMEDIES, Elsewhere
from headway.core.tiers import LiveTier
from headway.failures import Failure, FailureKind
from headway.types import AttemptReason, Resilience

BACKOFF = 0.5
"""Seconds: the longest pause before a deployment is asked again. The pause itself is drawn from zero to this."""
CROWDED = (0.05, 0.15)
"""Seconds between looks at a destination that has all the failovers it may take."""
LATE = 0.1
"""A wait that a provider asked for is kept, and lengthened by up to this part of it: not all come back at once."""


class Choice(msgspec.Struct, frozen=True):
    """`takes_over`: its deployment serves what was meant for another."""

    candidate: Candidate
    reason: AttemptReason
    takes_over: bool = False


class Succession:
    """Of one exchange whose first attempt has failed. `last_resort_used`: what rests for its health was asked once."""

    def __init__(self, route: LiveRoute, load: Load, resilience: Resilience, deadline: float, rng: Random) -> None:
        self._load = load
        self._resilience = resilience
        self._deadline = deadline
        self._rng = rng
        self._tiers = route.tiers
        self._reason: AttemptReason = "failover"
        self._spoiled: set[str] = set()
        """Deployments that failed as a whole, or cannot serve this request at all."""
        self._used: list[LiveFallback] = []
        self._last: tuple[Candidate, Failure] | None = None
        self._retries = 0
        self._waited = 0.0
        self._waits_since: float | None = None
        self.last_resort_used = False

    # --- what happened ---

    def fall_back(self, fallback: LiveFallback) -> bool:
        """Go on where the route sends such failures; False if that has been tried."""
        if fallback.tiers and fallback in self._used:
            return False
        self._used.append(fallback)
        self._tiers = fallback.tiers or self._tiers
        self._reason = "fallback"
        return True

    def failed(self, candidate: Candidate, failure: Failure) -> None:
        self._last = candidate, failure
        if REMEDIES[failure.kind].elsewhere is not Elsewhere.ANOTHER_TARGET:
            self._spoiled.add(candidate.deployment)

    # --- who is next ---

    def next(self, tried: set[str], now: float, *, paused: bool) -> Choice | float | None:
        """Somebody to ask, the moment to come back (monotonic seconds), or nobody. `paused`: a wait has just passed."""
        if self._waits_since is not None:  # the sweep may have come later than was asked
            self._waited += now - self._waits_since
            self._waits_since = None
        fresh, crowded = self._fresh(tried, now)
        if fresh is not None:
            return fresh
        if crowded:
            moment = self._wait(self._rng.uniform(*CROWDED), now)
            if moment is not None:
                return moment
        return (
            self._again(tried, now, paused=paused) or self._last_resort(tried, now) or self._wait_for_rests(tried, now)
        )

    def able(self, tried: set[str], now: float) -> Choice | float | None:
        """Another deployment, after one that cannot do what the request calls for, or when there may be one (monotonic
        seconds). It takes over nothing: it is the first that could be asked.
        """
        reason = self._reason if self._reason == "fallback" else "first"
        for tier in self._tiers:
            fresh = self._open_to(tried, tier, now)
            if fresh:
                return Choice(tier.choose_any(fresh, now, self._rng), reason)
        rest = [each for each in _all(self._tiers) if each.weight > 0.0 and self._is_open(each, tried)]
        soonest = min((self._moment(each, now) for each in rest if not each.state.breaker.tripped), default=inf)
        if soonest < self._deadline:
            return max(soonest, now)
        return self._last_resort(tried, now)

    def has_other(self, tried: set[str], under_way: set[str], now: float) -> bool:
        """Is there another deployment than those under way?"""
        return any(each.deployment not in under_way for tier in self._tiers for each in self._open_to(tried, tier, now))

    def rival(self, first: Candidate, now: float) -> Candidate | None:
        """Another deployment that is well, has not failed much of late, and may take more."""
        return self._well(
            now,
            lambda each: (
                each.deployment != first.deployment
                and each.state.allowance.may_repeat()
                and each.state.allowance.may_take_over()
            ),
        )

    def successor(self, tried: set[str], now: float, able: Callable[[Candidate], bool]) -> Choice | None:
        """One that is well, has not failed, may take over, and is able to go on where another broke off."""
        found = self._well(now, lambda each: self._is_open(each, tried) and self._may_come(each) and able(each))
        return None if found is None else Choice(found, "continuation", self._shifts(found))

    def _well(self, now: float, wanted: Callable[[Candidate], bool]) -> Candidate | None:
        for tier in self._tiers:
            ready = [each for each in tier.ready(self._load, now) if wanted(each)]
            if ready:
                return tier.choose_any(ready, now, self._rng)
        return None

    # --- inside ---

    def _open_to(self, tried: set[str], tier: LiveTier, now: float) -> list[Candidate]:
        return [each for each in tier.ready(self._load, now) if self._is_open(each, tried)]

    def _is_open(self, candidate: Candidate, tried: set[str]) -> bool:
        return candidate.name not in tried and candidate.deployment not in self._spoiled

    def _fresh(self, tried: set[str], now: float) -> tuple[Choice | None, bool]:
        """One that has not failed, and whether any was left out because it has taken over enough."""
        crowded = False
        reserve: Candidate | None = None
        for tier in self._tiers:
            fresh = self._open_to(tried, tier, now)
            fitting = [each for each in fresh if self._may_come(each)]
            crowded = crowded or len(fitting) < len(fresh)
            found = tier.choose(fitting, now, self._rng)
            if found is not None:
                return Choice(found, self._reason, self._shifts(found)), crowded
            if fitting and reserve is None:
                reserve = tier.choose_any(fitting, now, self._rng)
        return None if reserve is None else Choice(reserve, self._reason, self._shifts(reserve)), crowded

    def _shifts(self, candidate: Candidate) -> bool:
        return self._last is not None and candidate.deployment != self._last[0].deployment

    def _may_come(self, candidate: Candidate) -> bool:
        return not self._shifts(candidate) or candidate.state.allowance.may_take_over()

    def _again(self, tried: set[str], now: float, *, paused: bool) -> Choice | float | None:
        """The deployment that has just failed, with another key if it has one."""
        if self._last is None:
            return None
        failed, failure = self._last
        if not self._may_repeat(failed, failure):
            return None
        same = [
            each
            for tier in self._tiers
            for each in tier.ready(self._load, now)
            if each.deployment == failed.deployment and (each is failed or each.name not in tried)
        ]
        if not same:
            return None
        if REMEDIES[failure.kind].pause and not paused:
            return self._wait(self._rng.uniform(0.0, BACKOFF), now)
        self._retries += 1
        return Choice(next((each for each in same if each is not failed), failed), "retry")

    def _may_repeat(self, failed: Candidate, failure: Failure) -> bool:
        return (
            REMEDIES[failure.kind].again
            and failure.should_retry is not False
            and self._retries < self._resilience.retries
            and failed.state.allowance.may_repeat()
        )

    def _last_resort(self, tried: set[str], now: float) -> Choice | None:
        if self.last_resort_used:
            return None
        found = last_resort(self._tiers, now, tried | self._spoiled)
        return None if found is None else Choice(found, "last_resort")

    def _wait_for_rests(self, tried: set[str], now: float) -> float | None:
        """The moment at which the first of those becomes ready that merely rest for a while, or whose quota refills."""
        everyone = (each for tier in self._tiers for each in tier.candidates)
        soonest = min((self._moment(each, now) for each in everyone if self._worth(each, tried, now)), default=inf)
        if soonest == inf:
            return None
        seconds = max(soonest - now, 0.001)
        return self._wait(seconds * (1.0 + self._rng.uniform(0.0, LATE)), now)

    def _moment(self, candidate: Candidate, now: float) -> float:
        return max(candidate.rests().until, now + candidate.wait(self._load, now))

    def _worth(self, candidate: Candidate, tried: set[str], now: float) -> bool:
        """Is it worth waiting for, as far as this exchange is concerned?"""
        if candidate.weight <= 0.0 or (candidate.rests().until <= now and candidate.admits(self._load, now)):
            return False
        breaker = candidate.state.breaker
        ill = breaker.tripped and breaker.until > candidate.rests().until
        if self._last is not None and candidate is self._last[0]:
            return not ill and self._may_repeat(*self._last)
        return self._is_open(candidate, tried) and not (ill and self.last_resort_used)

    def _wait(self, seconds: float, now: float) -> float | None:
        if now + seconds >= self._deadline or self._waited + seconds > self._resilience.longest_wait:
            return None
        self._waits_since = now
        return now + seconds


def last_resort(tiers: list[LiveTier], now: float, without: set[str]) -> Candidate | None:
    """Of those that are left alone for their health alone, the one that will be tried again soonest. `without` holds
    names of targets and deployments.
    """
    resting = [
        each
        for each in _all(tiers)
        if each.name not in without
        and each.deployment not in without
        and each.may_be_asked(now)
        and each.has_slot()
        and not each.state.breaker.allows(now)
    ]
    return min(resting, key=lambda each: each.state.breaker.until, default=None)


def first_choice(route: LiveRoute, load: Load, now: float, rng: Random) -> Choice | float | Failure:
    """Whom to begin with when no tier has drawn anybody, when somebody may be ready (monotonic seconds), or why nobody
    ever will.
    """
    for tier in route.tiers:
        ready = tier.ready(load, now)  # they have only just recovered, and nobody else can take their share
        if ready:
            return Choice(tier.choose_any(ready, now, rng), "first")
    soonest = min((tier.soonest(load, now) for tier in route.tiers), default=inf)
    return soonest if soonest < inf else without_room(route, load, now)


def without_room(route: LiveRoute, load: Load, now: float) -> Choice | Failure:
    """The same, when there is nothing to wait for: somebody who is left alone for its health, or why nobody."""
    found = last_resort(route.tiers, now, set())
    return Choice(found, "last_resort") if found is not None else _why_nobody(route.tiers, load, now)


def _all(tiers: list[LiveTier]) -> Iterator[Candidate]:
    for tier in tiers:
        yield from tier.candidates


_REFUSALS: tuple[tuple[frozenset[FailureKind], FailureKind, str], ...] = (
    (
        frozenset({FailureKind.RATE_LIMITED, FailureKind.RAMP_LIMITED}),
        FailureKind.RATE_LIMITED,
        "every key left for this route is rate limited by its provider",
    ),
    (
        frozenset({FailureKind.DAILY_QUOTA}),
        FailureKind.DAILY_QUOTA,
        "every key left for this route has used up its quota for the day",
    ),
    (
        frozenset({FailureKind.OVERLOADED, FailureKind.SERVER_ERROR, FailureKind.TIMEOUT, FailureKind.UNKNOWN}),
        FailureKind.OVERLOADED,
        "the provider has asked to be left alone for a while",
    ),
    (
        frozenset({FailureKind.PERMISSION, FailureKind.MODEL_NOT_FOUND}),
        FailureKind.PERMISSION,
        "no key for this route may use the model; check what the keys in the configuration are allowed",
    ),
    (
        frozenset({FailureKind.BILLING_EXHAUSTED}),
        FailureKind.BILLING_EXHAUSTED,
        "every key for this route has run out of credit",
    ),
    (
        frozenset({FailureKind.AUTH_INVALID}),
        FailureKind.AUTH_INVALID,
        "the provider has refused every key for this route; check the keys in the configuration",
    ),
)
"""Why candidates rest, what that makes of the whole, and how it is told: first what passes soonest."""


def _why_nobody(tiers: list[LiveTier], load: Load, now: float) -> Failure:
    candidates = [each for each in _all(tiers) if each.weight > 0.0]
    if not candidates:
        return refusal(FailureKind.SATURATED, "every target of this route has weight 0")
    if too_large(candidates, load, now):
        message = "the request needs more tokens than the quota of any key for this route ever holds"
        return refusal(FailureKind.TOO_LARGE_FOR_BUCKET, message)
    resting = [each.rests() for each in candidates if each.rests().until > now]
    if len(resting) < len(candidates):
        return _crowded([each for each in candidates if each.rests().until <= now], load, now)
    for kinds, kind, message in _REFUSALS:
        waits = [rest.until - now for rest in resting if rest.kind in kinds]
        if waits:
            return refusal(kind, message, min(waits))
    return refusal(FailureKind.OVERLOADED, _REFUSALS[2][2], min(rest.until for rest in resting) - now)


def _crowded(candidates: list[Candidate], load: Load, now: float) -> Failure:
    """They are well, and have no room."""
    waits = [each.wait(load, now) for each in candidates]
    shortest = min(wait for wait in waits)
    if shortest > 0.0:
        message = "every key left for this route has used up what its quota holds just now"
        return refusal(FailureKind.RATE_LIMITED, message, shortest if shortest < inf else None)
    return refusal(FailureKind.SATURATED, "every target left for this route is at its concurrency limit", 1.0)


def refusal(kind: FailureKind, message: str, retry_after: float | None = None) -> Failure:
    """A failure of the gateway's own making."""
    return Failure(kind=kind, source="gateway", message=message, retry_after=retry_after)
