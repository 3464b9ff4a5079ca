"""What is wrong with a body, as msgspec found it, taken apart so that each dialect can put it in its own words."""

from __future__ import annotations

import re
from typing import Literal, TypeVar

import msgspec

Body = TypeVar("Body")

_NAMES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "array": "array"}
_AT = r"(?: - at `(?:key in )?\$\.?([^`]*)`)?$"
_MISSING = re.compile(r"Object missing required field `([^`]+)`" + _AT)
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]+)`" + _AT)
_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`" + _AT)
_SHORT = re.compile(r"Expected `(?:array|str)` of length >= (\d+)" + _AT)
_LONG = re.compile(r"Expected `(?:array|str)` of length <= (\d+)" + _AT)
_RANGE = re.compile(r"Expected `(?:int|float)` (>=|<=|>|<) ([\d.]+)" + _AT)
_ENUM = re.compile(r"Invalid enum value '?([^']*)'?" + _AT)
_PATTERN = re.compile(r"Expected `str` matching regex '(.*)'" + _AT)


class Complaint(msgspec.Struct, frozen=True):
    """`place` is a path like `messages[0].role`, empty for the body itself; what else is told depends on the kind."""

    kind: Literal["json", "missing", "unknown", "type", "short", "long", "range", "enum", "pattern", "other"]
    place: str = ""
    said: str = ""
    """The bound, the value, the pattern, or the names of the types that would do."""
    got: str = ""
    """The type that came, or the sign of the bound."""

    @property
    def dotted(self) -> str:
        """`messages.0.role`."""
        return re.sub(r"\[(\d+|\.\.\.)\]", r".\1", self.place).removeprefix(".")


def read(kind: type[Body], body: bytes) -> Body | Complaint:
    """The body as that type, or what is wrong with it first."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as wrong:
        return complaint(str(wrong))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint("json")


def complaint(text: str) -> Complaint:
    """What one message of msgspec says."""
    if found := _MISSING.match(text):
        return Complaint("missing", _joined(found[2], found[1]))
    if found := _UNKNOWN.match(text):
        return Complaint("unknown", _joined(found[2], found[1]))
    if found := _SHORT.match(text):
        return Complaint("short", found[2] or "", found[1])
    if found := _LONG.match(text):
        return Complaint("long", found[2] or "", found[1])
    if found := _RANGE.match(text):
        return Complaint("range", found[3] or "", found[2].removesuffix(".0"), found[1])
    if found := _ENUM.match(text):
        return Complaint("enum", found[2] or "", found[1])
    if found := _PATTERN.match(text):
        return Complaint("pattern", found[2] or "", found[1])
    if found := _TYPE.match(text):
        wanted = [_NAMES.get(name, name) for name in found[1].split(" | ") if name != "null"]
        return Complaint("type", found[3] or "", " or ".join(wanted), _NAMES.get(found[2], found[2]))
    return Complaint("other", said=text)


def _joined(place: str | None, name: str) -> str:
    return f"{place}.{name}" if place else name
