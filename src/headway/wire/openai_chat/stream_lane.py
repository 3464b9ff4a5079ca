"""One choice of a provider's stream: which part of the answer each delta goes on with, and what it ends.

Deltas of this dialect do not say where a part ends. One does as soon as another begins; a tool call does once its
arguments are complete JSON, or with its choice, for calls may come interleaved. The reason why a choice finished is
held until nothing more can come, since some providers still send text, citations or the reason once more after it.
"""

from __future__ import annotations

from typing import cast

import msgspec

from headway.wire.form.parts import Citation
from headway.wire.form.reply import (
    CallBegan,
    CallDelta,
    Cited,
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
from headway.wire.openai.call import MOST_CHECKED, Call, Object, continued
from headway.wire.openai_chat import reply_shapes as shapes
from headway.wire.openai_chat.citations import citations_of
from headway.wire.openai_chat.reasoning import Detail, opened
from headway.wire.openai_chat.response import has_logprobs, pictures_in, sound_of
from headway.wire.openai_chat.signatures import signature_in
from headway.wire.openai_chat.vocabulary import made_id, stop_of

_NONE, _TEXT, _REFUSAL, _THOUGHT = range(4)
"""Kinds of the part under way; tool calls have a list of their own."""

MOST_CALLS = 1024
MOST_SOUND = 64 * 1024 * 1024
"""Characters of base64."""
_CUT_SHORT = frozenset({Stop.LENGTH, Stop.CONTEXT, Stop.FILTER, Stop.FAULT})
"""Reasons that say themselves that a call may not be whole."""


class _Called(Call):
    """A tool call under way. `begun`: it had a name, so that its beginning was told."""

    __slots__ = ("begun", "custom", "early", "name", "over_with", "part", "signature")

    def __init__(self, piece: shapes.Call, part: int) -> None:
        super().__init__(piece.index, call_id=piece.id, free=piece.is_custom)
        self.part = part
        self.name: str | None = None
        self.custom = piece.is_custom
        self.signature: str | None = None
        self.begun = False
        self.early = ""
        """Arguments that came before the name."""
        self.over_with = False


class Lane:
    """One choice. What it cannot follow it says in `broken`."""

    __slots__ = (
        "_calls",
        "_cited",
        "_detail",
        "_index",
        "_kind",
        "_next",
        "_part",
        "_plain",
        "_refused",
        "_reply_id",
        "_sealed",
        "_sequence",
        "_sound",
        "_sound_size",
        "_summary",
        "broken",
        "finish_reason",
    )

    def __init__(self, index: int, reply_id: str | None) -> None:
        self._index = index
        self._reply_id = reply_id
        self._next = 0
        self._part = 0
        self._kind = _NONE
        self._calls: list[_Called] = []
        self._cited: list[Citation] = []
        """Citations that wait for the text that they belong to."""
        self._detail: int | None = None
        self._plain = False
        self._sealed = False
        self._summary = False
        """Of the thought under way: its index among the details; it came as mere words; it has been signed; it is a
        summary.
        """
        self._refused = False
        self._sound: list[shapes.Sound] = []
        self._sound_size = 0
        self._sequence: str | None = None
        self.finish_reason: str | None = None
        self.broken: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Nothing of it has come yet."""
        return self._next == 0

    def text(self, text: str, into: list[Event]) -> None:
        if self._kind != _TEXT:
            self._open(_TEXT, into)
        into.append(TextDelta(text, self._part, self._index))
        if self._cited:
            self._cite(into)

    def think(self, words: str, into: list[Event]) -> None:
        """Words of a thought, without details."""
        self._think(words, into)
        self._plain = True

    def take(self, said: shapes.Said, into: list[Event]) -> None:
        """A delta, or a message in its place."""
        if said.reasoning_details:
            self._think_in_details(said.reasoning_details, said.reasoning_content or said.reasoning, into)
        elif said.reasoning_content or said.reasoning:
            self.think(said.reasoning_content or said.reasoning or "", into)
        content = said.content
        if content:
            if isinstance(content, str):
                self.text(content, into)
            else:
                self._take_list(content, into)
        if said.refusal:
            if self._kind != _REFUSAL:
                self._open(_REFUSAL, into)
            self._refused = True
            into.append(RefusalDelta(said.refusal, self._part, self._index))
        if said.tool_calls:
            for piece in said.tool_calls:
                self._take_piece(piece, into)
        if said.function_call is not None and (said.function_call.name or said.function_call.arguments):
            self._take_piece(shapes.Call(index=-1, function=said.function_call), into)
        if said.annotations or said.images or said.audio or said.extra_content:
            self._take_rarer(said, into)

    def finished(self, choice: shapes.Choice) -> None:
        """The choice has a reason to be over. The first one counts."""
        if not self.finish_reason:
            self.finish_reason = choice.finish_reason
            self._sequence = choice.stop_reason if isinstance(choice.stop_reason, str) else None

    def logprobs(self, raw: msgspec.Raw, into: list[Event]) -> None:
        if has_logprobs(raw):
            into.append(Logprobs(raw, self._index))

    def close(self, into: list[Event]) -> None:
        """Nothing more comes: end what is open, and say why it finished if that is known."""
        if self._cited:
            self.text("", into)
        if self._sound:
            self._end_sound(into)
        self._end(into)
        stop = stop_of(self.finish_reason or "", calls=bool(self._calls), refused=self._refused)
        for call in self._calls:
            if not call.begun or (not call.whole and stop not in _CUT_SHORT):
                self.broken = "a tool call is not complete"
                return
            if not call.over_with:
                into.append(PartEnded(call.part, self._index))
        if stop is not None:
            sequence = self._sequence if stop is Stop.END else None
            into.append(Finished(stop if sequence is None else Stop.SEQUENCE, self._index, sequence))

    # --- parts ---

    def _open(self, kind: int, into: list[Event]) -> None:
        self._end(into)
        self._begin(into)
        self._kind = kind

    def _begin(self, into: list[Event]) -> None:
        """Another part begins: calls that are complete are over."""
        for call in self._calls:
            if not (call.over_with or call.free or call.blank) and call.begun and call.whole:
                call.over_with = True
                into.append(PartEnded(call.part, self._index))
        self._part = self._next
        self._next += 1

    def _end(self, into: list[Event]) -> None:
        if self._kind != _NONE:
            into.append(PartEnded(self._part, self._index))
            self._kind = _NONE

    def _take_list(self, content: list[shapes.ContentPart], into: list[Event]) -> None:
        for part in content:
            if part.thinking is not None:
                if part.thought:
                    self._think(part.thought, into)
            elif part.text:
                self.text(part.text, into)
            else:
                self._draw([part], into)

    def _draw(self, parts: list[shapes.ContentPart] | None, into: list[Event]) -> None:
        for picture in pictures_in(parts):
            self._end(into)
            self._begin(into)
            into.append(Whole(picture, self._part, self._index))
            into.append(PartEnded(self._part, self._index))

    def _take_rarer(self, said: shapes.Said, into: list[Event]) -> None:
        if said.annotations:
            self._cited.extend(citations_of(said.annotations))
            if self._kind == _TEXT:
                self._cite(into)
        self._draw(said.images, into)
        signature = signature_in(said.extra_content)
        if signature is not None:
            self._sign(signature, into)
        sound = said.audio
        if sound is not None and (sound.id or sound.data or sound.transcript):
            self._sound.append(sound)
            self._sound_size += len(sound.data or "") + len(sound.transcript or "") + 1
            if self._sound_size > MOST_SOUND:
                self.broken = "a sound is too long"

    def _cite(self, into: list[Event]) -> None:
        into.extend([Cited(each, self._part, self._index) for each in self._cited])
        self._cited.clear()

    def _end_sound(self, into: list[Event]) -> None:
        self._end(into)
        self._begin(into)
        pieces = self._sound
        whole = sound_of(
            "".join([each.data for each in pieces if each.data]),
            "".join([each.transcript for each in pieces if each.transcript]),
            next((each.id for each in pieces if each.id), None),
        )
        into.append(Whole(whole, self._part, self._index))
        into.append(PartEnded(self._part, self._index))

    def _sign(self, signature: str, into: list[Event]) -> None:
        """A message's signature is its first call's, or its text's."""
        unsigned = next((call for call in self._calls if not call.over_with), None)
        if unsigned is not None:
            if unsigned.signature is None and unsigned.begun:
                unsigned.signature = signature
                into.append(Signed(part=unsigned.part, choice=self._index, signature=signature))
        elif not self._calls:
            if self._kind != _TEXT:
                self.text("", into)
            into.append(Signed(part=self._part, choice=self._index, signature=signature))

    # --- thoughts ---

    def _think(self, words: str, into: list[Event], detail: int | None = None, summary: bool = False) -> None:
        known = self._kind == _THOUGHT and not self._sealed and self._summary == summary
        if not known or (detail is not None and self._detail is not None and self._detail != detail):
            self._open(_THOUGHT, into)
            self._detail, self._summary = detail, summary
            self._sealed = self._plain = False
        into.append(ReasoningDelta(words, self._part, self._index, summary))

    def _think_in_details(self, details: list[Detail], words: str | None, into: list[Event]) -> None:
        if words and not any(detail.words for detail in details):
            self.think(words, into)
        # with the signature the words come once more, if they came alone before
        repeated = self._plain and self._kind == _THOUGHT and any(each.signature or each.data for each in details)
        for detail in details:
            if detail.words and not repeated:
                self._think(detail.words, into, detail.index, detail.type == "reasoning.summary")
            if detail.signature or detail.data:
                self._seal(detail, into)

    def _seal(self, detail: Detail, into: list[Event]) -> None:
        known = self._kind == _THOUGHT and not self._sealed
        if not known or (detail.index is not None and self._detail is not None and self._detail != detail.index):
            self._open(_THOUGHT, into)
            self._detail, self._summary, self._plain = detail.index, False, False
        self._sealed = True
        signature, signed_by = opened(detail.signature, detail.format)
        redacted, hidden_by = opened(detail.data, detail.format)
        into.append(
            Signed(
                part=self._part,
                choice=self._index,
                signature=signature,
                redacted=redacted,
                id=detail.id,
                origin=signed_by or hidden_by,
            )
        )

    # --- calls ---

    def _take_piece(self, piece: shapes.Call, into: list[Event]) -> None:
        calls = self._calls
        name = piece.name
        if calls and not name and calls[-1].index == piece.index:
            call = calls[-1]
        else:
            told: Object = {"index": piece.index, "id": piece.id, "function": {"name": name}}
            call = cast("_Called | None", continued(cast("list[Call]", calls), told))
            if call is None:
                if len(calls) >= MOST_CALLS:
                    self.broken = "there are too many tool calls"
                    return
                self._end(into)
                self._begin(into)
                call = _Called(piece, self._part)
                calls.append(call)
        arguments = piece.arguments
        if not call.begun:
            self._begin_call(call, piece, into)
        if arguments:
            self._argue(call, arguments, into)
        if call.begun and piece.extra_content is not None and call.signature is None and not call.over_with:
            call.signature = signature_in(piece.extra_content)
            if call.signature is not None:
                into.append(Signed(part=call.part, choice=self._index, signature=call.signature))

    def _begin_call(self, call: _Called, piece: shapes.Call, into: list[Event]) -> None:
        call.call_id = call.call_id or piece.id
        call.signature = call.signature or signature_in(piece.extra_content)
        if not piece.name:
            return
        call.name, call.begun = piece.name, True
        known = call.call_id
        into.append(
            CallBegan(
                part=call.part,
                id=known if isinstance(known, str) and known else self._made_id(call),
                name=call.name,
                choice=self._index,
                custom=call.custom,
                signature=call.signature,
            )
        )
        if call.early:
            into.append(CallDelta(call.early, call.part, self._index))

    def _made_id(self, call: _Called) -> str:
        return made_id(self._reply_id, str(self._index), str(self._calls.index(call)), call.name)

    def _argue(self, call: _Called, arguments: str, into: list[Event]) -> None:
        if call.over_with:
            if arguments.strip():
                self.broken = "a tool call that was complete goes on"
            return
        call.add(arguments)
        if call.begun:
            into.append(CallDelta(arguments, call.part, self._index))
        elif len(call.early) > MOST_CHECKED:
            self.broken = "a tool call has no name"
        else:
            call.early += arguments
