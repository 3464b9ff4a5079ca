"""Events put together into the whole answer that they amount to, and a whole answer taken apart into events."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Citation, Part, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Choice,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Signed,
    Stop,
    TextDelta,
    Whole,
)

_decode_lists = msgspec.json.Decoder(dict[str, list[msgspec.Raw] | None]).decode
_encode = msgspec.json.Encoder().encode


class _Open(msgspec.Struct):
    """A part under way. `first` is the event that began it."""

    first: TextDelta | RefusalDelta | ReasoningDelta | CallBegan | Whole | Signed
    pieces: list[str]
    citations: list[Citation]
    signed: Signed | None = None


class _Growing(msgspec.Struct):
    parts: dict[int, _Open]
    stop: Stop | None = None
    sequence: str | None = None
    logprobs: list[msgspec.Raw] = []


class Assembly:
    """Feed it all events of a stream; `reply` is what they amount to so far."""

    def __init__(self) -> None:
        self._began = Began()
        self._choices: dict[int, _Growing] = {}
        self._usage: Usage | None = None

    def feed(self, events: list[Event]) -> None:
        for event in events:
            self._take(event)

    @property
    def reply(self) -> Reply:
        began = self._began
        return Reply(
            id=began.id,
            model=began.model,
            created=began.created,
            service_tier=began.service_tier,
            fingerprint=began.fingerprint,
            choices=[
                Choice(
                    index=index,
                    parts=[_part(each) for _, each in sorted(growing.parts.items())],
                    stop=growing.stop,
                    sequence=growing.sequence,
                    logprobs=_joined(growing.logprobs),
                )
                for index, growing in sorted(self._choices.items())
            ],
            usage=self._usage,
        )

    def _take(self, event: Event) -> None:
        match event:
            case Began():
                self._began = event
            case Counted():
                self._usage = event.usage
            case TextDelta() | RefusalDelta() | ReasoningDelta():
                self._open(event).pieces.append(event.text)
            case CallBegan() | Whole():
                self._open(event)
            case CallDelta():
                self._of(event.choice).parts[event.part].pieces.append(event.arguments)
            case Cited():
                self._of(event.choice).parts[event.part].citations.append(event.citation)
            case Signed():
                self._open(event).signed = event
            case Finished():
                growing = self._of(event.choice)
                growing.stop, growing.sequence = event.stop, event.sequence
            case Logprobs():
                self._of(event.choice).logprobs.append(event.raw)
            case _:
                pass

    def _of(self, choice: int) -> _Growing:
        growing = self._choices.get(choice)
        if growing is None:
            growing = self._choices[choice] = _Growing({})
        return growing

    def _open(self, event: TextDelta | RefusalDelta | ReasoningDelta | CallBegan | Whole | Signed) -> _Open:
        parts = self._of(event.choice).parts
        found = parts.get(event.part)
        if found is None:
            found = parts[event.part] = _Open(event, [], [])
        return found


def _joined(pieces: list[msgspec.Raw]) -> msgspec.Raw:
    """Each piece is an object of lists, as the whole is."""
    if len(pieces) < 2:
        return pieces[0] if pieces else msgspec.Raw()
    whole: dict[str, list[msgspec.Raw]] = {}
    for piece in pieces:
        try:
            lists = _decode_lists(piece)
        except UNREADABLE:
            continue
        for name, values in lists.items():
            whole.setdefault(name, []).extend(values or ())
    return msgspec.Raw(_encode(whole))


def _part(grown: _Open) -> Part:
    first, text, signed = grown.first, "".join(grown.pieces), grown.signed
    signature = None if signed is None else signed.signature
    match first:
        case Whole():
            return first.content
        case TextDelta():
            return Text(text, tuple(grown.citations), signature=signature)
        case RefusalDelta():
            return Refusal(text)
        case CallBegan():
            return ToolCall(
                id=first.id,
                name=first.name,
                arguments=text,
                custom=first.custom,
                item=first.item,
                signature=signature or first.signature,
            )
        case ReasoningDelta() | Signed():
            return Reasoning(
                text=text,
                signature=signature,
                redacted=None if signed is None else signed.redacted,
                id=None if signed is None else signed.id,
                origin=None if signed is None else signed.origin,
                summary=isinstance(first, ReasoningDelta) and first.summary,
            )


def events_of(reply: Reply) -> Iterator[Event]:
    """A whole answer as a stream that comes all at once."""
    yield Began(
        id=reply.id,
        model=reply.model,
        created=reply.created,
        service_tier=reply.service_tier,
        fingerprint=reply.fingerprint,
    )
    for choice in reply.choices:
        index = choice.index
        told = max((number for number, part in enumerate(choice.parts) if isinstance(part, Text)), default=-1)
        for number, part in enumerate(choice.parts):
            yield from _events_of_part(part, number, index)
            if number == told and choice.logprobs:
                yield Logprobs(choice.logprobs, index)
            yield PartEnded(number, index)
        if told < 0 and choice.logprobs:
            yield Logprobs(choice.logprobs, index)
        if choice.stop is not None:
            yield Finished(choice.stop, index, choice.sequence)
    if reply.usage is not None:
        yield Counted(reply.usage)


def _events_of_part(part: Part, number: int, choice: int) -> Iterator[Event]:
    match part:
        case Text():
            yield TextDelta(part.text, number, choice)
            for citation in part.citations:
                yield Cited(citation, number, choice)
            if part.signature is not None:
                yield Signed(part=number, choice=choice, signature=part.signature)
        case Refusal():
            yield RefusalDelta(part.text, number, choice)
        case Reasoning():
            if part.text:
                yield ReasoningDelta(part.text, number, choice, part.summary)
            if part.signature is not None or part.redacted is not None or part.id is not None:
                yield Signed(
                    part=number,
                    choice=choice,
                    signature=part.signature,
                    redacted=part.redacted,
                    id=part.id,
                    origin=part.origin,
                )
        case ToolCall():
            yield CallBegan(
                part=number,
                choice=choice,
                id=part.id,
                name=part.name,
                custom=part.custom,
                item=part.item,
                signature=part.signature,
            )
            if part.arguments:
                yield CallDelta(part.arguments, number, choice)
        case _:
            yield Whole(part, number, choice)
