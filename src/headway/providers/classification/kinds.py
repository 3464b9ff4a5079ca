"""Groups of kinds that the tables and the reading of waits need."""

from __future__ import annotations

from headway.failures import FailureKind

OURS = frozenset(
    {FailureKind.CANCELLED, FailureKind.DEADLINE, FailureKind.SATURATED, FailureKind.NO_TARGET, FailureKind.INTERNAL}
)
"""Kinds that say nothing about a provider, or that only the gateway can know: no rule may give them."""

PARKS_A_KEY = frozenset(
    {FailureKind.AUTH_INVALID, FailureKind.BILLING_EXHAUSTED, FailureKind.DAILY_QUOTA, FailureKind.PERMISSION}
)
"""Kinds that take a key out of service for long, for whoever uses it: no text that a client might write leads here."""

WAITS = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.DAILY_QUOTA,
        FailureKind.RAMP_LIMITED,
        FailureKind.BILLING_EXHAUSTED,
        FailureKind.OVERLOADED,
        FailureKind.SERVER_ERROR,
        FailureKind.FILTER_UNAVAILABLE,
        FailureKind.TIMEOUT,
        FailureKind.UNKNOWN,
    }
)
"""Kinds that time may heal, so that a wait told in words is one to keep."""
