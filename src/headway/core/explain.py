"""How each target of a route stands just now, in numbers and in plain words, for people who ask why.

It looks at copies of whatever changes when asked, so that looking changes no decision. Whom the next request goes to is
not foretold: that is drawn (`core.balance`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain
from math import inf
from typing import Literal

import msgspec

from headway.core.balance import adaptive_shares
from headway.core.buckets import DAY, MINUTE, Bucket, Quota
from headway.core.candidates import Candidate, usual_of
from headway.core.load import Load
from headway.core.registry import LiveRoute
from headway.core.tiers import LiveTier
from headway.types import CapRecord, QuotaRecord, Skipped, TargetRecord, TargetState

MOST_SKIPPED = 8
WINDOWS = {1.0: "a second", MINUTE: "a minute", 3600.0: "an hour", DAY: "a day"}


class Verdict(msgspec.Struct, frozen=True):
    """A state, why, and what belongs to it. `may`: it may be asked."""

    state: TargetState
    why: str
    may: bool = False
    kind: str | None = None
    left: float | None = None
    wait: float | None = 0.0


def describe(route: LiveRoute, load: Load, session: int | None, now: float) -> tuple[TargetRecord, ...]:
    """Every candidate of every tier, in order. `session` is a conversation, None if there is none."""
    records: list[TargetRecord] = []
    for number, tier in enumerate(route.tiers, 1):
        records += _tier(tier, load, session, now, number=number, balance=route.route.balance)
    return tuple(records)


def skipped(tiers: Sequence[LiveTier], load: Load, now: float) -> tuple[Skipped, ...]:
    """Those that may not be asked, in order, the first few of them."""
    found: list[Skipped] = []
    for candidate in chain.from_iterable(tier.candidates for tier in tiers):
        if len(found) == MOST_SKIPPED:
            break
        verdict = _verdict(_copied(candidate), load, now)
        if not verdict.may:
            found.append(Skipped(candidate.name, verdict.state, verdict.why))
    return tuple(found)


def _tier(
    tier: LiveTier, load: Load, session: int | None, now: float, *, number: int, balance: str
) -> Iterator[TargetRecord]:
    candidates = [_copied(each) for each in tier.candidates]
    relative = _relative_shares(balance, candidates, now)  # before the load is looked at: it is that of requests so far
    verdicts = [_verdict(each, load, now) for each in candidates]
    pinned = tier.pinned(session, now)
    usual = usual_of(candidates)
    seen = any(each.last_seconds(usual) is not None for each in candidates)
    for each, verdict, share in zip(candidates, verdicts, _parts(relative, verdicts), strict=True):
        pace = each.quota.pace
        yield TargetRecord(
            tier=number,
            target=each.name,
            state=verdict.state,
            why=verdict.why,
            kind=verdict.kind,
            left=verdict.left,
            wait=verdict.wait,
            weight=each.weight,
            share=share,
            seconds=each.seconds(usual, now) if seen else None,
            reliability=each.state.standing.reliability(now),
            in_flight=each.concurrency.used,
            limit=_known(each.concurrency.limit),
            caps=tuple(_caps(each)),
            quotas=tuple(_quotas(each, now)),
            pace=None if pace is None else _known(pace.rate(now)),
            price=_known(each.price),
            pinned=each.name == pinned,
        )


def _copied(candidate: Candidate) -> Candidate:
    """One that may be asked anything: the levels that it brings up to date are its own, and so is what it remembers."""
    seen = copy(candidate)
    seen.quota, seen.overall = _copied_quota(candidate.quota), _copied_quota(candidate.overall)
    return seen


def _copied_quota(quota: Quota) -> Quota:
    seen = copy(quota)
    seen.buckets = [copy(bucket) for bucket in quota.buckets]
    seen.pace = copy(quota.pace)
    return seen


# --- how it stands ---


def _verdict(candidate: Candidate, load: Load, now: float) -> Verdict:
    """What stands in its way most."""
    breaker, rest = candidate.state.breaker, candidate.rests()
    wait = candidate.wait(load, now)
    if candidate.weight <= 0.0:
        return Verdict("drained", "its weight is 0", wait=None)
    if wait == inf:
        return Verdict("too_large", _never(candidate, load), wait=None)
    if rest.until > now:
        left = rest.until - now
        why = f"left alone for {_seconds(left)} after {_article(rest.kind.value)}"
        return Verdict("resting", why, kind=rest.kind.value, left=left, wait=max(left, wait))
    if breaker.tripped and breaker.until > now:
        left = breaker.until - now
        why = f"it kept failing: left alone for {_seconds(left)}, then tried with one request"
        return Verdict("broken", why, left=left, wait=max(left, wait))
    if not candidate.admits(load, now):
        return Verdict("limited", _no_room(candidate, load, now), wait=wait)
    if not candidate.has_slot():
        return Verdict("full", _no_slot(candidate))
    if breaker.tripped:
        if breaker.allows(now):
            return Verdict("trial", "it kept failing: one request may try it", may=True)
        return Verdict("trial", "it kept failing: one request tries it just now")
    share = candidate.share(now)
    if share < 1.0:
        left = breaker.ramp_until - now
        why = f"it has recovered: {share:.0%} of its usual share, all of it in {_seconds(left)}"
        return Verdict("recovering", why, may=True, left=left)
    if candidate.concurrency.silent(now):
        quiet = now - candidate.concurrency.heard
        return Verdict(
            "ready", f"no reply has begun for {_seconds(quiet)}: it may hang, and others come first", may=True
        )
    return Verdict("ready", "it may be asked", may=True)


def _no_slot(candidate: Candidate) -> str:
    for slots, of in ((candidate.credential_slots, "key"), (candidate.provider_slots, "provider")):
        if not slots.free():
            return f"{slots.used} requests in flight, and the {of} may have {slots.limit}"
    concurrency = candidate.concurrency
    return f"{concurrency.used} requests in flight, and it was overloaded by more than {concurrency.limit:.1f}"


def _no_room(candidate: Candidate, load: Load, now: float) -> str:
    """Which quota keeps it waiting for longest."""
    need = candidate.need(load)
    waits = [(bucket.wait(need.of(bucket.dimension), now), bucket, of) for bucket, of in _buckets(candidate)]
    longest, bucket, of = max(waits, key=lambda each: each[0], default=(0.0, None, ""))
    pace = candidate.quota.pace
    if bucket is None or (pace is not None and pace.wait(now) > longest):
        rate = 0.0 if pace is None else pace.rate(now)
        return f"it refuses without saying how much it takes: paced at {rate:.2g} requests a second"
    left = f"{bucket.level:,.0f} of {_limit(bucket)} left, {need.of(bucket.dimension):,.0f} needed"
    return f"the {of}'s quota has no room for {_seconds(longest)}: {left}"


def _never(candidate: Candidate, load: Load) -> str:
    need = candidate.need(load)
    for bucket, of in _buckets(candidate):
        amount = need.of(bucket.dimension)
        if amount > bucket.limit:
            return f"the request needs {amount:,.0f} {bucket.dimension}, and the {of}'s quota is {_limit(bucket)}"
    return "its quota never has room for the request"


def _limit(bucket: Bucket) -> str:
    window = WINDOWS.get(bucket.window, f"{bucket.window:.0f} s")
    unit = bucket.dimension if bucket.dimension in ("requests", "tokens") else f"{bucket.dimension} tokens"
    return f"{bucket.limit:,.0f} {unit} in {window}"


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} failure"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10.0 else f"{seconds:.0f} s"


# --- how much it gets ---


def _relative_shares(balance: str, candidates: Sequence[Candidate], now: float) -> list[float] | None:
    """None: the strategy has no shares, it looks at each request by itself."""
    if balance == "adaptive":
        return adaptive_shares(candidates, now)
    if balance == "weighted":
        return [each.weight * each.share(now) for each in candidates]
    return [each.share(now) for each in candidates] if balance == "round_robin" else None


def _parts(relative: Sequence[float] | None, verdicts: Sequence[Verdict]) -> list[float | None]:
    """Of one whole, among those that may be asked."""
    if relative is None:
        return [None for _ in verdicts]
    asked = [share if verdict.may else 0.0 for share, verdict in zip(relative, verdicts, strict=True)]
    total = sum(asked)
    return [share / total if total > 0.0 else 0.0 for share in asked]


# --- what bounds it ---


def _caps(candidate: Candidate) -> Iterator[CapRecord]:
    whose: tuple[Literal["key", "provider"], ...] = ("key", "provider")
    for of, slots in zip(whose, (candidate.credential_slots, candidate.provider_slots), strict=True):
        if slots.limit is not None:
            yield CapRecord(of=of, in_flight=slots.used, most=slots.limit)


def _quotas(candidate: Candidate, now: float) -> Iterator[QuotaRecord]:
    for bucket, of in _buckets(candidate):
        yield QuotaRecord(
            of=of,
            dimension=bucket.dimension,
            window=bucket.window,
            limit=bucket.limit,
            left=bucket.refill(now),
            told_by="configuration" if bucket.configured else "headers",
        )


def _buckets(candidate: Candidate) -> Iterator[tuple[Bucket, Literal["key", "provider"]]]:
    for bucket in candidate.quota.buckets:
        yield bucket, "key"
    for bucket in candidate.overall.buckets:
        yield bucket, "provider"


def _known(value: float) -> float | None:
    return value if value < inf else None
