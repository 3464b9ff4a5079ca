"""Streams of providers, as events of the form.

A stream is complete with `[DONE]`, or once every choice that has appeared in it has a reason to be over: not every
provider sends either. Which part a delta belongs to is `stream_lane`'s to say.
"""

from __future__ import annotations

from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import Began, Counted, Event, Malformed, Reported
from headway.wire.openai.usage import usage_of
from headway.wire.openai_chat import reply_shapes as shapes
from headway.wire.openai_chat.response import says
from headway.wire.openai_chat.stream_lane import Lane

MOST_CHOICES = 128
"""As many as OpenAI lets a client ask for."""


def _is_error(chunk: shapes.Reply) -> bool:
    if chunk.type == "error" or chunk.object == "error" or (chunk.error and says(chunk.error)):
        return True
    return chunk.x_groq is not None and says(chunk.x_groq.error)


class ChatReader:
    """Reads one stream."""

    __slots__ = ("_began", "_id", "_is_plain", "_lanes", "_over", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._began = False
        self._over = False
        """Nothing more is to be read: the last event has come, or an error."""
        self._id: str | None = None
        self._is_plain = False
        """The last chunk was more words and nothing else, as the next one is likely to be."""
        self._lanes: dict[int, Lane] = {}

    def read(self, frame: bytes, into: list[Event]) -> None:
        if self._over:
            return
        is_error = False
        if frame.startswith(b"data: ") and frame.find(b"\n") == len(frame) - 2:
            payload = frame[6:-2]
        else:
            data = sse.data_of(frame)
            payload = b"" if data is None else data.strip()
            is_error = frame.startswith(b"event: error") or b"\nevent: error" in frame
        if not payload:
            return
        if self._is_plain:
            try:
                self._take_plain(shapes.decode_plain(payload).choices[0], into)
            except UNREADABLE:
                self._is_plain = False
            else:
                return
        if payload.startswith(b"[DONE]"):
            self.complete = True
            self._close(into)
            return
        chunk = shapes.read(payload)
        if chunk is None:
            self._break("it is no chunk of a chat completion", into)
        elif is_error or _is_error(chunk):
            self._over = True
            into.append(Reported(payload))
        else:
            self._take(chunk, payload, into)

    def end(self, into: list[Event]) -> None:
        if self._over:
            return
        if self.complete:
            self._close(into)
        else:
            self._over = True

    def _take_plain(self, choice: shapes.PlainChoice, into: list[Event]) -> None:
        lane = self._lanes.get(choice.index)
        if lane is None:
            lane = self._lane(choice.index, into)
            if lane is None:
                return
        delta = choice.delta
        words = delta.reasoning_content or delta.reasoning
        if words:
            lane.think(words, into)
        if delta.content:
            lane.text(delta.content, into)

    def _take(self, chunk: shapes.Reply, payload: bytes, into: list[Event]) -> None:
        choices = chunk.choices
        if not self._began and (choices or chunk.id or chunk.usage):
            self._begin(chunk, into)
        if choices:
            for choice in choices:
                if choice.error and says(choice.error):
                    self._over = True
                    into.append(Reported(payload))
                    return
                self._choose(choice, into)
                if self._over:
                    return
        if chunk.usage is not None:
            self._count(chunk.usage, into)
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._count(chunk.x_groq.usage, into)

    def _begin(self, chunk: shapes.Reply, into: list[Event]) -> None:
        self._began = True
        self._id = chunk.id or None
        into.append(
            Began(
                id=self._id,
                model=chunk.model or None,
                created=int(chunk.created) if chunk.created else None,
                service_tier=chunk.service_tier or None,
                fingerprint=chunk.system_fingerprint or None,
            )
        )

    def _choose(self, choice: shapes.Choice, into: list[Event]) -> None:
        index = choice.index or 0
        lane = self._lanes.get(index) or self._lane(index, into)
        if lane is None:
            return
        delta = choice.delta
        if delta is not None:
            lane.take(delta, into)
            self._is_plain = bool(delta.content) and choice.finish_reason is None
        elif choice.message is not None and lane.is_fresh:  # others repeat all of it at the end
            lane.take(choice.message, into)
        if choice.logprobs:
            lane.logprobs(choice.logprobs, into)
        if choice.finish_reason:
            lane.finished(choice)
            self.complete = all(each.finish_reason for each in self._lanes.values())
        if lane.broken is not None:
            self._break(lane.broken, into)

    def _lane(self, index: int, into: list[Event]) -> Lane | None:
        """A choice that has not been seen before; None if there are too many."""
        if len(self._lanes) >= MOST_CHOICES:
            self._break("it has too many choices", into)
            return None
        lane = self._lanes[index] = Lane(index, self._id)
        self.complete = False
        return lane

    def _count(self, wire: shapes.WireUsage, into: list[Event]) -> None:
        usage = usage_of(wire)
        if usage is not None:
            into.append(Counted(usage))

    def _close(self, into: list[Event]) -> None:
        """All choices are over."""
        self._over = True
        for lane in self._lanes.values():
            lane.close(into)
            if lane.broken is not None:
                self._break(lane.broken, into)
                return

    def _break(self, why: str, into: list[Event]) -> None:
        self._over = True
        self.complete = False
        into.append(Malformed(why))
