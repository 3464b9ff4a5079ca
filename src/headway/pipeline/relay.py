"""Passing an answer on while it comes in: server-sent events by whole events, anything else as it is.

A relay hears the upstream connection directly. It holds a stream until the model's first word (before it, another
target may still answer), reads usage from the last pieces only, hides the usage chunk that the client did not ask for,
and tells an ending from a break-off. Streams that are held back further, or looked into, are `pipeline.checked`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from headway.failures import Failure, FailureKind
from headway.ports import Downstream
from headway.types import Usage
from headway.wire import sse
from headway.wire.endpoints import Endpoint
from headway.wire.http_head import Head
from headway.wire.openai import errors, stream
from headway.wire.openai.opening import Opening, created_in, judge

MAX_HELD = 256 * 1024
"""Bytes of one unfinished event that are held back; a longer event is passed on in pieces."""

OPENING = 1024
"""Bytes kept of the beginning of such an event: they say what kind it is."""
LONGEST_FILLER = 128
"""Bytes from which a piece that begins with data is certainly more than a ping."""
DATA = b"d"[0]
JSON_ENDS = (b"}", b"]", b"\n")
USUAL_ENDS = (b"}\n\n", b"}\r\n\r\n", b"[DONE]\n\n", b"[DONE]\r\n\r\n")
"""Of pieces whose last event is taken for what it seems to be."""
TAIL = 8
"""Pieces kept, each of at least one event: usage and terminal are among the last few."""
LONG_TAIL = 4096

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

    def reported(self, payload: bytes) -> Failure:
        """What an error event of the provider's means."""
        ...


class Manner(msgspec.Struct, frozen=True):
    """How one stream is to be read. `who` names the target in messages, `choices` is how many were asked for."""

    endpoint: Endpoint
    who: str
    hide_usage: bool
    expect_done: bool
    choices: int


