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

import msgspec

CALL_ID, SHORT = "tool_call_id", "alnum9"
_SHORT = re.compile(r"[a-zA-Z0-9]{9}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IN_MESSAGES: Mapping[str, tuple[bytes, ...]] = {
    CALL_ID: (b'"tool_call_id"', b'"tool_calls"'),
    "input_audio": (b'"input_audio"',),
    "reasoning_content": (b'"reasoning_content"', b'"reasoning_details"'),
    "name": (b'"name"',),
}
"""What a body holds in which such a departure may matter."""


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
    return any(mark in body for name in renames for mark in _IN_MESSAGES.get(name, ()))
