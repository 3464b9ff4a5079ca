"""When a stream may be shown: what the events say that it begins with.

Lifecycle events, comments, pings, and chunks that say nothing yet leave the choice open. The first word of the model
closes it, and so does an error or an ending without any word. What is not known to say nothing counts as a word: it is
never held for long. Holding the events is the relay's business, and what an error means is the classification's.
"""

from __future__ import annotations

import re
from typing import Literal, cast

import msgspec

from headway.wire import sse
from headway.wire.endpoints import Endpoint
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.response import is_fault
from headway.wire.openai.stream import FAILED, document_in, is_error_document


class Opening(msgspec.Struct, frozen=True):
    """`meaningful`: the model has said something, or that it says no more. `error`: the provider's own error event.
    `fault`: the model wrote what its provider rejects. `malformed`: data that is no JSON object. `ended`: it is over,
    and nothing was said.
    """

    kind: Literal["meaningful", "error", "fault", "malformed", "ended"]
    payload: bytes | None = None
    """The data of the event that is an error or a fault."""


MEANINGFUL = Opening("meaningful")
MALFORMED = Opening("malformed")
ENDED = Opening("ended")


class _Choice(msgspec.Struct):
    delta: dict[str, msgspec.Raw] | None = None
    message: dict[str, msgspec.Raw] | None = None
    """In place of a delta, as some providers have it."""
    text: str | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    type: str | None = None
    object: str | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Item(msgspec.Struct, gc=False):
    type: str | None = None


class _Event(msgspec.Struct):
    """An event of the Responses API."""

    type: str | None = None
    delta: msgspec.Raw = msgspec.Raw()
    item: _Item | None = None
    response: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct, gc=False):
    output: list[msgspec.Raw] | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_any = msgspec.json.Decoder(object).decode

_PINGS = frozenset({"ping", "keepalive", "heartbeat"})
_PING_NAMES = frozenset(ping.encode() for ping in _PINGS)
_BEGUN = frozenset({"response.created", "response.in_progress", "response.queued"})
_PARTS = tuple(f"response.{part}.added" for part in ("content_part", "reasoning_part", "reasoning_summary_part"))
_QUIET = _BEGUN.union(_PINGS, _PARTS)
_EMPTY_ITEMS = frozenset({"message", "reasoning"})
_CALLS = ("tool_calls", "function_call", "audio")
_LABELS = frozenset({"role", "type", "index", "id", "format", "channel", "name"})
"""Fields of a delta that say what a word would belong to."""
_NOTHING = frozenset({b"null", b'""', b"[]", b"{}"})
_QUOTE = ord('"')
_DEEPEST = 8
"""What lies deeper in a delta is not looked at, and counts as a word."""
_NAME = re.compile(rb"^event: ?(.*)", re.MULTILINE)


def judge(endpoint: Endpoint, events: bytes) -> Opening | None:
    """Judge whole events of a stream's beginning; None while they leave it open. An unfinished event at the end is not
    looked at.
    """
    if endpoint.name in ("chat", "completions"):
        look = _of_chunk
    else:
        look = _of_event if endpoint.name == "responses" else _of_anything
    for piece in _whole(events):
        name, payload = _parts(piece)
        if payload is None:
            continue
        opening = look(name, payload)
        if opening is not None:
            return opening
    return None


def created_in(events: bytes) -> bytes | None:
    """The data of the event that describes a response which has just begun, if these events hold one."""
    if events.find(b'"response.') < 0:
        return None
    for piece in _whole(events):
        payload = _parts(piece)[1]
        if payload is None:
            continue
        try:
            event = _decode_event(payload)
        except UNREADABLE:
            continue
        if event.type in _BEGUN and bytes(event.response)[:1] == b"{":
            return payload
    return None


