"""A ConverseStream written for a client, one binary message for each event.

Its blocks follow one another: parts that come while another is under way wait until that has ended. Only the blocks of
tools and pictures are announced.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.converse import seals, shapes
from headway.wire.converse.errors import exception_frame
from headway.wire.converse.parts_read import text_of
from headway.wire.converse.parts_write import citation, shown_image
from headway.wire.converse.response import asks_for_sequence
from headway.wire.converse.vocabulary import reason_of, usage_words
from headway.wire.eventstream import frame, header_block
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import SeesAll, Show
from headway.wire.form.parts import Audio, Image, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    Malformed,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reported,
    Signed,
    Stop,
    TextDelta,
    Whole,
)

OfPart = TextDelta | RefusalDelta | ReasoningDelta | Signed | CallBegan | CallDelta | Cited | Whole | PartEnded


class _ServerResult(msgspec.Struct, rename="camel"):
    tool_use_id: str
    content: list[msgspec.Raw] = []
    status: str | None = None
    type: str | None = None


class _ServerBlock(msgspec.Struct, rename="camel"):
    tool_use: shapes.ToolUse | None = None
    tool_result: _ServerResult | None = None


_encode = msgspec.json.Encoder().encode
_server_block = msgspec.json.Decoder(_ServerBlock).decode


def _headers(event: str) -> bytes:
    return header_block({":event-type": event, ":content-type": "application/json", ":message-type": "event"})


_MESSAGE_START = frame(_headers("messageStart"), b'{"role":"assistant"}')
_START, _DELTA, _STOP = _headers("contentBlockStart"), _headers("contentBlockDelta"), _headers("contentBlockStop")
_MESSAGE_STOP, _METADATA = _headers("messageStop"), _headers("metadata")
_NONE, _TEXT, _REASONING, _CALL, _OTHER = range(5)


class Writer(SeesAll):
    """Writes one stream, of the first choice."""

    def __init__(self, show: Show) -> None:
        self._sequence_asked = asks_for_sequence(show)
        self._out: list[bytes] = []
        self._started = False
        self._stopped = False
        self._called = False
        self._usage: Usage | None = None
        self._index = 0
        self._current: int | None = None
        """The part under way, and the kind of its block; a part that has said nothing yet has none."""
        self._kind = _NONE
        self._silent_call = False
        """The call under way has no arguments so far."""
        self._unsigned = False
        """The thought under way has no signature so far."""
        self._waiting: dict[int, list[OfPart]] = {}

    def write(self, events: list[Event]) -> bytes:
        for event in events:
            if type(event) is TextDelta and event.part == self._current and self._kind == _TEXT and event.choice == 0:
                if event.text:
                    self._delta(b'{"text":%b}' % _encode(event.text))
            else:
                self._take(event)
        return self._taken()

    def end(self) -> bytes:
        self._begin()
        if not self._stopped:
            self._finish(None, None)
        self._out.append(frame(_METADATA, _encode({"usage": usage_words(self._usage), "metrics": {"latencyMs": 0}})))
        return self._taken()

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return exception_frame(message, status)

    def _taken(self) -> bytes:
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def _begin(self) -> None:
        if not self._started:
            self._started = True
            self._out.append(_MESSAGE_START)

    def _take(self, event: Event) -> None:
        match event:
            case Counted():
                self._usage = event.usage
            case Reported() | Malformed() | Logprobs():
                pass
            case Began():
                self._begin()
            case _:
                if event.choice != 0 or self._stopped:
                    return
                self._begin()
                if isinstance(event, Finished):
                    self._finish(event.stop, event.sequence)
                else:
                    self._route(event)

    def _finish(self, stop: Stop | None, sequence: str | None) -> None:
        self._close()
        self._next()
        while self._waiting:
            self._close()
            self._next()
        self._close()
        self._stopped = True
        words: dict[str, object] = {"stopReason": reason_of(stop, calls=self._called)}
        if sequence is not None and self._sequence_asked:
            words["additionalModelResponseFields"] = {"stop_sequence": sequence}
        self._out.append(frame(_MESSAGE_STOP, _encode(words)))

    # --- one part after the other ---

    def _route(self, event: OfPart) -> None:
        if self._current is not None and event.part != self._current:
            self._waiting.setdefault(event.part, []).append(event)
            return
        self._apply(event)
        if self._current is None:
            self._next()

    def _next(self) -> None:
        """Write what waited, in the order in which it began, up to a part that has not ended yet."""
        while self._waiting and self._current is None:
            part = next(iter(self._waiting))
            for event in self._waiting.pop(part):
                self._apply(event)

    def _apply(self, event: OfPart) -> None:
        if isinstance(event, PartEnded):
            if event.part == self._current:
                self._close()
            return
        self._current = event.part
        match event:
            case TextDelta() | RefusalDelta():
                self._text(event.text)
            case ReasoningDelta():
                self._thought(event.text)
            case CallBegan():
                self._call(event.id, event.name, event.signature)
            case CallDelta():
                self._arguments(event.arguments)
            case Signed():
                self._signed(event)
            case Cited():
                self._open(_TEXT)
                self._delta(_encode({"citation": citation(event.citation)}))
            case Whole():
                self._whole(event.content)

    # --- blocks ---

    def _open(self, kind: int) -> None:
        if self._kind not in (kind, _NONE):
            self._end_block()
        self._kind = kind

    def _delta(self, delta: bytes) -> None:
        self._out.append(frame(_DELTA, b'{"contentBlockIndex":%d,"delta":%b}' % (self._index, delta)))

    def _end_block(self) -> None:
        if self._kind == _CALL and self._silent_call:
            self._delta(b'{"toolUse":{"input":"{}"}}')
        if self._kind == _REASONING and self._unsigned:
            self._signature(seals.UNSIGNED)
        if self._kind != _NONE:
            self._out.append(frame(_STOP, b'{"contentBlockIndex":%d}' % self._index))
            self._index += 1
        self._kind = _NONE

    def _close(self) -> None:
        self._end_block()
        self._current = None

    def _text(self, text: str) -> None:
        if text:
            self._open(_TEXT)
            self._delta(b'{"text":%b}' % _encode(text))

    def _thought(self, text: str) -> None:
        if text:
            self._unsigned = self._unsigned or self._kind != _REASONING
            self._open(_REASONING)
            self._delta(b'{"reasoningContent":{"text":%b}}' % _encode(text))

    def _signature(self, signature: str) -> None:
        self._open(_REASONING)
        self._unsigned = False
        self._delta(_encode({"reasoningContent": {"signature": signature}}))

    def _signed(self, event: Signed) -> None:
        if self._kind not in (_NONE, _REASONING):
            return  # Converse has no place for signatures of texts and calls
        if event.signature is not None:
            self._signature(seals.seal_signature(event.signature, event.origin))
        if event.redacted is not None:
            self._redacted(seals.wrap(event.redacted, event.origin))

    def _redacted(self, blob: str) -> None:
        self._end_block()
        self._open(_REASONING)
        self._delta(_encode({"reasoningContent": {"redactedContent": blob}}))

    def _call(self, identifier: str, name: str, signature: str | None) -> None:
        if signature is not None:  # as in a whole answer: an empty thought before the call bears it
            self._signature(seals.seal_signature(signature, "gemini"))
        self._open(_CALL)
        self._called = True
        self._silent_call = True
        start = {"toolUse": {"toolUseId": identifier, "name": name}}
        self._out.append(frame(_START, _encode({"start": start, "contentBlockIndex": self._index})))

    def _arguments(self, piece: str) -> None:
        if piece and self._kind == _CALL:
            self._silent_call = False
            self._delta(b'{"toolUse":{"input":%b}}' % _encode(piece))

    def _whole(self, part: Part) -> None:
        match part:
            case Text() | Refusal():
                self._text(part.text)
            case ToolCall():
                self._call(part.id, part.name, part.signature)
                self._arguments(part.arguments)
            case Reasoning():
                self._thought(part.text)
                if part.signature is not None:
                    self._signature(seals.seal_signature(part.signature, part.origin))
                if part.redacted is not None:
                    self._redacted(seals.wrap(part.redacted, part.origin))
            case Image():
                self._image(part)
            case Audio():
                self._text(part.transcript or "")
            case Opaque() if part.dialect == "converse":
                self._opaque(part.raw)
            case _:
                pass

    def _opaque(self, raw: msgspec.Raw) -> None:
        """What a tool of Bedrock's was asked, and what it answered."""
        try:
            told = _server_block(raw)
        except UNREADABLE:
            return
        if told.tool_use is not None:
            use = told.tool_use
            self._announce(
                {"toolUse": {"toolUseId": use.tool_use_id, "name": use.name, "type": use.type or "server_tool_use"}}
            )
            self._delta(_encode({"toolUse": {"input": text_of(use.input)}}))
        elif told.tool_result is not None:
            result = told.tool_result
            words = {"toolUseId": result.tool_use_id, "type": result.type, "status": result.status}
            self._announce({"toolResult": {name: value for name, value in words.items() if value is not None}})
            self._delta(_encode({"toolResult": result.content}))

    def _announce(self, start: dict[str, object]) -> None:
        self._open(_OTHER)
        self._out.append(frame(_START, _encode({"start": start, "contentBlockIndex": self._index})))

    def _image(self, part: Image) -> None:
        shown = shown_image(part)
        if shown is None:
            self._text(part.source.url or "")
            return
        self._announce({"image": {"format": shown[0]}})
        self._delta(_encode({"image": {"source": shown[1]}}))
