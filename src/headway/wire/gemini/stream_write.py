"""A stream for a Gemini client: each event a whole answer with what is new in it, as the API sends them.

Calls go out when they are complete. The last event has every finishReason, the usage and the sources.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.types import Dialect, Usage
from headway.wire.form.codec import SeesAll, Show
from headway.wire.form.parts import Citation
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
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.gemini import answers, errors, logprobs, signatures
from headway.wire.gemini.response import beside
from headway.wire.gemini.vocabulary import reason_of, usage_metadata, version_of

_encode = msgspec.json.Encoder().encode

_TEXT_HEAD = b'{"candidates":[{"content":{"parts":[{"text":'
_SEPARATORS = (("\u2028".encode(), rb"\u2028"), ("\u2029".encode(), rb"\u2029"), ("\x85".encode(), rb"\u0085"))
_TEXT_TAIL = b'}],"role":"model"},"index":0}]'


def _in_one_line(document: bytes) -> bytes:
    """Without what ends a line for some client. Line breaks of JSON that others wrote stand between its tokens only."""
    for character, escaped in _SEPARATORS:
        if character in document:
            document = document.replace(character, escaped)
    return document.translate(None, b"\r\n") if b"\n" in document or b"\r" in document else document


class _Calling:
    """A call whose arguments are still coming, or that has ended before one that began earlier."""

    __slots__ = ("began", "ended", "pieces", "signature")

    def __init__(self, began: CallBegan) -> None:
        self.began = began
        self.ended = False
        self.pieces: list[str] = []
        self.signature = began.signature


class _Choice:
    """What is known of a choice. `words`: its part under way is of words, and whether they are thought."""

    __slots__ = ("called", "calls", "cited", "stop", "words")

    def __init__(self) -> None:
        self.calls: dict[int, _Calling] = {}
        self.called = False
        self.cited: list[tuple[Citation, str | None, int]] = []
        self.words: tuple[int, bool] | None = None
        self.stop: Stop | None = None


class _Frame:
    """What one event is to hold."""

    __slots__ = ("logprobs", "parts")

    def __init__(self) -> None:
        self.parts: dict[int, list[dict[str, Any]]] = {}
        self.logprobs: dict[int, dict[str, Any]] = {}


class Writer(SeesAll):
    def __init__(self, show: Show) -> None:
        self._model = show.model
        self._id = show.request_id
        self._tail = b""
        self._tier: str | None = None
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}
        self._name()

    def _name(self) -> None:
        self._tail = b',"modelVersion":%b,"responseId":%b}' % (_encode(self._model), _encode(self._id))

    def write(self, events: list[Event]) -> bytes:
        told = self.payload(events)
        return b"" if told is None else b"data: %b\r\n\r\n" % told

    def end(self) -> bytes:
        return b"data: %b\r\n\r\n" % self.last()

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return b"data: %b\r\n\r\n" % errors.error_body(message, status, code, None)

    def payload(self, events: list[Event]) -> bytes | None:
        """One answer with all that these events say; None: they say nothing that the client is to see by now."""
        if len(events) == 1:
            event = events[0]
            if type(event) is TextDelta and event.choice == 0:
                self._of(0).words = (event.part, False)
                text = _encode(event.text)
                if not event.text.isascii():
                    text = _in_one_line(text)
                return b"%b%b%b%b" % (_TEXT_HEAD, text, _TEXT_TAIL, self._tail)
        frame = _Frame()
        for event in events:
            self._take(event, frame)
        if not frame.parts and not frame.logprobs:
            return None
        candidates: list[dict[str, Any]] = []
        for index in sorted({*frame.parts, *frame.logprobs}):
            parts = frame.parts.get(index) or [{"text": ""}]
            made: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
            if index in frame.logprobs:
                made["logprobsResult"] = frame.logprobs[index]
            candidates.append(made)
        return self._told({"candidates": candidates})

    def last(self) -> bytes:
        """The answer that ends the stream."""
        candidates: list[dict[str, Any]] = []
        for index, choice in sorted(self._choices.items()) or [(0, _Choice())]:
            parts = [self._called(choice, part) for part in tuple(choice.calls)] or [{"text": ""}]
            made: dict[str, Any] = {
                "content": {"parts": parts, "role": "model"},
                "finishReason": reason_of(choice.stop),
                "index": index,
            }
            made.update(beside(choice.cited, msgspec.Raw()))
            candidates.append(made)
        told: dict[str, Any] = {"candidates": candidates}
        if self._usage is not None:
            told["usageMetadata"] = usage_metadata(self._usage, self._tier)
        return self._told(told)

    def _told(self, answer: dict[str, Any]) -> bytes:
        return _in_one_line(_encode(answer)[:-1]) + self._tail

    def _of(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _take(self, event: Event, frame: _Frame) -> None:
        match event:
            case TextDelta() | RefusalDelta() | ReasoningDelta() | Whole() | Signed():
                self._say(event, frame)
            case CallBegan() | CallDelta() | PartEnded():
                self._call(event, frame)
            case Cited():
                self._of(event.choice).cited.append((event.citation, None, 0))
            case Logprobs():
                result = logprobs.result_of(event.raw)
                if result is not None:
                    frame.logprobs[event.choice] = result
            case Began():
                self._model, self._id = event.model or self._model, event.id or self._id
                self._tier = event.service_tier
                self._name()
            case Finished():
                self._of(event.choice).stop = event.stop
            case Counted():
                self._usage = event.usage
            case _:
                pass

    def _say(self, event: TextDelta | RefusalDelta | ReasoningDelta | Whole | Signed, frame: _Frame) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                self._of(event.choice).words = (event.part, False)
                self._add(frame, event.choice, {"text": event.text})
            case ReasoningDelta():
                self._of(event.choice).words = (event.part, True)
                self._add(frame, event.choice, {"text": event.text, "thought": True})
            case Whole():
                self._add(frame, event.choice, answers.shown(event.content))
            case Signed():
                self._sign(event, frame)

    def _call(self, event: CallBegan | CallDelta | PartEnded, frame: _Frame) -> None:
        choice = self._of(event.choice)
        if isinstance(event, CallBegan):
            choice.calls[event.part] = _Calling(event)
            return
        calling = choice.calls.get(event.part)
        if calling is None:
            return
        if isinstance(event, CallDelta):
            calling.pieces.append(event.arguments)
        else:
            calling.ended = True
            for part, begun in tuple(choice.calls.items()):  # in the order in which they began
                if not begun.ended:
                    break
                self._add(frame, event.choice, self._called(choice, part))

    def _add(self, frame: _Frame, index: int, part: dict[str, Any] | None) -> None:
        if part is not None:
            self._of(index)
            frame.parts.setdefault(index, []).append(part)

    def _called(self, choice: _Choice, part: int) -> dict[str, Any]:
        calling = choice.calls.pop(part)
        arguments = "".join(calling.pieces)
        made = answers.shown_call(calling.began.id, calling.began.name, arguments, calling.signature)
        if not choice.called and version_of(self._model) is None:
            signatures.mark([made])
        choice.called = True
        return made

    def _sign(self, event: Signed, frame: _Frame) -> None:
        choice = self._of(event.choice)
        calling = choice.calls.get(event.part)
        origin: Dialect | None = event.origin
        if calling is not None:
            calling.signature = event.signature
        elif choice.words == (event.part, False):
            if origin in (None, "gemini") and event.signature is not None:
                self._add(frame, event.choice, {"text": "", "thoughtSignature": event.signature})
        else:
            made = answers.shown_reasoning("", event.signature, event.redacted, event.id, origin)
            self._add(frame, event.choice, made)
