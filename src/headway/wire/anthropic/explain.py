"""Why a request cannot be read, in words for its client.

The decoder's own words name the place but may quote what stands there, and that is nobody's business: only the types
are told on.
"""

from __future__ import annotations

import re

from headway.wire.malformed import Malformed

_EXPECTED = re.compile(r"^Expected `([a-z| ]+)`(?:, got `([a-z]+)`)?")
_MISSING = re.compile(r"^Object missing required field `([A-Za-z_]+)`")
_PLACE = re.compile(r" - at `\$([^`]*)`$")
_SPOKEN = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


def explain(error: Exception, place: str) -> Malformed:
    """`place` is the field that was being decoded, such as `messages[2].content`."""
    text = str(error)
    if (found := _PLACE.search(text)) is not None:
        place = f"{place}{found[1]}" if place else found[1].removeprefix(".")
    if (found := _MISSING.match(text)) is not None:
        place = f"{place}.{found[1]}" if place else found[1]
        return Malformed(f"{place} is required", place)
    if (found := _EXPECTED.match(text)) is not None:
        wanted = " or ".join(dict.fromkeys(_SPOKEN.get(word, word) for word in found[1].split(" | ")))
        got = f", not {_SPOKEN.get(found[2], found[2])}" if found[2] else ""
        return Malformed(f"{place} must be {wanted}{got}", place)
    if text.startswith("Invalid value"):
        return Malformed(f"{place} has a value that is not known", place)
    return Malformed(f"{place} cannot be read", place)
