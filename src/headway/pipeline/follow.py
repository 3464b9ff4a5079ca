"""Passing on an answer that is read event by event: in another dialect, or in its own where that is not OpenAI's.

What a relay must know of a stream (its first word, its usage, errors, whether it is complete, tool calls that were cut
short) is asked of the dialect's reader, once for all dialects. Streams of OpenAI's own dialects that pass as they are
have a quicker relay, which reads much less of them (`pipeline.relay`).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headway.failures import Failure, FailureKind
from headway.pipeline.relay import Notice, RelayOwner
from headway.ports import Downstream
from headway.types import Pacing, Usage
from headway.wire.form.calls import Calls
from headway.wire.form.codec import Codec, StreamWriter
from headway.wire.form.likeness import Likeness
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Counted,
    Event,
    Finished,
    Malformed,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reported,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.gemini.reframe import Reframer
from headway.wire.http_head import Head

MOST_HELD = 32 * 1024 * 1024
"""Bytes of one unfinished event, and of an answer that is held until it is complete."""
_WORDS = frozenset({CallBegan, Whole, Finished})


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """How one stream is to be read and shown. `who` names the target in messages. `codec` is the target's; without a
    `writer` its bytes pass, in other frames if there is a `reframer`. `tools`: look into tool calls.
    """

    who: str
    codec: Codec
    writer: StreamWriter | None
    errors: Callable[[], StreamWriter]
    """What writes the error event of a stream whose bytes pass."""
    reframer: Reframer | None = None
    keep: Callable[[bytes], None] | None = None
    """Is given the last events of a complete answer."""
    tools: bool = False
    tool_calls: Pacing = "live"
    stream: Pacing = "live"


class FollowedRelay:
    """One stream. `started`, `committed`, `progress` and `fillers` as in `pipeline.relay.StreamRelay`."""

    __slots__ = (
        "_around",
        "_calls",
        "_how",
        "_like",
        "_likeness",
        "_over",
        "_owner",
        "_parts",
        "_passed",
        "_reader",
        "_usage",
        "_waiting",
        "_waiting_size",
        "_whole",
        "_write",
        "_writer",
        "committed",
        "fillers",
        "progress",
        "started",
    )

    def __init__(self, owner: RelayOwner, downstream: Downstream, how: Following) -> None:
        self._owner = owner
        self._write = downstream.write
        self._how = how
        self._reader = how.codec.reader()
        self._writer = how.writer
        self._calls = Calls() if how.tools else None
        self._whole = how.stream == "whole"
        self._likeness = Likeness() if how.codec.steady and how.reframer is None else None
        self._like: Likeness | None = None
        """What the next piece may be known by, where it would pass at once."""
        self._around: tuple[bytes, bytes] | None = None
        """What the client is sent around the text of such a piece, where the bytes do not pass as they are."""
        self._parts: list[bytes] = []
        """Bytes of an event that is not complete."""
        self._waiting: list[bytes] = []
        """What the client has not seen yet."""
        self._waiting_size = 0
        self._passed = 0
        self._usage: Usage | None = None
        self._over = False
        self.started = False
        self.committed = False
        self.progress = 0
        self.fillers = 0

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        raise RuntimeError("the head of this reply has been read")

    def on_body(self, data: bytes, complete: bool) -> None:
        if self._over:
            return
        if self._like is not None:
            if not complete and self._passes_on(self._like, data):
                return
            self._forget(self._like)
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
        frames, rest = self._how.codec.split(data)
        self._parts = [rest] if rest else []
        if len(rest) > MOST_HELD:
            self._lose(self._failure(FailureKind.BAD_REPLY, "sent an event that is too large"))
            return
        self._take(frames)
        if rest:
            self._like = None  # nothing has passed by it yet
        if complete and not self._over:
            self._finish(rest)

    def on_lost(self, failure: Failure) -> None:
        if self._over:
            return
        if self._like is not None:
            self._forget(self._like)
        if self._reader.complete:  # only the framing's end is missing
            self._complete()
        else:
            self._lose(failure)

    def closing_event(self, message: str, code: str) -> bytes:
        """What tells the client, in its dialect, that this stream broke off."""
        how = self._how
        return (self._writer or how.reframer or how.errors()).error(message, status=502, code=code)

    # --- events ---

    def _take(self, frames: list[bytes]) -> None:
        events: list[Event] = []
        read = self._reader.read
        for number, frame in enumerate(frames):
            read(frame, events)
            if events and type(events[-1]) in (Reported, Malformed):
                self._show(events[:-1], frames[:number])
                self._end_badly(events[-1], frame)
                return
        if frames:
            self._show(events, frames)
            self._learn(events, frames)

    def _learn(self, events: list[Event], frames: list[bytes]) -> None:
        likeness, writer = self._likeness, self._writer
        if likeness is None or not self.committed or self._waiting or self._must_wait():
            return
        if likeness.learn(frames, events):
            self._around = None if writer is None else writer.around(likeness.event)
            self._like = likeness if writer is None or self._around is not None else None

    def _passes_on(self, like: Likeness, data: bytes) -> bool:
        """Pass on what is more of the same text, if it is no more than that."""
        string = like.text_in(data)
        if string is None:
            return False
        around = self._around
        piece = data if around is None else around[0] + string + around[1]
        self.progress += 1
        self._passed += len(piece)
        self._write(piece)
        return True

    def _forget(self, like: Likeness) -> None:
        """Something else comes."""
        self._like = None
        if self._writer is not None and like.characters:
            self._writer.passed(like.event, like.characters)

    def _show(self, events: list[Event], frames: list[bytes]) -> None:
        """Pass on what these events say, as far as it may be shown."""
        said = False
        for event in events:
            kind = type(event)
            if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
                said = said or event.text != ""
            elif kind in _WORDS:
                said = True
                if isinstance(event, Finished) and event.stop is Stop.FAULT and not self.started:
                    self._lose(self._failure(FailureKind.MODEL_FAULT, "wrote an invalid tool call"))
                    return
            elif isinstance(event, Counted):
                self._usage = event.usage
            if self._calls is not None and kind in (CallBegan, CallDelta, PartEnded, Finished):
                self._calls.take(event)
        if events and not (len(events) == 1 and type(events[0]) is Began):
            self.progress += 1
        else:
            self.fillers += 1
        self.started = self.started or said
        if self._calls is not None and self._calls.broken:
            self._lose(self._failure(FailureKind.TRUNCATED, "cut a tool call short"))
            return
        self._pass_on(self._put(events, frames))

    def _put(self, events: list[Event], frames: list[bytes]) -> bytes:
        if self._writer is not None:
            return self._writer.write(events) if events else b""
        reframer = self._how.reframer
        return b"".join(frames) if reframer is None else reframer.frames(frames)

    def _pass_on(self, piece: bytes) -> None:
        if not piece:
            return
        if self.committed and not self._waiting and not self._must_wait():
            self._passed += len(piece)
            self._write(piece)
            return
        self._waiting.append(piece)
        self._waiting_size += len(piece)
        if self._waiting_size > MOST_HELD:
            self._lose(self._failure(FailureKind.BAD_REPLY, "sent more than is held of a stream"))
        elif self.started and not self._must_wait():
            self._release()

    def _must_wait(self) -> bool:
        """Is something to be complete before more of it is shown?"""
        calls = self._calls
        return self._whole or (calls is not None and self._how.tool_calls == "whole" and calls.open)

    def _release(self) -> None:
        if not self.committed:
            self.committed = True
            self._owner.commit(None)
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        for piece in waiting:
            self._passed += len(piece)
            self._write(piece)

    # --- the end ---

    def _end_badly(self, event: Event, frame: bytes) -> None:
        if self._over:
            return
        if isinstance(event, Reported):
            failure = self._owner.reported(event.payload)
            if self.committed and self._writer is None and self._how.reframer is None:
                self._over = True
                self._passed += len(frame)
                self._write(frame)
                self._owner.broke(failure, self._usage, self._passed, "told")
                return
        else:
            failure = self._failure(FailureKind.BAD_REPLY, "sent something that is no event")
        self._lose(failure)

    def _lose(self, failure: Failure, notice: Notice = "event") -> None:
        self._over = True
        if self.committed:
            self._owner.broke(failure, self._usage, self._passed, notice)
        else:
            self._owner.attempt_failed(failure)

    def _finish(self, rest: bytes) -> None:
        events: list[Event] = []
        if rest.strip():
            self._reader.read(rest, events)  # only the end of its frame may be missing
        if not events or type(events[-1]) not in (Reported, Malformed):
            self._reader.end(events)
            if events:
                self._show(events, [rest] if rest else [])
        if self._over:
            return
        if not self._reader.complete:
            what = "ended its stream before " + ("the answer was complete" if self.started else "it said anything")
            self._lose(self._failure(FailureKind.TRUNCATED if self.started else FailureKind.BAD_REPLY, what))
        elif not self.started:
            self._lose(self._failure(FailureKind.BAD_REPLY, "ended its stream before it said anything"))
        else:
            self._complete()

    def _complete(self) -> None:
        self._whole = False
        if self._waiting:
            self._release()
        if not self.committed:
            self.committed = True
            self._owner.commit(None)
        ends = self._writer or self._how.reframer
        last = b"" if ends is None else ends.end()
        self._over = True
        if self._how.keep is not None:
            self._how.keep(last)
        if last:
            self._passed += len(last)
            self._write(last)
        self._owner.relayed(self._usage, self._passed)

    def _failure(self, kind: FailureKind, what: str) -> Failure:
        return Failure(kind=kind, source="upstream", message=f"{self._how.who} {what}")
