"""Passing an answer on while it comes in: server-sent events by whole events, anything else as it is.

A relay hears the upstream connection directly. It holds a stream until its first event (before it, another target may
still answer), reads usage from the last pieces only, hides the usage chunk that the client did not ask for, and tells
an ending from a break-off.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, Protocol

from headway.ports import Downstream
from headway.types import Failure, FailureKind, Usage
from headway.wire import sse
from headway.wire.http_head import Head
from headway.wire.openai import stream
from headway.wire.openai.endpoints import Endpoint

MAX_HELD = 256 * 1024
"""Bytes of one unfinished event that are held back; a longer event is passed on in pieces."""

OPENING = 1024
"""Bytes kept of the beginning of such an event: they say what kind it is."""
TAIL = 8
"""Pieces kept, each of at least one event: usage and terminal are among the last few."""

Notice = Literal["event", "told", "cut"]
"""How a client learns that its answer broke off: by an error event of ours, by the provider's own, by a broken
connection.
"""


class RelayOwner(Protocol):
    """Whom a relay reports to."""

    def commit(self, length: int | None) -> None:
        """From here on the client sees the answer."""
        ...

    def attempt_failed(self, failure: Failure) -> None:
        """Nothing has been passed on yet."""
        ...

    def relayed(self, usage: Usage | None, passed: int) -> None:
        """The answer is complete; `passed` bytes of it went to the client."""
        ...

    def broke(self, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        """It broke after the client had seen part of it."""
        ...


class StreamRelay:
    """Server-sent events. `progress` counts what arrived, for whoever watches for stalls."""

    __slots__ = (
        "_committed",
        "_downstream",
        "_endpoint",
        "_expect_done",
        "_held",
        "_hide",
        "_one_choice",
        "_open",
        "_opening",
        "_owner",
        "_passed",
        "_tail",
        "_torn",
        "_usage",
        "_who",
        "_write",
        "progress",
    )

    def __init__(
        self,
        owner: RelayOwner,
        downstream: Downstream,
        endpoint: Endpoint,
        *,
        who: str,
        hide_usage: bool,
        expect_done: bool,
        one_choice: bool,
    ) -> None:
        self._owner = owner
        self._downstream = downstream
        self._write = downstream.write
        self._endpoint = endpoint
        self._who = who
        self._hide = hide_usage
        self._expect_done = expect_done
        self._one_choice = one_choice
        self.progress = 0
        self._committed = False
        self._held = b""
        self._tail: deque[bytes] = deque(maxlen=TAIL)
        self._opening = b""
        self._open = False
        """The last event shown is not complete: it is too long to be held."""
        self._torn = False
        """The body ended within an event."""
        self._passed = 0
        self._usage: Usage | None = None

    @property
    def committed(self) -> bool:
        return self._committed

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        raise RuntimeError("the head of this reply has been read")

    def on_body(self, data: bytes, complete: bool) -> None:
        self.progress += 1
        if self._held:
            data = self._held + data
            self._held = b""
        if not self._committed and not self._may_commit(data, complete):
            return
        if not data.endswith(b"\n\n"):
            data = self._whole_events(data, complete)
        elif self._open:
            self._open = False
        if data:
            self._tail.append(data)
            if self._hide and data.find(b"[]") >= 0:  # quicker than `in`
                data = self._without_usage(data)
            self._passed += len(data)
            if data:
                self._write(data)
        if complete:
            self._finish()

    def on_lost(self, failure: Failure) -> None:
        if not self._committed:
            self._owner.attempt_failed(failure)
            return
        self._close_event()
        self._owner.broke(failure, self._last_usage(), self._passed, "event")

    def _whole_events(self, data: bytes, complete: bool) -> bytes:
        """What may be shown of `data`, which ends within an event: whole events, and of one that is too long to be held
        all that is there.
        """
        end = sse.complete_length(data)
        rest = data[end:]
        if end:
            self._open = False
        if complete:
            if not self._open and stream.is_nothing(rest):
                return data
            self._torn = True
            return data[:end]
        if not self._open:
            if len(rest) <= MAX_HELD:
                self._held = rest
                return data[:end]
            self._open = True
            self._opening = rest[:OPENING]
        return data

    def _close_event(self) -> None:
        """End an event that was shown in part, so that what follows is not taken for more of it."""
        if self._open:
            self._open = False
            self._passed += 2
            self._write(b"\n\n")

    def _may_commit(self, data: bytes, complete: bool) -> bool:
        first = stream.first_event(data)
        if first is None:
            if complete:
                self._fail(FailureKind.BAD_REPLY, "ended its stream without an event")
            elif len(data) > MAX_HELD:
                self._commit()
                return True
            else:
                self._held = data
            return False
        if first.malformed:
            self._fail(FailureKind.BAD_REPLY, "began its stream with something that is no JSON")
            return False
        if first.error is not None:
            self._fail(FailureKind.SERVER_ERROR, "began its stream with an error")
            return False
        self._commit()
        return True

    def _commit(self) -> None:
        self._committed = True
        self._owner.commit(None)

    def _fail(self, kind: FailureKind, what: str) -> None:
        self._owner.attempt_failed(Failure(kind=kind, source="upstream", message=f"{self._who} {what}"))

    def _without_usage(self, data: bytes) -> bytes:
        shown = stream.without_usage_chunk(data)
        if len(shown) != len(data):
            self._usage = stream.usage_in(data)
        return shown

    def _finish(self) -> None:
        usage = self._last_usage()
        ended = self._ending()
        if ended is stream.Ending.COMPLETE:
            self._owner.relayed(usage, self._passed)
        elif ended is stream.Ending.ERROR:
            failure = self._interrupted("ended its stream with an error")
            self._owner.broke(failure, usage, self._passed, "told")
        else:
            failure = self._interrupted("ended its stream before the answer was complete")
            self._close_event()
            self._owner.broke(failure, usage, self._passed, "event")

    def _ending(self) -> stream.Ending:
        if self._torn:
            return stream.Ending.CUT
        terminals = self._endpoint.terminals
        if not terminals or not self._expect_done:
            return stream.Ending.COMPLETE
        return stream.ending(self._ended_with(), terminals, one_choice=self._one_choice)

    def _ended_with(self) -> bytes:
        """The last pieces, and the beginning of an event that came in many."""
        return self._opening + b"".join(self._tail)

    def _interrupted(self, what: str) -> Failure:
        return Failure(kind=FailureKind.INTERRUPTED, source="upstream", message=f"{self._who} {what}")

    def _last_usage(self) -> Usage | None:
        return self._usage or stream.usage_in(self._ended_with())


class PlainRelay:
    """Audio, images, JSON too large to hold: bytes as they come, committed by their first."""

    __slots__ = ("_owner", "_passed", "_write", "progress")

    committed = True

    def __init__(self, owner: RelayOwner, downstream: Downstream) -> None:
        self._owner = owner
        self._write = downstream.write
        self._passed = 0
        self.progress = 0

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        raise RuntimeError("the head of this reply has been read")

    def on_body(self, data: bytes, complete: bool) -> None:
        self.progress += 1
        if data:
            self._passed += len(data)
            self._write(data)
        if complete:
            self._owner.relayed(None, self._passed)

    def on_lost(self, failure: Failure) -> None:
        self._owner.broke(failure, None, self._passed, "cut")
