"""The fields of a client's request, taken one by one with what is wrong with them.

What nobody takes is left over, and travels on as it is. A client's words never stand in a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed

_decode_text = msgspec.json.Decoder(str | None).decode
_decode_integer = msgspec.json.Decoder(int | None).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_PATH = re.compile(r"at `\$([^`]*)`")


class Fields:
    """`left`: what nobody has taken yet. `wrong`: the first complaint. A field that is null counts as absent."""

    __slots__ = ("left", "wrong")

    def __init__(self, fields: Mapping[str, msgspec.Raw]) -> None:
        self.left = dict(fields)
        self.wrong: Malformed | None = None

    def rename(self, names: Mapping[str, str]) -> None:
        """Give fields in another spelling their usual name."""
        for other, usual in names.items():
            if other in self.left and usual not in self.left:
                self.left[usual] = self.left.pop(other)

    def text(self, name: str) -> str | None:
        raw = self.left.pop(name, None)
        if raw is None:
            return None
        try:
            return _decode_text(raw)
        except UNREADABLE as error:
            return self.refuse(name, "a string", error)

    def integer(self, name: str) -> int | None:
        raw = self.left.pop(name, None)
        if raw is None:
            return None
        try:
            return _decode_integer(raw)
        except UNREADABLE as error:
            return self.refuse(name, "a whole number", error)

    def flag(self, name: str) -> bool | None:
        raw = self.left.pop(name, None)
        if raw is None:
            return None
        try:
            return _decode_flag(raw)
        except UNREADABLE as error:
            return self.refuse(name, "true or false", error)

    def object(self, name: str) -> dict[str, msgspec.Raw] | None:
        raw = self.left.pop(name, None)
        if raw is None:
            return None
        try:
            return _decode_object(raw)
        except UNREADABLE as error:
            return self.refuse(name, "an object", error)

    def take(self, name: str) -> msgspec.Raw | None:
        """The field as it stands."""
        raw = self.left.pop(name, None)
        return None if raw is None or bytes(raw) == b"null" else raw

    def rest(self) -> dict[str, msgspec.Raw]:
        """What nobody has taken."""
        return {name: raw for name, raw in self.left.items() if bytes(raw) != b"null"} if self.left else self.left

    def refuse(self, name: str, wanted: str, error: BaseException | None = None) -> None:
        """Note that `name`, or what the error points at within it, is not what it must be."""
        if self.wrong is None:
            place = None if error is None else _PATH.search(str(error))
            where = name if place is None or "..." in place[1] else f"{name}{place[1]}"
            self.wrong = Malformed(f"{where} must be {wanted}", where)
