"""What a decoder found wrong with a client's request, in words for the client.

The decoder names the place and the types; what the client wrote is never repeated.
"""

from __future__ import annotations

import re

from headway.wire.malformed import Malformed

_PLACE = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_NAMES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def fault(field: str, error: Exception) -> Malformed:
    """Why the field cannot be read, by the decoder's complaint."""
    if isinstance(error, RecursionError):
        return Malformed(f"{field} is nested too deeply.", field)
    said = str(error)
    found = _PLACE.search(said)
    place = field + (found[1] if found else "")
    missing = _MISSING.match(said)
    if missing:
        return Malformed(f"{place}.{missing[1]} is missing.", f"{place}.{missing[1]}")
    expected = _EXPECTED.match(said)
    if expected:
        return Malformed(f"{place} must be {_types(expected[1])}, not {_types(expected[2])}.", place)
    return Malformed(f"{place} cannot be read.", place)


def _types(names: str) -> str:
    return (
        " or ".join(_NAMES.get(name.strip(), name.strip()) for name in names.split("|") if name.strip() != "null")
        or "null"
    )
