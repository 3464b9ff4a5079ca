"""Reads a stream of Claude's: events of named types, blocks told apart by number, `message_stop` at the end.

Blocks that only Anthropic knows are collected and given whole. A stream is complete once the reason of its end was told
and `message_stop` has come; pings and events of new kinds say nothing.
"""

from __future__ import annotations

import msgspec

from headway.wire import sse
from headway.wire.anthropic.citations import read_citation
from headway.wire.anthropic.parts_read import fields_decoder, kind_decoder
from headway.wire.anthropic.response import read_block
from headway.wire.anthropic.vocabulary import STOPS, WireUsage, later, tier_given, usage_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Opaque, Reasoning, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Malformed,
    PartEnded,
    ReasoningDelta,
    Reported,
    Signed,
    Stop,
    TextDelta,
    Whole,
)


class _TextDelta(msgspec.Struct, tag="text_delta", tag_field="type", gc=False):
    text: str


class _InputDelta(msgspec.Struct, tag="input_json_delta", tag_field="type", gc=False):
    partial_json: str


class _ThinkingDelta(msgspec.Struct, tag="thinking_delta", tag_field="type", gc=False):
    thinking: str


class _SignatureDelta(msgspec.Struct, tag="signature_delta", tag_field="type", gc=False):
    signature: str


class _CitationsDelta(msgspec.Struct, tag="citations_delta", tag_field="type"):
    citation: msgspec.Raw


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: WireUsage | None = None


class _MessageStart(msgspec.Struct, tag="message_start", tag_field="type"):
    message: _Message


class _BlockStart(msgspec.Struct, tag="content_block_start", tag_field="type"):
    index: int
    content_block: msgspec.Raw


class _BlockDelta(msgspec.Struct, tag="content_block_delta", tag_field="type"):
    index: int
    delta: _TextDelta | _InputDelta | _ThinkingDelta | _SignatureDelta | _CitationsDelta


class _BlockStop(msgspec.Struct, tag="content_block_stop", tag_field="type", gc=False):
    index: int


class _Ending(msgspec.Struct, gc=False):
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _MessageDelta(msgspec.Struct, tag="message_delta", tag_field="type"):
    delta: _Ending
    usage: WireUsage | None = None


class _MessageStop(msgspec.Struct, tag="message_stop", tag_field="type", gc=False):
    pass


class _Ping(msgspec.Struct, tag="ping", tag_field="type", gc=False):
    pass


class _Error(msgspec.Struct, tag="error", tag_field="type", gc=False):
    pass


_Event = _MessageStart | _BlockStart | _BlockDelta | _BlockStop | _MessageDelta | _MessageStop | _Ping | _Error


class _OddDelta(msgspec.Struct):
    index: int
    delta: dict[str, msgspec.Raw]


_event = msgspec.json.Decoder(_Event)
_odd_delta = msgspec.json.Decoder(_OddDelta)
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode
_DELTA = b"event: content_block_delta\ndata: "
_KNOWN_EVENTS = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)
_KNOWN_DELTAS = frozenset(
    {b'"text_delta"', b'"input_json_delta"', b'"thinking_delta"', b'"signature_delta"', b'"citations_delta"'}
)


class _Told(msgspec.Struct):
    error: msgspec.Raw


_told = msgspec.json.Decoder(_Told)


def _tells_an_error(data: bytes) -> bool:
    """Without a type, as gateways between here and Claude may put it."""
    try:
        _told.decode(data)
    except UNREADABLE:
        return False
    return True


class _Open(msgspec.Struct):
    """A block under way. `held`: a block of Anthropic's own, which is given whole, and `pieces` of its input. `input`:
    the arguments that a call began with, which hold if no others come. `part` is counted once there is something of it.
    """

    kind: str
    part: int = -1
    held: dict[str, msgspec.Raw] | None = None
    pieces: list[str] = []
    input: str = ""


