"""How quantities are written: durations, sizes, positions in a reply, latencies.

One reader for faults, schedules and the command line; and the writer of the durations that stand in rate-limit headers.
"""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+)(b|kb|mb)", re.IGNORECASE)
_BYTES = {"b": 1, "kb": 1024, "mb": 1024 * 1024}
_POSITION = re.compile(r"(\d+)([bt]?)")


class Position(msgspec.Struct, frozen=True):
    """A place in a reply's body: after so many bytes, or after so many tokens."""

    count: int
    unit: Literal["b", "t"]


class Latency(msgspec.Struct, frozen=True):
    """Seconds, spread evenly over `mean - jitter` to `mean + jitter`."""

    mean: float
    jitter: float = 0.0


def duration(text: str) -> float:
    """`50ms`, `2s`, `1.5m`, `1h`, `1m30s` as seconds."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write it like 50ms, 2s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size(text: str) -> int:
    """`200b`, `64KB`, `1MB` as bytes; a bare number is bytes; K is 1024."""
    found = _SIZE.fullmatch(text)
    if found:
        return int(found[1]) * _BYTES[found[2].lower()]
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(f"{text!r} is no size; write it like 200b, 64KB or 1MB")


def position(text: str) -> Position:
    """`200b` is after 200 bytes of the body, `3t` and `3` are after three tokens."""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no position; write it like 3t or 200b")
    return Position(int(found[1]), "b" if found[2] == "b" else "t")


def latency(text: str) -> Latency:
    """`50ms`, or `50ms±20ms`, for which `50ms+-20ms` stands where only ASCII passes."""
    mean, _, jitter = text.replace("+-", "±").partition("±")
    return Latency(duration(mean), duration(jitter) if jitter else 0.0)


def go_duration(seconds: float) -> str:
    """As rate-limit headers write it: `12ms`, `1.5s`, `6m0s`, `1h0m0s`; rounded up to a millisecond."""
    milliseconds = math.ceil(seconds * 1000 - 1e-6)
    if milliseconds <= 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, fraction = divmod(rest, 1000)
    text = f"{whole}.{fraction:03d}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
