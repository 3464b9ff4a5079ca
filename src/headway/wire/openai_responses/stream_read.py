"""A provider's stream of the Responses API, read event by event.

Parts are told apart by the item and the content or summary that an event names. Items that the provider's own tools
make, and whatever came without pieces, are taken from the event that ends them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Refusal
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
    TextDelta,
    Whole,
)
from headway.wire.openai_responses.events import (
    DATA,
    TEXT_DELTA,
    StreamEvent,
    decode,
    decode_head,
    decode_kind,
    decode_output,
    decode_piece,
)
from headway.wire.openai_responses.output_read import (
    Content,
    Hosted,
    Item,
    call_of,
    has_logprobs,
    item_of,
    logprobs_of,
    part_of,
    parts_of,
)
from headway.wire.openai_responses.parts import citation
from headway.wire.openai_responses.response import Head
from headway.wire.openai_responses.thoughts import secret
from headway.wire.openai_responses.vocabulary import NULL, usage_of

MOST_OPEN = 1_000
"""Parts under way at a time, or items of one answer; more are no answer."""

Kind = Literal["text", "refusal", "reasoning", "summary", "call"]


class _Open(msgspec.Struct):
    """A part under way. `said`: characters came in pieces; `cited`: so many citations did."""

    number: int
    kind: Kind
    said: bool = False
    cited: int = 0
    ended: bool = False


_ERRORS = frozenset({"error", "response.failed"})
_NOWHERE = -1


class StreamReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self.complete = False
        self._over = False
        self._began = False
        self._open: dict[tuple[int, Kind, int], _Open] = {}
        """Parts under way, and those that ended while their item has not, by the item's number and theirs in it."""
        self._next = 0
        self._done: set[int] = set()
        """Items that have ended."""
        self._kinds: set[Kind] = set()
        """Of the parts so far."""
        self._searches = 0
        self._item = self._content = _NOWHERE
        """Where the text stands that the last piece was of, with its part."""
        self._part = 0

    def read(self, frame: bytes, into: list[Event]) -> None:
        if frame.startswith(TEXT_DELTA) and not self._over:
            try:
                piece = decode_piece(frame[DATA:])
            except UNREADABLE:
                pass
            else:
                if piece.output_index == self._item and piece.content_index == self._content:
                    if piece.delta:
                        into.append(TextDelta(piece.delta, self._part))
                    return
        self._read(frame, into)

    def end(self, into: list[Event]) -> None:
        """Nothing is held back: a stream without its last event is cut off."""

    def _read(self, frame: bytes, into: list[Event]) -> None:
        payload = _data_of(frame)
        if self._over or payload is None or not payload.strip() or payload.strip() == b"[DONE]":
            return
        try:
            event = decode(payload)
        except UNREADABLE as error:
            self._read_odd(payload, error, into)
            return
        if event.type in _ERRORS or (not event.type and event.error and event.error != NULL):
            self._over = True
            into.append(Reported(payload))
            return
        handle = _HANDLERS.get(event.type)
        if handle is None:
            return
        if len(self._open) > MOST_OPEN or len(self._done) > MOST_OPEN:
            self._break("too many parts are under way", into)
            return
        if not self._began:
            self._begin(event, into)
        try:
            handle(self, event, into)
        except UNREADABLE:
            self._break(f"{event.type} cannot be read", into)

    def _read_odd(self, payload: bytes, error: Exception, into: list[Event]) -> None:
        """An event of a kind that nobody here knows may look as it likes."""
        try:
            kind = decode_kind(payload).type
        except UNREADABLE:
            self._break("an event's data is no JSON object", into)
            return
        if kind in _ERRORS:
            self._over = True
            into.append(Reported(payload))
        elif kind in _HANDLERS:
            self._break(f"{kind} cannot be read", into)

    def _break(self, why: str, into: list[Event]) -> None:
        self._over = True
        into.append(Malformed(why))

    def _begin(self, event: StreamEvent, into: list[Event]) -> None:
        self._began = True
        try:
            head = decode_head(event.response)
        except UNREADABLE:
            head = Head()
        into.append(Began(id=head.id, model=head.model, created=head.created, service_tier=head.service_tier))

    # --- parts ---

    def _at(self, event: StreamEvent, kind: Kind, within: int) -> _Open:
        """The part that an event belongs to; a new one if it is the first."""
        key = (event.output_index, kind, within)
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = _Open(self._next, kind)
            self._next += 1
            self._kinds.add(kind)
        return found

    def _end_part(self, part: _Open, into: list[Event]) -> None:
        if not part.ended:
            part.ended = True
            self._item = _NOWHERE
            into.append(PartEnded(part.number))

    def _of(self, item: int, *kinds: Kind) -> list[_Open]:
        return [part for (number, kind, _), part in self._open.items() if number == item and kind in kinds]

    def ignore(self, event: StreamEvent, into: list[Event]) -> None:
        """It tells nothing that other events do not tell."""

    def text(self, event: StreamEvent, into: list[Event]) -> None:
        if not event.delta:
            return
        part = self._at(event, "text", event.content_index)
        if part.ended:
            return
        part.said = True
        self._item, self._content, self._part = event.output_index, event.content_index, part.number
        into.append(TextDelta(event.delta, part.number))
        if has_logprobs(event.logprobs):
            self._item = _NOWHERE  # the next one has them too
            into.append(Logprobs(logprobs_of([event.logprobs])))

    def refusal(self, event: StreamEvent, into: list[Event]) -> None:
        part = self._at(event, "refusal", event.content_index) if event.delta else None
        if part is not None and not part.ended:
            part.said = True
            into.append(RefusalDelta(event.delta, part.number))

    def annotation(self, event: StreamEvent, into: list[Event]) -> None:
        part = self._open.get((event.output_index, "text", event.content_index))
        if part is not None and part.said and not part.ended and event.annotation:
            part.cited += 1
            into.append(Cited(citation(event.annotation), part.number))

    def reasoning(self, event: StreamEvent, into: list[Event]) -> None:
        self._think(event, "reasoning", event.content_index, into)

    def summary(self, event: StreamEvent, into: list[Event]) -> None:
        self._think(event, "summary", event.summary_index, into)

    def _think(self, event: StreamEvent, kind: Literal["reasoning", "summary"], within: int, into: list[Event]) -> None:
        if not event.delta:
            return
        if (event.output_index, kind, within) not in self._open:
            self._end_thoughts(event.output_index, event.item_id, into)
        part = self._at(event, kind, within)
        if not part.ended:
            part.said = True
            into.append(ReasoningDelta(event.delta, part.number, summary=kind == "summary"))

    def _end_thoughts(self, item: int, name: str | None, into: list[Event]) -> None:
        for part in self._of(item, "reasoning", "summary"):
            if not part.ended and name is not None:
                into.append(Signed(part=part.number, id=name))
            self._end_part(part, into)

    def arguments(self, event: StreamEvent, into: list[Event]) -> None:
        part = self._open.get((event.output_index, "call", 0))
        if part is not None and event.delta and not part.ended:
            part.said = True
            into.append(CallDelta(event.delta, part.number))

    # --- what tells more than a piece ---

    def added(self, event: StreamEvent, into: list[Event]) -> None:
        item = item_of(event.item)
        if isinstance(item, Item) and item.name and (item.call_id or item.id):
            self._begin_call(item, event, into)

    def _begin_call(self, item: Item, event: StreamEvent, into: list[Event]) -> _Open:
        known = (event.output_index, "call", 0) in self._open
        part = self._at(event, "call", 0)
        if not known:
            call = call_of(item)
            into.append(CallBegan(part=part.number, id=call.id, name=call.name, custom=call.custom, item=call.item))
        return part

    def content_done(self, event: StreamEvent, into: list[Event]) -> None:
        if event.part is not None and event.part.type in _SAID:
            self._end_content(event.part, event, into)

    def _end_content(self, content: Content, event: StreamEvent, into: list[Event]) -> None:
        """Whatever of it did not come in pieces comes now."""
        whole = part_of(content)
        if whole is None:
            return
        part = self._at(event, "refusal" if isinstance(whole, Refusal) else "text", event.content_index)
        if part.ended:
            return
        if isinstance(whole, Refusal):
            if not part.said and whole.text:
                into.append(RefusalDelta(whole.text, part.number))
        else:
            if not part.said:
                into.append(TextDelta(whole.text, part.number))
            into += [Cited(each, part.number) for each in whole.citations[part.cited :]]
        self._end_part(part, into)

    def item_done(self, event: StreamEvent, into: list[Event]) -> None:
        item = item_of(event.item)
        if isinstance(item, Hosted):
            self._searches += item.searched
            into += [Whole(part, self._next) for part in parts_of(item)]
            into.append(PartEnded(self._next))
            self._next += 1
        elif item.type == "message":
            for number, content in enumerate(item.content or ()):
                event.content_index = number
                self._end_content(content, event, into)
        elif item.type == "reasoning":
            self._end_reasoning(item, event, into)
        else:
            part = self._begin_call(item, event, into)
            arguments = call_of(item).arguments
            if arguments and not part.said:
                into.append(CallDelta(arguments, part.number))
            self._end_part(part, into)
        self._done.add(event.output_index)
        self._forget(event.output_index, into)

    def _end_reasoning(self, item: Item, event: StreamEvent, into: list[Event]) -> None:
        for event.summary_index, shown in enumerate(item.summary or ()):
            self._think_whole(shown, event, "summary", into)
        for event.content_index, shown in enumerate(item.content or ()):
            self._think_whole(shown, event, "reasoning", into)
        parts = [part for part in self._of(event.output_index, "reasoning", "summary") if not part.ended]
        if item.encrypted_content is not None:
            part = parts[-1] if parts else self._at(event, "reasoning", _NOWHERE)
            told = secret(item.encrypted_content, "said" if parts else "", item.id, summary=False)
            into.append(
                Signed(
                    part=part.number,
                    signature=told.signature,
                    redacted=told.redacted,
                    id=told.id,
                    origin=told.origin,
                )
            )
            self._end_part(part, into)
        else:
            self._end_thoughts(event.output_index, item.id, into)

    def _think_whole(
        self, shown: Content, event: StreamEvent, kind: Literal["reasoning", "summary"], into: list[Event]
    ) -> None:
        within = event.summary_index if kind == "summary" else event.content_index
        if (event.output_index, kind, within) not in self._open:
            event.delta = shown.text or ""
            self._think(event, kind, within, into)

    def _forget(self, item: int, into: list[Event]) -> None:
        for key in [key for key in self._open if key[0] == item]:
            self._end_part(self._open.pop(key), into)

    def finished(self, event: StreamEvent, into: list[Event]) -> None:
        head = decode_head(event.response)
        self._take_output(event, into)
        for part in self._open.values():
            self._end_part(part, into)
        self._open.clear()
        if self._over:
            return
        self._over = self.complete = True
        refused = "refusal" in self._kinds and "text" not in self._kinds
        head.status = "incomplete" if event.type == "response.incomplete" else "completed"
        into.append(Finished(head.stop(calls="call" in self._kinds, refused=refused)))
        usage = usage_of(head.usage, head.tool_usage, self._searches)
        if usage is not None:
            into.append(Counted(usage))

    def _take_output(self, event: StreamEvent, into: list[Event]) -> None:
        """Whatever of the answer was not told before the end."""
        for number, raw in enumerate(decode_output(event.response).output or ()):
            if number not in self._done:
                self.item_done(StreamEvent(output_index=number, item=raw), into)


