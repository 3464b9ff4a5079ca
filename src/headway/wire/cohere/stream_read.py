"""Reads a stream of Cohere's: what its events amount to, and when it is complete.

`message-end` ends a stream, and says whether the generation failed. Blocks of content and tool calls are counted apart
in Cohere's events, plans not at all. Citations may still follow the `content-end` of their text, so that a text only
ends here when something else begins.
"""

from __future__ import annotations

import msgspec

from headway.wire import sse
from headway.wire.cohere import citations, vocabulary
from headway.wire.cohere.response import call_id
from headway.wire.cohere.vocabulary import Likely, Used
from headway.wire.foreign_json import UNREADABLE
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
    Reported,
    Stop,
    TextDelta,
)


class _Content(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _ContentMessage(msgspec.Struct, gc=False):
    content: _Content | None = None


class _ContentDelta(msgspec.Struct, gc=False):
    message: _ContentMessage | None = None


class _Plan(msgspec.Struct, gc=False):
    tool_plan: str | None = None


class _PlanDelta(msgspec.Struct, gc=False):
    message: _Plan | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: _Function | None = None


class _Calls(msgspec.Struct, gc=False):
    tool_calls: _Call | list[_Call] | None = None


class _CallsDelta(msgspec.Struct, gc=False):
    message: _Calls | None = None


class _Citations(msgspec.Struct):
    citations: msgspec.Raw = msgspec.Raw()


class _CitationsDelta(msgspec.Struct):
    message: _Citations | None = None


class _End(msgspec.Struct, gc=False):
    finish_reason: str | None = None
    usage: Used | None = None
    error: str | None = None


class _MessageStart(msgspec.Struct, tag_field="type", tag="message-start", gc=False):
    id: str | None = None


class _ContentStart(msgspec.Struct, tag_field="type", tag="content-start", gc=False):
    index: int | None = None
    delta: _ContentDelta | None = None


class _ContentPiece(msgspec.Struct, tag_field="type", tag="content-delta"):
    index: int | None = None
    delta: _ContentDelta | None = None
    logprobs: Likely | None = None


class _ContentEnd(msgspec.Struct, tag_field="type", tag="content-end", gc=False):
    index: int | None = None


class _PlanPiece(msgspec.Struct, tag_field="type", tag="tool-plan-delta", gc=False):
    delta: _PlanDelta | None = None


class _CallStart(msgspec.Struct, tag_field="type", tag="tool-call-start", gc=False):
    index: int | None = None
    delta: _CallsDelta | None = None


class _CallPiece(msgspec.Struct, tag_field="type", tag="tool-call-delta", gc=False):
    index: int | None = None
    delta: _CallsDelta | None = None


class _CallEnd(msgspec.Struct, tag_field="type", tag="tool-call-end", gc=False):
    index: int | None = None


class _CitationStart(msgspec.Struct, tag_field="type", tag="citation-start"):
    delta: _CitationsDelta | None = None


class _CitationEnd(msgspec.Struct, tag_field="type", tag="citation-end", gc=False):
    index: int | None = None


class _MessageEnd(msgspec.Struct, tag_field="type", tag="message-end", gc=False):
    delta: _End | None = None


_Known = (
    _MessageStart
    | _ContentStart
    | _ContentPiece
    | _ContentEnd
    | _PlanPiece
    | _CallStart
    | _CallPiece
    | _CallEnd
    | _CitationStart
    | _CitationEnd
    | _MessageEnd
)


class _Unknown(msgspec.Struct):
    type: str | None = None
    message: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_read = msgspec.json.Decoder(_Known).decode
_read_unknown = msgspec.json.Decoder(_Unknown).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode

_TYPES = frozenset(
    f"{what}-{step}"
    for what, steps in {
        "message": ("start", "end"),
        "content": ("start", "delta", "end"),
        "tool-plan": ("delta",),
        "tool-call": ("start", "delta", "end"),
        "citation": ("start", "end"),
    }.items()
    for step in steps
)
_USUAL = b"event: content-delta\ndata: "
_TEXT, _THINKING, _PLAN = 1, 2, 3
_NO_PART = -1


class Reader:
    """See `form.codec.StreamReader`."""

    __slots__ = ("_began", "_block", "_calls", "_id", "_kind", "_next", "_open", "_over", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._over = False
        self._began = False
        self._id: str | None = None
        self._next = 0
        """The number of the next part."""
        self._open = _NO_PART
        """The text or reasoning under way."""
        self._kind = 0
        self._block: int | None = None
        self._calls: dict[int | None, int] = {}
        """The calls under way: Cohere's index of each, and its part."""

    def read(self, frame: bytes, into: list[Event]) -> None:
        if self._over:
            return
        try:
            event = _read(frame[len(_USUAL) :]) if frame.startswith(_USUAL) else None
        except UNREADABLE:
            event = None  # Its data may be in several lines.
        if event is None:
            data = sse.data_of(frame)
            if data is None or data == b"[DONE]":
                return
            try:
                event = _read(data)
            except UNREADABLE:
                self._take_other(data, into)
                return
        if type(event) is _ContentPiece:
            self._take_content(event, into)
        else:
            self._take(event, frame, into)

    def end(self, into: list[Event]) -> None:
        """Nothing is held back: without its `message-end` a stream was cut."""

    def _take(self, event: _Known, frame: bytes, into: list[Event]) -> None:
        if type(event) is _MessageStart:
            self._id = event.id
            self._begin(into)
            return
        self._begin(into)
        match event:
            case _ContentStart() | _ContentPiece():
                self._take_content(event, into)
            case _ContentEnd():
                if self._kind == _THINKING:
                    self._close(into)
            case _PlanPiece(delta=_PlanDelta(message=_Plan(tool_plan=str() as plan))) if plan:
                into.append(ReasoningDelta(plan, self._part(_PLAN, None, into), summary=True))
            case _CallStart():
                self._start_call(event, into)
            case _CallPiece():
                self._continue_call(event, into)
            case _CallEnd():
                part = self._calls.pop(event.index, None)
                if part is not None:
                    into.append(PartEnded(part))
            case _CitationStart(delta=_CitationsDelta(message=_Citations() as message)):
                self._cite(message.citations, into)
            case _MessageEnd():
                self._finish(event.delta or _End(), frame, into)
            case _:
                pass

    def _begin(self, into: list[Event]) -> None:
        if not self._began:
            self._began = True
            into.append(Began(id=self._id))

    def _take_content(self, event: _ContentStart | _ContentPiece, into: list[Event]) -> None:
        if not self._began:
            self._begin(into)
        delta = event.delta
        message = None if delta is None else delta.message
        content = None if message is None else message.content
        if content is None:
            return
        if content.text:
            if self._kind != _TEXT or self._block != event.index:
                self._part(_TEXT, event.index, into)
            into.append(TextDelta(content.text, self._open))
        if content.thinking:
            into.append(ReasoningDelta(content.thinking, self._part(_THINKING, event.index, into)))
        if type(event) is _ContentPiece and event.logprobs is not None:
            into.append(Logprobs(vocabulary.logprobs_of((event.logprobs,))))

    def _part(self, kind: int, block: int | None, into: list[Event]) -> int:
        """The part under way, if it is of this kind and of this block; or a new one."""
        if self._kind != kind or self._block != block:
            self._close(into)
            self._kind, self._block = kind, block
            self._open = self._take_number()
        return self._open

    def _take_number(self) -> int:
        number = self._next
        self._next = number + 1
        return number

    def _close(self, into: list[Event]) -> None:
        if self._open != _NO_PART:
            into.append(PartEnded(self._open))
            self._open, self._kind, self._block = _NO_PART, 0, None

    def _start_call(self, event: _CallStart, into: list[Event]) -> None:
        self._close(into)
        call = _first(event.delta)
        function = None if call is None else call.function
        if call is None or function is None or not function.name:
            self._break("a tool call without a name", into)
            return
        # Where calls are not counted, one begins when the one before it is over.
        before = self._calls.pop(event.index, None)
        if before is not None:
            into.append(PartEnded(before))
        part = self._calls[event.index] = self._take_number()
        identity = call_id(call.id, self._id, part, function.name)
        into.append(CallBegan(part=part, id=identity, name=function.name))
        if function.arguments:
            into.append(CallDelta(function.arguments, part))

    def _continue_call(self, event: _CallPiece, into: list[Event]) -> None:
        part = self._calls.get(event.index)
        call = _first(event.delta)
        function = None if call is None else call.function
        if function is None or not function.arguments:
            return
        if part is None:
            self._break("a piece of a tool call that has not begun", into)
            return
        into.append(CallDelta(function.arguments, part))

    def _cite(self, raw: msgspec.Raw, into: list[Event]) -> None:
        if self._kind != _TEXT:
            return  # What a model thought or planned has no citations in the form.
        try:
            raws = _split(raw) if bytes(raw).lstrip()[:1] == b"[" else [raw]
        except UNREADABLE:
            return
        for placed in filter(None, map(citations.read_citation, raws)):
            if placed.of_text:
                into += [Cited(citation, self._open) for citation in placed.citations]

    def _finish(self, end: _End, frame: bytes, into: list[Event]) -> None:
        if end.error is not None or end.finish_reason in vocabulary.FAILED:
            self._report(sse.data_of(frame) or b"", into)
            return
        called = bool(self._calls)
        self._close(into)
        into += [PartEnded(part) for part in self._calls.values()]
        self._calls.clear()
        into.append(Finished(vocabulary.stop_of(end.finish_reason, calls=called) or Stop.END))
        usage = vocabulary.usage_of(end.usage)
        if usage is not None:
            into.append(Counted(usage))
        self.complete = self._over = True

    def _take_other(self, data: bytes, into: list[Event]) -> None:
        """An event of a kind that is not known here, an error, or nothing that can be read."""
        try:
            other = _read_unknown(data)
        except UNREADABLE:
            self._break("an event that is no JSON object", into)
            return
        if other.type in _TYPES:
            self._break(f"a {other.type} event that is not as Cohere has them", into)
        elif other.error or (other.type is None and other.message):
            self._report(data, into)

    def _report(self, data: bytes, into: list[Event]) -> None:
        self._over = True
        into.append(Reported(data))

    def _break(self, why: str, into: list[Event]) -> None:
        self._over = True
        into.append(Malformed(why))


def _first(delta: _CallsDelta | None) -> _Call | None:
    """Cohere sends one call in each event, some who serve its models a list with that one."""
    calls = None if delta is None or delta.message is None else delta.message.tool_calls
    if isinstance(calls, list):
        return calls[0] if calls else None
    return calls
