"""Where providers that speak like Chat Completions depart from it within messages, and what is written for them.

`Toward.renames` says so by these marks: `tool_call_id: alnum9`, ids of calls are nine letters and digits; `input_audio:
text`, sounds are base64 alone; `reasoning_content: thinking`, thoughts are parts of content; `name` with nothing,
messages have no such field; `file: document_url`, documents go by their address or as data; `extra_content` and `top_k`
with themselves, they are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2s
from types import MappingProxyType

import msgspec

from headway.wire.foreign_json import UNREADABLE

CALL_ID, SHORT = "tool_call_id", "alnum9"
_SHORT = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IN_MESSAGES: Mapping[str, bytes] = MappingProxyType(
    {CALL_ID: b'"tool_call', "input_audio": b'"input_audio"', "reasoning_content": b'"reasoning_', "name": b'"name"'}
)
"""What a body holds in which such a departure may matter."""


class _Call(msgspec.Struct):
    id: str | None = None


class _Message(msgspec.Struct):
    """Where departures may stand."""

    name: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning_details: msgspec.Raw = msgspec.Raw()
    tool_call_id: str | None = None
    tool_calls: list[_Call] | None = None


_decode_messages = msgspec.json.Decoder(list[_Message]).decode


def short_id(call_id: str) -> str:
    """The same for the same id, and as it is where it will do."""
    if _SHORT.fullmatch(call_id):
        return call_id
    number = int.from_bytes(blake2s(call_id.encode(errors="replace"), digest_size=8).digest())
    digits: list[str] = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def concern(fields: Mapping[str, msgspec.Raw], body: bytes, renames: Mapping[str, str], lacks: frozenset[str]) -> bool:
    """May a request of this dialect hold what the provider takes otherwise, or not at all?"""
    if any(name in fields for name, wire in renames.items() if wire != name):
        return True
    if not lacks.isdisjoint(fields):
        return True
    if not any(mark in body for name, mark in _IN_MESSAGES.items() if name in renames):
        return False
    try:
        messages = _decode_messages(fields.get("messages", b"[]"))
    except UNREADABLE:
        return False  # the provider will say what is wrong with them
    return any(_departs(message, renames) for message in messages)


def _departs(message: _Message, renames: Mapping[str, str]) -> bool:
    if "name" in renames and message.name:
        return True
    if "reasoning_content" in renames and (message.reasoning_content or message.reasoning_details):
        return True
    if "input_audio" in renames and b'"input_audio"' in bytes(message.content):
        return True
    if renames.get(CALL_ID) != SHORT:
        return False
    ids = [message.tool_call_id, *(call.id for call in message.tool_calls or ())]
    return any(each is not None and _SHORT.fullmatch(each) is None for each in ids)
