"""What a client is told about a field of its request that cannot be read: which one, and what belongs there.

Nothing of what the client sent is repeated.
"""

from __future__ import annotations

import re

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`(?P<bound>[^,]*)(?:, got `(?P<got>[^`]+)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}

Unreadable = msgspec.DecodeError | UnicodeDecodeError | RecursionError
"""What decoding may raise: the same as `UNREADABLE`, as a type."""

__all__ = ["UNREADABLE", "Unreadable", "fault"]


def fault(error: Unreadable, field: str) -> Malformed:
    """The decoder's complaint about a top-level field, in words for the client."""
    if isinstance(error, RecursionError):
        return Malformed(f"{field} is nested too deeply", field)
    if not isinstance(error, msgspec.ValidationError):
        return Malformed(f"{field} is not valid JSON", field)
    text = str(error)
    at = _AT.search(text)
    where = field + at["path"] if at else field
    if missing := _MISSING.match(text):
        where = f"{where}.{missing['name']}"
        return Malformed(f"{where} is missing", where)
    if expected := _EXPECTED.match(text):
        wanted = _either(expected["wanted"])
        if expected["got"]:
            return Malformed(f"{where} must be {wanted}, not {_either(expected['got'])}", where)
        return Malformed(f"{where} must be {wanted}{expected['bound']}", where)
    return Malformed(f"{where} is out of range", where)


def _either(kinds: str) -> str:
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds.split(" | ") if kind != "null" or kinds == "null")
