"""Whether a target may take an attempt now, and what taking one takes from it.

A candidate is a target inside one route with the live state that stands in its way: slots in use, quotas, rests and
breakers after failures. That state is shared between routes and outlives a reload (`core.registry`). How candidates
stand together is `core.tiers`' business, which of those that may is chosen is `core.balance`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import median_low
from typing import NamedTuple

from headway.core.buckets import NOTHING, Quota, Reservation
from headway.core.concurrency import Concurrency, Slots
from headway.core.health import State
from headway.core.load import NO_LOAD, Load, Need
from headway.core.rests import Rest
from headway.core.standing import Times
from headway.types import Accounting, Target


class Usual(NamedTuple):
    """What such targets take: seconds to the first token where all of them have streamed, else for a whole answer."""

    streamed: bool
    seconds: float


class Candidate:
    """One target of one tier. `credit` belongs to the tier's balance, `state` is shared with whatever other candidates
    have the same deployment or credential. `overall` is the quota of the provider's, over all keys.
    """

    __slots__ = (
        "_allowance",
        "_load",
        "_need",
        "accounting",
        "concurrency",
        "credential_slots",
        "credit",
        "deployment",
        "key",
        "name",
        "overall",
        "price",
        "provider_slots",
        "quota",
        "state",
        "target",
        "weight",
    )

    def __init__(
        self, target: Target, state: State, *, credential_slots: Slots, provider_slots: Slots, overall: Quota
    ) -> None:
        self.target = target
        self.name = target.name
        self.deployment = target.deployment.name
        self.key = f"{target.deployment.provider.name}#{target.credential.name}"
        self.weight = target.weight
        self.price = target.deployment.profile.price
        self.credit = 0.0
        self.state = state
        self.quota = state.quota
        self.concurrency: Concurrency = state.concurrency
        self.credential_slots = credential_slots
        self.provider_slots = provider_slots
        self.overall = overall
        self._allowance = state.allowance
        self.accounting: Accounting = target.deployment.provider.quirks.accounting
        self._load = NO_LOAD
        self._need = Need()
        """What that load needs here; asked for more than once in a row."""

    # --- may it be asked? ---

    def has_slot(self) -> bool:
        return self.concurrency.free() and self.credential_slots.free() and self.provider_slots.free()

    def rests(self) -> Rest:
        """Of the rests that providers asked for, the one that lasts longest."""
        state = self.state
        longest = state.pair if state.pair.until >= state.credential.until else state.credential
        return longest if longest.until >= state.deployment.until else state.deployment

    def may_be_asked(self, now: float) -> bool:
        """Has nobody forbidden it? Health is another matter."""
        return self.weight > 0.0 and self.rests().until <= now

    def is_well(self, now: float) -> bool:
        return self.may_be_asked(now) and self.state.breaker.allows(now)

    def admits(self, load: Load, now: float) -> bool:
        """Is there room for this request in its quotas?"""
        quota, overall = self.quota, self.overall
        if not quota.buckets and quota.pace is None and not overall.buckets:
            return True
        need = self.need(load)
        return quota.admits(need, now) and (not overall.buckets or overall.admits(need, now))

    def wait(self, load: Load, now: float) -> float:
        """Seconds until its quotas have room for this request; infinite if they never have."""
        need = self.need(load)
        return max(self.quota.wait(need, now), self.overall.wait(need, now))

    def need(self, load: Load) -> Need:
        if load is not self._load:
            self._load = load
            self._need = self.state.estimate.need(load, self.accounting)
        return self._need

    # --- how does it compare? ---

    def used(self, now: float) -> float:
        """How near its quotas and its limit it is: 0 to 1."""
        share = max(self.concurrency.share(), self.credential_slots.share(), self.provider_slots.share())
        quota, overall = self.quota, self.overall
        if quota.buckets:
            share = max(share, quota.used(now))
        return max(share, overall.used(now)) if overall.buckets else share

    def room(self, now: float) -> float:
        """How many usual requests its quotas admit now; infinite if nothing is known of them."""
        need = self.state.estimate.usual()
        return min(self.quota.room(need, now), self.overall.room(need, now))

    def share(self, now: float) -> float:
        """The part of its usual traffic that it should get; less than 1 after it has recovered."""
        return self.state.breaker.share(now)

    def seconds(self, usual: Usual, now: float) -> float:
        """That it takes for the same, as far as is known."""
        return max(self._times(usual).now(usual.seconds, now) or usual.seconds, 0.001)

    def last_seconds(self, usual: Usual) -> float | None:
        return self._times(usual).last()

    def _times(self, usual: Usual) -> Times:
        standing = self.state.standing
        return standing.first_token if usual.streamed else standing.whole

    # --- taking ---

    def acquire(self, load: Load, now: float) -> tuple[Reservation, ...]:
        """Take a slot and, by estimate, what the request needs of the quotas."""
        self.credential_slots.used += 1
        self.provider_slots.used += 1
        concurrency = self.concurrency
        if not concurrency.used:
            concurrency.heard = now
        concurrency.used += 1
        self._allowance.in_flight += 1
        quota, overall = self.quota, self.overall
        if not quota.buckets and not overall.buckets:
            quota.count(now)
            return NOTHING
        need = self.need(load)
        self.state.estimate.took(need)
        taken = quota.reserve(need, now)
        return taken + overall.reserve(need, now) if overall.buckets else taken

    def release(self) -> None:
        self.credential_slots.used -= 1
        self.provider_slots.used -= 1
        self.concurrency.used -= 1
        self._allowance.in_flight -= 1


def too_large(candidates: list[Candidate], load: Load, now: float) -> bool:
    """Does none of their quotas ever hold enough for this request?"""
    return bool(candidates) and all(each.wait(load, now) == inf for each in candidates)


def usual_of(candidates: Sequence[Candidate]) -> Usual:
    """As far as is known; a second if nothing is."""
    all_times = [(each.state.standing.first_token.last(), each.state.standing.whole.last()) for each in candidates]
    streamed = all(first is not None or whole is None for first, whole in all_times)
    known = [seconds for times in all_times if (seconds := times[0 if streamed else 1]) is not None]
    return Usual(streamed, median_low(known) if known else 1.0)
