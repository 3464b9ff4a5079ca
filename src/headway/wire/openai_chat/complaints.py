"""What is wrong with a client's field, in plain words that name it and quote nothing of it."""

from __future__ import annotations

import re

import msgspec

from headway.wire.malformed import Malformed

_PLACE = re.compile(r"^(.*?)(?: - at `\$([^`]*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]{1,200})`")
_MISSING = re.compile(r"missing required field `([^`]{1,100})`")
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


class RefusedError(Exception):
    """A request cannot be read. Raised while it is read and turned into its value by `request_read`; nobody else sees
    it.
    """

    def __init__(self, malformed: Malformed) -> None:
        super().__init__(malformed.message)
        self.malformed = malformed


def complaint(error: Exception, field: str) -> RefusedError:
    """Why the value of a field cannot be read."""
    if not isinstance(error, msgspec.ValidationError):
        return _refused(f"{field} cannot be read as JSON", field)
    found = _PLACE.match(str(error))
    what, place = (str(error), None) if found is None else (found[1], found[2])
    # `[...]` stands for a key that the client chose
    param = f"{field}{(place or '').replace('[...]', '')}"
    missing = _MISSING.search(what)
    if missing is not None:
        return _refused(f"{param}.{missing[1]} is missing", f"{param}.{missing[1]}")
    expected = _EXPECTED.search(what)
    if expected is None:
        return _refused(f"{param} has a value that it cannot have", param)
    kinds = [_WORDS.get(kind.strip(), kind.strip()) for kind in expected[1].split("|")]
    kinds = [kind for kind in kinds if kind != "null"]
    return _refused(f"{param} must be {' or '.join(kinds)}", param)


def bad(param: str, rule: str) -> RefusedError:
    """A field that breaks a rule, such as "must be a string"."""
    return _refused(f"{param} {rule}", param)


def _refused(message: str, param: str) -> RefusedError:
    return RefusedError(Malformed(message, param))
