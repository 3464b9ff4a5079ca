"""Where texts stand in a body, so that what is to be masked is found however it is written.

In JSON a text may be written with escapes, and hold JSON itself; in a stream it comes in pieces, each in an event of
its own. So texts are masked as they read, pieces by what they amount to together.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, cast

import msgspec

from headway.storage.masking import Masks, Span
from headway.types import Body
from headway.wire import eventstream

_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DEEPEST = 3
"""JSON within texts within JSON."""
_EVENT_STREAM = "text/event-stream"
_EVENTS_OF_AWS = "application/vnd.amazon.eventstream"
_LINES = ("application/x-ndjson", "application/jsonl", "application/json-lines")

_decode = msgspec.json.decode
_encode = msgspec.json.encode
_scan = json.JSONDecoder().raw_decode
_NUMBERS = ("index", "output_index", "content_index")
_DEEPEST_PLACE = 40
_BETWEEN = frozenset(" \t\r\n,")
Place = tuple[dict[str, Any] | list[Any], Any]
"""What holds a text, and under which name or number."""


class Piece(NamedTuple):
    """One event, line or element. `read`: what it says; None: it is no JSON."""

    before: str
    written: str
    read: Any


def masked(body: Body, masks: Masks, cap: int) -> tuple[str, bool]:
    """At most `cap` bytes of it, and whether that is less than there was."""
    pieces = _pieces(body)
    if pieces is not None:
        text, short = _stream(pieces, masks, cap)
        return text, short or body.size > len(body.start)
    return cut(_in_json(body.start.decode(errors="replace"), masks), cap), body.size > cap


def cut(text: str, most: int) -> str:
    """By bytes; PostgreSQL takes no NUL."""
    return text.replace("\0", "\ufffd").encode(errors="replace")[:most].decode(errors="ignore")


# --- one document ---


def _in_json(text: str, masks: Masks, depth: int = 0) -> str:
    """What is masked as it stands, and in texts as they read. It need not be whole, nor JSON at all."""

    def literal(match: re.Match[str]) -> str:
        written = match[0]
        if "\\" not in written:
            return written
        try:
            read = _decode(written, type=str)
        except msgspec.DecodeError:
            return written
        clean = _in_json(read, masks, depth + 1)
        return written if clean == read else _encode(clean).decode()

    if depth < _DEEPEST and "\\" in text:
        text = _LITERAL.sub(literal, text)
    return masks.masked(text)


# --- streams ---


def _pieces(body: Body) -> list[Piece] | None:
    """What comes one after another, as far as it is whole; None: it is all one."""
    if body.kind.startswith((_EVENT_STREAM, *_LINES)):
        return _lines(body.start)
    if body.kind.startswith(_EVENTS_OF_AWS):
        return _payloads(body.start)
    return _elements(body.start) if body.start.lstrip()[:1] == b"[" else None


def _stream(pieces: list[Piece], masks: Masks, cap: int) -> tuple[str, bool]:
    """As many whole pieces as there is room for."""
    found = _mask_pieces([piece.read for piece in pieces if piece.read is not None], masks)
    kept: list[str] = []
    left = cap
    for piece in pieces:
        written = _encode(piece.read).decode() if found and piece.read is not None else piece.written
        line = piece.before + _in_json(written, masks)
        left -= len(line.encode(errors="replace")) + 1
        if left < 0:
            break
        kept.append(line)
    return cut("\n".join(kept), cap), left < 0


def _lines(data: bytes) -> list[Piece]:
    """Of the last line it is not known how it ends, unless it is JSON by itself."""
    found: list[Piece] = []
    text = data.decode(errors="replace").replace("\r\n", "\n")
    for line in text.split("\n"):
        before = "data: " if line.startswith("data: ") else "data:" if line.startswith("data:") else ""
        written = line[len(before) :]
        found.append(Piece(before, written, _read(written)))
    if found[-1].read is None:
        found.pop()
    return found


def _payloads(data: bytes) -> list[Piece]:
    """AWS wraps each event in a frame of its own; what is kept are lines of JSON."""
    found: list[Piece] = []
    for frame in eventstream.split(data)[0]:
        message = eventstream.decode(frame)
        if not isinstance(message, eventstream.Broken):
            written = message.payload.decode(errors="replace")
            found.append(Piece("", written, _read(written)))
    return found


def _elements(data: bytes) -> list[Piece]:
    """A list may be a stream of its own (Gemini). What is kept of it are lines of JSON."""
    text = data.decode(errors="replace")
    found: list[Piece] = []
    at = text.index("[") + 1
    while True:
        while text[at : at + 1] in _BETWEEN:
            at += 1
        try:
            read, end = _scan(text, at)
        except (ValueError, RecursionError):
            return found
        found.append(Piece("", text[at:end], read))
        at = end


def _read(written: str) -> Any:
    """None: it is no JSON."""
    try:
        return _decode(written)
    except (msgspec.DecodeError, RecursionError):
        return None


def _mask_pieces(documents: list[Any], masks: Masks) -> bool:
    """Mask, in place, what several documents say at the same place: together that is one text."""
    places: dict[tuple[object, ...], list[Place]] = {}
    for document in documents:
        if isinstance(document, dict | list):
            _find(document, (), places)
    found = False
    for pieces in places.values():
        if len(pieces) > 1:
            found = _mask_together(pieces, masks) or found
    return found


def _find(value: Any, path: tuple[object, ...], places: dict[tuple[object, ...], list[Place]]) -> None:
    """All texts, by where they stand. What numbers itself is told apart by its number."""
    holder = cast("dict[str, Any] | list[Any]", value)
    if isinstance(holder, dict):
        path += tuple([number for name in _NUMBERS if isinstance(number := holder.get(name), int)])
    named = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for name, each in named:
        if isinstance(each, str):
            places.setdefault((*path, name), []).append((holder, name))
        elif isinstance(each, dict | list) and len(path) < _DEEPEST_PLACE:
            _find(each, (*path, name), places)


def _mask_together(pieces: list[Place], masks: Masks) -> bool:
    texts = [holder[name] for holder, name in pieces]
    spans = masks.spans("".join(texts))
    if not spans:
        return False
    start = 0
    for (holder, name), text in zip(pieces, texts, strict=True):
        holder[name] = _piece(text, start, spans)
        start += len(text)
    return True


def _piece(text: str, start: int, spans: list[Span]) -> str:
    """What is left of a text that begins at `start` of the whole. The mask stands where what it masks begins."""
    end = start + len(text)
    shown: list[str] = []
    done = start
    for span in spans:
        if span.end <= done or span.start >= end:
            continue
        shown.append(text[done - start : max(span.start, done) - start])
        if span.start >= start:
            shown.append(f"[{span.name}]")
        done = min(span.end, end)
    shown.append(text[done - start :])
    return "".join(shown)
