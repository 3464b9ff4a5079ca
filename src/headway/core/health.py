"""How long to leave alone what has failed.

Three things rest separately, since they fail for different reasons: a *target* that was rate limited, a *deployment*
that does not answer, a *credential* that was refused. A rest only ever moves later.
"""

from __future__ import annotations

from random import Random

from headway.types import Failure, FailureKind

STRIKES = 5
"""Failures in a row before a deployment rests."""
BASE_REST = 5.0
LONGEST_REST = 60.0
RATE_REST = 1.0
"""After a rate limit without a hint."""
REFUSED_KEY_REST = 60.0

DEPLOYMENT_KINDS = frozenset(
    {
        FailureKind.TRANSPORT,
        FailureKind.TIMEOUT,
        FailureKind.OVERLOADED,
        FailureKind.SERVER_ERROR,
        FailureKind.BAD_REPLY,
        FailureKind.INTERRUPTED,
    }
)


class Unrest:
    """When the last of many rests will be over. While that lies in the past nothing rests, and nobody needs to look
    closer.
    """

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = 0.0


class Rest:
    """When something may be used again, and how often in a row it has failed."""

    __slots__ = ("_unrest", "failures", "until")

    def __init__(self, unrest: Unrest) -> None:
        self._unrest = unrest
        self.until = 0.0
        self.failures = 0

    def extend(self, until: float) -> None:
        self.until = max(self.until, until)
        self._unrest.until = max(self._unrest.until, until)


def succeeded(deployment: Rest, credential: Rest) -> None:
    deployment.failures = 0
    credential.failures = 0


def failed(failure: Failure, *, rate: Rest, deployment: Rest, credential: Rest, now: float, rng: Random) -> None:
    """Let the one thing rest that the failure speaks about. Our own limits and the client's leaving speak about
    none.
    """
    kind = failure.kind
    if kind is FailureKind.RATE_LIMITED:
        hint = failure.retry_after
        rate.extend(now + (RATE_REST * rng.uniform(0.8, 1.2) if hint is None else min(hint, LONGEST_REST)))
    elif kind is FailureKind.AUTH_INVALID:
        credential.extend(now + REFUSED_KEY_REST)
    elif kind in DEPLOYMENT_KINDS:
        deployment.failures += 1
        beyond = deployment.failures - STRIKES
        if beyond >= 0:
            deployment.extend(now + min(BASE_REST * 2.0 ** min(beyond, 8), LONGEST_REST) * rng.uniform(0.8, 1.2))
