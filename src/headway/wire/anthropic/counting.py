"""The counting of a request's tokens: the same request without what only an answer needs, and a number for it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.wire.anthropic.request_read import read_request
from headway.wire.anthropic.request_write import compose
from headway.wire.anthropic.writing import Refused
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_COUNTED = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "compaction",
        "context_management",
        "mcp_servers",
        "speed",
    }
)
"""Fields that the endpoint takes; it refuses any other."""


class _Count(msgspec.Struct):
    input_tokens: int


_count = msgspec.json.Decoder(_Count)
_encode = msgspec.json.Encoder().encode


def read_count_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """`max_tokens` is no field of it, which reading does not ask for."""
    return read_request(fields, said)


def write_count_request(request: Request, toward: Toward) -> Written | Unsupported:
    try:
        body, dropped = compose(request, toward)
        return Written(_encode({name: value for name, value in body.items() if name in _COUNTED}), dropped)
    except Refused as refused:
        return refused.unsupported


def read_count_reply(body: bytes) -> int | NoReply:
    try:
        return _count.decode(body).input_tokens
    except UNREADABLE:
        return NoReply("the body is no count of tokens")


def write_count_reply(tokens: int) -> bytes:
    return _encode({"input_tokens": tokens})