class Reader:
    def __init__(self) -> None:
        self.complete = False
        self._began = False
        self._over = False
        self._finished = False
        self._parts = 0
        self._open: dict[int, _Open] = {}
        self._usage: WireUsage | None = None

    def read(self, frame: bytes, into: list[Event]) -> None:
        data = frame[len(_DELTA) :] if frame.startswith(_DELTA) else sse.data_of(frame)
        if data is None or self._over:
            return
        try:
            event = _event.decode(data)
        except UNREADABLE:
            self._read_odd(data, into)
            return
        if type(event) is _BlockDelta:
            self._delta(event, into)
        else:
            self._take(event, data, into)

    def end(self, into: list[Event]) -> None:
        """Nothing is held back that would be whole."""

    def _fail(self, why: str, into: list[Event]) -> None:
        self._over = True
        into.append(Malformed(why))

    def _take(self, event: _Event, data: bytes, into: list[Event]) -> None:
        match event:
            case _Ping():
                pass
            case _Error():
                self._over = True
                into.append(Reported(bytes(data)))
            case _MessageStart():
                self._start(event.message, into)
            case _ if not self._began:
                self._fail("an event came before message_start", into)
            case _BlockStart():
                self._block(event, into)
            case _BlockStop():
                opened = self._open.pop(event.index, None)
                if opened is not None:
                    self._close(opened, into)
            case _MessageDelta():
                self._message_delta(event, into)
            case _:
                self._over = True
                self.complete = self._finished

    def _start(self, message: _Message, into: list[Event]) -> None:
        if self._began:
            return
        self._began = True
        into.append(Began(id=message.id, model=message.model, service_tier=tier_given(message.usage)))
        if message.usage is not None:
            self._usage = message.usage
            into.append(Counted(usage_of(message.usage)))

    def _block(self, event: _BlockStart, into: list[Event]) -> None:
        if event.index in self._open:
            self._fail("a block began twice", into)
            return
        try:
            part = read_block(event.content_block)
            held = fields_decoder.decode(event.content_block) if isinstance(part, Opaque) else None
        except UNREADABLE:
            self._fail("a block began that cannot be read", into)
            return
        opened = self._open[event.index] = _Open("held", held=held, pieces=[])
        match part:
            case Text():
                opened.kind = "text"
                if part.text or part.citations:
                    into.append(TextDelta(part.text, self._number(opened)))
                    into.extend(Cited(citation, opened.part) for citation in part.citations)
            case ToolCall():
                opened.kind = "call"
                opened.input = part.arguments
                into.append(CallBegan(part=self._number(opened), id=part.id, name=part.name))
            case Reasoning() if part.redacted is not None:
                opened.kind = "whole"
                into.append(Whole(part, self._number(opened)))
            case Reasoning():
                opened.kind = "reasoning"
                if part.text:
                    into.append(ReasoningDelta(part.text, self._number(opened)))
                if part.signature:
                    into.append(Signed(part=self._number(opened), signature=part.signature, origin="anthropic"))
            case _:
                pass

    def _number(self, opened: _Open) -> int:
        if opened.part < 0:
            opened.part = self._parts
            self._parts += 1
        return opened.part

    def _delta(self, event: _BlockDelta, into: list[Event]) -> None:
        opened = self._open.get(event.index)
        if opened is None:
            self._fail("a piece came of a block that had not begun", into)
            return
        delta, kind = event.delta, opened.kind
        match delta:
            case _TextDelta() if kind == "text":
                into.append(TextDelta(delta.text, self._number(opened)))
            case _InputDelta() if kind == "call":
                if delta.partial_json:
                    opened.input = ""
                    into.append(CallDelta(delta.partial_json, self._number(opened)))
            case _InputDelta() if kind == "held":
                opened.pieces.append(delta.partial_json)
            case _ThinkingDelta() if kind == "reasoning":
                into.append(ReasoningDelta(delta.thinking, self._number(opened)))
            case _SignatureDelta() if kind == "reasoning":
                if delta.signature:
                    into.append(Signed(part=self._number(opened), signature=delta.signature, origin="anthropic"))
            case _CitationsDelta() if kind == "text":
                citation = read_citation(delta.citation)
                if citation is not None:
                    into.append(Cited(citation, self._number(opened)))
            case _:
                if kind != "held":
                    self._fail("a piece came of another kind than its block", into)

    def _close(self, opened: _Open, into: list[Event]) -> None:
        if opened.held is not None:
            if opened.pieces and (text := "".join(opened.pieces)):
                opened.held["input"] = msgspec.Raw(text.encode())
            raw = _encode(opened.held)
            try:
                kind = kind_decoder.decode(raw).type
            except UNREADABLE:
                self._fail("the input of a tool cannot be read", into)
                return
            into.append(Whole(Opaque("anthropic", kind, msgspec.Raw(raw)), self._number(opened)))
        elif opened.input:
            into.append(CallDelta(opened.input, opened.part))
        if opened.part >= 0:
            into.append(PartEnded(opened.part))

    def _message_delta(self, event: _MessageDelta, into: list[Event]) -> None:
        if event.usage is not None:
            self._usage = later(self._usage, event.usage)
            into.append(Counted(usage_of(self._usage)))
        reason = event.delta.stop_reason
        if reason is None or self._finished:
            return
        for opened in self._open.values():
            self._close(opened, into)
        self._open.clear()
        if self._over:
            return
        self._finished = True
        into.append(Finished(STOPS.get(reason, Stop.END), sequence=event.delta.stop_sequence))

    def _read_odd(self, data: bytes, into: list[Event]) -> None:
        """An event or a piece of a new kind, or nothing that can be read."""
        try:
            kind = kind_decoder.decode(data).type
        except UNREADABLE:
            if _tells_an_error(data):
                self._over = True
                into.append(Reported(bytes(data)))
            else:
                self._fail("an event came that cannot be read", into)
            return
        if kind not in _KNOWN_EVENTS:
            return
        try:
            odd = _odd_delta.decode(data)
        except UNREADABLE:
            self._fail(f"a {kind} event came that cannot be read", into)
            return
        named = bytes(odd.delta.get("type", b""))
        if kind != "content_block_delta" or named in _KNOWN_DELTAS or not named.startswith(b'"'):
            self._fail(f"a {kind} event came that cannot be read", into)
            return
        opened = self._open.get(odd.index)
        if opened is not None and opened.held is not None:  # such as the summary of a compaction
            opened.held.update({name: raw.copy() for name, raw in odd.delta.items() if name != "type"})
