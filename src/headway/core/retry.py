"""What each kind of failure allows to be tried next.

Every retry must change something that matters for its kind: a rate limit belongs to a key, an outage to a deployment,
a request that was refused would be refused anywhere.
"""

from __future__ import annotations

from enum import Enum

from headway.types import FailureKind


class Next(Enum):
    NOTHING = "nothing"
    ANOTHER_TARGET = "another target"
    """Another key is as good as another deployment."""
    ANOTHER_DEPLOYMENT = "another deployment"
    """Another key of the same deployment only when there is no other deployment."""


AFTER: dict[FailureKind, Next] = {
    FailureKind.TRANSPORT: Next.ANOTHER_DEPLOYMENT,
    FailureKind.TIMEOUT: Next.ANOTHER_DEPLOYMENT,
    FailureKind.RATE_LIMITED: Next.ANOTHER_TARGET,
    FailureKind.OVERLOADED: Next.ANOTHER_DEPLOYMENT,
    FailureKind.SERVER_ERROR: Next.ANOTHER_DEPLOYMENT,
    FailureKind.BAD_REPLY: Next.ANOTHER_DEPLOYMENT,
    FailureKind.AUTH_INVALID: Next.ANOTHER_TARGET,
    FailureKind.REQUEST_REFUSED: Next.NOTHING,
    FailureKind.CANCELLED: Next.NOTHING,
    FailureKind.DEADLINE: Next.NOTHING,
    FailureKind.SATURATED: Next.NOTHING,
    FailureKind.NO_TARGET: Next.NOTHING,
    FailureKind.INTERNAL: Next.NOTHING,
    FailureKind.INTERRUPTED: Next.NOTHING,
}
