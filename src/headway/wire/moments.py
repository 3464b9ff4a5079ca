"""Moments as RFC 3339 writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds_of(moment: str | None) -> int | None:
    """Unix seconds; a moment without an offset is taken for UTC, and None is what cannot be read."""
    if moment is None:
        return None
    try:
        read = datetime.fromisoformat(moment)
        return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def moment_of(seconds: int) -> str:
    """What no calendar holds is the beginning of time."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