class StreamRelay:
    """Server-sent events. `fillers` counts pieces that were but comments and pings, `progress` all others, for
    whoever watches for silence; `started` is true from the first word of the model, `committed` once the client sees
    anything.
    """

    __slots__ = (
        "_choices",
        "_committed",
        "_created",
        "_expect_done",
        "_held",
        "_hide",
        "_judged",
        "_open",
        "_opening",
        "_over",
        "_owner",
        "_passed",
        "_tail",
        "_torn",
        "_usage",
        "_who",
        "_write",
        "endpoint",
        "fillers",
        "progress",
        "started",
    )

    def __init__(self, owner: RelayOwner, downstream: Downstream, manner: Manner) -> None:
        self._owner = owner
        self._write: Callable[[bytes], None] = downstream.write
        self.endpoint = manner.endpoint
        self._who = manner.who
        self._hide = manner.hide_usage
        self._expect_done = manner.expect_done
        self._choices = manner.choices
        self.fillers = 0
        self.progress = 0
        self.started = False
        self._committed = False
        self._over = False
        self._held = b""
        self._judged = 0
        """Bytes of what is held that have been found to say nothing yet."""
        self._created: bytes | None = None
        """The response that the stream said it begins, where the dialect has such a thing."""
        several = manner.choices > 1 and not manner.expect_done  # then all of their ends say that it is complete
        self._tail: deque[bytes] = deque(maxlen=LONG_TAIL if several else TAIL)
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
        if self._over:  # what follows an error is no part of an answer
            return
        if (len(data) >= LONGEST_FILLER and data[0] == DATA) or not data or not stream.is_filler(data):
            self.progress += 1
        else:
            self.fillers += 1
        if self._held:
            data = self._held + data
            self._held = b""
        if not self.started and not self._may_start(data, complete):
            return
        if not data.endswith(b"}\n\n"):
            data = self._unusual(data, complete)
        elif self._open:
            self._open = False
        if data:
            if data.find(b'"error"') >= 0 and self._ends_in_error(data):
                return
            self._tail.append(data)
            if self._hide and data.find(b"prompt_tokens") >= 0:  # quicker than `in`, and than a shorter word
                data = self._without_usage(data)
            self._passed += len(data)
            if data:
                self._write(data)
        if complete and not self._over:
            self._finish()

    def on_lost(self, failure: Failure) -> None:
        if self._is_terminated():  # only the framing's end is missing
            self._complete()
        else:
            self._break(failure, "event")

    def closing_event(self, message: str, code: str) -> bytes:
        """What tells the client, in its dialect, that this stream broke off."""
        if self.endpoint.name == "responses":
            return errors.response_event(message, code=code, seen=self._last_seen(), created=self._created)
        return errors.event(message, code=code)

    # --- before the client sees anything ---

    def _may_start(self, data: bytes, complete: bool) -> bool:
        """Has the model said its first word? Keeps the data if not."""
        end = sse.complete_length(data)
        opening = judge(self.endpoint, data[self._judged : end]) if end > self._judged else None
        if opening is None:
            self._judged = end
            if complete:
                self._fail(FailureKind.BAD_REPLY, "ended its stream before it said anything")
            elif len(data) > MAX_HELD:
                return self._start(data)
            else:
                self._held = data
            return False
        if opening.kind == "meaningful":
            return self._start(data[:end])
        self._refuse(opening)
        return False

    def _start(self, data: bytes) -> bool:
        self.started = True
        if self.endpoint.name == "responses":
            self._created = created_in(data)
        self._show()
        return True

    def _show(self) -> None:
        self._committed = True
        self._owner.commit(None)

    def _refuse(self, opening: Opening) -> None:
        if opening.kind == "error" and opening.payload is not None:
            self._over = True
            self._owner.attempt_failed(self._owner.reported(opening.payload))
        elif opening.kind == "fault":
            self._fail(FailureKind.MODEL_FAULT, "ended its stream because the model wrote an invalid tool call")
        elif opening.kind == "ended":
            self._fail(FailureKind.BAD_REPLY, "ended its stream before it said anything")
        else:
            self._fail(FailureKind.BAD_REPLY, "began its stream with something that is no JSON")

    def _fail(self, kind: FailureKind, what: str) -> None:
        self._over = True
        self._owner.attempt_failed(self._failure(kind, what))

    # --- events ---

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

    def _unusual(self, data: bytes, complete: bool) -> bytes:
        """What may be shown of `data`, which does not end as a chunk usually does. An event that is no JSON breaks the
        stream; those before the last of a piece are left to the client's own reading.
        """
        within = self._open
        if not data.endswith(b"\n\n"):
            data = self._whole_events(data, complete)
        elif within:
            self._open = False
        if within or self._open or data.endswith(USUAL_ENDS):
            return data
        start = stream.malformed_in(data)
        if start is None:
            return data
        before = data[:start]
        if not self._ends_in_error(before):
            self._pass_on_before(before)
            self._break(self._failure(FailureKind.BAD_REPLY, "sent an event that is no JSON"), "event")
        return b""

    def _close_event(self) -> None:
        """End an event that was shown in part, so that what follows is not taken for more of it."""
        if self._open:
            self._open = False
            self._passed += 2
            self._write(b"\n\n")

    def _ends_in_error(self, data: bytes) -> bool:
        """Pass on what comes before an error event of the provider's, and that event; whatever follows it is no part of
        an answer.
        """
        found = stream.error_in(data)
        if found is None:
            return False
        start, end, payload = found
        failure = self._owner.reported(payload)
        self._usage = stream.usage_in(data[start:end]) or self._usage
        self._pass_on_before(data[:start])
        if self._over:
            return True
        if self._tells_errors():
            self._passed += end - start
            self._write(data[start:end])
            self._break(failure, "told")
        else:
            self._break(failure, "event")
        return True

    def _pass_on_before(self, before: bytes) -> None:
        """The last of the answer, in front of what breaks it."""
        if not before:
            return
        self._tail.append(before)
        shown = self._without_usage(before) if self._hide else before
        self._passed += len(shown)
        if shown:
            self._write(shown)

    def _tells_errors(self) -> bool:
        """Does the provider's own error event go to the client as it is?"""
        return self._committed

    def _without_usage(self, data: bytes) -> bytes:
        shown = stream.without_usage_chunk(data)
        if len(shown) != len(data):
            self._usage = stream.usage_in(data)
        return shown

    # --- the end ---

    def _break(self, failure: Failure, notice: Notice) -> None:
        self._over = True
        if not self._committed:
            self._owner.attempt_failed(failure)
            return
        self._close_event()
        self._owner.broke(failure, self._last_usage(), self._passed, notice)

    def _finish(self) -> None:
        if self._ending() is stream.Ending.COMPLETE:
            self._complete()
        else:
            self._break(
                self._failure(FailureKind.TRUNCATED, "ended its stream before the answer was complete"), "event"
            )

    def _complete(self) -> None:
        self._over = True
        self._owner.relayed(self._last_usage(), self._passed)

    def _ending(self) -> stream.Ending:
        if self._torn:
            return stream.Ending.CUT
        terminals = self.endpoint.terminals
        if not terminals:
            return stream.Ending.COMPLETE
        finishes = self._choices if self._choices == 1 or not self._expect_done else None
        return stream.ending(self._ended_with(), terminals, finishes=finishes)

    def _is_terminated(self) -> bool:
        """Has the dialect's last event come in? Nothing may follow it, not even an error."""
        if self._open or self._over or not self.started:  # of an open event only the beginning is known
            return False
        tail = b"\n" + self._ended_with()
        return any(terminal in tail for terminal in self.endpoint.terminals)

    def _ended_with(self) -> bytes:
        """The last pieces, and the beginning of an event that came in many."""
        return self._opening + b"".join(self._tail)

    def _last_seen(self) -> bytes:
        """The end of what the client got."""
        return self._ended_with()

    def _failure(self, kind: FailureKind, what: str) -> Failure:
        return Failure(kind=kind, source="upstream", message=f"{self._who} {what}")

    def _last_usage(self) -> Usage | None:
        return self._usage or stream.usage_in(self._ended_with())


class PlainRelay:
    """Audio, images, JSON too large to hold: bytes as they come, committed by their first."""

    __slots__ = ("_json", "_last", "_owner", "_passed", "_write", "fillers", "progress")

    committed = True
    started = True

    def __init__(self, owner: RelayOwner, downstream: Downstream, *, json: bool) -> None:
        """`json`: it must end as a JSON document does."""
        self._json = json
        self._last = b""
        self._owner = owner
        self._write = downstream.write
        self._passed = 0
        self.progress = 0
        self.fillers = 0

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        raise RuntimeError("the head of this reply has been read")

    def on_body(self, data: bytes, complete: bool) -> None:
        self.progress += 1
        if data:
            self._passed += len(data)
            self._last = data[-1:] if self._json and not data.isspace() else self._last
            self._write(data)
        if complete and self._json and self._last not in JSON_ENDS:
            message = "the answer ended before its JSON was complete"
            self.on_lost(Failure(kind=FailureKind.BAD_REPLY, source="upstream", message=message))
        elif complete:
            self._owner.relayed(None, self._passed)

    def on_lost(self, failure: Failure) -> None:
        self._owner.broke(failure, None, self._passed, "cut")
