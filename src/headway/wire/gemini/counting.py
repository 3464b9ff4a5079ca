"""Counting tokens: `countTokens` asks with contents alone or with a whole request, and is told `totalTokens`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.gemini.request_read import read_request
from headway.wire.gemini.request_write import body_of
from headway.wire.gemini.shapes import camel
from headway.wire.malformed import Malformed

_WHOLE = "generateContentRequest"


class _Counted(msgspec.Struct, rename="camel"):
    total_tokens: int


_decode = msgspec.json.Decoder(_Counted).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def read_count(body: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    for name, raw in body.items():
        if camel(name) == _WHOLE:
            try:
                return read_request(_decode_object(raw), said)
            except UNREADABLE:
                return Malformed(f"{_WHOLE} must be an object", _WHOLE)
    return read_request(body, said)


def write_count(request: Request, toward: Toward, *, whole: bool = True) -> Written | Unsupported:
    """`whole`: as the Gemini API wants it, with the request inside; Vertex AI takes its fields as they are."""
    made = body_of(request, toward)
    if isinstance(made, Unsupported):
        return made
    body, dropped = made
    if whole:
        body = {_WHOLE: {"model": f"models/{toward.model.removeprefix('models/')}", **body}}
    return Written(_encode(body), tuple(dropped))


def read_counted(body: bytes) -> int | NoReply:
    try:
        return _decode(body).total_tokens
    except UNREADABLE:
        return NoReply("it does not tell totalTokens")


def write_counted(tokens: int) -> bytes:
    return _encode({"totalTokens": tokens})
