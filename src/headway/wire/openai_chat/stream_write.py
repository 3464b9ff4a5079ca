"""Streams for clients: chunks of a chat completion.

The first chunk of each choice has the role, its last one the finish reason; usage comes after them all where the client
asked for it. Deltas in lists carry an index of their own, by which clients put them together, and what has none there
(annotations) comes once. What was thought is told as `reasoning_content`; where it turns out to be signed, it comes
whole in `reasoning_details` as it ends.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Image, Reasoning, Refusal, Text, ToolCall
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
from headway.wire.openai_chat.citations import annotations_of
from headway.wire.openai_chat.errors import error_event
from headway.wire.openai_chat.reasoning import details_of
from headway.wire.openai_chat.response_write import Wire, called, is_legacy, picture, sound
from headway.wire.openai_chat.signatures import content_with
from headway.wire.openai_chat.vocabulary import finish_reason, shown_usage

_encode = msgspec.json.Encoder().encode

_DONE = b"data: [DONE]\n\n"
_ROLE = b'{"role":"assistant","content":""}'
_CUSTOM = b'"type":"custom","custom":{"input":'
_AFTER_DELTA = b',"logprobs":null,"finish_reason":null}]}\n\n'


class _Choice:
    """What must be known of a choice while it is written."""

    __slots__ = (
        "annotations",
        "argued",
        "calls",
        "details",
        "finished",
        "head",
        "images",
        "length",
        "refused",
        "signed",
        "starts",
        "summaries",
        "thoughts",
    )

    def __init__(self, head: bytes) -> None:
        self.head = head
        """A chunk of this choice up to its delta."""
        self.finished = False
        self.refused = False
        self.length = 0
        """Characters of text so far."""
        self.starts: dict[int, int] = {}
        """Where each text begins among them, by part."""
        self.calls: dict[int, bytes] = {}
        """The beginning of a piece of each call, up to its arguments, by part."""
        self.argued: set[int] = set()
        """Calls that have arguments."""
        self.annotations: list[object] = []
        self.thoughts: dict[int, list[str]] = {}
        """What was thought, by part under way."""
        self.summaries: set[int] = set()
        """Those of them that are summaries."""
        self.signed: dict[int, Signed] = {}
        self.details = 0
        self.images = 0


class ChatWriter:
    """Writes one stream."""

    __slots__ = ("_choices", "_head", "_legacy", "_show", "_usage")

    def __init__(self, show: Show) -> None:
        self._show = show
        self._legacy = is_legacy(show)
        self._head = b""
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        if len(events) == 1:
            event = events[0]
            if isinstance(event, TextDelta):  # most are
                choice = self._choices.get(event.choice)
                if choice is not None and event.part in choice.starts:
                    choice.length += len(event.text)
                    return b'%b{"content":%b}%b' % (choice.head, _encode(event.text), _AFTER_DELTA)
        out: list[bytes] = []
        for event in events:
            self._write(event, out)
        return b"".join(out)

    def around(self, like: TextDelta) -> tuple[bytes, bytes] | None:
        choice = self._choices.get(like.choice)
        if choice is None or like.part not in choice.starts:
            return None
        return choice.head + b'{"content":', b"}" + _AFTER_DELTA

    def passed(self, like: TextDelta, characters: int) -> None:
        self._choices[like.choice].length += characters

    def end(self) -> bytes:
        out: list[bytes] = []
        if not self._choices:
            self._choice(0, out)
        for choice in self._choices.values():
            if not choice.finished:
                self._finish(choice, None, out)
        if self._show.request.stream_usage and self._usage is not None:
            out.append(b'%b],"usage":%b}\n\n' % (self._opening(), _encode(shown_usage(self._usage))))
        out.append(_DONE)
        return b"".join(out)

    def error(self, message: str, *, status: int, code: str) -> bytes:
        return error_event(message, status=status, code=code)

    # --- frames ---

    def _opening(self) -> bytes:
        """Every chunk up to its choices."""
        return self._head or self._begin(Began())

    def _begin(self, began: Began) -> bytes:
        show = self._show
        told: Wire = {
            "id": began.id or show.request_id,
            "object": "chat.completion.chunk",
            "created": show.created if began.created is None else began.created,
            "model": began.model or show.model,
        }
        if began.service_tier is not None:
            told["service_tier"] = began.service_tier
        if began.fingerprint is not None:
            told["system_fingerprint"] = began.fingerprint
        self._head = b'data: %b,"choices":[' % _encode(told)[:-1]
        return self._head

    def _choice(self, index: int, out: list[bytes]) -> _Choice:
        """A choice; its first chunk is written before anything else of it."""
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(b'%b{"index":%d,"delta":' % (self._opening(), index))
            self._put(choice, _ROLE, out)
        return choice

    def _put(self, choice: _Choice, delta: bytes, out: list[bytes]) -> None:
        out.append(choice.head + delta + _AFTER_DELTA)

    # --- events ---

    def _write(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Began():
                self._begin(event)
                self._choice(0, out)
            case Counted():
                self._usage = event.usage
            case TextDelta():
                self._text(event, self._choice(event.choice, out), out)
            case CallDelta():
                self._argue(event, self._choice(event.choice, out), out)
            case ReasoningDelta():
                choice = self._choice(event.choice, out)
                choice.thoughts.setdefault(event.part, []).append(event.text)
                if event.summary:
                    choice.summaries.add(event.part)
                self._put(choice, b'{"reasoning_content":%b}' % _encode(event.text), out)
            case RefusalDelta():
                choice = self._choice(event.choice, out)
                choice.refused = True
                self._put(choice, b'{"refusal":%b}' % _encode(event.text), out)
            case CallBegan():
                self._call(event, self._choice(event.choice, out), out)
            case Signed():
                self._sign(event, self._choice(event.choice, out), out)
            case PartEnded():
                self._end_part(event.part, self._choice(event.choice, out), out)
            case Finished():
                self._finish(self._choice(event.choice, out), event.stop, out)
            case _:
                self._write_rarer(event, out)

    def _write_rarer(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Cited():
                choice = self._choice(event.choice, out)
                begin = choice.starts.get(event.part, choice.length)
                choice.annotations.extend(annotations_of((event.citation,), begin, choice.length))
            case Logprobs():
                choice = self._choice(event.choice, out)
                out.append(b'%b{},"logprobs":%b,"finish_reason":null}]}\n\n' % (choice.head, _line(event.raw)))
            case Whole():
                self._whole(event, self._choice(event.choice, out), out)
            case _:
                pass

    def _text(self, event: TextDelta, choice: _Choice, out: list[bytes]) -> None:
        choice.starts.setdefault(event.part, choice.length)
        choice.length += len(event.text)
        if event.text:
            self._put(choice, b'{"content":%b}' % _encode(event.text), out)

    def _call(self, event: CallBegan, choice: _Choice, out: list[bytes]) -> None:
        index = len(choice.calls)
        call = ToolCall(id=event.id, name=event.name, arguments="", custom=event.custom, signature=event.signature)
        if self._legacy:
            choice.calls[event.part] = b'{"function_call":{"arguments":%b}}'
            if index == 0:
                told: Wire = {"function_call": {"name": event.name, "arguments": ""}}
                self._put(choice, _encode(told), out)
            return
        head = b'{"tool_calls":[{"index":%d,' % index
        if event.custom:
            choice.calls[event.part] = head + _CUSTOM
        else:
            choice.calls[event.part] = head + b'"function":{"arguments":'
        told = called(call)
        if not event.custom:
            told["function"] = {"name": event.name, "arguments": ""}
        self._put(choice, b"%b%b]}" % (head, _encode(told)[1:]), out)

    def _argue(self, event: CallDelta, choice: _Choice, out: list[bytes]) -> None:
        head = choice.calls.get(event.part)
        if head is None or not event.arguments:
            return
        choice.argued.add(event.part)
        if self._legacy:
            if event.part == next(iter(choice.calls)):
                self._put(choice, b'{"function_call":{"arguments":%b}}' % _encode(event.arguments), out)
            return
        self._put(choice, b"%b%b}}]}" % (head, _encode(event.arguments)), out)

    def _sign(self, event: Signed, choice: _Choice, out: list[bytes]) -> None:
        part, signature = event.part, event.signature
        if part in choice.calls:
            if signature is not None and not self._legacy:
                index = list(choice.calls).index(part)
                told: Wire = {"index": index, "extra_content": content_with(signature)}
                self._put(choice, _encode({"tool_calls": [told]}), out)
        elif part in choice.starts:
            if signature is not None:
                self._put(choice, _encode({"extra_content": content_with(signature)}), out)
        else:
            choice.signed[part] = event

    def _end_part(self, part: int, choice: _Choice, out: list[bytes]) -> None:
        head = choice.calls.get(part)
        if head is not None and part not in choice.argued and not head.endswith(_CUSTOM):
            self._argue(CallDelta("{}", part), choice, out)  # a call without arguments has an empty object
        pieces = choice.thoughts.pop(part, None)
        signed = choice.signed.pop(part, None)
        if signed is not None and (signed.signature is not None or signed.redacted is not None):
            thought = Reasoning(
                text="".join(pieces or ()),
                signature=signed.signature,
                summary=part in choice.summaries,
                redacted=signed.redacted,
                id=signed.id,
                origin=signed.origin,
            )
            self._detail(thought, choice, out)

    def _detail(self, thought: Reasoning, choice: _Choice, out: list[bytes]) -> None:
        details = details_of(thought, choice.details)
        choice.details += len(details)
        if details:
            self._put(choice, _encode({"reasoning_details": details}), out)

    def _whole(self, event: Whole, choice: _Choice, out: list[bytes]) -> None:
        part, number, index = event.content, event.part, event.choice
        match part:
            case Image():
                told = {**picture(part), "index": choice.images}
                choice.images += 1
                self._put(choice, _encode({"images": [told]}), out)
            case Audio():
                self._put(choice, _encode({"audio": sound(part)}), out)
            case Reasoning():
                if part.text:
                    self._put(choice, b'{"reasoning_content":%b}' % _encode(part.text), out)
                if part.signature is not None or part.redacted is not None:
                    self._detail(part, choice, out)
            case Text():
                self._text(TextDelta(part.text, number, index), choice, out)
            case Refusal():
                self._write(RefusalDelta(part.text, number, index), out)
            case ToolCall():
                began = CallBegan(part=number, id=part.id, name=part.name, choice=index, custom=part.custom)
                self._call(began, choice, out)
                self._argue(CallDelta(part.arguments, number, index), choice, out)
            case _:
                pass

    def _finish(self, choice: _Choice, stop: Stop | None, out: list[bytes]) -> None:
        if choice.finished:
            return
        choice.finished = True
        for part in sorted(choice.signed):
            self._end_part(part, choice, out)
        if choice.annotations:
            self._put(choice, _encode({"annotations": choice.annotations}), out)
        reason = finish_reason(stop, calls=bool(choice.calls), refused=choice.refused, legacy=self._legacy)
        out.append(b'%b{},"logprobs":null,"finish_reason":"%b"}]}\n\n' % (choice.head, reason.encode()))


def _line(raw: msgspec.Raw) -> bytes:
    """JSON as it came, in one line: a line break would end the event."""
    text = bytes(raw)
    return text.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in text or b"\r" in text else text
