"""One tool call of a stream, put together from its pieces.

It decides which pieces are of one call, and whether a call is whole. When that is asked, and what follows, is the
business of `tool_calls`.
"""

from __future__ import annotations

import json
from typing import cast

Object = dict[str, object]
"""As it was in JSON."""

MOST_CHECKED = 1024 * 1024
"""Characters of a call's arguments that are kept to be checked; longer ones pass for whole."""

_decode = json.JSONDecoder(strict=False).decode
"""Models break lines within strings; that is no sign of a cut."""


class Call:
    """One tool call. `index` is what its pieces have in common; `free` arguments are not to be checked."""

    __slots__ = ("_pieces", "_size", "call_id", "free", "index", "over")

    def __init__(self, index: object, *, call_id: object = None, free: bool = False) -> None:
        self.index = index
        self.call_id = call_id
        self.free = free
        self.over = False
        """Its provider says that no more of it comes."""
        self._pieces: list[str] = []
        self._size = 0

    def add(self, arguments: object) -> None:
        if self.free or not isinstance(arguments, str):
            return
        self._pieces.append(arguments)
        self._size += len(arguments)
        if self._size > MOST_CHECKED:
            self.free = True
            self._pieces.clear()

    def replace(self, arguments: object) -> None:
        """With what the provider repeats at the end."""
        if isinstance(arguments, str) and arguments:
            self._pieces.clear()
            self._size = 0
            self.add(arguments)

    @property
    def blank(self) -> bool:
        return not any(piece.strip() for piece in self._pieces)

    @property
    def whole(self) -> bool:
        if self.free or self.blank:
            return True
        try:
            _decode("".join(self._pieces))
        except (ValueError, RecursionError):
            return False
        return True


def pieces_in(choice: Object) -> list[Object]:
    """The pieces of tool calls in a choice, the one in OpenAI's older form among them."""
    delta = object_of(choice["delta"] if "delta" in choice else choice.get("message"))
    pieces = objects_of(delta.get("tool_calls"))
    old = object_of(delta.get("function_call"))
    return [*pieces, {"index": "function_call", "function": old}] if old else pieces


def continued(calls: list[Call], piece: Object) -> Call | None:
    """The call that this is a piece of; None where it begins one.

    Some providers give each call the same index, or none: a name then begins a call if it comes with another id, or
    after arguments that are complete. Others repeat id and name with every piece.
    """
    index = piece.get("index")
    for call in reversed(calls):
        if index is None or call.index == index:
            break
    else:
        return None
    if not object_of(piece.get("function")).get("name"):
        return call
    call_id = piece.get("id")
    if call_id and call.call_id:
        return call if call_id == call.call_id else None
    return call if call.blank or not call.whole else None


def object_of(value: object) -> Object:
    return cast("Object", value) if isinstance(value, dict) else {}


def objects_of(value: object) -> list[Object]:
    if not isinstance(value, list):
        return []
    return [cast("Object", each) for each in cast("list[object]", value) if isinstance(each, dict)]
