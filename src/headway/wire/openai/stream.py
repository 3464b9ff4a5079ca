"""What a relay reads from a stream that it otherwise passes on: its first event, its usage chunk, its ending.

Everything in between travels unread.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from headway.types import Usage
from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.response import usage_of


class _Chunk(msgspec.Struct):
    choices: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    type: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw()


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_NOTHING = (b"", b"null")
_FAILED = (b'"error"', b'"response.failed"')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')


class FirstEvent(msgspec.Struct, frozen=True):
    """`error` is the raw error event's data if the stream begins with one; `malformed` if its data is no JSON."""

    error: bytes | None = None
    malformed: bool = False


_GOOD = FirstEvent()


def first_event(data: bytes) -> FirstEvent | None:
    """Judge the first event with data in what has arrived so far; None while there is none (comments do not count)."""
    for event in sse.split(data)[0]:
        payload = sse.data_of(event)
        if payload is None:
            continue
        if payload.strip() == b"[DONE]":
            return FirstEvent(malformed=True)
        try:
            chunk = _decode_chunk(payload)
        except UNREADABLE:
            return FirstEvent(malformed=True)
        return FirstEvent(error=payload) if _is_error(event, chunk) else _GOOD
    return None


class Ending(Enum):
    """How a stream ended whose body is over."""

    COMPLETE = "complete"
    ERROR = "error"
    """With the provider's own error event."""
    CUT = "cut"
    """Without saying that it is complete."""


def ending(tail: bytes, terminals: tuple[bytes, ...], *, one_choice: bool) -> Ending:
    """Judge the end of a stream. Of a single choice, a finish reason says that it is complete even if no terminal
    follows.
    """
    if any(terminal in b"\n" + tail for terminal in terminals):
        return Ending.COMPLETE
    events, _ = sse.split(tail + b"\n\n")
    for event in reversed(events):
        payload = sse.data_of(event)
        if payload is None:
            continue
        try:
            chunk = _decode_chunk(payload)
        except UNREADABLE:
            return Ending.CUT
        if _is_error(event, chunk):
            return Ending.ERROR
        if not _is_empty_list(chunk.choices):  # the usage chunk may follow the finish reason
            return Ending.COMPLETE if one_choice and _FINISH.search(payload) else Ending.CUT
    return Ending.CUT


def is_nothing(rest: bytes) -> bool:
    """Does what follows the last blank line lack nothing that a client would see: white space, a comment, or a
    `[DONE]` that only its blank line is missing from? Any other event would be dropped by a client for want of it
    (WHATWG HTML §9.2.6).
    """
    payload = sse.data_of(rest)
    if payload is None:
        return not rest.strip() or rest.startswith(b":")
    return payload.strip() == b"[DONE]"


def is_usage_chunk(payload: bytes) -> bool:
    """The chunk that `include_usage` adds: no choices, and usage."""
    try:
        chunk = _decode_chunk(payload)
    except UNREADABLE:
        return False
    return _is_empty_list(chunk.choices) and bytes(chunk.usage) not in _NOTHING


def without_usage_chunk(events: bytes) -> bytes:
    """Whole events with the usage chunk taken out; all others stay the bytes they were."""
    whole, rest = sse.split(events)
    kept = [event for event in whole if not _holds_usage_chunk(event)]
    return b"".join(kept) + rest


def usage_in(tail: bytes) -> Usage | None:
    """The last usage reported in the end of a stream. `tail` may begin in the middle of an event."""
    position = len(tail)
    while True:
        position = tail.rfind(b'"usage"', 0, position)
        if position < 0:
            return None
        start = tail.rfind(b"\n", 0, position) + 1
        if tail.startswith(b"data:", start):
            line_end = tail.find(b"\n", position)
            usage = _usage_of_payload(tail[start + 5 : line_end if line_end >= 0 else len(tail)].strip())
            if usage is not None:
                return usage
        position = start


def _usage_of_payload(payload: bytes) -> Usage | None:
    try:
        chunk = _decode_chunk(payload)
        raw = chunk.usage
        if chunk.response and bytes(chunk.response) != b"null":
            raw = _decode_response(chunk.response).usage
    except UNREADABLE:
        return None
    return usage_of(raw) if bytes(raw) not in _NOTHING else None


def _is_error(event: bytes, chunk: _Chunk) -> bool:
    told = event.startswith(b"event: error") or bytes(chunk.type) in _FAILED
    return told or (bytes(chunk.error) not in _NOTHING and not chunk.response)


def _holds_usage_chunk(event: bytes) -> bool:
    payload = sse.data_of(event)
    return payload is not None and is_usage_chunk(payload)


def _is_empty_list(raw: msgspec.Raw) -> bool:
    text = bytes(raw)
    return text[:1] == b"[" and text[1:-1].strip() == b""
