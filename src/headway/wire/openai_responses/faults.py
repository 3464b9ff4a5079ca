"""What is wrong with a client's field, in plain words: they name the place, and never quote what stands there."""

from __future__ import annotations

import re

from headway.wire.malformed import Malformed

_PLACE = re.compile(r" - at `\$([^`]*)`$")
_EXPECTED = re.compile(r"Expected `([^`]*)`, got `")
_LACKS = re.compile(r"missing required field `([^`]*)`")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "array": "a list",
    "object": "an object",
}


def explain(error: Exception, name: str) -> Malformed:
    """`error` is what decoding the field of this name has raised."""
    text = str(error)
    place = _PLACE.search(text)
    param = name if place is None else name + place[1]
    lacks = _LACKS.search(text)
    if lacks is not None:
        return Malformed(f"{param} must have a {lacks[1]}", f"{param}.{lacks[1]}")
    expected = _EXPECTED.search(text)
    words = [] if expected is None else [_WORDS[kind] for kind in expected[1].split(" | ") if kind in _WORDS]
    if words:
        return Malformed(f"{param} must be {' or '.join(words)}", param)
    if "Invalid enum value" in text:
        return Malformed(f"{param} has a value that is not known here", param)
    return Malformed(f"{param} cannot be read", param)
