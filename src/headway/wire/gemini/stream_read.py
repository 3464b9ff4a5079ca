"""A stream of a provider's, read.

Each event is a whole answer with what is new in it, and none of them is the last by name: a stream is over when every
candidate has its finishReason. Gemini has been seen to say it early, and to add sources after it, so that the end of a
choice is told only when the body is over.
"""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Opaque, Part, Reasoning
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
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.gemini import answers, grounding, logprobs, signatures
from headway.wire.gemini.vocabulary import stop_of, tier_told, usage_of, usage_told


class _Choice:
    """One candidate so far. `open` is the part under way, `kind` what it is."""

    __slots__ = ("calls", "kind", "number", "open", "reason", "signed", "text", "texts")

    def __init__(self) -> None:
        self.number = 0
        self.open: int | None = None
        self.kind: type[TextDelta | ReasoningDelta] = TextDelta
        self.signed = False
        self.calls = 0
        self.texts = 0
        self.text: str | None = grounding.ASCII
        self.reason: str | None = None


class Reader:
    def __init__(self) -> None:
        self.complete = False
        self._began = False
        self._over = False
        self._id: str | None = None
        self._model: str | None = None
        self._choices: dict[int, _Choice] = {}
        self._only: _Choice | None = None
        self._usage = msgspec.Raw()
        self._counted: Usage | None = None
        self._searches: dict[int, int] = {}
        self._blocked = False

    def read(self, frame: bytes, into: list[Event]) -> None:
        is_one_line = frame.startswith(b"data: ") and frame.find(b"\n", 0, len(frame) - 4) < 0
        payload = frame[6:] if is_one_line else sse.data_of(frame)
        if payload is None:
            payload = frame.strip(b"[,] \t\r\n")  # errors have been seen to come as bare JSON
            if payload[:1] != b"{":
                return
        if payload:
            self.take(payload, into)

    def take(self, payload: bytes, into: list[Event]) -> None:
        """The data of one event."""
        if self._over or not payload:
            return
        try:
            answer = answers.decode(payload)
            if self._goes_on(answer, into):
                return
            if answer.error:
                self._over = True
                self.complete = False
                into.append(Reported(payload.strip()))
                return
            self._take(answer, payload, into)
        except UNREADABLE:
            if payload.isspace():
                return
            self._over = True
            self.complete = False
            into.append(Malformed("an event that is no answer of generateContent"))

    def end(self, into: list[Event]) -> None:
        if self._over:
            return
        self._over = True
        self._count(into)
        if not self.complete:
            return
        for index, choice in sorted(self._choices.items()):
            self._close(choice, index, into)
            stop = stop_of(choice.reason, calls=choice.calls > 0)
            if stop is not None:
                into.append(Finished(stop, index))
        if self._blocked and not self._choices:
            into.append(Finished(Stop.FILTER))

    def _take(self, answer: answers.Answer, payload: bytes, into: list[Event]) -> None:
        if answer.usage_metadata:
            self._usage = answer.usage_metadata
        if not self._began:
            self._begin(answer, into)
            self._count(into)
        candidates = answer.candidates
        if candidates:
            for number, candidate in enumerate(candidates):
                self._candidate(candidate, number, payload, into)
            self.complete = all(choice.reason is not None for choice in self._choices.values())
        elif answer.prompt_feedback is not None and answer.prompt_feedback.block_reason is not None:
            self._blocked = True
            self.complete = not self._choices or self.complete
        if self.complete:
            self._count(into)

    def _goes_on(self, answer: answers.Answer, into: list[Event]) -> bool:
        """More of the text of the only choice, as nearly all events are: `_take` in short."""
        candidates, choice = answer.candidates, self._only
        if choice is None or candidates is None or len(candidates) != 1 or answer.error:
            return False
        candidate = candidates[0]
        content = candidate.content
        if candidate.index or candidate.finish_reason is not None or content is None or content.parts is None:
            return False
        if candidate.grounding_metadata or candidate.citation_metadata or candidate.logprobs_result:
            return False
        if len(content.parts) != 1 or choice.open is None or choice.signed or choice.kind is not TextDelta:
            return False
        part = content.parts[0]
        text = part.text
        if not text or part.thought or part.thought_signature is not None:
            return False
        if not text.isascii():
            choice.text = None
        if answer.usage_metadata:
            self._usage = answer.usage_metadata
        into.append(TextDelta(text, choice.open))
        return True

    def _begin(self, answer: answers.Answer, into: list[Event]) -> None:
        self._began = True
        self._id, self._model = answer.response_id, answer.model_version
        tier = tier_told(usage_told(self._usage))
        created = answers.created_of(answer.create_time)
        into.append(Began(id=self._id, model=self._model, created=created, service_tier=tier))

    def _count(self, into: list[Event]) -> None:
        """The usage so far. It is in every event, but told only at the beginning and at the end."""
        told = usage_told(self._usage)
        if told is None:
            return
        usage = usage_of(told, sum(self._searches.values()))
        if usage != self._counted:
            self._counted = usage
            into.append(Counted(usage))

    def _candidate(self, candidate: answers.Candidate, number: int, payload: bytes, into: list[Event]) -> None:
        index = number if candidate.index is None else candidate.index
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
            self._only = choice if index == 0 and len(self._choices) == 1 else None
        content = candidate.content
        if content is not None and content.parts:
            for place, part in enumerate(content.parts):
                text = part.text
                if text and not part.thought and part.thought_signature is None:
                    if choice.open is None or choice.kind is not TextDelta or choice.signed:
                        self._open(choice, index, TextDelta, into)
                    if choice.text is not None and not text.isascii():
                        choice.text = None
                    into.append(TextDelta(text, choice.number - 1, index))
                elif part.function_call is not None:
                    self._call(part, part.function_call, choice, index, into)
                elif text is not None:
                    self._words(part, text, choice, index, into)
                else:
                    other = answers.held_of(part) or answers.opaque_part(payload, number, place)
                    if other is None:  # a signature by itself signs the text before it
                        self._words(part, "", choice, index, into)
                    else:
                        self._whole(other, choice, index, into)
        self._say_beside(candidate, choice, index, into)
        if candidate.finish_reason is not None and candidate.finish_reason != "FINISH_REASON_UNSPECIFIED":
            choice.reason = candidate.finish_reason

    def _say_beside(self, candidate: answers.Candidate, choice: _Choice, index: int, into: list[Event]) -> None:
        if candidate.logprobs_result:
            raw = logprobs.chat_of(candidate.logprobs_result)
            if raw:
                into.append(Logprobs(raw, index))
        if candidate.grounding_metadata or candidate.citation_metadata:
            self._ground(candidate, choice, index, into)

    def _words(self, part: answers.AnswerPart, text: str, choice: _Choice, index: int, into: list[Event]) -> None:
        kind = ReasoningDelta if part.thought else TextDelta
        signature = part.thought_signature
        if not text and signature is None:
            return
        fresh = choice.open is None or choice.kind is not kind or choice.signed
        if fresh:
            self._open(choice, index, kind, into)
        number = choice.number - 1
        if kind is TextDelta:
            if not text.isascii():
                choice.text = None
            if text or fresh:
                into.append(TextDelta(text, number, index))
        elif text:
            into.append(ReasoningDelta(text, number, index, summary=True))
        if signature is None:
            return
        choice.signed = True
        told = signatures.reasoning("", signature) if part.thought else Reasoning(signature=signature, origin="gemini")
        into.append(
            Signed(
                part=number,
                choice=index,
                signature=told.signature,
                redacted=told.redacted,
                id=told.id,
                origin=told.origin,
            )
        )

    def _call(
        self, part: answers.AnswerPart, call: answers.Call, choice: _Choice, index: int, into: list[Event]
    ) -> None:
        if not call.name:
            return
        made = answers.call_of(part, call, choice.calls, self._id, index)
        choice.calls += 1
        self._close(choice, index, into)
        number = choice.number
        choice.number += 1
        into.append(CallBegan(part=number, id=made.id, name=made.name, choice=index, signature=made.signature))
        into.append(CallDelta(made.arguments, number, index))
        into.append(PartEnded(number, index))

    def _whole(self, part: Part | Opaque, choice: _Choice, index: int, into: list[Event]) -> None:
        self._close(choice, index, into)
        into.append(Whole(part, choice.number, index))
        into.append(PartEnded(choice.number, index))
        choice.number += 1

    def _ground(self, candidate: answers.Candidate, choice: _Choice, index: int, into: list[Event]) -> None:
        if candidate.grounding_metadata:
            searches = grounding.searches_of(candidate.grounding_metadata, self._model)
            self._searches[index] = max(searches, self._searches.get(index, 0))
        if choice.open is None or choice.kind is not TextDelta:
            return
        text = choice.text if choice.texts == 1 else None
        found = grounding.citations_of(candidate.grounding_metadata, candidate.citation_metadata, text)
        into.extend(Cited(citation, choice.open, index) for citation in found)

    def _open(self, choice: _Choice, index: int, kind: type[TextDelta | ReasoningDelta], into: list[Event]) -> None:
        self._close(choice, index, into)
        choice.open, choice.kind, choice.signed = choice.number, kind, False
        choice.number += 1
        choice.texts += kind is TextDelta

    def _close(self, choice: _Choice, index: int, into: list[Event]) -> None:
        if choice.open is not None:
            into.append(PartEnded(choice.open, index))
            choice.open = None
