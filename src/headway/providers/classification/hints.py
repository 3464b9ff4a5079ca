"""How long an error asks us to wait.

The first that is there: `retry-after-ms`, `retry-after` (seconds or an HTTP date), a delay or a moment in the body, a
wait told in words, and the reset of a quota that the headers show as used up. Seconds, never negative, never beyond
`LONGEST_HINT`. Whether to wait, or to go elsewhere, is `core`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from headway.failures import FailureKind
from headway.providers.classification.kinds import WAITS
from headway.providers.classification.reported import Reported
from headway.wire.http_head import RETRY_AFTER, RETRY_AFTER_MS, Head

LONGEST_HINT = 86400.0
"""A day: whatever rests for longer is looked at once a day."""

_QUOTA_KINDS = frozenset({FailureKind.RATE_LIMITED, FailureKind.DAILY_QUOTA})

_PART = (
    r"(\d{1,9}(?:\.\d{1,9})?)\s?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
)
_PARTS = re.compile(_PART)
_DURATION = re.compile(rf"(?:{_PART}[\s,]{{0,2}}(?:and\s)?){{1,4}}")
_WAIT = re.compile(
    r"(?:try again|retry|retry after|retrying|wait|available again|resets?|will reset)"
    r"(?: your request| again)?(?: in| after| for)?\s?(?=\d)"
)
_REGAINED = re.compile(r"regain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))? ?utc")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_ANTHROPIC = "anthropic-ratelimit"
_BUCKETS = (
    *("requests", "tokens", "input-tokens", "output-tokens", "project-tokens"),
    *(f"{what}-{window}" for what in ("requests", "tokens") for window in ("minute", "hour", "day")),
)


def _fields(limit: str, remaining: str, reset: str) -> tuple[bytes, bytes, bytes]:
    return b"\r\n%b:" % limit.encode(), b"\r\n%b:" % remaining.encode(), b"\r\n%b:" % reset.encode()


_QUOTAS = (
    *(_fields(f"x-ratelimit-limit-{b}", f"x-ratelimit-remaining-{b}", f"x-ratelimit-reset-{b}") for b in _BUCKETS),
    *(
        _fields(f"{_ANTHROPIC}-{b}-limit", f"{_ANTHROPIC}-{b}-remaining", f"{_ANTHROPIC}-{b}-reset")
        for b in _BUCKETS[:4]
    ),
    _fields("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    _fields("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
)
"""Limit, remaining and reset of each quota that some provider reports in headers."""


def retry_after(head: Head | None, reported: Reported, kind: FailureKind, wall: float) -> float | None:
    """`wall` is Unix time, for hints that are moments."""
    for seconds in _hints(head, reported, kind, wall):
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_HINT)
    return None


def _hints(head: Head | None, reported: Reported, kind: FailureKind, wall: float) -> Iterator[float | None]:
    if head is not None:
        millis = number(head.get(RETRY_AFTER_MS))
        yield None if millis is None else millis / 1000.0
        raw = head.get(RETRY_AFTER)
        yield number(raw)
        yield _until_date(raw, wall)
    if kind not in WAITS:
        return
    yield _delay(reported.delay)
    yield _until(reported.reset, wall)
    yield in_words(reported.text)
    yield _regained(reported.text, wall)
    if head is not None and kind in _QUOTA_KINDS:
        yield _quota_reset(head, wall)


def number(raw: bytes | str | None) -> float | None:
    if raw is None or len(raw) > 20:
        return None
    try:
        value = float(raw.replace(b",", b"") if isinstance(raw, bytes) else raw.replace(",", ""))
    except ValueError:
        return None
    return value if 0.0 <= value < float("inf") else None


def duration(text: str) -> float | None:
    """Seconds in `12ms`, `1s`, `6m0s`, `10h17m5.7s`, `20 seconds`, `1 minute and 5 seconds` at the text's beginning."""
    found = _DURATION.match(text.lower())
    if found is None:
        return None
    return sum(
        float(amount) * (0.001 if unit.startswith(("ms", "mil")) else _SECONDS[unit[0]])
        for amount, unit in _PARTS.findall(found[0])
    )


def in_words(text: str) -> float | None:
    """The wait that a sentence in lower case asks for: "please try again in 5.289s"."""
    for found in _WAIT.finditer(text):
        seconds = duration(text[found.end() : found.end() + 60])
        if seconds is not None:
            return seconds
    return None


def _delay(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 0.0 <= value < 1e9 else None
    if isinstance(value, str):
        text = value[:60].strip()
        seconds = number(text)
        return duration(text) if seconds is None else seconds
    return None


def _until(value: object, wall: float) -> float | None:
    """How long until a moment: seconds from now, Unix seconds or milliseconds, a duration, RFC 3339 or HTTP date."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        seconds = float(value) if 0.0 <= value < 1e15 else None
    elif isinstance(value, str):
        text = value[:60].strip()
        seconds = number(text)
        if seconds is None:
            seconds = duration(text)
        if seconds is None:
            return _until_iso(text, wall)
    else:
        return None
    if seconds is None:
        return None
    if seconds > 1e11:
        return seconds / 1000.0 - wall
    return seconds - wall if seconds > 1e9 else seconds


def _until_iso(text: str, wall: float) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _seconds_until(moment, wall)


def _until_date(raw: bytes | None, wall: float) -> float | None:
    if raw is None or len(raw) > 60:
        return None
    try:
        return _seconds_until(parsedate_to_datetime(raw.decode("ascii")), wall)
    except (ValueError, UnicodeDecodeError, OverflowError, TypeError):
        return None


def _regained(text: str, wall: float) -> float | None:
    found = _REGAINED.search(text)
    return None if found is None else _until_iso(f"{found[1]}T{found[2] or '00:00'}", wall)


def _seconds_until(moment: datetime, wall: float) -> float | None:
    if moment.tzinfo is None:  # HTTP knows no other zone (RFC 9110 §5.6.7)
        moment = moment.replace(tzinfo=UTC)
    try:
        return max(moment.timestamp() - wall, 0.0)
    except (OverflowError, ValueError):
        return None


def _quota_reset(head: Head, wall: float) -> float | None:
    """When the last of the quotas that are used up is back."""
    waits: list[float] = []
    for limit_field, remaining_field, reset_field in _QUOTAS:
        if number(head.get(remaining_field)) != 0.0:
            continue
        limit = head.get(limit_field)
        if limit is not None and not number(limit):  # some replies carry -1 or 0 where nothing is known
            continue
        raw = head.get(reset_field)
        wait = None if raw is None else _until(raw.decode("ascii", "replace"), wall)
        if wait is not None:
            waits.append(wait)
    return max(waits, default=None)
