"""Tool calls in Ollama's dialect, whose arguments are objects and which may have no id."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from headway.wire.foreign_json import UNREADABLE

EMPTY = msgspec.Raw(b"{}")

_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Function(msgspec.Struct, gc=False):
    name: str
    arguments: msgspec.Raw = EMPTY
    index: int | None = None


class Call(msgspec.Struct, gc=False):
    function: Function
    id: str | None = None


class WrittenFunction(msgspec.Struct, gc=False):
    index: int
    name: str
    arguments: msgspec.Raw


class WrittenCall(msgspec.Struct, gc=False):
    id: str
    function: WrittenFunction


def object_of(arguments: str) -> msgspec.Raw | None:
    """The object that is the text of a call's arguments; None if it is the text of something else."""
    if not arguments or arguments.isspace():
        return EMPTY
    data = arguments.encode("utf-8", "replace")
    try:
        _read_object(data)
    except UNREADABLE:
        return None
    return msgspec.Raw(one_line(data))


def one_line(document: bytes) -> bytes:
    """The same JSON without breaks between its lines, since a line is all that a stream's event may have."""
    if b"\n" in document or b"\r" in document:
        return msgspec.json.format(document, indent=-1)
    return document


def arguments_of(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode("utf-8", "replace")
    return "{}" if text == "null" else text


def made_id(moment: str | None, index: int, call: Call) -> str:
    """An id for a call that came without one: the same for the same call of the same answer, and no other's."""
    function = call.function
    seen = blake2b(digest_size=8)
    for piece in (moment or "", str(index), function.name):
        seen.update(piece.encode("utf-8", "replace") + b"\0")
    seen.update(bytes(function.arguments))
    return f"call_{seen.hexdigest()}_{index}"
