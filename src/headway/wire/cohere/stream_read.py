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
from headway.wire.cohere.stream_events import (
    TYPES,
    Call,
    CallEnd,
    CallPiece,
    CallsDelta,
    CallStart,
    Citations,
    CitationsDelta,
    CitationStart,
    ContentEnd,
    ContentPiece,
    ContentStart,
    End,
    Known,
    MessageEnd,
    MessageStart,
    Plan,
    PlanDelta,
    PlanPiece,
    read_known,
    read_unknown,
)
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

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode

_USUAL = b"event: content-delta\ndata: "
_TEXT, _THINKING, _PLAN, _CALL_PIECES = 1, 2, 3, 4
_NO_PART = -1
_MOST_CALLS = 1024
"""That may be under way at once."""


class Reader:
    """See `form.codec.StreamReader`."""

    __slots__ = (
        "_began",
        "_block",
        "_called",
        "_calls",
        "_id",
        "_kind",
        "_next",
        "_open",
        "_over",
        "complete",
    )

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
        self._called = False
        self._calls: dict[int | None, int] = {}
        """The calls under way: Cohere's index of each, and its part."""

    def read(self, frame: bytes, into: list[Event]) -> None:
        if self._over:
            return
        try:
            event = read_known(frame[len(_USUAL) :]) if frame.startswith(_USUAL) else None
        except UNREADABLE:
            event = None  # Its data may be in several lines.
        if event is None:
            data = sse.data_of(frame)
            if data is None or data == b"[DONE]":
                return
            try:
                event = read_known(data)
            except UNREADABLE:
                self._take_other(data, into)
                return
        if type(event) is ContentPiece:
            self._take_content(event, into)
        else:
            self._take(event, frame, into)

    def end(self, into: list[Event]) -> None:
        """Nothing is held back: without its `message-end` a stream was cut."""

    def _take(self, event: Known, frame: bytes, into: list[Event]) -> None:
        if type(event) is MessageStart:
            self._id = event.id
            self._begin(into)
            return
        self._begin(into)
        match event:
            case ContentStart() | ContentPiece():
                self._take_content(event, into)
            case ContentEnd():
                if self._kind == _THINKING:
                    self._close(into)
            case PlanPiece(delta=PlanDelta(message=Plan(tool_plan=str() as plan))) if plan:
                into.append(ReasoningDelta(plan, self._part(_PLAN, None, into), summary=True))
            case CallStart():
                self._start_call(event, into)
            case CallPiece():
                self._continue_call(event, into)
            case CallEnd():
                self._end_call(event.index, into)
            case CitationStart(delta=CitationsDelta(message=Citations() as message)):
                self._cite(message.citations, into)
            case MessageEnd():
                self._finish(event.delta or End(), frame, into)
            case _:
                pass

    def _begin(self, into: list[Event]) -> None:
        if not self._began:
            self._began = True
            into.append(Began(id=self._id))

    def _take_content(self, event: ContentStart | ContentPiece, into: list[Event]) -> None:
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
        if type(event) is ContentPiece and event.logprobs is not None:
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

    def _start_call(self, event: CallStart, into: list[Event]) -> None:
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
        if len(self._calls) >= _MOST_CALLS:
            self._break("more tool calls at once than any answer has", into)
            return
        self._called = True
        part = self._calls[event.index] = self._take_number()
        if event.index is not None:
            self._kind, self._block = _CALL_PIECES, event.index
        identity = call_id(call.id, self._id, part, function.name)
        into.append(CallBegan(part=part, id=identity, name=function.name))
        if function.arguments:
            into.append(CallDelta(function.arguments, part))

    def _continue_call(self, event: CallPiece, into: list[Event]) -> None:
        part = self._calls.get(event.index)
        call = _first(event.delta)
        function = None if call is None else call.function
        if function is None or not function.arguments:
            return
        if part is None:
            self._break("a piece of a tool call that has not begun", into)
            return
        into.append(CallDelta(function.arguments, part))

    def _end_call(self, index: int | None, into: list[Event]) -> None:
        part = self._calls.pop(index, None)
        if part is None:
            return
        if self._kind == _CALL_PIECES and self._block == index:
            self._close(into)
        into.append(PartEnded(part))

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

    def _finish(self, end: End, frame: bytes, into: list[Event]) -> None:
        if end.error is not None or end.finish_reason in vocabulary.FAILED:
            self._report(sse.data_of(frame) or b"", into)
            return
        self._close(into)
        into += [PartEnded(part) for part in self._calls.values()]
        self._calls.clear()
        into.append(Finished(vocabulary.stop_of(end.finish_reason, calls=self._called) or Stop.END))
        usage = vocabulary.usage_of(end.usage)
        if usage is not None:
            into.append(Counted(usage))
        self.complete = self._over = True

    def _take_other(self, data: bytes, into: list[Event]) -> None:
        """An event of a kind that is not known here, an error, or nothing that can be read."""
        try:
            other = read_unknown(data)
        except UNREADABLE:
            self._break("an event that is no JSON object", into)
            return
        if other.type in TYPES:
            self._break(f"a {other.type} event that is not as Cohere has them", into)
        elif other.error or (other.type is None and other.message):
            self._report(data, into)

    def _report(self, data: bytes, into: list[Event]) -> None:
        self._over = True
        into.append(Reported(data))

    def _break(self, why: str, into: list[Event]) -> None:
        self._over = True
        into.append(Malformed(why))


def _first(delta: CallsDelta | None) -> Call | None:
    """Cohere sends one call in each event, some who serve its models a list with that one."""
    calls = None if delta is None or delta.message is None else delta.message.tool_calls
    if isinstance(calls, list):
        return calls[0] if calls else None
    return calls