def _whole(events: bytes) -> list[bytes]:
    """Whole events, without their blank lines, and with lines that end with LF alone."""
    if events.find(b"\r") >= 0:
        events = events.replace(b"\r\n", b"\n")
    pieces = events.split(b"\n\n")
    pieces.pop()
    return pieces


def _parts(piece: bytes) -> tuple[bytes, bytes | None]:
    """The event's name and its data."""
    end = piece.find(b"\n")
    if end < 0:
        if piece.startswith(b"data: "):
            return b"", piece[6:]
    elif piece.startswith(b"event: ") and piece.startswith(b"data: ", end + 1) and piece.find(b"\n", end + 1) < 0:
        return piece[7:end], piece[end + 7 :]
    named = _NAME.search(piece)
    return named[1] if named is not None else b"", sse.data_of(piece)


# --- chat and completions ---


def _of_chunk(name: bytes, payload: bytes) -> Opening | None:
    try:
        chunk = _decode_chunk(payload)
    except UNREADABLE:
        return _of_anything(name, payload)
    if name or chunk.error or chunk.type is not None or chunk.object == "error":
        opening = _of_anything(name, payload)
        if opening is not MEANINGFUL:
            return opening
    opening = None
    for choice in chunk.choices or ():
        said = _said(choice)
        if said == "word":
            return MEANINGFUL
        if said is not None:
            opening = Opening(said, payload)
    return opening


def _said(choice: _Choice) -> Literal["word", "error", "fault"] | None:
    reason = choice.finish_reason
    if reason:
        if is_fault(reason):
            return "fault"
        return "error" if reason == "error" else "word"
    if choice.text:
        return "word"
    said = (choice.delta and _is_word(choice.delta)) or (choice.message and _is_word(choice.message))
    return "word" if said else None


def _is_word(delta: dict[str, msgspec.Raw]) -> bool:
    for name, raw in delta.items():
        text = bytes(raw)
        if name in _LABELS or text in _NOTHING:
            continue
        if text[0] == _QUOTE:
            return True
        try:
            value = _decode_any(text)
        except UNREADABLE:
            return True
        if (value and name in _CALLS) or _says(value, 0):
            return True
    return False


def _says(value: object, depth: int) -> bool:
    """Is there any text in it, other than labels?"""
    if isinstance(value, str):
        return value != ""
    if depth > _DEEPEST:
        return True
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return any(_says(field, depth + 1) for name, field in fields.items() if name not in _LABELS)
    if isinstance(value, list):
        return any(_says(each, depth + 1) for each in cast("list[object]", value))
    return False


# --- responses, and any other ---


def _of_event(name: bytes, payload: bytes) -> Opening | None:
    try:
        event = _decode_event(payload)
    except UNREADABLE:
        return _of_anything(name, payload)
    kind = event.type
    if name in _PING_NAMES:
        return None
    if kind is None or kind in FAILED or event.error or name == b"error":
        opening = _of_anything(name, payload)
        if kind is None or opening is not MEANINGFUL:
            return opening
    if kind in _QUIET or bytes(event.delta) == b'""':
        return None
    if kind == "response.output_item.added" and event.item is not None and event.item.type in _EMPTY_ITEMS:
        return None
    return _of_completed(event.response) if kind == "response.completed" else MEANINGFUL


def _of_completed(response: msgspec.Raw) -> Opening:
    try:
        output = _decode_response(response).output
    except UNREADABLE:
        return MEANINGFUL
    return ENDED if output is not None and not output else MEANINGFUL


def _of_anything(name: bytes, payload: bytes) -> Opening | None:
    """Of any object that is no ping and no error it is taken for granted that it says something."""
    if name in _PING_NAMES:
        return None
    if payload.lstrip().startswith(b"[DONE]"):
        return ENDED
    document = document_in(payload)
    if name == b"error" or (document is not None and is_error_document(document)):
        return Opening("error", payload)
    if document is None:
        return MALFORMED
    kind = document.get("type")
    return None if isinstance(kind, str) and kind in _PINGS else MEANINGFUL
