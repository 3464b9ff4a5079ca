"""What a relay reads from a stream that it otherwise passes on: fillers, the usage chunk, the ending.

Its beginning is judged by `opening`, its tool calls are followed by `tool_calls`; everything else travels unread.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import cast

import msgspec

from headway.types import Usage
from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.response import usage_of


class _Chunk(msgspec.Struct):
    choices: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw()


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_object = msgspec.json.Decoder(dict[str, object]).decode
_NOTHING = (b"", b"null")
FAILED = frozenset({"error", "response.failed"})
"""Types of the events that say that the provider gave up."""
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"[^"]')
_INDEX = re.compile(rb'"index"\s*:\s*(\d+)')
_ERROR = re.compile(rb'"error"(?!\s*:\s*(?:null|false|""))|"response\.failed"')
_NAMED_ERROR = re.compile(rb"^event: ?error\b", re.MULTILINE)
_PING = rb"(?:ping|keepalive|heartbeat)"
_FILLER = re.compile(  # possessive: however long, it is read once
    rb"(?:"
    rb":.*(?:\n|\Z)"
    rb"|event: ?" + _PING + rb"\r?\n(?:data:.*\n)*+"
    rb'|data: ?(?:\{[^{}\n]{0,99}?"type" ?: ?"' + _PING + rb'"[^{}\n]{0,99}\})?\r?\n'
    rb"|(?:id|retry):.*\n"
    rb"|\r?\n"
    rb")*+"
)


def is_filler(data: bytes) -> bool:
    """Does this piece of a stream hold only comments, blank lines and pings: signs of life, and no progress?"""
    return _FILLER.fullmatch(data) is not None


class Ending(Enum):
    """How a stream ended whose body is over."""

    COMPLETE = "complete"
    ERROR = "error"
    """With the provider's own error event."""
    CUT = "cut"
    """Without saying that it is complete."""


def ending(tail: bytes, terminals: tuple[bytes, ...], *, finishes: int | None) -> Ending:
    """Judge the end of a stream. Where so many `finishes` are known to make it complete, it is even if no terminal
    follows.
    """
    if any(terminal in b"\n" + tail for terminal in terminals):
        return Ending.COMPLETE
    finished: set[bytes] = set()
    for event in reversed(sse.split(tail + b"\n\n")[0]):
        payload = sse.data_of(event)
        if payload is None:
            continue
        if _is_error(event, payload):
            return Ending.ERROR
        try:
            chunk = _decode_chunk(payload)
        except UNREADABLE:
            return Ending.CUT
        if _is_empty_list(chunk.choices):  # the usage chunk may follow the finish reason
            continue
        if finishes is None:
            return Ending.CUT
        if _FINISH.search(payload):
            index = _INDEX.search(payload)
            finished.add(b"0" if index is None else index[1])
            if len(finished) >= finishes:
                return Ending.COMPLETE
        elif finishes == 1:
            return Ending.CUT
    return Ending.CUT


def error_in(events: bytes) -> tuple[int, int, bytes] | None:
    """The first error event among whole events: where it begins and ends, and its data."""
    start = 0
    for event in sse.split(events)[0]:
        end = start + len(event)
        payload = sse.data_of(event) if b'"error"' in event else None
        if payload is not None and _is_error(event, payload):
            return start, end, payload
        start = end
    return None


def malformed_in(events: bytes) -> int | None:
    """Where the last of whole events begins, if its data is no JSON, nor the terminal."""
    whole, _ = sse.split(events)
    payload = sse.data_of(whole[-1]) if whole else None
    if payload is None or not payload.strip() or payload.strip() == b"[DONE]":
        return None
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        return len(events) - len(whole[-1])
    return None


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


def document_in(payload: bytes) -> dict[str, object] | None:
    """The JSON object that an event's data is, as clients read it: they also take half a surrogate pair."""
    try:
        return _decode_object(payload)
    except msgspec.ValidationError:
        return None
    except UNREADABLE:
        pass
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", document) if isinstance(document, dict) else None


def is_error_document(document: dict[str, object]) -> bool:
    """Is this the data of an error event?"""
    kind = document.get("type")
    if (isinstance(kind, str) and kind in FAILED) or document.get("object") == "error":
        return True
    return bool(document.get("error")) and "response" not in document


def _is_error(event: bytes, payload: bytes) -> bool:
    if _NAMED_ERROR.search(event):
        return True
    document = document_in(payload) if _ERROR.search(payload) else None
    return document is not None and is_error_document(document)


def _holds_usage_chunk(event: bytes) -> bool:
    payload = sse.data_of(event)
    return payload is not None and is_usage_chunk(payload)


def _is_empty_list(raw: msgspec.Raw) -> bool:
    text = bytes(raw)
    return text[:1] == b"[" and text[1:-1].strip() == b""
