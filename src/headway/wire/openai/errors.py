"""Errors in OpenAI's form: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE

_encode = msgspec.json.Encoder().encode


class _Error(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class _Body(msgspec.Struct):
    error: _Error


class _Foreign(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()


class _Inner(msgspec.Struct):
    message: str


class _Begun(msgspec.Struct):
    response: dict[str, msgspec.Raw]


class _Numbered(msgspec.Struct):
    sequence_number: Annotated[int, msgspec.Meta(ge=0, lt=10**15)]


_decode_foreign = msgspec.json.Decoder(_Foreign).decode
_decode_inner = msgspec.json.Decoder(_Inner).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_begun = msgspec.json.Decoder(_Begun).decode
_decode_numbered = msgspec.json.Decoder(_Numbered).decode
_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,15})\b')

MAX_QUOTED = 300
"""Characters of an upstream's message that are quoted in ours."""


def type_of(status: int) -> str:
    """OpenAI's error type for a status."""
    if status == 429:
        return "rate_limit_error"
    if status in (401, 403):
        return "authentication_error"
    return "invalid_request_error" if status < 500 else "server_error"


def body(message: str, *, status: int, code: str | None, param: str | None = None) -> bytes:
    return _encode(_Body(_Error(message, type_of(status), param, code)))


def event(message: str, *, code: str, status: int = 502) -> bytes:
    """The event that ends a chat stream which broke after it had begun. No `[DONE]` follows it."""
    return sse.encode(body(message, status=status, code=code))


def response_event(message: str, *, code: str, seen: bytes = b"", created: bytes | None = None) -> bytes:
    """The same in the Responses API's words. `seen` is the end of what the client got, which tells the next number;
    `created` the data of an event that described the response as it began. With it the response itself fails, without
    it an `error` is all there is to say.
    """
    number = _next_number(seen, created)
    begun = None if created is None else _response_in(created)
    raised = _Error(message, "server_error", None, code)  # OpenAI's clients raise for this, and for nothing else
    if begun is None:
        told = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": number}
        return sse.encode(_encode({**told, "error": raised}), event=b"error")
    error = msgspec.Raw(_encode({"code": "server_error", "message": message}))
    failed = {**begun, "status": msgspec.Raw(b'"failed"'), "error": error}
    data = _encode({"type": "response.failed", "sequence_number": number, "response": failed, "error": raised})
    return sse.encode(data.replace(b"\r", b" ").replace(b"\n", b" "), event=b"response.failed")


def _response_in(created: bytes) -> dict[str, msgspec.Raw] | None:
    try:
        return _decode_begun(created).response
    except UNREADABLE:
        return None


def _next_number(seen: bytes, created: bytes | None) -> int:
    whole, rest = sse.split(seen)
    begun = _NUMBER.findall(rest)  # of an event that was shown in part
    if begun:
        return int(begun[-1]) + 1
    for payload in (*(sse.data_of(event) for event in reversed(whole)), created):
        try:
            return _decode_numbered(payload or b"").sequence_number + 1
        except UNREADABLE:
            continue
    return 0


def is_error_body(reply: bytes) -> bool:
    """Is this a JSON object, which a client of this dialect shows as the error's body whatever it holds?"""
    if reply[:64].lstrip()[:1] != b"{":
        return False
    try:
        _decode_foreign(reply)
    except UNREADABLE:
        return False
    return True


def message_in(reply: bytes) -> str | None:
    """The message of an upstream's error body, in one line and of bounded length; None if there is none to be found."""
    try:
        foreign = _decode_foreign(reply)
    except UNREADABLE:
        return None
    for raw in (foreign.error, foreign.message, foreign.detail):
        line = " ".join((_text_of(raw) or "").split())
        if line:
            return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 1] + "…"
    return None


def _text_of(raw: msgspec.Raw) -> str | None:
    if not raw:
        return None
    try:
        return _decode_inner(raw).message if bytes(raw)[:1] == b"{" else _decode_text(raw)
    except UNREADABLE:
        return None
