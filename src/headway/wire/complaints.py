"""What is wrong with a client's field, in plain words.

They name the field, and the kind of value that belongs there and the kind that was sent; what was sent is never quoted.
Rules beyond the kind of a value, such as which words a field knows, are told by those who know them.
"""

from __future__ import annotations

import re

import msgspec

from headway.wire.malformed import Malformed

_PLACE = re.compile(r" - at `\$([^`]*)`\Z")
_EXPECTED = re.compile(r"Expected `([^`]+)`( of length [0-9<>= ]+| [<>]=? [0-9.]+)?(?:, got `([^`]+)`)?")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_KINDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_ANY_KEY = "[...]"
"""How the decoder writes a key that the client chose."""


class RefusedError(Exception):
    """A request cannot be read. Raised while it is read, and caught where its reading began."""

    def __init__(self, malformed: Malformed) -> None:
        super().__init__(malformed.message)
        self.malformed = malformed


def explain(error: Exception, field: str) -> Malformed:
    """Why a field, or what stands at a place within it, cannot be read. `error` is what decoding it raised, one of
    `UNREADABLE`.
    """
    if isinstance(error, RecursionError):
        return Malformed(f"{field} is nested too deeply", field)
    if not isinstance(error, msgspec.ValidationError):
        return Malformed(f"{field} is not valid JSON", field)
    said = str(error)
    found = _PLACE.search(said)
    param, one_of_many, _ = (field if found is None else field + found[1]).partition(_ANY_KEY)
    lacks = _MISSING.match(said)
    if one_of_many:
        return Malformed(f"a value in {param} {_wrong(said) if lacks is None else f'lacks {lacks[1]}'}", param)
    return Malformed(f"{param} {_wrong(said)}", param) if lacks is None else absent(f"{param}.{lacks[1]}")


def absent(param: str) -> Malformed:
    """A field that must be there."""
    return Malformed(f"{param} is missing", param)


def _wrong(said: str) -> str:
    expected = _EXPECTED.match(said)
    if expected is not None:
        got = f", not {_kinds(expected[3])}" if expected[3] else ""
        return f"must be {_kinds(expected[1])}{expected[2] or ''}{got}"
    if said.startswith(("Invalid enum value", "Invalid value")):
        return "has a value that is not known"
    if said.startswith("Number out of range"):
        return "is out of range"
    return "cannot be read"


def _kinds(words: str) -> str:
    """What may also be null is named without it: nobody is told to send null."""
    kinds = [_KINDS.get(word, word) for word in words.split(" | ") if word != "null"]
    return " or ".join(kinds) or "null"
