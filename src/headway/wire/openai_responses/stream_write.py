"""An answer written for a client as a stream of the Responses API.

Items may be under way side by side, each with a number of its own, so nothing has to wait for its turn. A message stays
open until something else begins, since all that is said in a run belongs to it. What each open item amounts to is kept,
because the last event tells the whole answer again.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.form.codec import SeesAll, Show
from headway.wire.form.parts import Reasoning, Refusal, Text, ToolCall
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
from headway.wire.openai import errors
from headway.wire.openai_responses.envelope import Envelope
from headway.wire.openai_responses.frames import Output, opening
from headway.wire.openai_responses.groups import grouped
from headway.wire.openai_responses.output_write import (
    CustomItem,
    ReasoningItem,
    Thought,
    call_item,
    is_shown,
    items_of_part,
    logprobs_in,
    reasoning_item,
    rider,
)
from headway.wire.openai_responses.stream_words import Speaker, Speech
from headway.wire.openai_responses.vocabulary import end_of

_encode = msgspec.json.Encoder().encode
_NOWHERE = -1


class _Thinking(msgspec.Struct):
    item: str
    index: int
    summary: bool
    pieces: list[str]
    prefix: bytes
    signed: Signed | None = None


class _Calling(msgspec.Struct):
    call: ToolCall
    item: str
    name: str
    index: int
    pieces: list[str]
    prefix: bytes
    signature: str | None = None


class StreamWriter(SeesAll):
    """Writes one stream."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._output = Output()
        self._speaker = Speaker(self._output)
        self._envelope: Envelope | None = None
        self._parts: dict[int, Speech | _Thinking | _Calling] = {}
        self._stop: Stop | None = None
        self._usage: Usage | None = None
        self._refused = False
        self._groups = grouped(show.request)
        self._with_logprobs = bool(show.request.logprobs)

    def write(self, events: list[Event]) -> bytes:
        if self._with_logprobs:
            events = self._with_entries(events)
        output, speaker = self._output, self._speaker
        for event in events:
            if type(event) is TextDelta and event.part == speaker.part and not event.choice:
                speaker.pieces.append(event.text)
                output.piece(speaker.prefix, event.text)
            elif type(event) is CallDelta and not event.choice:
                self._argue(event)
            else:
                self._take(event)
        return output.taken()

    def end(self) -> bytes:
        envelope = self._begun()
        self._close_all()
        status, _ = end_of(self._stop, refused=self._refused)
        response = envelope.final(self._output.items, self._stop, self._usage, refused=self._refused)
        self._output.tell(f"response.{status}", response=response)
        return self._output.taken()

    def error(self, message: str, *, status: int, code: str) -> bytes:
        """Official clients raise for an `error` in the event's data, others read that of the response."""
        told = {"message": message, "type": errors.type_of(status), "param": None, "code": code}
        if self._envelope is None:
            self._output.tell("error", code=code, message=message, param=None, error=told)
        else:
            known = "rate_limit_exceeded" if status == 429 else "server_error"
            response = self._envelope.failed(self._output.items, {"code": known, "message": message})
            self._output.tell("response.failed", response=response, error=told)
        return self._output.taken()

    def _begun(self) -> Envelope:
        return self._envelope or self._begin(Began())

    def _begin(self, event: Began) -> Envelope:
        self._envelope = Envelope(self._show, event.id, event.model, event.created, event.service_tier)
        self._output.base = self._envelope.base
        response = self._envelope.begun()
        self._output.tell("response.created", response=response)
        self._output.tell("response.in_progress", response=response)
        return self._envelope

    # --- events ---

    def _take(self, event: Event) -> None:
        if isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, Began):
            if self._envelope is None:
                self._begin(event)
        elif isinstance(event, Reported | Malformed) or event.choice:
            return  # nobody can ask for several answers here
        else:
            self._begun()
            self._take_piece(event)

    def _take_piece(self, event: Event) -> None:
        match event:
            case ReasoningDelta():
                self._think(event)
            case TextDelta():
                self._say(event, [])
            case RefusalDelta():
                self._refuse(event)
            case CallBegan():
                self._call(event)
            case CallDelta():
                self._argue(event)
            case Signed():
                self._sign(event)
            case Cited():
                speech = self._parts.get(event.part)
                if isinstance(speech, Speech):
                    speech.citations.append(event.citation)
            case Whole():
                self._show_whole(event)
            case PartEnded():
                self._end_part(event.part)
            case Finished():
                self._stop = event.stop
                self._close_all()
            case _:
                pass

    def _with_entries(self, events: list[Event]) -> list[Event]:
        """Log probabilities follow the text that they are of, and are told with it: such texts are written here."""
        rest: list[Event] = []
        for event, after in zip(events, [*events[1:], None], strict=False):
            if isinstance(event, TextDelta) and isinstance(after, Logprobs) and not event.choice:
                for before in rest:
                    self._take(before)
                rest.clear()
                self._begun()
                self._say(event, logprobs_in(after.raw))
            else:
                rest.append(event)
        return rest

    # --- what the model says ---

    def _say(self, event: TextDelta, entries: list[msgspec.Raw]) -> None:
        speech = self._parts.get(event.part)
        if not isinstance(speech, Speech):
            speech = self._parts[event.part] = self._speaker.begin_text()
        self._speaker.say(speech, event.part, event.text, entries)

    def _refuse(self, event: RefusalDelta) -> None:
        self._refused = True
        speech = self._parts.get(event.part)
        if not isinstance(speech, Speech):
            speech = self._parts[event.part] = self._speaker.begin_refusal()
        self._speaker.say(speech, event.part, event.text, [])

    # --- what it thinks ---

    def _think(self, event: ReasoningDelta) -> None:
        thinking = self._parts.get(event.part)
        if not isinstance(thinking, _Thinking):
            thinking = self._open_thinking(event.part, summary=event.summary or self._begun().summarises)
        if not thinking.pieces:
            self._output.tell(_part_event(thinking, "added"), **_place_in(thinking), part=_thought(thinking, ""))
        thinking.pieces.append(event.text)
        self._output.piece(thinking.prefix, event.text)

    def _open_thinking(self, part: int, *, summary: bool) -> _Thinking:
        self._speaker.close()
        name = f"rs_{self._output.name()}"
        index = self._output.begin(ReasoningItem(name, "reasoning", []))
        thinking = self._parts[part] = _Thinking(name, index, summary, [], b"")
        thinking.prefix = opening(f"{_text_event(thinking)}.delta", **_place_in(thinking))
        return thinking

    def _close_thinking(self, thinking: _Thinking) -> None:
        text, signed = "".join(thinking.pieces), thinking.signed
        if thinking.pieces:
            self._output.tell(f"{_text_event(thinking)}.done", **_place_in(thinking), text=text)
            self._output.tell(_part_event(thinking, "done"), **_place_in(thinking), part=_thought(thinking, text))
        told = Reasoning(
            text=text,
            signature=None if signed is None else signed.signature,
            redacted=None if signed is None else signed.redacted,
            origin=None if signed is None else signed.origin,
        )
        self._output.end(thinking.index, reasoning_item(told, thinking.item, summary=thinking.summary))

    def _sign(self, event: Signed) -> None:
        part = self._parts.get(event.part)
        match part:
            case Speech():
                part.message.signature = event.signature or part.message.signature
            case _Calling():
                part.signature = event.signature
            case _Thinking():
                part.signed = event
            case None:
                self._open_thinking(event.part, summary=False).signed = event

    # --- what it calls ---

    def _call(self, event: CallBegan) -> None:
        self._speaker.close()
        if event.signature is not None:
            self._output.whole(rider(event.signature, "next", self._output.name()))
        call = ToolCall(id=event.id, name=event.name, arguments="", custom=event.custom)
        name = self._output.name()
        item = call_item(call, name, "in_progress", self._groups)
        if not isinstance(item, CustomItem):
            item.arguments = ""
        index = self._output.begin(item)
        kind = "response.custom_tool_call_input" if event.custom else "response.function_call_arguments"
        prefix = opening(f"{kind}.delta", item_id=item.id, output_index=index)
        self._parts[event.part] = _Calling(call, item.id, name, index, [], prefix)

    def _argue(self, event: CallDelta) -> None:
        calling = self._parts.get(event.part)
        if isinstance(calling, _Calling):
            calling.pieces.append(event.arguments)
            self._output.piece(calling.prefix, event.arguments)

    def _close_call(self, calling: _Calling) -> None:
        arguments = "".join(calling.pieces)
        if not calling.call.custom and not arguments.strip():
            arguments = "{}"
            self._output.piece(calling.prefix, arguments)
        place = {"item_id": calling.item, "output_index": calling.index}
        if calling.call.custom:
            self._output.tell("response.custom_tool_call_input.done", **place, input=arguments)
        else:
            tool = self._groups.get(calling.call.name)
            name = calling.call.name if tool is None else tool.own
            self._output.tell("response.function_call_arguments.done", **place, arguments=arguments, name=name)
        call = msgspec.structs.replace(calling.call, arguments=arguments)
        self._output.end(calling.index, call_item(call, calling.name, "completed", self._groups))
        if calling.signature is not None and calling.index == len(self._output.told) - 1:
            self._output.whole(rider(calling.signature, "previous", self._output.name()))

    # --- what comes at once, and what ends ---

    def _show_whole(self, event: Whole) -> None:
        match event.content:
            case Text():
                self._say(TextDelta(event.content.text, event.part), [])
            case Refusal():
                self._refuse(RefusalDelta(event.content.text, event.part))
            case part if is_shown(part):
                self._speaker.close()
                number, envelope = len(self._output.told), self._begun()
                base, summarise = envelope.base, envelope.summarises
                for item in items_of_part(part, number, base, summarise=summarise, groups=self._groups):
                    self._output.whole(item)
            case _:
                pass

    def _end_part(self, number: int) -> None:
        part = self._parts.pop(number, None)
        match part:
            case Speech():
                self._speaker.end(part)
            case _Thinking():
                self._close_thinking(part)
            case _Calling():
                self._close_call(part)
            case None:
                pass

    def _close_all(self) -> None:
        for number in [*self._parts]:
            self._end_part(number)
        status, _ = end_of(self._stop, refused=self._refused)
        self._speaker.close("incomplete" if status == "incomplete" else "completed")


def _place_in(thinking: _Thinking) -> dict[str, object]:
    number = "summary_index" if thinking.summary else "content_index"
    return {"item_id": thinking.item, "output_index": thinking.index, number: 0}


def _text_event(thinking: _Thinking) -> str:
    return "response.reasoning_summary_text" if thinking.summary else "response.reasoning_text"


def _part_event(thinking: _Thinking, what: str) -> str:
    return f"response.reasoning_summary_part.{what}" if thinking.summary else f"response.content_part.{what}"


def _thought(thinking: _Thinking, text: str) -> Thought:
    return Thought("summary_text" if thinking.summary else "reasoning_text", text)
