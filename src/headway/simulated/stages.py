"""The steps between a reply's pieces and the wire, each a generator over the one before.

Content stages change what the body says; transport stages change when it goes and how far it comes. A position counts
what has passed by the stage that looks for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from headway.simulated.faults import Fault
from headway.simulated.notation import Position
from headway.simulated.reply import Events, Json, Piece, Reply, padded

_MALFORMED_BYTE = Piece(b"\0")
"""Nowhere allowed in JSON, inside a string or out."""


class Wait(NamedTuple):
    """Nothing goes for so many seconds; for ever if they are infinite."""

    seconds: float


class End(Enum):
    """How a script ends. `KEEP`: the connection may serve another request."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"


class _Filler(NamedTuple):
    """What is sent every so many seconds where there is nothing to say."""

    every: float
    piece: Piece


class _Mark(Enum):
    HERE = "here"


Item = Piece | Wait | End


def content(reply: Reply, fault: Fault) -> Iterator[Piece]:
    """What the body says."""
    pieces: Iterable[Piece] = reply.pieces
    if fault.omit_after is not None and reply.streamed:
        pieces = _omitted(pieces, fault.omit_after)
    if fault.no_done:
        pieces = (piece for piece in pieces if not piece.terminal)
    if fault.double_done:
        pieces = (twice for piece in pieces for twice in ((piece, piece) if piece.terminal else (piece,)))
    if fault.huge_event:
        pieces = _padded(pieces, fault.huge_event, reply.events.padded if reply.events else padded)
    if fault.malformed_json_at is not None:
        broken = Piece(reply.events.malformed) if reply.events else _MALFORMED_BYTE
        pieces = _only_pieces(_placed(pieces, fault.malformed_json_at), broken)
    if fault.error_event_at is not None and reply.events is not None:
        pieces = _broken_off(pieces, fault.error_event_at, reply.events, dict(fault.error))
    if fault.end_at is not None:
        pieces = _ended(pieces, fault.end_at)
    return iter(pieces)


def transport(pieces: Iterable[Piece], fault: Fault, token_delay: float, reply: Reply) -> Iterator[Item]:
    """When it goes, and how far it comes."""
    filler = _filler(fault, reply.events) if reply.events else None
    items: Iterator[Item] = _paced(pieces, fault.delay_first_token, token_delay if reply.streamed else 0.0, filler)
    if fault.stall_after is not None:
        items = _stalled(items, fault.stall_after, filler)
    if fault.eof_at is not None:
        items = _severed(items, fault.eof_at, End.CLOSE)
    if fault.rst_at is not None:
        items = _severed(items, fault.rst_at, End.RESET)
    return items


def refined(data: bytes, fault: Fault) -> Iterator[bytes]:
    """One piece as the writes it is to be: whole, in equal parts, or with multi-byte letters taken apart."""
    if fault.chunk_bytes:
        for start in range(0, len(data), fault.chunk_bytes):
            yield data[start : start + fault.chunk_bytes]
    elif fault.split_utf8 and not data.isascii():
        start = 0
        for at, byte in enumerate(data):
            if byte >= 0x80:
                if start < at:
                    yield data[start:at]
                yield data[at : at + 1]
                start = at + 1
        if start < len(data):
            yield data[start:]
    elif data:
        yield data


def _placed(items: Iterable[Item], position: Position) -> Iterator[Item | _Mark]:
    """The items, with a mark once: right after the nth token or byte; for none, right before the first."""
    if position == Position(0, "b"):
        yield _Mark.HERE
    count = 0
    marked = position == Position(0, "b")
    for item in items:
        if marked or not isinstance(item, Piece):
            yield item
            continue
        amount = item.tokens if position.unit == "t" else len(item.data)
        if position.count == 0 and amount:
            marked = True
            yield from (_Mark.HERE, item)
        elif count + amount < position.count or not amount:
            yield item
        else:
            marked = True
            before, after = _divided(item, position.count - count, position.unit)
            yield from (before, _Mark.HERE)
            if after.data:
                yield after
        count += amount


def _divided(piece: Piece, at: int, unit: str) -> tuple[Piece, Piece]:
    """Before and after a token or byte; in a whole reply the tokens lie evenly over its bytes."""
    cut = at if unit == "b" else len(piece.data) * at // piece.tokens
    tokens = at if unit == "t" else piece.tokens * at // len(piece.data)
    return (
        Piece(piece.data[:cut], tokens, piece.terminal),
        Piece(piece.data[cut:], piece.tokens - tokens, piece.terminal),
    )


def _only_pieces(items: Iterable[Item | _Mark], here: Piece) -> Iterator[Piece]:
    for item in items:
        if isinstance(item, Piece):
            yield item
        elif item is _Mark.HERE:
            yield here


def _broken_off(pieces: Iterable[Piece], position: Position, events: Events, told: Json) -> Iterator[Piece]:
    for sent, item in enumerate(_placed(pieces, position)):
        if not isinstance(item, Piece):
            yield Piece(events.broken_off(sent, told))
            return
        yield item


def _ended(pieces: Iterable[Piece], position: Position) -> Iterator[Piece]:
    for item in _placed(pieces, position):
        if not isinstance(item, Piece):
            return
        yield item


def _omitted(pieces: Iterable[Piece], position: Position) -> Iterator[Piece]:
    """What comes after the position and carries tokens is left out; what ends the answer stays."""
    omitting = False
    for item in _placed(pieces, position):
        if not isinstance(item, Piece):
            omitting = True
        elif not (omitting and item.tokens):
            yield item


def _padded(pieces: Iterable[Piece], amount: int, pad: Callable[[bytes, int], bytes]) -> Iterator[Piece]:
    """The first document that carries tokens gets a member of that length more."""
    done = False
    for piece in pieces:
        data = pad(piece.data, amount) if piece.tokens and not done else piece.data
        done = done or len(data) > len(piece.data)
        yield piece._replace(data=data)


def _paced(pieces: Iterable[Piece], first: float, each: float, filler: _Filler | None) -> Iterator[Item]:
    delay = first + each
    for piece in pieces:
        if piece.tokens:
            if delay > 0:
                yield from _waiting(delay, filler)
            delay = each
        yield piece


def _stalled(items: Iterable[Item], position: Position, filler: _Filler | None) -> Iterator[Item]:
    for item in _placed(items, position):
        if isinstance(item, _Mark):
            yield from _waiting(math.inf, filler)
        else:
            yield item


def _severed(items: Iterable[Item], position: Position, end: End) -> Iterator[Item]:
    for item in _placed(items, position):
        if isinstance(item, _Mark):
            yield end
            return
        yield item


def _filler(fault: Fault, events: Events) -> _Filler | None:
    if fault.pings and events.ping:
        return _Filler(fault.pings, Piece(events.ping))
    return _Filler(fault.comments, Piece(events.comment)) if fault.comments and events.comment else None


def _waiting(seconds: float, filler: _Filler | None) -> Iterator[Item]:
    """A wait, with a sign of life now and then if any are wanted."""
    left = seconds
    while filler is not None and left > filler.every:
        yield Wait(filler.every)
        yield filler.piece
        left -= filler.every
    yield Wait(left)
