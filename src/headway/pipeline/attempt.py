"""One attempt at one target: connect, send, wait, and judge what comes back.

It tells an answer from a failure and how long to wait for either. What follows from that is `pipeline.dispatch`'s
business; passing on an answer that comes in pieces is `pipeline.relay`'s.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from headway.pipeline.asked import Asked
from headway.pipeline.plan import Sender
from headway.pipeline.relay import PlainRelay, RelayOwner, StreamRelay
from headway.ports import Connection, Dial, Downstream
from headway.types import Failure, FailureKind, Timeouts, Usage
from headway.wire.http_head import CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, NO_HEAD, Head
from headway.wire.openai import errors, request, response
from headway.wire.openai.peek import JsonRequest

HOLD_LIMIT = 1024 * 1024
"""Bytes of a whole JSON answer that are held until it is complete, so that one that breaks off can be replaced."""
ERROR_LIMIT = 64 * 1024
"""Bytes of an upstream's error reply that are read."""
HEADERS_STREAM = 30.0
HEADERS_WHOLE = 300.0


class CallOwner(RelayOwner, Protocol):
    """Whom a call reports to. Exactly one report ends it: a failure, an answer, a refusal, or what its relay says."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def answered(self, body: bytes, usage: Usage | None) -> None:
        """A whole answer."""
        ...

    def refused(self, body: bytes) -> None:
        """A reply with an error status."""
        ...


class Call(msgspec.Struct, eq=False):
    """`expires` is the moment (monotonic seconds) at which patience with what it waits for ends."""

    _owner: CallOwner
    _asked: Asked
    sender: Sender
    _downstream: Downstream
    _timeouts: Timeouts
    _deadline: float
    expires: float = 0.0
    status: int = 0
    head: Head = NO_HEAD
    content_type: bytes = b""
    _started: float = 0.0
    _connection: Connection | None = None
    _dial: Dial | None = None
    _relay: StreamRelay | PlainRelay | None = None
    _seen_progress: int = 0
    _hide_usage: bool = False
    _held: list[bytes] | None = None
    _held_size: int = 0

    # --- sending ---

    def start(self, now: float) -> None:
        self._started = now
        connection = self.sender.origin.take()
        if connection is None:
            self._connect(now)
        else:
            self._send(connection, now)

    def _connect(self, now: float) -> None:
        self.expires = self._deadline
        patience = max(min(self._timeouts.connect, self._deadline - now), 0.0)
        self._dial = self.sender.origin.dial(patience, self)

    def on_connected(self, connection: Connection) -> None:
        self._dial = None
        self._send(connection, self._owner.now())

    def on_dial_failed(self, failure: Failure) -> None:
        self._dial = None
        if failure.kind is FailureKind.TIMEOUT and self._owner.now() >= self._deadline:
            failure = self._past_deadline()
        self._owner.attempt_failed(failure)

    def leave(self) -> None:
        """Have nothing more to do with it: a connection whose reply is not complete closes at once."""
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def pause(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()
        if self._relay is not None and self._relay.committed:  # while it was not read its silence meant nothing
            self.expires = min(self._owner.now() + self._timeouts.stall, self._deadline)

    def _send(self, connection: Connection, now: float) -> None:
        asked, sender = self._asked, self.sender
        facts = asked.facts
        self._connection = connection
        patience = self._timeouts.headers or (HEADERS_STREAM if facts.stream else HEADERS_WHOLE)
        self.expires = min(now + patience, self._deadline)
        if isinstance(facts, JsonRequest):
            body = request.prepare(facts, sender.model, self._stream_options())
            content_type = b"application/json"
        else:
            body = facts.form.replaced("model", sender.model_text)
            content_type = facts.content_type
        head = b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (
            sender.heads[asked.endpoint],
            asked.forwarded,
            content_type,
            len(body),
        )
        connection.send(head, body, self)

    def _stream_options(self) -> msgspec.Raw | None:
        """What to send as `stream_options`; remembers whether the usage chunk is our own wish."""
        asked = self._asked
        self._hide_usage = False
        if asked.facts.stream and asked.endpoint.stream_usage and self.sender.quirks.stream_usage:
            asking = request.asking_for_usage(asked.stream_options)
            if asking is not None:
                self._hide_usage = True
                return asking
        return asked.stream_options

    # --- what comes back ---

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        self.status = status
        self.head = head
        if complete:
            self._connection = None
        kind = self.content_type = head.get(CONTENT_TYPE) or b""
        if not 200 <= status < 300:
            self._hold(body, complete)
        elif kind.startswith(b"application/json"):
            if complete:
                self._whole(body)
            else:
                self._hold(body, complete)
        elif kind.startswith(b"text/event-stream"):
            self._stream(body, complete)
        elif kind.startswith(b"text/html"):
            self._bad_reply("answered with an HTML page")
        elif complete and not body:
            self._bad_reply("answered without a body")
        else:
            self._pass_on(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        if complete:
            self._connection = None
        self._hold(data, complete)

    def on_lost(self, failure: Failure) -> None:
        self._connection = None
        if failure.stale_connection:  # those that went idle beside it are most likely closed too
            self._connect(self._owner.now())
        else:
            self._owner.attempt_failed(failure)

    def _hold(self, data: bytes, complete: bool) -> None:
        if self._held is None:
            self._held = []
        self._held.append(data)
        self._held_size += len(data)
        good = 200 <= self.status < 300
        if not complete and self._held_size <= (HOLD_LIMIT if good else ERROR_LIMIT):
            self.expires = min(self._owner.now() + self._timeouts.stall, self._deadline)
            return
        body = b"".join(self._held)
        if not good:
            self._owner.refused(self.sender.masked(body))
        elif complete:
            self._whole(body)
        else:
            self._pass_on(body, complete)

    def _whole(self, body: bytes) -> None:
        if self.head.has(CONTENT_ENCODING):
            self._owner.answered(body, None)
            return
        reply = response.read(body)
        if not reply.valid:
            self._bad_reply("answered with something that is not the JSON it claims to be")
        elif reply.error:
            message = errors.message_in(self.sender.masked(body))
            what = f"answered {self.status} with an error" + (f": {message}" if message else "")
            self._owner.attempt_failed(self._failure(FailureKind.SERVER_ERROR, what))
        else:
            self._owner.answered(body, reply.usage)

    def _stream(self, body: bytes, complete: bool) -> None:
        sender = self.sender
        relay = StreamRelay(
            self._owner,
            self._downstream,
            self._asked.endpoint,
            who=sender.name,
            hide_usage=self._hide_usage,
            expect_done=sender.quirks.stream_done,
            one_choice=self._asked.one_choice,
        )
        self._watch(self._timeouts.first_token)
        self._hand_over(relay, body, complete)

    def _pass_on(self, body: bytes, complete: bool) -> None:
        relay = PlainRelay(self._owner, self._downstream)
        length = self.head.get(CONTENT_LENGTH)
        self._watch(self._timeouts.stall)
        self._owner.commit(int(length) if length is not None and length.isdigit() else None)
        self._hand_over(relay, body, complete)

    def _hand_over(self, relay: StreamRelay | PlainRelay, body: bytes, complete: bool) -> None:
        self._relay = relay
        if self._connection is not None:
            self._connection.hand_over(relay)
        if body or complete:
            relay.on_body(body, complete)

    def _bad_reply(self, what: str) -> None:
        self._owner.attempt_failed(self._failure(FailureKind.BAD_REPLY, what))

    def _failure(self, kind: FailureKind, what: str) -> Failure:
        return Failure(kind=kind, source="upstream", message=f"{self.sender.name} {what}")

    # --- patience ---

    def check(self, now: float, *, paused: bool) -> bool:
        """Called by the sweep. False: the client has not accepted anything for too long, and nothing is to be done
        here.
        """
        relay = self._relay
        if relay is not None and relay.committed and relay.progress != self._seen_progress:
            self._seen_progress = relay.progress
            self.expires = min(now + self._timeouts.stall, self._deadline)
        if now < self.expires:
            return True
        if relay is None or not relay.committed:
            self.leave()
            self._owner.attempt_failed(self._out_of_patience(now))
            return True
        if paused and now < self._deadline:
            return False
        relay.on_lost(self._past_deadline() if now >= self._deadline else self._failure(FailureKind.TIMEOUT, "stalled"))
        return True

    def _watch(self, patience: float) -> None:
        self._seen_progress = 0
        self.expires = min(self._owner.now() + patience, self._deadline)

    def _out_of_patience(self, now: float) -> Failure:
        if now >= self._deadline:
            return self._past_deadline()
        return self._failure(FailureKind.TIMEOUT, f"sent no answer within {now - self._started:.1f} s")

    def _past_deadline(self) -> Failure:
        """The exchange's own limit, which says nothing about the upstream."""
        return Failure(
            kind=FailureKind.DEADLINE,
            source="gateway",
            message=f"the request's deadline passed while {self.sender.name} was answering",
        )
