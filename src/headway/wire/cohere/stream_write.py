"""Writes a stream as Cohere does.

Content and tool calls come one after another there: what belongs to a later part waits until the earlier one has ended.
The official client reads over whatever is no event, so that an answer which broke off is told in the only place that
Cohere has for it, the `error` of `message-end`.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.cohere import citations, vocabulary
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Part, Text
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Stop,
    TextDelta,
    Whole,
)

_encode = msgspec.json.Encoder().encode
_TEXT, _THINKING, _CALL = "text", "thinking", "call"
_CONTENT_HEAD = b'event: content-delta\ndata: {"type":"content-delta","index":%d,"delta":{"message":{"content":{"%b":'
_CALL_HEAD = (
    b'event: tool-call-delta\ndata: {"type":"tool-call-delta","index":%d,'
    b'"delta":{"message":{"tool_calls":{"function":{"arguments":'
)
_NO_PART = -1
_NO_MESSAGE = msgspec.Raw(b'{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}')

_Of = TextDelta | RefusalDelta | ReasoningDelta | CallBegan | CallDelta | Cited | Whole | PartEnded
"""Events that are of one part. Signatures have no place here."""


def _frame(kind: str, fields: dict[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **fields}))


class Writer:
    """See `form.codec.StreamWriter`. `_live` is the part that is being written, `_waiting` what came of later ones."""

    __slots__ = (
        "_began",
        "_blocks",
        "_calls",
        "_cited",
        "_head",
        "_kind",
        "_live",
        "_show",
        "_stop",
        "_tail",
        "_usage",
        "_waiting",
    )

    def __init__(self, show: Show) -> None:
        self._show = show
        self._began = False
        self._live = _NO_PART
        self._waiting: dict[int, list[_Of]] = {}
        self._kind: str | None = None
        """Of the live part, once its first frame is written: text, thinking or call."""
        self._head = self._tail = b""
        """What stands around the text of each piece of it."""
        self._blocks = 0
        self._calls = 0
        self._cited = 0
        self._stop: Stop | None = None
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            more = self._more(event)
            if more is None:
                self._take(event, out)
            else:
                out.append(more)
        return out[0] if len(out) == 1 else b"".join(out)

    def _more(self, event: Event) -> bytes | None:
        """The frame for more of the part that is being written; None for all else."""
        if type(event) is TextDelta or type(event) is ReasoningDelta:
            text, kind = event.text, _TEXT if type(event) is TextDelta else _THINKING
        elif type(event) is CallDelta:
            text, kind = event.arguments, _CALL
        else:
            return None
        if kind != self._kind or event.part != self._live or event.choice != 0:
            return None
        return self._head + _encode(text) + self._tail

    def around(self, like: TextDelta) -> tuple[bytes, bytes] | None:
        if self._kind != _TEXT or like.part != self._live or like.choice != 0:
            return None
        return self._head, self._tail

    def passed(self, like: TextDelta, characters: int) -> None:
        """Nothing depends on it."""

    def end(self) -> bytes:
        out: list[bytes] = []
        self._begin(None, out)
        self._settle(out)
        stop = self._stop or (Stop.TOOLS if self._calls else Stop.END)
        delta: dict[str, object] = {"finish_reason": vocabulary.REASONS[stop]}
        if self._usage is not None:
            delta["usage"] = vocabulary.written_usage(self._usage)
        out.append(_frame("message-end", {"delta": delta}))
        return b"".join(out)

    def error(self, message: str, *, status: int, code: str) -> bytes:
        del status, code
        return _frame("message-end", {"delta": {"error": message, "finish_reason": "ERROR"}})

    def _take(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Began():
                self._begin(event.id, out)
            case Counted():
                self._usage = event.usage
            case Finished(choice=0):
                self._stop = event.stop
            case Logprobs(choice=0):
                self._say_likelihood(event.raw, out)
            case (
                TextDelta(choice=0)
                | RefusalDelta(choice=0)
                | ReasoningDelta(choice=0)
                | CallBegan(choice=0)
                | CallDelta(choice=0)
                | Cited(choice=0)
                | Whole(choice=0)
                | PartEnded(choice=0)
            ):
                self._begin(None, out)
                self._place(event, out)
            case _:
                pass

    def _begin(self, given: str | None, out: list[bytes]) -> None:
        if self._began:
            return
        self._began = True
        out.append(_frame("message-start", {"id": given or self._show.request_id, "delta": {"message": _NO_MESSAGE}}))

    def _place(self, event: _Of, out: list[bytes]) -> None:
        """Write it, if its part is the one whose turn it is."""
        if self._live == _NO_PART:
            self._live = event.part
        if event.part != self._live:
            self._waiting.setdefault(event.part, []).append(event)
            return
        self._say(event, out)
        while self._live == _NO_PART and self._waiting:
            self._live = next(iter(self._waiting))
            for each in self._waiting.pop(self._live):
                self._say(each, out)

    def _settle(self, out: list[bytes]) -> None:
        """All that waits, in its order."""
        while self._live != _NO_PART:
            self._place(PartEnded(self._live), out)

    def _say(self, event: _Of, out: list[bytes]) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                self._say_content(_TEXT, event.text, out)
            case ReasoningDelta():
                self._say_content(_THINKING, event.text, out)
            case CallBegan():
                function = {"name": event.name, "arguments": ""}
                call = {"id": event.id, "type": "function", "function": function}
                out.append(self._call_frame("tool-call-start", {"delta": {"message": {"tool_calls": call}}}))
                self._kind, self._head, self._tail = _CALL, _CALL_HEAD % self._calls, b"}}}}}\n\n"
            case CallDelta():
                out.append(self._head + _encode(event.arguments) + self._tail)
            case Cited():
                self._say_citation(event, out)
            case Whole():
                self._say_content(_TEXT, _text_of(event.content), out)
            case PartEnded():
                self._close(out)

    def _call_frame(self, kind: str, fields: dict[str, object]) -> bytes:
        return _frame(kind, {"index": self._calls, **fields})

    def _say_content(self, kind: str, text: str, out: list[bytes]) -> None:
        if not text:
            return
        if self._kind != kind:
            self._open(kind, out)
        out.append(self._head + _encode(text) + self._tail)

    def _open(self, kind: str, out: list[bytes]) -> None:
        self._kind = kind
        block = {"type": kind, kind: ""}
        out.append(_frame("content-start", {"index": self._blocks, "delta": {"message": {"content": block}}}))
        self._head, self._tail = _CONTENT_HEAD % (self._blocks, kind.encode()), b"}}}}\n\n"

    def _close(self, out: list[bytes]) -> None:
        if self._kind == _CALL:
            out.append(self._call_frame("tool-call-end", {}))
            self._calls += 1
        elif self._kind is not None:
            out.append(_frame("content-end", {"index": self._blocks}))
            self._blocks += 1
        self._kind, self._live = None, _NO_PART

    def _say_citation(self, event: Cited, out: list[bytes]) -> None:
        written = citations.write_citation(event.citation, self._cited, self._blocks, None)
        if written is None:
            return
        out.append(_frame("citation-start", {"index": self._cited, "delta": {"message": {"citations": written}}}))
        out.append(_frame("citation-end", {"index": self._cited}))
        self._cited += 1

    def _say_likelihood(self, raw: msgspec.Raw, out: list[bytes]) -> None:
        """Of the text before it: with a piece that adds no text."""
        if self._kind != _TEXT:
            return
        for piece in vocabulary.written_logprobs(raw):
            delta = {"message": {"content": {"text": ""}}}
            out.append(_frame("content-delta", {"index": self._blocks, "delta": delta, "logprobs": piece}))


def _text_of(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case Audio(transcript=str() as transcript):
            return transcript
        case _:
            return ""
