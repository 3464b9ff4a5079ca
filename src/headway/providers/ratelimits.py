"""What a reply's headers say of the quotas of the key and model that were asked.

Which headers a provider sends and what they count is in ratelimits.yaml; this module gives the rows a shape, refuses
data that does not fit it, and reads values, whatever they hold. What is not known is left out rather than guessed:
providers send -1 and 0 where they know nothing themselves. What follows for a key is decided in `core`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import yaml

from headway.providers.classification.hints import number
from headway.types import Dimension, Reading
from headway.wire.http_head import Head

GENERIC = "generic"
"""The row for every provider that has none of its own."""

WINDOWS = (1.0, 10.0, 60.0, 3600.0, 86400.0)
"""Seconds that an inferred window may be."""
TOLERANCE = 0.25
"""How far from one of them an inference may be, as a share of it."""
LONGEST_RESET = 366 * 86400.0
"""What is said to be further away is not believed."""

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARK = b"ratelimit-"
"""Every row has a header with this in its name, so a head without it says nothing."""

_AMOUNT = rb"\d{1,9}(?:\.\d{1,12})?"
_UNIT = rb"ms|us|\xc2\xb5s|ns|s|m|h|d"
_CLOCK = re.compile(rb"(?:(\d{1,6})h)?(?:(\d{1,3})m)?(\d{1,9}(?:\.\d{1,12})?)s")
_PARTS = re.compile(rb"(" + _AMOUNT + rb")(" + _UNIT + rb")", re.IGNORECASE)
_DURATION = re.compile(rb"(?:" + _AMOUNT + rb"(?:" + _UNIT + rb")){1,8}", re.IGNORECASE)
_SECONDS: Mapping[bytes, float] = MappingProxyType(
    {b"d": 86400.0, b"h": 3600.0, b"m": 60.0, b"s": 1.0, b"ms": 1e-3, b"us": 1e-6, b"\xc2\xb5s": 1e-6, b"ns": 1e-9}
)
_LAST_OF_UNITS = frozenset(b"smhdSMHD")
_LONGEST_ROUNDED = 60.0
"""The longest window that is inferred from one second or one millisecond."""

_Headers = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]*\*[a-z0-9_-]*$")]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Quota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Headers that tell of one quota; fields as at the top of ratelimits.yaml."""

    dimension: Dimension
    headers: _Headers
    window: _Seconds | None = None
    instead_of: tuple[Dimension, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one provider sends, and who says so."""

    quotas: Annotated[tuple[Quota, ...], msgspec.Meta(min_length=1)]
    documented: str | None = None
    reported: str | None = None


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    providers: dict[str, Row]


class _Fields(msgspec.Struct, frozen=True):
    """A quota, ready to be looked for in a head."""

    dimension: Dimension
    limit: bytes
    remaining: bytes
    reset: bytes
    window: float | None
    instead_of: tuple[Dimension, ...]
    shared: bool
    """Another quota before it has the same dimension and window."""


def readings(kind: str, head: Head, wall: float) -> tuple[Reading, ...]:
    """One for each dimension and window that a reply tells of. `kind` is the name of the catalogue's entry, `wall` is
    Unix time, for resets that are moments. Values may be anything.
    """
    if not head.has(_MARK):
        return ()
    rows = _compiled()
    found: list[Reading] = []
    for fields in rows.get(kind) or rows[GENERIC]:
        if fields.instead_of and any(reading.dimension in fields.instead_of for reading in found):
            continue
        remaining = head.get(fields.remaining)
        if remaining is None:
            continue
        reading = _reading(fields, head, remaining, wall)
        if reading is None:
            continue
        if fields.shared:
            _keep_the_lower(found, reading)
        else:
            found.append(reading)
    return tuple(found)


def parse(text: str) -> Document:
    """Raises ValueError (msgspec.ValidationError is one) for anything that does not fit."""
    rows: Any = yaml.load(text, _LOADER)
    document = msgspec.convert(rows, Document)
    if GENERIC not in document.providers:
        raise ValueError(f"there is no row {GENERIC!r}")
    for name, row in document.providers.items():
        if (row.documented is None) is (row.reported is None):
            raise ValueError(f"rate limits of {name!r}: say who says so, either 'documented' or 'reported'")
        if not any(_MARK.decode() in quota.headers for quota in row.quotas):
            raise ValueError(f"rate limits of {name!r}: no header has {_MARK.decode()!r} in its name")
    return document


@cache
def document() -> Document:
    """What ratelimits.yaml says."""
    return parse(files("headway.providers").joinpath("ratelimits.yaml").read_text("utf-8"))


@cache
def _compiled() -> Mapping[str, tuple[_Fields, ...]]:
    return MappingProxyType({name: _fields(row) for name, row in document().providers.items()})


def _fields(row: Row) -> tuple[_Fields, ...]:
    return tuple(
        _Fields(
            dimension=quota.dimension,
            limit=_field(quota, "limit"),
            remaining=_field(quota, "remaining"),
            reset=_field(quota, "reset"),
            window=quota.window,
            instead_of=quota.instead_of,
            shared=any((each.dimension, each.window) == (quota.dimension, quota.window) for each in row.quotas[:index]),
        )
        for index, quota in enumerate(row.quotas)
    )


def _field(quota: Quota, part: str) -> bytes:
    return b"\r\n%b:" % quota.headers.replace("*", part).encode()


def _reading(fields: _Fields, head: Head, raw_remaining: bytes, wall: float) -> Reading | None:
    remaining = _amount(raw_remaining)
    if remaining is None:
        return None
    raw = head.get(fields.limit)
    limit = None if raw is None else _amount(raw) or None
    if limit is None and raw is not None and not remaining:  # -1 or 0 of -1 or 0: not known, and not used up
        return None
    raw = head.get(fields.reset)
    reset = until(raw, wall) if raw else None
    window = fields.window
    if window is None and raw and limit and reset:
        window = _inferred(limit, remaining, raw, reset)
    return Reading(dimension=fields.dimension, limit=limit, remaining=remaining, reset=reset, window=window)


def _amount(raw: bytes) -> float | None:
    return float(raw) if raw.isdigit() and len(raw) < 16 else number(raw)


def _keep_the_lower(found: list[Reading], reading: Reading) -> None:
    for index, other in enumerate(found):
        if (other.dimension, other.window) == (reading.dimension, reading.window):
            if reading.remaining < other.remaining:
                found[index] = reading
            return
    found.append(reading)


def _inferred(limit: float, remaining: float, raw_reset: bytes, reset: float) -> float | None:
    """The window of a quota that refills evenly and is full after `reset`.

    Only a duration with a unit is taken for the time until it is full; a bare number of seconds or a moment is usually
    the end of a fixed window, from which nothing follows. One of a unit may be rounded up from much less, so that only
    short windows are believed then.
    """
    used = limit - remaining
    if used <= 0 or raw_reset[-1] not in _LAST_OF_UNITS:
        return None
    estimate = reset * limit / used
    for window in WINDOWS:
        if abs(estimate - window) <= TOLERANCE * window:
            rounded = raw_reset[:1] == b"1" and raw_reset[1:].isalpha()
            return None if rounded and window > _LONGEST_ROUNDED else window
    return None


def until(raw: bytes, wall: float) -> float | None:
    """Seconds until a reset: a duration (`6m0s`), seconds, Unix seconds or milliseconds, or RFC 3339. None: unknown."""
    if not raw:
        return None
    if raw[-1] in _LAST_OF_UNITS:
        seconds = _duration(raw)
    elif raw[10:11] in (b"T", b"t"):
        seconds = _until_moment(raw, wall)
    else:
        seconds = number(raw)
        if seconds is not None and seconds > 1e11:
            seconds = seconds / 1000.0 - wall
        elif seconds is not None and seconds > 1e9:
            seconds -= wall
    if seconds is None or seconds > LONGEST_RESET:
        return None
    return seconds if seconds > 0.0 else 0.0


def _duration(raw: bytes) -> float | None:
    if len(raw) < 12:  # most are a few digits and a unit
        if raw[:-1].isdigit() and raw[-1:] == b"s":
            return float(raw[:-1])
        if raw[-2:] == b"ms" and raw[:-2].isdigit():
            return float(raw[:-2]) / 1000.0
    clock = _CLOCK.fullmatch(raw)
    if clock is not None:
        hours, minutes, seconds = clock.groups(b"0")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if len(raw) > 60 or not _DURATION.fullmatch(raw):
        return None
    return sum(float(amount) * _SECONDS[unit.lower()] for amount, unit in _PARTS.findall(raw))


def _until_moment(raw: bytes, wall: float) -> float | None:
    if len(raw) > 40:
        return None
    try:
        moment = datetime.fromisoformat(raw.decode("ascii").upper())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp() - wall
    except (ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
        return None
