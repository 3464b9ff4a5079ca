"""Streams of Ollama's: lines of JSON, read and written.

The line that says `done` ends a stream; a line with an `error` breaks it. Tool calls come whole, so that one is only
written when its arguments are complete.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire import moments
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import SeesAll, Show
from headway.wire.form.parts import Audio, Image, Source, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Counted,
    Event,
    Finished,
    Logprobs,
    Malformed,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reported,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.ollama import vocabulary
from headway.wire.ollama.calls import Call
from headway.wire.ollama.errors import error_body
from headway.wire.ollama.response import Message, Said, Written, WrittenMessage, call_of, read_said, written_call

_encode = msgspec.json.Encoder().encode
_TEXT, _THINKING = 1, 2
_NO_PART = -1


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole lines, each with its end, and the unfinished rest."""
    *lines, rest = data.split(b"\n")
    return [line + b"\n" for line in lines], rest


class Reader:
    """See `form.codec.StreamReader`."""

    __slots__ = ("_began", "_called", "_kind", "_next", "_open", "_over", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._over = False
        self._began = False
        self._called = 0
        self._next = 0
        self._open = _NO_PART
        """The text or reasoning under way."""
        self._kind = 0

    def read(self, frame: bytes, into: list[Event]) -> None:
        if self._over or frame.isspace():
            return
        try:
            said = read_said(frame)
        except UNREADABLE:
            self._over = True
            into.append(Malformed("a line that is not as Ollama has them"))
            return
        if said.error and said.is_error:
            self._over = True
            into.append(Reported(frame.strip()))
            return
        if not self._began:
            self._began = True
            into.append(Began(model=said.model, created=moments.seconds_of(said.created_at)))
        message = said.message
        if message is not None:
            self._take(message, said.created_at, into)
        if said.logprobs:
            into.append(Logprobs(vocabulary.logprobs_of(said.logprobs)))
        if said.done:
            self._finish(said, into)

    def end(self, into: list[Event]) -> None:
        """Nothing is held back: without a line that says `done` a stream was cut."""

    def _take(self, message: Message, moment: str | None, into: list[Event]) -> None:
        if message.thinking:
            into.append(ReasoningDelta(message.thinking, self._part(_THINKING, into)))
        if message.content:
            if self._kind != _TEXT:
                self._part(_TEXT, into)
            into.append(TextDelta(message.content, self._open))
        for data in message.images or ():
            self._close(into)
            part = self._number()
            into += (Whole(Image(Source(data=data)), part), PartEnded(part))
        for call in message.tool_calls or ():
            self._take_call(call, moment, into)

    def _take_call(self, call: Call, moment: str | None, into: list[Event]) -> None:
        self._close(into)
        part = self._number()
        read = call_of(call, moment, self._called)
        self._called += 1
        into += (CallBegan(part=part, id=read.id, name=read.name), CallDelta(read.arguments, part), PartEnded(part))

    def _part(self, kind: int, into: list[Event]) -> int:
        """The part under way, if it is of this kind; or a new one."""
        if self._kind != kind:
            self._close(into)
            self._kind = kind
            self._open = self._number()
        return self._open

    def _number(self) -> int:
        number = self._next
        self._next = number + 1
        return number

    def _close(self, into: list[Event]) -> None:
        if self._open != _NO_PART:
            into.append(PartEnded(self._open))
            self._open, self._kind = _NO_PART, 0

    def _finish(self, said: Said, into: list[Event]) -> None:
        self._close(into)
        into.append(Finished(vocabulary.stop_of(said.done_reason, calls=self._called > 0)))
        usage = vocabulary.usage_of(said.prompt_eval_count, said.eval_count)
        if usage is not None:
            into.append(Counted(usage))
        self.complete = self._over = True


class _Growing(msgspec.Struct):
    """A tool call whose arguments are not complete."""

    began: CallBegan
    arguments: list[str]


class Writer(SeesAll):
    """See `form.codec.StreamWriter`."""

    __slots__ = ("_calls", "_created", "_growing", "_head", "_model", "_stop", "_usage")

    def __init__(self, show: Show) -> None:
        self._model = show.model
        self._created = moments.moment_of(show.created)
        self._head = self._line_head()
        self._growing: dict[int, _Growing] = {}
        self._calls = 0
        self._stop: Stop | None = None
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta and event.choice == 0:
                out.append(self._head + b'"content":' + _encode(event.text) + b'},"done":false}\n')
            elif type(event) is ReasoningDelta and event.choice == 0:
                out.append(self._head + b'"content":"","thinking":' + _encode(event.text) + b'},"done":false}\n')
            else:
                self._take(event, out)
        return out[0] if len(out) == 1 else b"".join(out)

    def end(self) -> bytes:
        out: list[bytes] = []
        for part in tuple(self._growing):
            self._say_call(part, out)
        usage = self._usage
        last = Written(
            model=self._model,
            created_at=self._created,
            message=WrittenMessage(content=""),
            done=True,
            done_reason=vocabulary.reason_of(self._stop),
            prompt_eval_count=None if usage is None else usage.input_tokens,
            eval_count=None if usage is None else usage.output_tokens,
        )
        return b"".join(out) + _encode(last) + b"\n"

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return error_body(message, status, code, None) + b"\n"

    def _line_head(self) -> bytes:
        """How each line begins, up to the fields of its message."""
        return b'{"model":%b,"created_at":%b,"message":{"role":"assistant",' % (
            _encode(self._model),
            _encode(self._created),
        )

    def _take(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Began():
                self._model = event.model or self._model
                if event.created is not None:
                    self._created = moments.moment_of(event.created)
                self._head = self._line_head()
            case RefusalDelta(choice=0):
                out.append(self._line(WrittenMessage(content=event.text)))
            case CallBegan(choice=0):
                self._growing[event.part] = _Growing(event, [])
            case CallDelta(choice=0) if event.part in self._growing:
                self._growing[event.part].arguments.append(event.arguments)
            case PartEnded(choice=0) if event.part in self._growing:
                self._say_call(event.part, out)
            case Whole(choice=0, content=Image(source=Source(data=str() as data))):
                out.append(self._line(WrittenMessage(content="", images=[data])))
            case Whole(choice=0, content=Audio(transcript=str() as transcript)):
                out.append(self._line(WrittenMessage(content=transcript)))
            case Logprobs(choice=0):
                logprobs = vocabulary.written_logprobs(event.raw)
                if logprobs is not None:
                    out.append(self._line(WrittenMessage(content=""), logprobs))
            case Finished(choice=0):
                self._stop = event.stop
            case Counted():
                self._usage = event.usage
            case _:
                pass

    def _line(self, message: WrittenMessage, logprobs: msgspec.Raw | None = None) -> bytes:
        return (
            _encode(
                Written(model=self._model, created_at=self._created, message=message, done=False, logprobs=logprobs)
            )
            + b"\n"
        )

    def _say_call(self, part: int, out: list[bytes]) -> None:
        grown = self._growing.pop(part)
        call = ToolCall(id=grown.began.id, name=grown.began.name, arguments="".join(grown.arguments))
        out.append(self._line(WrittenMessage(content="", tool_calls=[written_call(call, self._calls)])))
        self._calls += 1
