"""Vectors in one notation turned into another: numbers, and base64 of 32-bit floats.

A vector is only looked into where that is needed. Neither way loses anything that a 32-bit float can hold.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from struct import pack, unpack

import msgspec

from headway.wire.embedding.form import Format, Reply, Request
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import NoReply

_decode_numbers = msgspec.json.Decoder(list[float]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode

_WHITE = b" \t\r\n"
_BREAKS = (ord("\n"), ord("\r"))
ARRAY, STRING = ord("["), ord('"')


def opening(value: msgspec.Raw) -> int:
    """The first byte of a JSON value, which tells its kind."""
    view = memoryview(value)
    return view[0] if view else 0


def all_open_with(vectors: Iterable[msgspec.Raw], kind: int) -> bool:
    return all(opening(each) == kind for each in vectors)


def numbers_of(vectors: Sequence[msgspec.Raw], request: Request) -> Mapping[Format, Sequence[msgspec.Raw]] | NoReply:
    """The vectors of a reply that has them as arrays: one for each input."""
    if len(vectors) != len(request.inputs):
        return too_few(vectors, request)
    if not all_open_with(vectors, ARRAY):
        return NoReply("its vectors are no arrays")
    return {"float": [compact(each) for each in vectors]}


def too_few(vectors: Sequence[object], request: Request) -> NoReply:
    """Or too many."""
    return NoReply(f"it holds {len(vectors)} vectors for {len(request.inputs)} inputs")


def compact(vector: msgspec.Raw) -> msgspec.Raw:
    """An array of numbers without the white space that some providers indent it with."""
    view = memoryview(vector)
    return msgspec.Raw(bytes(view).translate(None, _WHITE)) if len(view) > 2 and view[1] in _BREAKS else vector


def sorted_out(vectors: Sequence[msgspec.Raw], wanted: Format) -> Mapping[Format, Sequence[msgspec.Raw]] | NoReply:
    """Vectors of one reply under the format that they are in: `wanted`, or base64 or numbers in its stead."""
    first = opening(vectors[0]) if vectors else ARRAY
    if first not in (ARRAY, STRING):
        return NoReply("its vectors are neither arrays nor strings")
    if not all_open_with(vectors, first):
        return NoReply("its vectors are not all written alike")
    if first == STRING:
        return {"base64": vectors}
    return {"float" if wanted == "base64" else wanted: [compact(each) for each in vectors]}


def vectors_in(reply: Reply, wanted: Format) -> Sequence[msgspec.Raw] | NoReply:
    """The vectors of a reply as a client wants them."""
    found = reply.vectors.get(wanted)
    if found is not None:
        return found
    try:
        if wanted == "base64" and (numbers := reply.vectors.get("float")) is not None:
            return [_as_base64(each) for each in numbers]
        if wanted == "float" and (texts := reply.vectors.get("base64")) is not None:
            return [_as_numbers(each) for each in texts]
    except (*UNREADABLE, ValueError, OverflowError):  # binascii.Error is a ValueError
        return NoReply("its vectors cannot be read")
    return NoReply(f"it has no {wanted} vectors")


def _as_base64(vector: msgspec.Raw) -> msgspec.Raw:
    numbers = _decode_numbers(vector)
    data = pack(f"<{len(numbers)}f", *numbers)
    return msgspec.Raw(b'"%b"' % binascii.b2a_base64(data, newline=False))


def _as_numbers(vector: msgspec.Raw) -> msgspec.Raw:
    data = b64decode(_decode_text(vector), validate=True)
    if len(data) % 4:
        raise ValueError("these are no floats of 32 bits")
    numbers = _encode(unpack(f"<{len(data) // 4}f", data))
    if b"n" in numbers:  # null, since JSON has no word for what is no number
        raise ValueError("these are not all numbers")
    return msgspec.Raw(numbers)
