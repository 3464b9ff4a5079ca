"""One client's way through an answer that others may read too: at its own pace, to an end of its own.

A server treats a `Reader` as it would treat the exchange: it says that its client takes no more, takes more again, or
has left. A client that takes nothing for `patience` seconds is cut off. What is kept of an answer, and for whom, is
`pipeline.fanout`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from headway.failures import FailureKind
from headway.pipeline.asked import Asked
from headway.pipeline.principal import principal_of
from headway.ports import Downstream, Timer
from headway.types import ExchangeEvent, Route, Trace

PATIENCE = 120.0
"""Seconds that a client may take nothing, where its route does not say how long a stall may last."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A request that carries a key, as far as its event tells of it."""

    request_id: str
    endpoint: str
    model: str
    route: str
    stream: bool
    size: int
    """Bytes of the body."""
    began: float
    patience: float
    """Seconds that its client may take nothing of the answer."""
    trace: Trace | None = None
    principal: str | None = None

    @classmethod
    def of(cls, asked: Asked, route: Route, began: float) -> Caller:
        return cls(
            request_id=asked.request_id,
            endpoint=asked.endpoint.name,
            principal=principal_of(asked.headers),
            model=asked.facts.model,
            route=route.name,
            stream=asked.facts.stream,
            size=asked.size,
            began=began,
            patience=route.resilience.timeouts.stall or PATIENCE,
            trace=asked.trace,
        )


