"""A ConverseStream of Bedrock's, one binary message at a time.

Blocks are told apart by their index; only those of tools and pictures announce themselves, the others begin with their
first delta. `messageStop` makes the answer complete, and `metadata` with the usage follows it. What a tool of the
provider's did comes in pieces too, and is put together here, since the form knows it only as a whole.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from headway.wire import eventstream
from headway.wire.converse import seals, shapes
from headway.wire.converse.parts_read import citation_of
from headway.wire.converse.response import sequence_in
from headway.wire.converse.vocabulary import IMAGES, media_type_of, stop_of, usage_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Image, Opaque, Part, Reasoning, Source
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

_MOST_OPEN = 1000
_MOST_HELD = eventstream.LARGEST
_TEXT, _CALL, _REASONING, _WHOLE, _SERVER_CALL, _SERVER_RESULT, _IMAGE = range(7)


class _InputDelta(msgspec.Struct, gc=False):
    input: str = ""


class _ReasoningDelta(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Said(msgspec.Struct, gc=False):
    text: str | None = None


class _TextDelta(msgspec.Struct, gc=False, rename="camel"):
    """The usual delta; if it is of anything else, its text is None."""

    delta: _Said
    content_block_index: int = 0


class _DeltaBody(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: _InputDelta | None = None
    reasoning_content: _ReasoningDelta | None = None
    citation: msgspec.Raw = shapes.NOTHING
    tool_result: list[msgspec.Raw] | None = None
    image: shapes.Media | None = None


class _Delta(msgspec.Struct, gc=False, rename="camel"):
    delta: _DeltaBody
    content_block_index: int = 0


class _ResultStart(msgspec.Struct, gc=False, rename="camel"):
    tool_use_id: str
    type: str | None = None
    status: str | None = None


class _ImageStart(msgspec.Struct, gc=False):
    format: str = ""


class _StartBody(msgspec.Struct, gc=False, rename="camel"):
    tool_use: shapes.ToolUse | None = None
    tool_result: _ResultStart | None = None
    image: _ImageStart | None = None


class _Start(msgspec.Struct, gc=False, rename="camel"):
    start: _StartBody
    content_block_index: int = 0


class _Ended(msgspec.Struct, gc=False, rename="camel"):
    content_block_index: int = 0


class _MessageStop(msgspec.Struct, gc=False, rename="camel"):
    stop_reason: str
    additional_model_response_fields: msgspec.Raw = shapes.NOTHING


class _Metadata(msgspec.Struct, gc=False):
    usage: msgspec.Raw = shapes.NOTHING


class _Block(msgspec.Struct):
    """A block under way. `held` is what cannot be passed on before it has ended."""

    kind: int
    part: int
    start: _StartBody | None = None
    held: list[str] = []
    size: int = 0


_text_delta = msgspec.json.Decoder(_TextDelta).decode
_delta = msgspec.json.Decoder(_Delta).decode
_start = msgspec.json.Decoder(_Start).decode
_ended = msgspec.json.Decoder(_Ended).decode
_message_stop = msgspec.json.Decoder(_MessageStop).decode
_metadata = msgspec.json.Decoder(_Metadata).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode

_EVENTS = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
_USUAL: Mapping[bytes, str] = {
    eventstream.header_block({":event-type": name, ":content-type": "application/json", ":message-type": "event"}): name
    for name in _EVENTS
}
"""The headers that Bedrock sends with its events, to the byte."""


class Reader:
    """Reads one stream."""

    def __init__(self) -> None:
        self.complete = False
        self._began = False
        self._over = False
        self._blocks: dict[int, _Block] = {}
        self._parts = 0

    def read(self, frame: bytes, into: list[Event]) -> None:
        if self._over:
            return
        unwrapped = eventstream.unwrap(frame)
        if not isinstance(unwrapped, tuple):
            self._break(unwrapped.why, into)
            return
        headers, payload = unwrapped
        name = _USUAL.get(headers) or self._name(headers, payload, into)
        if name is None:
            return
        if not self._began:
            self._began = True
            into.append(Began())
        try:
            if name != "contentBlockDelta":
                self._take(name, payload, into)
                return
            told = _text_delta(payload)
            text = told.delta.text
            if text is None:
                self._piece(_delta(payload), into)
            elif text:
                block = self._blocks.get(told.content_block_index)
                if block is None or block.kind != _TEXT:
                    block = self._begin(told.content_block_index, _TEXT, into)
                into.append(TextDelta(text, block.part))
        except UNREADABLE:
            self._break(f"a {name} event cannot be read", into)

    def end(self, into: list[Event]) -> None:
        """Nothing was held back that could be told without its end."""

    def _break(self, why: str, into: list[Event]) -> None:
        self._over, self.complete = True, False
        into.append(Malformed(why))

    def _name(self, raw: bytes, payload: bytes, into: list[Event]) -> str | None:
        """Which event it is; None if it is an error, or nothing."""
        headers = eventstream.read_headers(raw)
        if isinstance(headers, eventstream.Broken):
            self._break(headers.why, into)
            return None
        match headers.get(":message-type"):
            case "event":
                name = headers.get(":event-type")
                return name if isinstance(name, str) and name in _EVENTS else None
            case "exception":
                self._report(headers.get(":exception-type"), payload, None, into)
            case "error":
                self._report(headers.get(":error-code"), payload, headers.get(":error-message"), into)
            case _:
                pass
        return None

    def _report(self, kind: object, payload: bytes, message: object, into: list[Event]) -> None:
        self._over, self.complete = True, False
        fields: dict[str, object] = {"__type": kind if isinstance(kind, str) else "unknown"}
        if isinstance(message, str):
            fields["message"] = message
        try:
            fields |= {name: raw for name, raw in _object(payload).items() if name != "__type"}
        except UNREADABLE:
            if payload:
                fields.setdefault("message", payload[:2000].decode(errors="replace"))
        into.append(Reported(_encode(fields)))

    def _take(self, name: str, payload: bytes, into: list[Event]) -> None:
        match name:
            case "contentBlockStart":
                began = _start(payload)
                self._open(began.content_block_index, began.start, into)
            case "contentBlockStop":
                self._close(_ended(payload).content_block_index, into)
            case "messageStop":
                self._finish(_message_stop(payload), into)
            case "metadata":
                usage = usage_of(_metadata(payload).usage)
                if usage is not None:
                    into.append(Counted(usage))
            case _:
                pass

    # --- blocks ---

    def _part(self, index: int, kind: int, into: list[Event]) -> int:
        """The part that a delta of this kind belongs to, which may begin with it."""
        block = self._blocks.get(index)
        if block is not None and block.kind == kind:
            return block.part
        return self._begin(index, kind, into).part

    def _begin(self, index: int, kind: int, into: list[Event], start: _StartBody | None = None) -> _Block:
        before = self._blocks.get(index)
        if before is not None:
            self._close(index, into)
        elif len(self._blocks) >= _MOST_OPEN:
            raise msgspec.DecodeError("too many blocks are under way")
        block = self._blocks[index] = _Block(kind, self._parts, start)
        self._parts += 1
        return block

    def _open(self, index: int, start: _StartBody, into: list[Event]) -> None:
        call = start.tool_use
        if call is not None and call.type != "server_tool_use":
            part = self._begin(index, _CALL, into).part
            into.append(CallBegan(part=part, id=call.tool_use_id, name=call.name))
        elif call is not None:
            self._begin(index, _SERVER_CALL, into, start)
        elif start.tool_result is not None:
            self._begin(index, _SERVER_RESULT, into, start)
        elif start.image is not None:
            self._begin(index, _IMAGE, into, start)

    def _piece(self, told: _Delta, into: list[Event]) -> None:
        """A delta of anything but text."""
        index, delta = told.content_block_index, told.delta
        block = self._blocks.get(index)
        if delta.tool_use is not None:
            if block is not None and block.kind == _CALL:
                if delta.tool_use.input:
                    into.append(CallDelta(delta.tool_use.input, block.part))
            elif block is not None and block.kind == _SERVER_CALL:
                _hold(block, delta.tool_use.input)
            else:
                raise msgspec.DecodeError("there is no call that this could belong to")
        elif delta.reasoning_content is not None:
            self._thought(index, delta.reasoning_content, into)
        elif delta.citation:
            into.append(Cited(citation_of(delta.citation), self._part(index, _TEXT, into)))
        elif block is not None and delta.tool_result is not None and block.kind == _SERVER_RESULT:
            for raw in delta.tool_result:
                _hold(block, bytes(raw).decode(errors="replace"))
        elif block is not None and delta.image is not None and block.kind == _IMAGE:
            _hold(block, delta.image.source.bytes or "")

    def _thought(self, index: int, delta: _ReasoningDelta, into: list[Event]) -> None:
        if delta.text:
            into.append(ReasoningDelta(delta.text, self._part(index, _REASONING, into)))
        if delta.signature:
            signature, origin = seals.unseal_signature(delta.signature)
            part = self._part(index, _REASONING, into)
            if signature:
                into.append(Signed(part=part, signature=signature, origin=origin))
        if delta.redacted_content:
            redacted, origin = seals.unwrap(delta.redacted_content)
            part = self._begin(index, _WHOLE, into).part
            into.append(Whole(Reasoning(redacted=redacted, origin=origin), part))

    def _close(self, index: int, into: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        content = _put_together(block)
        if content is not None:
            into.append(Whole(content, block.part))
        into.append(PartEnded(block.part))

    def _finish(self, told: _MessageStop, into: list[Event]) -> None:
        for index in list(self._blocks):
            self._close(index, into)
        stop = stop_of(told.stop_reason) or Stop.END
        sequence = sequence_in(told.additional_model_response_fields) if stop is Stop.SEQUENCE else None
        into.append(Finished(stop, sequence=sequence))
        self.complete = True


def _hold(block: _Block, piece: str) -> None:
    block.size += len(piece)
    if block.size > _MOST_HELD:
        raise msgspec.DecodeError("a block is too large")
    block.held.append(piece)


def _put_together(block: _Block) -> Part | None:
    """What a block that was held back amounts to."""
    start = block.start
    if start is None:
        return None
    if block.kind == _IMAGE:
        format_ = start.image.format if start.image is not None else ""
        return Image(Source(media_type=media_type_of(IMAGES, format_, "image"), data=_joined(block.held)))
    if block.kind == _SERVER_CALL and start.tool_use is not None:
        call = start.tool_use
        arguments = _any("".join(block.held).strip() or "{}")
        words = {"toolUseId": call.tool_use_id, "name": call.name, "input": arguments, "type": call.type}
        return Opaque("converse", "toolUse", msgspec.Raw(_encode({"toolUse": words})))
    if block.kind == _SERVER_RESULT and start.tool_result is not None:
        result = start.tool_result
        content = [msgspec.Raw(piece) for piece in block.held]
        told = {"toolUseId": result.tool_use_id, "content": content, "status": result.status, "type": result.type}
        words = {name: value for name, value in told.items() if value is not None}
        return Opaque("converse", "toolResult", msgspec.Raw(_encode({"toolResult": words})))
    return None


def _joined(pieces: list[str]) -> str:
    """Base64 that came in pieces, each of which may be padded."""
    if len(pieces) < 2:
        return "".join(pieces)
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)
