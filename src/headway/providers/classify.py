"""What an upstream's error reply means.

By status, for now the same for every provider. Total: any status with any bytes gets a kind.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from headway.types import Failure, FailureKind
from headway.wire.http_head import RETRY_AFTER, RETRY_AFTER_MS, Head
from headway.wire.openai import errors

_BY_STATUS: dict[int, FailureKind] = {
    401: FailureKind.AUTH_INVALID,
    408: FailureKind.TIMEOUT,
    429: FailureKind.RATE_LIMITED,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}

LONGEST_HINT = 86400.0


def kind_of(status: int) -> FailureKind:
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind
    if status >= 500:
        return FailureKind.SERVER_ERROR
    return FailureKind.REQUEST_REFUSED if status >= 400 else FailureKind.BAD_REPLY


def classify(status: int, head: Head, body: bytes, *, who: str, wall: float) -> Failure:
    """`who` names the target in the message; `wall` is Unix time, for hints that are dates."""
    message = errors.message_in(body)
    kind = kind_of(status)
    if kind is FailureKind.AUTH_INVALID:
        message = None  # providers quote parts of the key
    return Failure(
        kind=kind,
        source="upstream",
        message=f"{who} answered {status}: {message}" if message else f"{who} answered {status}",
        status=status,
        retry_after=retry_after(head, wall),
    )


def retry_after(head: Head, wall: float) -> float | None:
    """Seconds that the reply asks us to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date."""
    millis = _number(head.get(RETRY_AFTER_MS))
    if millis is not None:
        return min(millis / 1000.0, LONGEST_HINT)
    raw = head.get(RETRY_AFTER)
    if raw is None:
        return None
    seconds = _number(raw)
    if seconds is None:
        seconds = _until(raw, wall)
    return None if seconds is None else min(seconds, LONGEST_HINT)


def _number(raw: bytes | None) -> float | None:
    if raw is None or len(raw) > 20:
        return None
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if 0.0 <= value < float("inf") else None


def _until(raw: bytes, wall: float) -> float | None:
    try:
        moment = parsedate_to_datetime(raw.decode("ascii"))
        if moment.tzinfo is None:  # HTTP knows no other zone (RFC 9110 §5.6.7)
            moment = moment.replace(tzinfo=UTC)
        return max(moment.timestamp() - wall, 0.0)
    except (ValueError, UnicodeDecodeError, OverflowError, TypeError):
        return None