class Host(Protocol):
    """Where readers live."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> float:
        """Unix time."""
        ...

    def later(self, delay: float, call: Callable[[], None], /) -> Timer: ...

    def record(self, event: ExchangeEvent, /) -> None: ...


class Answer(Protocol):
    """What is read, as far as it is there. `begun`: it comes in pieces, and has a head."""

    status: int
    fields: bytes
    length: int | None
    begun: bool
    ended: bool

    @property
    def end_at(self) -> int:
        """Bytes of it so far."""
        ...

    def read(self, cursor: int) -> bytes:
        """Some of what follows that many bytes."""
        ...

    def paces_changed(self) -> None:
        """A reader was paused, or has read on."""
        ...

    def release(self, reader: Reader) -> None:
        """It reads no more."""
        ...

    def left(self, how: str) -> None:
        """A reader that was released has not seen the end."""
        ...

    def reached_end(self, reader: Reader) -> None:
        """A reader that was released has; it is to be told how the exchange ended."""
        ...


class Reader:
    """One client's place in an answer. `repeat` is None for the client that began the exchange, whose own event tells
    of it.
    """

    __slots__ = (
        "_answer",
        "_downstream",
        "_first_byte",
        "_host",
        "_patience",
        "_paused_at",
        "_repeat",
        "_starting",
        "_watch",
        "cursor",
        "over",
        "paused",
    )

    def __init__(
        self, answer: Answer, host: Host, downstream: Downstream, repeat: Caller | None, patience: float
    ) -> None:
        self._answer = answer
        self._host = host
        self._downstream = downstream
        self._repeat = repeat
        self._patience = patience
        self._first_byte: float | None = None
        self._starting: Timer | None = None
        self._watch: Timer | None = None
        self._paused_at = 0.0
        self.cursor = 0
        """Bytes of the answer that the client has been given."""
        self.paused = False
        """The client accepts nothing just now."""
        self.over = False

    # --- what the client does ---

    def pause(self) -> None:
        if self.over or self.paused:
            return
        self.paused = True
        self._paused_at = self._host.now()
        if self._watch is None:
            self._watch = self._host.later(self._patience, self._look)
        self._answer.paces_changed()

    def resume(self) -> None:
        self.paused = False
        if not self.over:
            self.pump()
            self._answer.paces_changed()

    def client_gone(self, how: str = "the client closed the connection") -> None:
        if self.over:
            return
        self._close()
        self._record(FailureKind.CANCELLED.value, 499, error=how)
        self._answer.left(how)

    def cut_off(self, why: str) -> None:
        """Have the client notice that there is no more to come."""
        if not self.over:
            self._downstream.abort()
            self.client_gone(why)

    # --- what the answer does ---

    def begin_soon(self) -> None:
        """Begin at the next turn of the loop: until then the server does not know whom to tell that its client is
        slow.
        """
        self._starting = self._host.later(0.0, self._start)

    def pump(self, latest: bytes = b"") -> None:
        """Write what there is, as far as the client takes it. `latest` are the answer's last bytes."""
        if self._starting is None:
            self._write(latest, regardless=False)

    def hand_over(self) -> None:
        """Write all there is, though the client takes nothing just now."""
        self._write(b"", regardless=True)

    def reply(self, status: int, body: bytes) -> None:
        """A whole answer, which goes out at once."""
        if self.over:
            return
        self._first_byte = self._host.now()
        self.cursor = len(body)
        fields = self._fields()
        self._end()
        self._downstream.reply(status, fields, body)

    def abort(self) -> None:
        if not self.over:
            self._end()
            self._downstream.abort()

    def tell(self, ended: ExchangeEvent) -> None:
        """How the exchange ended whose answer this was."""
        self._record(ended.outcome, ended.status, broke=ended.broke, error=ended.error)

    # --- its own affairs ---

    def _write(self, latest: bytes, *, regardless: bool) -> None:
        answer, downstream = self._answer, self._downstream
        if self.over or not answer.begun:
            return
        if self._first_byte is None:
            self._first_byte = self._host.now()
            downstream.begin(answer.status, self._fields(), answer.length)
        while self.cursor < answer.end_at and (regardless or not self.paused):
            at_latest = latest and self.cursor + len(latest) == answer.end_at
            data = latest if at_latest else answer.read(self.cursor)
            self.cursor += len(data)
            downstream.write(data)
        if answer.ended and self.cursor == answer.end_at:
            self._end()
            downstream.end()

    def _fields(self) -> bytes:
        fields = self._answer.fields
        return fields if self._repeat is None else retold(fields, self._repeat.request_id)

    def _start(self) -> None:
        self._starting = None
        self.pump()
        self._answer.paces_changed()

    def _look(self) -> None:
        """One timer for many pauses: it looks again where the present one is younger than itself."""
        self._watch = None
        if not self.paused:
            return
        left = self._paused_at + self._patience - self._host.now()
        if left <= 0.0:
            self.cut_off("the client took no more of the answer for too long")
        else:
            self._watch = self._host.later(left, self._look)

    def _end(self) -> None:
        self._close()
        self._answer.reached_end(self)

    def _close(self) -> None:
        self.over = True
        for timer in (self._starting, self._watch):
            if timer is not None:
                timer.cancel()
        self._answer.release(self)

    def _record(self, outcome: str, status: int, *, broke: bool = False, error: str | None = None) -> None:
        caller = self._repeat
        if caller is None:
            return
        first_byte = self._first_byte
        event = ExchangeEvent(
            request_id=caller.request_id,
            at=self._host.wall(),
            endpoint=caller.endpoint,
            principal=caller.principal,
            model=caller.model,
            route=caller.route,
            stream=caller.stream,
            outcome=outcome,
            broke=broke,
            replayed=True,
            status=status,
            duration=self._host.now() - caller.began,
            attempts=(),
            first_byte=None if first_byte is None else first_byte - caller.began,
            request_bytes=caller.size,
            reply_bytes=self.cursor,
            error=error,
            trace=caller.trace,
        )
        self._host.record(event)


def retold(fields: bytes, request_id: str) -> bytes:
    """Header lines of an answer, for another request than the one that it answered first."""
    lines = [line for line in fields.split(b"\r\n") if line and not line.startswith(b"x-request-id:")]
    lines += (b"x-request-id: " + request_id.encode(), b"idempotent-replayed: true")
    return b"".join([b"%b\r\n" % line for line in lines])
