"""Which numbers a setting accepts: durations, sizes, counts, shares and weights, each with its bounds.

A message says what is expected without repeating the value. How a number is written is `units`' business.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

from headway.config import units

Number = TypeVar("Number", int, float)


def _in_range(
    read: Callable[[object], Number], low: Number, high: Number, show: Callable[[Number], str]
) -> Callable[[object], Number]:
    def check(value: object) -> Number:
        number = read(value)
        if not low <= number <= high:
            raise ValueError(f"must be between {show(low)} and {show(high)}")
        return number

    return check


def _between(
    read: Callable[[object], Number], low: Number, high: Number, show: Callable[[Number], str]
) -> BeforeValidator:
    return BeforeValidator(_in_range(read, low, high, show))


def _plain_float(value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError("must be a number")
    return number


def exact(low: Decimal, high: Decimal) -> Callable[[object], Decimal]:
    """Reads a number as it is written, to the last digit."""

    def check(value: object) -> Decimal:
        try:
            plain = isinstance(value, int | float | str) and not isinstance(value, bool)
            number = Decimal(str(value)) if plain else None
        except ArithmeticError:
            number = None
        if number is None or not number.is_finite():
            raise ValueError("must be a number")
        if not low <= number <= high:
            raise ValueError(f"must be between {low} and {high}")
        return number

    return check


def number_schema(low: Decimal, high: Decimal) -> WithJsonSchema:
    """What an editor accepts: the number, or a reference to the environment."""
    least, most = (int(each) if each == each.to_integral_value() else float(each) for each in (low, high))
    number = {"type": "number", "minimum": least, "maximum": most}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": r"\$\{|^\d+(\.\d+)?$"}]})


def _json_schema(
    kind: Literal["number", "integer"], low: float, high: float, pattern: str, *words: str
) -> WithJsonSchema:
    """What an editor accepts: the number, its written form, one of the words, or a reference to the environment."""
    number = {"type": kind, "minimum": low, "maximum": high}
    reference = {"type": "string", "pattern": r"\$\{"}
    said = [{"const": word} for word in words]
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": pattern}, *said, reference]})


_DAY = 86400.0
_GIB = 1024**3
_wait = _in_range(units.duration, 0.001, _DAY, units.format_duration)


def _wait_or_off(value: object) -> float | None:
    if value == "off":
        return None
    try:
        return _wait(value)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


_PLAIN = r"^\d+(\.\d+)?$"
_WAITS = _json_schema("number", 0.001, _DAY, units.DURATION_PATTERN)

Wait = Annotated[float, BeforeValidator(_wait), _WAITS]
"""A duration that must pass before something is given up: 1ms to a day."""
WaitIfSet = Annotated[float | None, BeforeValidator(_wait), _WAITS]
"""The same, where None stands for a default that depends on the request or the model."""
Hold = Annotated[
    float | None, BeforeValidator(_wait_or_off), _json_schema("number", 0.001, _DAY, units.DURATION_PATTERN, "off")
]
"""A wait, or `off` for as long as it takes."""


def _affinity(value: object) -> float | str | None:
    if value == "auto":
        return "auto"
    try:
        return _wait_or_off(value)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from None


AffinityEntry = Annotated[
    float | Literal["auto"] | None,
    BeforeValidator(_affinity),
    _json_schema("number", 0.001, _DAY, units.DURATION_PATTERN, "auto", "off"),
]
"""A wait, `auto` for what suits the strategy, or `off`."""
Age = Annotated[
    float,
    _between(units.duration, 60.0, 3650 * _DAY, units.format_duration),
    _json_schema("number", 60.0, 3650 * _DAY, units.DURATION_PATTERN),
]
"""How long something is kept: a minute to ten years."""
StoreSize = Annotated[
    int,
    _between(units.size, 10 * 1024**2, 1024**5, units.format_size),
    _json_schema("integer", 10 * 1024**2, 1024**5, units.SIZE_PATTERN),
]
"""Bytes on a disk: 10 MiB to a pebibyte."""
Pause = Annotated[
    float,
    _between(units.duration, 0.0, _DAY, units.format_duration),
    _json_schema("number", 0, _DAY, units.DURATION_PATTERN),
]
"""A duration that may be nothing at all."""
BodySize = Annotated[
    int,
    _between(units.size, 1024, 4 * _GIB, units.format_size),
    _json_schema("integer", 1024, 4 * _GIB, units.SIZE_PATTERN),
]
HeadSize = Annotated[
    int,
    _between(units.size, 1024, 1024**2, units.format_size),
    _json_schema("integer", 1024, 1024**2, units.SIZE_PATTERN),
]
CacheSize = Annotated[
    int,
    _between(units.size, 1024**2, 64 * _GIB, units.format_size),
    _json_schema("integer", 1024**2, 64 * _GIB, units.SIZE_PATTERN),
]
CapSize = Annotated[
    int,
    _between(units.size, 256, 1024**2, units.format_size),
    _json_schema("integer", 256, 1024**2, units.SIZE_PATTERN),
]
"""Bytes of one text that are kept: at most 1 MiB."""
Concurrency = Annotated[
    int, _between(units.count, 1, 1_000_000, str), _json_schema("integer", 1, 1_000_000, units.COUNT_PATTERN)
]
Amount = Annotated[
    int,
    _between(units.count, 1, 1_000_000_000_000, str),
    _json_schema("integer", 1, 1_000_000_000_000, units.COUNT_PATTERN),
]
"""Requests or tokens, in a minute or a day."""
Waiters = Annotated[
    int, _between(units.count, 0, 1_000_000, str), _json_schema("integer", 0, 1_000_000, units.COUNT_PATTERN)
]
Attempts = Annotated[int, _between(units.count, 1, 20, str), _json_schema("integer", 1, 20, _PLAIN)]
Retries = Annotated[int, _between(units.count, 0, 1, str), _json_schema("integer", 0, 1, _PLAIN)]
RowOfFailures = Annotated[int, _between(units.count, 1, 1000, str), _json_schema("integer", 1, 1000, _PLAIN)]
Share = Annotated[
    float,
    _between(units.share, 0.001, 0.2, units.format_share),
    _json_schema("number", 0.001, 0.2, units.SHARE_PATTERN),
]
Part = Annotated[
    float,
    _between(units.share, 0.001, 1.0, units.format_share),
    _json_schema("number", 0.001, 1.0, units.SHARE_PATTERN),
]
"""A share that may be all."""


Ratio = Annotated[
    float,
    _between(units.share, 0.0, 1.0, units.format_share),
    _json_schema("number", 0, 1, units.SHARE_PATTERN),
]
"""A part of all: 0 to 1, or 0% to 100%."""
Kept = Annotated[int, _between(units.count, 0, 1000, str), _json_schema("integer", 0, 1000, _PLAIN)]
BatchSize = Annotated[
    int, _between(units.count, 1, 10_000, str), _json_schema("integer", 1, 10_000, units.COUNT_PATTERN)
]
Port = Annotated[int, _between(units.count, 0, 65535, str), _json_schema("integer", 0, 65535, _PLAIN)]
Weight = Annotated[
    float, _between(_plain_float, 0.0, 1e6, "{:.0f}".format), _json_schema("number", 0, 1_000_000, _PLAIN)
]
