"""The fields of a client's request, taken one by one with what is wrong with them.

What nobody takes is left over, and travels on as it is. A client's words never stand in a complaint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed

_decode_text = msgspec.json.Decoder(str | None).decode
_decode_integer = msgspec.json.Decoder(int | None).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_T = TypeVar("_T")


class Fields:
    """`left`: what nobody has taken yet. `wrong`: the first complaint. A field that is null counts as absent. `within`
    stands before the names in complaints, where the fields are not the request's own: `parameters.`.
    """

    __slots__ = ("_within", "left", "wrong")

    def __init__(self, fields: Mapping[str, msgspec.Raw], within: str = "") -> None:
        self.left = dict(fields)
        self.wrong: Malformed | None = None
        self._within = within

    def rename(self, names: Mapping[str, str]) -> None:
        """Give fields in another spelling their usual name."""
        for other, usual in names.items():
            if other in self.left and usual not in self.left:
                self.left[usual] = self.left.pop(other)

    def text(self, name: str) -> str | None:
        return self._read(name, _decode_text)

    def integer(self, name: str) -> int | None:
        return self._read(name, _decode_integer)

    def flag(self, name: str) -> bool | None:
        return self._read(name, _decode_flag)

    def object(self, name: str) -> dict[str, msgspec.Raw] | None:
        return self._read(name, _decode_object)

    def _read(self, name: str, decode: Callable[[msgspec.Raw], _T | None]) -> _T | None:
        raw = self.left.pop(name, None)
        if raw is None:
            return None
        try:
            return decode(raw)
        except UNREADABLE as error:
            self.unreadable(name, error)
            return None

    def take(self, name: str) -> msgspec.Raw | None:
        """The field as it stands."""
        raw = self.left.pop(name, None)
        return None if raw is None or bytes(raw) == b"null" else raw

    def rest(self) -> dict[str, msgspec.Raw]:
        """What nobody has taken."""
        return {name: raw for name, raw in self.left.items() if bytes(raw) != b"null"} if self.left else self.left

    def missing(self, name: str) -> None:
        """Note that `name` must be there."""
        self._note(absent(self._within + name))

    def unreadable(self, name: str, error: Exception) -> None:
        """Note what the error that decoding `name` has raised says of it."""
        self._note(explain(error, self._within + name))

    def refuse(self, name: str, wanted: str, error: Exception | None = None) -> None:
        """Note that `name`, or what the error points at within it, is not what it must be."""
        where = self._within + name
        if error is not None:
            where = explain(error, where).param or where
        self._note(Malformed(f"{where} must be {wanted}", where))

    def _note(self, wrong: Malformed) -> None:
        if self.wrong is None:
            self.wrong = wrong
