"""What each kind of failure allows to be tried next.

Every further attempt must change something that matters for its kind: a rate limit belongs to a key, an outage to a
deployment, and a request that was refused would be refused anywhere.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from headway.failures import FailureKind


class Elsewhere(Enum):
    """Who else may be asked."""

    NOBODY = "nobody"
    ANOTHER_TARGET = "another target"
    """Another key is as good as another deployment."""
    ANOTHER_DEPLOYMENT = "another deployment"
    """Another key would meet the same failure."""


class Remedy(msgspec.Struct, frozen=True):
    """`again`: the same deployment may be asked once more if nobody else can; `pause`: only after a moment."""

    elsewhere: Elsewhere = Elsewhere.NOBODY
    again: bool = False
    pause: bool = False


_NOTHING = Remedy()
_KEY = Remedy(Elsewhere.ANOTHER_TARGET)
_QUOTA = Remedy(Elsewhere.ANOTHER_TARGET, again=True)
_PASSING = Remedy(Elsewhere.ANOTHER_DEPLOYMENT, again=True, pause=True)
_LASTING = Remedy(Elsewhere.ANOTHER_DEPLOYMENT)
_CHANCE = Remedy(Elsewhere.ANOTHER_DEPLOYMENT, again=True)

REMEDIES: dict[FailureKind, Remedy] = {
    FailureKind.AUTH_INVALID: _KEY,
    FailureKind.PERMISSION: _KEY,
    FailureKind.BILLING_EXHAUSTED: _KEY,
    FailureKind.RATE_LIMITED: _QUOTA,
    FailureKind.DAILY_QUOTA: _KEY,
    FailureKind.RAMP_LIMITED: _QUOTA,
    FailureKind.TOO_LARGE_FOR_BUCKET: _KEY,
    FailureKind.OVERLOADED: _PASSING,
    FailureKind.SERVER_ERROR: _PASSING,
    FailureKind.MODEL_FAULT: _CHANCE,
    FailureKind.FILTER_UNAVAILABLE: _PASSING,
    FailureKind.TRANSPORT: _CHANCE,
    FailureKind.TIMEOUT: _LASTING,
    FailureKind.BAD_REPLY: _PASSING,
    FailureKind.TRUNCATED: _PASSING,
    FailureKind.MODEL_NOT_FOUND: _NOTHING,
    FailureKind.REGION_BLOCKED: _LASTING,
    FailureKind.UNKNOWN: _PASSING,
    FailureKind.INVALID_REQUEST: _NOTHING,
    FailureKind.UNSUPPORTED_FEATURE: _NOTHING,
    FailureKind.CONTEXT_TOO_LONG: _NOTHING,
    FailureKind.BODY_TOO_LARGE: _NOTHING,
    FailureKind.CONTENT_BLOCKED: _NOTHING,
    FailureKind.CANCELLED: _NOTHING,
    FailureKind.DEADLINE: _NOTHING,
    FailureKind.SATURATED: _NOTHING,
    FailureKind.NO_TARGET: _NOTHING,
    FailureKind.INTERNAL: _NOTHING,
}

_K = FailureKind
_MOST_USEFUL_FIRST: tuple[frozenset[FailureKind], ...] = (
    frozenset(
        {
            _K.INVALID_REQUEST,
            _K.UNSUPPORTED_FEATURE,
            _K.CONTEXT_TOO_LONG,
            _K.BODY_TOO_LARGE,
            _K.CONTENT_BLOCKED,
            _K.MODEL_NOT_FOUND,
        }
    ),
    frozenset({_K.AUTH_INVALID, _K.PERMISSION, _K.BILLING_EXHAUSTED, _K.REGION_BLOCKED}),
    frozenset({_K.DAILY_QUOTA, _K.TOO_LARGE_FOR_BUCKET}),
    frozenset({_K.RATE_LIMITED, _K.RAMP_LIMITED}),
    frozenset({_K.OVERLOADED, _K.SATURATED}),
    frozenset(
        {_K.SERVER_ERROR, _K.BAD_REPLY, _K.TRUNCATED, _K.MODEL_FAULT, _K.FILTER_UNAVAILABLE, _K.UNKNOWN, _K.INTERNAL}
    ),
    frozenset({_K.TIMEOUT}),
)
_RANK: dict[FailureKind, int] = {kind: rank for rank, kinds in enumerate(_MOST_USEFUL_FIRST) for kind in kinds}

REPEATS = frozenset(
    {
        *_MOST_USEFUL_FIRST[0],
        *_MOST_USEFUL_FIRST[1],
        FailureKind.TOO_LARGE_FOR_BUCKET,
        FailureKind.DAILY_QUOTA,
        FailureKind.NO_TARGET,
    }
)
"""Failures that the same request would meet again if it were sent at once."""


def rank(kind: FailureKind) -> int:
    """How much an error tells its reader, 0 the most: what is wrong with the request, then with keys, quotas, and last
    with the provider.
    """
    return _RANK.get(kind, len(_MOST_USEFUL_FIRST))
