"""Counting tokens at Bedrock: a conversation of Converse in, a number out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.wire.complaints import absent, explain
from headway.wire.converse.request_read import read_request
from headway.wire.converse.request_write import write_request
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


class _Input(msgspec.Struct, rename="camel"):
    converse: dict[str, msgspec.Raw] | None = None
    invoke_model: msgspec.Raw = msgspec.Raw()


class _Count(msgspec.Struct, rename="camel"):
    input_tokens: int


_input = msgspec.json.Decoder(_Input).decode
_count = msgspec.json.Decoder(_Count).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def read_count_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """What a client wants the tokens of. Bodies for InvokeModel, which are each maker's own, are not read."""
    raw = fields.get("input")
    if raw is None:
        return absent("input")
    try:
        told = _input(raw)
    except UNREADABLE as error:
        return explain(error, "input")
    if told.converse is None:
        which = "input.invokeModel" if told.invoke_model else "input.converse"
        return Malformed("Tokens are counted of input.converse only", which)
    return read_request(told.converse, said)


def write_count_request(request: Request, toward: Toward) -> Written | Unsupported:
    """The same conversation as would be sent, without what counts for nothing."""
    written = write_request(request, toward)
    if isinstance(written, Unsupported):
        return written
    body = {name: raw for name, raw in _fields(written.body).items() if name in _COUNTED}
    return Written(_encode({"input": {"converse": body}}), written.dropped)


def read_count(body: bytes) -> int | NoReply:
    try:
        return max(0, _count(body).input_tokens)
    except UNREADABLE:
        return NoReply("the answer is no count of tokens")


def write_count(tokens: int) -> bytes:
    return _encode({"inputTokens": tokens})