def _data_of(frame: bytes) -> bytes | None:
    """Of the two lines that frames nearly always have, at once."""
    if frame.startswith(b"event: ") and frame.count(b"\n") == 3:
        start = frame.find(b"\ndata: ")
        if start > 0:
            return frame[start + 7 : -2]
    return sse.data_of(frame)


_SAID = frozenset({"output_text", "refusal"})
_HANDLERS: dict[str, Callable[[StreamReader, StreamEvent, list[Event]], None]] = {
    "response.created": StreamReader.ignore,
    "response.in_progress": StreamReader.ignore,
    "response.queued": StreamReader.ignore,
    "response.output_item.added": StreamReader.added,
    "response.output_item.done": StreamReader.item_done,
    "response.content_part.done": StreamReader.content_done,
    "response.output_text.delta": StreamReader.text,
    "response.output_text.annotation.added": StreamReader.annotation,
    "response.refusal.delta": StreamReader.refusal,
    "response.reasoning_text.delta": StreamReader.reasoning,
    "response.reasoning_summary_text.delta": StreamReader.summary,
    "response.function_call_arguments.delta": StreamReader.arguments,
    "response.custom_tool_call_input.delta": StreamReader.arguments,
    "response.completed": StreamReader.finished,
    "response.incomplete": StreamReader.finished,
}
"""Events that say something; the others repeat it."""
