"""How durations, counts, sizes and shares are written: `1h30m`, `200k`, `512KiB`, `2%`.

Every function takes what the text held (a number or words) and returns a plain number, or raises `ValueError` with a
message that does not repeat the value. Which range a setting allows is the schema's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType

_LONGEST = 32
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_NUMBER_AND_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")

_SECONDS = MappingProxyType(
    {"d": Decimal(86400), "h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
)
_COUNTS = MappingProxyType({"": 1, "k": 10**3, "m": 10**6, "b": 10**9})
_BYTES = MappingProxyType(
    {"": 1, "b": 1}
    | {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)}
    | {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)}
)

DURATION_PATTERN = r"^\d+(\.\d+)?$|^(\d+(\.\d+)?(ms|s|m|h|d))+$"
COUNT_PATTERN = r"^\d+(\.\d+)?\s*[kKmMbB]?$"
SIZE_PATTERN = r"^\d+(\.\d+)?\s*([kKmMgGtT][iI]?)?[bB]?$"
SHARE_PATTERN = r"^\d+(\.\d+)?\s*%?$"


def duration(value: object) -> float:
    """Seconds. A plain number is seconds; units go from large to small, each once."""
    number = _plain_number(value)
    if number is not None:
        return float(number)
    text = _short_text(value)
    parts: list[tuple[str, str]] = _DURATION_PART.findall(text) if _DURATION.fullmatch(text) else []
    sizes = [_SECONDS[unit] for _, unit in parts]
    if not parts or any(later >= earlier for earlier, later in pairwise(sizes)):
        raise ValueError("is not a duration; write 500ms, 30s, 5m or 1h30m")
    return float(sum(Decimal(amount) * _SECONDS[unit] for amount, unit in parts))


def count(value: object) -> int:
    """A whole number, where `k` is a thousand, `m` a million, `b` a billion."""
    return _scaled(value, _COUNTS, "is not a count; write 500, 200k or 1.5m")


def size(value: object) -> int:
    """Bytes: `kB`, `MB`, `GB` count in thousands, `KiB`, `MiB`, `GiB` in 1024s; a plain number is bytes."""
    return _scaled(value, _BYTES, "is not a size; write 64KiB, 10MB or a number of bytes")


def share(value: object) -> float:
    """A part of one: `2%` and 0.02 are the same."""
    number = _plain_number(value)
    if number is None:
        found = _PERCENT.fullmatch(_short_text(value))
        if found is None:
            raise ValueError("is not a share; write 2% or 0.02")
        number = Decimal(found[1]) / 100
    return float(number)


def format_duration(seconds: float) -> str:
    """The shortest way to write a duration that `duration` reads back, down to a millisecond."""
    rest = round(seconds * 1000)
    parts: list[str] = []
    for unit, each in _SECONDS.items():
        amount, rest = divmod(rest, int(each * 1000))
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def format_size(size_in_bytes: int) -> str:
    """The shortest exact way to write a size that `size` reads back."""
    for unit in ("tib", "gib", "mib", "kib"):
        whole, rest = divmod(size_in_bytes, _BYTES[unit])
        if whole and not rest:
            return f"{whole}{unit[0].upper()}iB"
    return f"{size_in_bytes}B"


def format_share(share_of_one: float) -> str:
    """As a percentage."""
    return f"{share_of_one * 100:g}%"


def _scaled(value: object, units: Mapping[str, int], complaint: str) -> int:
    number = _plain_number(value)
    factor = 1
    if number is None:
        found = _NUMBER_AND_UNIT.fullmatch(_short_text(value).lower())
        if found is None or found[2] not in units:
            raise ValueError(complaint)
        number, factor = Decimal(found[1]), units[found[2]]
    total = number * factor
    if total != total.to_integral_value():
        raise ValueError("must come to a whole number")
    return int(total)


def _plain_number(value: object) -> Decimal | None:
    """The value of a number, or of text that is one; None for any other text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number or text")
    if isinstance(value, str):
        text = _short_text(value)
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    number = Decimal(str(value))
    if not number.is_finite() or number < 0:
        raise ValueError("must not be negative")
    return number


def _short_text(value: object) -> str:
    text = str(value).strip()
    return text if len(text) <= _LONGEST and text.isascii() else ""
