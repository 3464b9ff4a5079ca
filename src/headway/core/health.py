"""What an attempt's end teaches about the key, the key's quota, and the deployment.

Each failure speaks about one of them: a rate limit is never ill health, an outage never a key's fault, and our own
limits, the client's leaving and a request that is wrong say nothing about anybody.
"""

from __future__ import annotations

from math import inf
from random import Random

import msgspec

from headway.core.allowance import Allowance
from headway.core.breaker import Breaker
from headway.core.buckets import Quota
from headway.core.concurrency import Concurrency
from headway.core.lessons import Lessons
from headway.core.load import Estimate
from headway.core.rests import Rest
from headway.core.standing import Standing
from headway.failures import Failure, FailureKind
from headway.types import Change

LONGEST_HINT = 86400.0
"""Seconds that a provider may ask us to wait and be heard."""
SOON = 60.0
"""Longest rest after a rate limit without a hint, and shortest of a refused key: it may be a mistake of a moment."""
REGION_REST = 600.0
DAY_REST = 3600.0
"""After a daily quota without a hint: it is tried again now and then."""

_K = FailureKind
ILL = frozenset(
    {
        _K.TRANSPORT,
        _K.TIMEOUT,
        _K.OVERLOADED,
        _K.SERVER_ERROR,
        _K.BAD_REPLY,
        _K.TRUNCATED,
        _K.UNKNOWN,
        _K.REGION_BLOCKED,
    }
)
"""Kinds that count against a deployment."""
_NOT_ILL = frozenset({_K.MODEL_FAULT, _K.FILTER_UNAVAILABLE})
"""Kinds that do not, though it may ask to be left alone."""
_REFUSED_FOR: dict[FailureKind, tuple[float, float, float]] = {
    _K.AUTH_INVALID: (SOON, 10.0, 600.0),
    _K.BILLING_EXHAUSTED: (900.0, 2.0, 3600.0),
    _K.PERMISSION: (SOON, 4.0, 3600.0),
    _K.MODEL_NOT_FOUND: (SOON, 4.0, 600.0),
}
"""Seconds of the first rest, how many times longer each further one in a row is, and the longest."""


_OVERLOAD = frozenset({_K.OVERLOADED, _K.TIMEOUT, _K.RAMP_LIMITED})
"""Kinds after which fewer requests go there at a time."""


class State(msgspec.Struct, eq=False):
    """The live state that one attempt can change: of its deployment, its credential, and of both together."""

    breaker: Breaker
    allowance: Allowance
    standing: Standing
    estimate: Estimate
    lessons: Lessons
    quota: Quota
    concurrency: Concurrency
    deployment: Rest
    """It asked to be left alone."""
    credential: Rest
    pair: Rest
    """The credential's quota for this model, or its right to use it."""


def succeeded(state: State, sent: float, now: float) -> Change | None:
    """`sent` is when the attempt began."""
    if state.pair.in_a_row:
        state.pair.forgive(sent)
    if state.credential.in_a_row:
        state.credential.forgive(sent)
    state.allowance.succeeded()
    state.standing.succeeded(now)
    if state.concurrency.limit < inf:
        state.concurrency.succeeded()
    breaker = state.breaker
    if not breaker.succeeded(sent, now):
        return None
    state.standing.forget()
    return Change(what="breaker_closed", subject=breaker.name, message=f"{breaker.name} answers again")


def failed(failure: Failure, state: State, *, key: str, sent: float, now: float, rng: Random) -> Change | None:
    """`key` names the credential, `sent` is when the attempt began."""
    kind = failure.kind
    if failure.source != "upstream":
        return None
    if kind in _OVERLOAD:
        state.concurrency.overloaded(sent, now)
    if kind in (_K.RATE_LIMITED, _K.RAMP_LIMITED, _K.DAILY_QUOTA):
        state.allowance.failed()
        if kind is _K.RATE_LIMITED:
            state.quota.refused(sent, now, told_when=failure.retry_after is not None)
        _limited(failure, state.pair, sent, now, rng)
        return None
    if kind in (_K.AUTH_INVALID, _K.BILLING_EXHAUSTED):
        return _parked(failure, state.credential, key, sent, now)
    if kind is _K.PERMISSION:
        state.pair.extend(now + _refused_for(failure, state.pair, sent, now), kind)
        return None
    if kind in ILL:
        return _ill(failure, state, sent, now, rng)
    if kind in _NOT_ILL:
        _left_alone(failure, state.deployment, now)
    return None


def not_found(failure: Failure, state: State, *, sent: float, now: float) -> None:
    """The key lacks this model, and the route says that others may have it: go there directly for a while."""
    state.pair.extend(now + _refused_for(failure, state.pair, sent, now), failure.kind)


def _limited(failure: Failure, rest: Rest, sent: float, now: float, rng: Random) -> None:
    times = rest.counts(sent, now)
    wait = failure.retry_after
    if wait is None:
        longest = DAY_REST if failure.kind is _K.DAILY_QUOTA else SOON
        base = DAY_REST if failure.kind is _K.DAILY_QUOTA else 2.0 ** min(times - 1, 16)
        wait = min(base, longest) * rng.uniform(0.8, 1.2)
    rest.extend(now + min(wait, LONGEST_HINT), failure.kind)


def _parked(failure: Failure, rest: Rest, key: str, sent: float, now: float) -> Change | None:
    new = rest.until <= now
    seconds = _refused_for(failure, rest, sent, now)
    rest.extend(now + seconds, failure.kind)
    if not new:
        return None
    why = "is refused" if failure.kind is _K.AUTH_INVALID else "has no credit left"
    return Change(what="key_parked", subject=key, message=f"{key} {why}: {failure.message}", seconds=seconds)


def _refused_for(failure: Failure, rest: Rest, sent: float, now: float) -> float:
    first, times, longest = _REFUSED_FOR[failure.kind]
    seconds = min(first * times ** min(rest.counts(sent, now) - 1, 16), longest)
    return max(seconds, min(failure.retry_after or 0.0, LONGEST_HINT))


def _left_alone(failure: Failure, rest: Rest, now: float) -> None:
    if failure.retry_after is not None:
        rest.extend(now + min(failure.retry_after, LONGEST_HINT), failure.kind)


def _ill(failure: Failure, state: State, sent: float, now: float, rng: Random) -> Change | None:
    state.allowance.failed()
    state.standing.failed(now - sent, now)
    _left_alone(failure, state.deployment, now)
    breaker = state.breaker
    opened = breaker.failed(sent, now, rng)
    if failure.kind is _K.REGION_BLOCKED:
        opened = breaker.open_for(REGION_REST, now) or opened
    if not opened:
        return None
    message = f"{breaker.name} is left alone for {breaker.until - now:.0f} s: {failure.message}"
    return Change(what="breaker_opened", subject=breaker.name, message=message, seconds=breaker.until - now)
