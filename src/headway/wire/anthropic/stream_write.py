"""Writes an answer for a client as a stream of Claude's.

Blocks come one after the other here: parts that begin while another is under way wait until that one has ended. What a
client has no block for it is not shown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.types import Usage
from headway.wire.anthropic.citations import write_citation
from headway.wire.anthropic.errors import error_body
from headway.wire.anthropic.response import blocks_of, message_head, signature_block
from headway.wire.anthropic.signatures import UNSIGNED, sealed
from headway.wire.anthropic.vocabulary import reason_of, write_full_usage, write_usage
from headway.wire.form.codec import Show
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Signed,
    TextDelta,
    Whole,
)

_Piece = TextDelta | RefusalDelta | ReasoningDelta | CallBegan | CallDelta | Cited | Signed | Whole | PartEnded

_encode = msgspec.json.Encoder().encode
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":%b%b}}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_END = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_EMPTY_TEXT = b'{"type":"text","text":""}'
_EMPTY_THOUGHT = b'{"type":"thinking","thinking":"","signature":""}'
_TEXT_DELTA = _DELTA.replace(b"%b%b", b'"text_delta","text":%b')
_BEFORE_TEXT, _, _AFTER_TEXT = _TEXT_DELTA.partition(b"%b")
_CALL_DELTA = _DELTA.replace(b"%b%b", b'"input_json_delta","partial_json":%b')


class Writer:
    def __init__(self, show: Show) -> None:
        self._show = show
        self._began: Began | None = Began()
        """None once `message_start` is out."""
        self._index = -1
        """Of the block that was begun last."""
        self._open: int | None = None
        """The part that the open block belongs to."""
        self._kind = ""
        """Of the open block; empty if there is none."""
        self._called = False
        self._signed = False
        """The open block has its signature."""
        self._waiting: dict[int, list[_Piece]] = {}
        """Parts that began while another was under way, in order."""
        self._mute: int | None = None
        """A part that began with a text, perhaps an empty one for which no block is open."""
        self._usage: Usage | None = None
        self._finished: Finished | None = None

    def write(self, events: list[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta and self._kind == "text" and event.part == self._open and event.choice == 0:
                if event.text:
                    out.append(_TEXT_DELTA % (self._index, _encode(event.text)))
            elif type(event) is CallDelta and self._kind == "call" and event.part == self._open and event.choice == 0:
                if event.arguments:
                    out.append(_CALL_DELTA % (self._index, _encode(event.arguments)))
            else:
                self._take(event, out)
        return out[0] if len(out) == 1 else b"".join(out)

    def around(self, like: TextDelta) -> tuple[bytes, bytes] | None:
        if self._kind != "text" or like.part != self._open or like.choice != 0:
            return None
        return _BEFORE_TEXT % self._index, _AFTER_TEXT

    def passed(self, like: TextDelta, characters: int) -> None:
        """Nothing depends on it."""

    def end(self) -> bytes:
        out: list[bytes] = []
        self._begin(out)
        self._close(out)
        while self._waiting:
            self._next(out)
            self._close(out)
        finished = self._finished
        delta = {
            "stop_reason": reason_of(None if finished is None else finished.stop, calls=self._called),
            "stop_sequence": None if finished is None else finished.sequence,
        }
        usage = write_usage(self._usage or Usage())
        told = _encode({"type": "message_delta", "delta": delta, "usage": usage})
        out += (b"event: message_delta\ndata: %b\n\n" % told, _END)
        return b"".join(out)

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return b"event: error\ndata: %b\n\n" % error_body(message, status, code, None)

    def _take(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Began():
                if self._began is not None:
                    self._began = event
            case Counted():
                self._usage = event.usage
            case Finished():
                if event.choice == 0:
                    self._finished = event
            case (
                TextDelta()
                | RefusalDelta()
                | ReasoningDelta()
                | CallBegan()
                | CallDelta()
                | Cited()
                | Signed()
                | Whole()
                | PartEnded()
            ):
                if event.choice == 0:
                    self._begin(out)
                    self._piece(event, out)
            case _:
                pass

    def _begin(self, out: list[bytes]) -> None:
        began = self._began
        if began is None:
            return
        self._began = None
        message = message_head(began.id, began.model, self._show)
        message["usage"] = write_full_usage(self._usage or Usage(), began.service_tier)
        told = _encode({"type": "message_start", "message": message})
        out.append(b"event: message_start\ndata: %b\n\n" % told)

    def _piece(self, event: _Piece, out: list[bytes]) -> None:
        part = event.part
        if self._open is not None and part != self._open:
            self._waiting.setdefault(part, []).append(event)
            return
        if type(event) is PartEnded:
            self._close(out)
            self._advance(out)
        else:
            self._open = part
            self._say(event, out)

    def _advance(self, out: list[bytes]) -> None:
        """Go on with the parts that had to wait, until one of them is still under way."""
        while self._waiting and self._open is None:
            self._next(out)

    def _next(self, out: list[bytes]) -> None:
        part = next(iter(self._waiting))
        self._open = part
        for event in self._waiting.pop(part):
            if type(event) is PartEnded:
                self._close(out)
            else:
                self._open = part
                self._say(event, out)

    def _say(self, event: _Piece, out: list[bytes]) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                self._mute = event.part
                if event.text:
                    self._turn_to("text", _EMPTY_TEXT, out)
                    self._delta(b'"text_delta","text":', event.text, out)
            case ReasoningDelta():
                if event.text:
                    self._turn_to("thinking", _EMPTY_THOUGHT, out)
                    self._delta(b'"thinking_delta","thinking":', event.text, out)
            case CallBegan():
                if event.signature is not None:
                    self._whole(signature_block(event.signature), out)
                self._called = True
                call: dict[str, Any] = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                self._start("call", _encode(call), out)
            case CallDelta():
                if self._kind == "call" and event.arguments:
                    out.append(_CALL_DELTA % (self._index, _encode(event.arguments)))
            case Cited():
                shown = write_citation(event.citation)
                if shown is not None:
                    self._turn_to("text", _EMPTY_TEXT, out)
                    self._delta(b'"citations_delta","citation":', shown, out)
            case Signed():
                self._take_signature(event, out)
            case Whole():
                for block in blocks_of(event.content):
                    self._whole(block, out)
            case PartEnded():
                pass

    def _take_signature(self, event: Signed, out: list[bytes]) -> None:
        """Texts and calls have no place for a signature once they are under way."""
        if self._kind in ("text", "call") or event.part == self._mute:
            return
        if self._kind == "" and event.redacted is not None:
            field = sealed(event.origin, event.signature, event.redacted, event.id)
            self._whole({"type": "redacted_thinking", "data": field}, out)
            return
        self._turn_to("thinking", _EMPTY_THOUGHT, out)
        self._sign(sealed(event.origin, event.signature, event.redacted, event.id), out)

    def _turn_to(self, kind: str, empty: bytes, out: list[bytes]) -> None:
        if self._kind != kind:
            self._start(kind, empty, out)

    def _start(self, kind: str, block: bytes, out: list[bytes]) -> None:
        self._stop(out)
        self._index += 1
        self._kind = kind
        self._signed = False
        out.append(_START % (self._index, block))

    def _delta(self, kind: bytes, value: Any, out: list[bytes]) -> None:
        out.append(_DELTA % (self._index, kind, _encode(value)))

    def _sign(self, field: str, out: list[bytes]) -> None:
        self._signed = True
        self._delta(b'"signature_delta","signature":', field, out)

    def _stop(self, out: list[bytes]) -> None:
        if self._kind:
            if self._kind == "thinking" and not self._signed:
                self._sign(UNSIGNED, out)
            out.append(_STOP % self._index)
            self._kind = ""

    def _close(self, out: list[bytes]) -> None:
        self._stop(out)
        self._open = None

    def _whole(self, block: dict[str, Any] | msgspec.Raw, out: list[bytes]) -> None:
        """A block at once; thoughts as the pieces that a client puts together."""
        if isinstance(block, dict) and block["type"] == "thinking":
            self._start("thinking", _EMPTY_THOUGHT, out)
            if block["thinking"]:
                self._delta(b'"thinking_delta","thinking":', block["thinking"], out)
            self._sign(block["signature"], out)
        else:
            self._start("whole", _encode(block), out)
        self._stop(out)
