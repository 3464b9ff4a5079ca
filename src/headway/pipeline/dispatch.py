"""One client request on its way: attempts in turn, until one answer is passed on or there is nothing left to try.

`core.exchange` says whom to ask and when to give up; this carries it out by callbacks, with a task only while a
connection is being made. Whatever happens, the exchange ends exactly once, in `_over`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from headway.core.exchange import Attempt, Exchange, GiveUp
from headway.pipeline import telling
from headway.pipeline.asked import Asked
from headway.pipeline.endings import code_of, ending
from headway.pipeline.plan import Plan, Sender
from headway.pipeline.relay import PlainRelay, StreamRelay
from headway.ports import Connection, Dial, Downstream
from headway.providers.classify import classify
from headway.types import ExchangeEvent, Failure, FailureKind, Usage
from headway.wire import http_head
from headway.wire.http_head import Head
from headway.wire.openai import errors, request, response
from headway.wire.openai.peek import JsonRequest

HOLD_LIMIT = 1024 * 1024
"""Bytes of a whole JSON answer that are held until it is complete, so that one that breaks off can be replaced."""
ERROR_LIMIT = 64 * 1024
"""Bytes of an upstream's error reply that are read."""
HEADERS_STREAM = 30.0
HEADERS_WHOLE = 300.0


class Owner(Protocol):
    """The gateway, as far as an exchange under way needs it."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> float:
        """Unix time."""
        ...

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None: ...


class Dispatch:
    """`expires` is the next moment (monotonic seconds) at which patience ends; the gateway's sweep looks at it."""

    __slots__ = (
        "_asked",
        "_attempt",
        "_connection",
        "_dial",
        "_downstream",
        "_exchange",
        "_first_byte",
        "_head",
        "_held",
        "_held_size",
        "_hide_usage",
        "_over_already",
        "_own_options",
        "_owner",
        "_plan",
        "_relay",
        "_seen_progress",
        "_sender",
        "_status",
        "_timeouts",
        "expires",
        "paused",
    )

    def __init__(self, owner: Owner, plan: Plan, asked: Asked, exchange: Exchange, downstream: Downstream) -> None:
        self._owner = owner
        self._plan = plan
        self._asked = asked
        self._exchange = exchange
        self._downstream = downstream
        facts = asked.facts
        self._own_options = facts.fields.get("stream_options") if isinstance(facts, JsonRequest) else None
        self._timeouts = exchange.route.route.resilience.timeouts
        self._attempt: Attempt | None = None
        self._sender: Sender | None = None
        self._connection: Connection | None = None
        self._dial: Dial | None = None
        self._relay: StreamRelay | PlainRelay | None = None
        self._held: list[bytes] | None = None
        self._first_byte: float | None = None
        self._over_already = False
        self._status = 0
        self.expires = exchange.deadline
        self.paused = False

    # --- attempts ---

    def begin(self, now: float) -> None:
        self._take(self._exchange.begin(now), now)

    def _take(self, step: Attempt | GiveUp, now: float) -> None:
        if isinstance(step, GiveUp):
            self._give_up(step.failure)
            return
        self._attempt = step
        sender = self._sender = self._plan.sender(step.candidate, self._exchange.route.route)
        self._relay = self._held = None
        connection = sender.origin.take()
        if connection is not None:
            self._send(connection, now)
            return
        deadline = self.expires = self._exchange.deadline
        self._dial = sender.origin.dial(min(self._timeouts.connect, deadline - now), self)

    def on_connected(self, connection: Connection) -> None:
        self._dial = None
        self._send(connection, self._owner.now())

    def on_dial_failed(self, failure: Failure) -> None:
        self._dial = None
        self.attempt_failed(failure)

    def _send(self, connection: Connection, now: float) -> None:
        sender, asked = self._sender, self._asked
        facts = asked.facts
        assert sender is not None
        self._connection = connection
        patience = self._timeouts.headers or (HEADERS_STREAM if facts.stream else HEADERS_WHOLE)
        self.expires = min(now + patience, self._exchange.deadline)
        if isinstance(facts, JsonRequest):
            body = request.prepare(facts, sender.model, self._stream_options(sender))
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

    def _stream_options(self, sender: Sender) -> msgspec.Raw | None:
        """What to send as `stream_options`; remembers whether the usage chunk is our own wish."""
        own = self._own_options
        self._hide_usage = False
        if self._asked.facts.stream and self._asked.endpoint.stream_usage and sender.quirks.stream_usage:
            asking = request.asking_for_usage(own)
            if asking is not None:
                self._hide_usage = True
                return asking
        return own

    def attempt_failed(self, failure: Failure) -> None:
        """Nothing of this attempt's answer has been passed on: another target may answer."""
        if self._over_already:
            return
        self._let_go()
        attempt = self._attempt
        assert attempt is not None
        now = self._owner.now()
        self._take(self._exchange.failed(attempt, failure, now), now)

    def _let_go(self) -> None:
        """Leave the connection to itself; it closes unless its reply was complete."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    # --- what the upstream answers ---

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        self._status = status
        self._head = head
        kind = head.get(http_head.CONTENT_TYPE) or b""
        if status != 200 and not 200 <= status < 300:
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
        else:
            self._pass_on(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        self._hold(data, complete)

    def on_lost(self, failure: Failure) -> None:
        self._connection = None
        self.attempt_failed(failure)

    def _hold(self, data: bytes, complete: bool) -> None:
        if self._held is None:
            self._held = []
            self._held_size = 0
        self._held.append(data)
        self._held_size += len(data)
        good = 200 <= self._status < 300
        if complete or (self._held_size > ERROR_LIMIT and not good):
            body = b"".join(self._held)
            if complete:
                self._connection = None
            if good:
                self._whole(body)
            else:
                self._refused(body)
        elif self._held_size > HOLD_LIMIT:
            body = b"".join(self._held)
            self._pass_on(body, False)
        else:
            self._extend_patience()

    def _extend_patience(self) -> None:
        self.expires = min(self._owner.now() + self._timeouts.stall, self._exchange.deadline)

    def _whole(self, body: bytes) -> None:
        self._connection = None
        head = self._head
        if head.get(http_head.CONTENT_ENCODING) is None:
            reply = response.read(body)
            if not reply.valid:
                self._bad_reply("answered with something that is not the JSON it claims to be")
                return
            if reply.error:
                message = errors.message_in(body)
                self.attempt_failed(
                    Failure(
                        kind=FailureKind.SERVER_ERROR,
                        source="upstream",
                        message=f"{self._who()} answered {self._status} with an error"
                        + (f": {message}" if message else ""),
                    )
                )
                return
            usage = reply.usage
        else:
            usage = None
        fields = telling.answer_fields(self._asked, self._told(), self._head)
        now = self._owner.now()
        assert self._attempt is not None
        self._exchange.succeeded(self._attempt, self._status, now)
        self._first_byte = now
        self._over("ok", self._status, now, usage=usage, reply_bytes=len(body))
        self._downstream.reply(self._status, fields, body)

    def _stream(self, body: bytes, complete: bool) -> None:
        sender = self._sender
        assert sender is not None
        relay = self._relay = StreamRelay(
            self,
            self._downstream,
            self._asked.endpoint,
            who=self._who(),
            hide_usage=self._hide_usage,
            expect_done=sender.quirks.stream_done,
        )
        self._watch(self._timeouts.first_token)
        self._hand_over(relay, body, complete)

    def _pass_on(self, body: bytes, complete: bool) -> None:
        relay = self._relay = PlainRelay(self, self._downstream)
        length = self._head.get(http_head.CONTENT_LENGTH)
        self.commit(int(length) if length is not None and length.isdigit() else None)
        self._hand_over(relay, body, complete)

    def _hand_over(self, relay: StreamRelay | PlainRelay, body: bytes, complete: bool) -> None:
        connection = self._connection
        if complete:
            self._connection = None
        elif connection is not None:
            connection.hand_over(relay)
        if body or complete:
            relay.on_body(body, complete)

    def _refused(self, body: bytes) -> None:
        failure = classify(self._status, self._head, body, who=self._who(), wall=self._owner.wall())
        verbatim = failure.kind is FailureKind.REQUEST_REFUSED or (
            not self._exchange.failures and failure.kind is not FailureKind.AUTH_INVALID
        )
        if not verbatim or not errors.is_error_body(body):
            self.attempt_failed(failure)
            return
        self._let_go()
        attempt, now = self._attempt, self._owner.now()
        assert attempt is not None
        step = self._exchange.failed(attempt, failure, now)
        if isinstance(step, GiveUp):
            self._pass_error_on(step.failure, body, now)
        else:
            self._take(step, now)

    def _pass_error_on(self, failure: Failure, body: bytes, now: float) -> None:
        """The provider's own error, unchanged: there was but one attempt, or it is the client's to mend."""
        fields = telling.answer_fields(self._asked, self._told(), self._head)
        for field in (http_head.RETRY_AFTER, http_head.RETRY_AFTER_MS, http_head.SHOULD_RETRY):
            value = self._head.get(field)
            if value is not None:
                fields += b"%b %b\r\n" % (field[2:], value)
        self._first_byte = now
        self._over(failure.kind.value, self._status, now, reply_bytes=len(body), error=failure.message)
        self._downstream.reply(self._status, fields, body)

    def _bad_reply(self, what: str) -> None:
        self.attempt_failed(Failure(kind=FailureKind.BAD_REPLY, source="upstream", message=f"{self._who()} {what}"))

    # --- what a relay reports ---

    def commit(self, length: int | None) -> None:
        self._first_byte = self._owner.now()
        if self._relay is not None:
            self._watch(self._timeouts.stall)
        self._downstream.begin(self._status, telling.answer_fields(self._asked, self._told(), self._head), length)
        if self.paused and self._connection is not None:
            self._connection.pause()

    def relayed(self, usage: Usage | None, passed: int) -> None:
        self._connection = None
        now = self._owner.now()
        assert self._attempt is not None
        self._exchange.succeeded(self._attempt, self._status, now)
        self._over("ok", self._status, now, usage=usage, reply_bytes=passed)
        self._downstream.end()

    def broke(self, failure: Failure, usage: Usage | None, passed: int) -> None:
        """The client has seen part of the answer: the only honest ending is an error."""
        if self._over_already:
            return
        self._let_go()
        now = self._owner.now()
        attempt = self._attempt
        assert attempt is not None
        self._exchange.ended_badly(attempt, failure, now)
        self._over(failure.kind.value, self._status, now, usage=usage, reply_bytes=passed, error=failure.message)
        if not isinstance(self._relay, StreamRelay):
            self._downstream.abort()
            return
        code = code_of(FailureKind.INTERRUPTED)
        as_event = errors.response_event if self._asked.endpoint.name == "responses" else errors.event
        self._downstream.write(as_event(f"the answer broke off: {failure.message}", code=code))
        self._downstream.end()

    # --- what the client does ---

    def client_gone(self) -> None:
        """Close the upstream at once: nobody is there to read the answer."""
        if self._over_already:
            return
        if self._dial is not None:
            self._dial.cancel()
        self._let_go()
        now = self._owner.now()
        failure = Failure(kind=FailureKind.CANCELLED, source="downstream", message="the client closed the connection")
        if self._attempt is not None and not self._attempt.result:
            self._exchange.ended_badly(self._attempt, failure, now)
        self._over(failure.kind.value, 499, now, error=failure.message)

    def pause(self) -> None:
        self.paused = True
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        self.paused = False
        if self._connection is not None:
            self._connection.resume()

    # --- patience ---

    def _watch(self, patience: float) -> None:
        self._seen_progress = 0
        self.expires = min(self._owner.now() + patience, self._exchange.deadline)

    def check(self, now: float) -> None:
        """Called by the sweep once `expires` has passed or while a relay runs: has anything moved since?"""
        relay = self._relay
        if relay is not None and relay.committed and relay.progress != self._seen_progress:
            self._seen_progress = relay.progress
            self.expires = min(now + self._timeouts.stall, self._exchange.deadline)
        if now >= self.expires:
            self._expired(now)

    def _expired(self, now: float) -> None:
        relay = self._relay
        if relay is not None and relay.committed:
            if self.paused:
                self._downstream.abort()
                self.client_gone()
                return
            past_deadline = now >= self._exchange.deadline
            what = "took longer than the request's deadline" if past_deadline else "stalled"
            relay.on_lost(Failure(kind=FailureKind.TIMEOUT, source="upstream", message=f"{self._who()} {what}"))
            return
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        started = self._attempt.started if self._attempt is not None else self._exchange.started
        self.attempt_failed(
            Failure(
                kind=FailureKind.TIMEOUT,
                source="upstream",
                message=f"{self._who()} sent no answer within {now - started:.1f} s",
            )
        )

    # --- endings ---

    def _give_up(self, failure: Failure) -> None:
        end = ending(failure, self._exchange.failures)
        fields = telling.error_fields(self._asked, self._told(), end.fields)
        self._over(failure.kind.value, end.status, self._owner.now(), error=end.message)
        self._downstream.reply(end.status, fields, end.body)

    def _over(
        self,
        outcome: str,
        status: int,
        now: float,
        *,
        usage: Usage | None = None,
        reply_bytes: int = 0,
        error: str | None = None,
    ) -> None:
        self._over_already = True
        self._connection = None
        event = telling.event(
            self._asked,
            self._exchange,
            outcome,
            status,
            at=self._owner.wall(),
            now=now,
            first_byte=self._first_byte,
            usage=usage,
            reply_bytes=reply_bytes,
            error=error,
        )
        self._owner.over(self, event)

    def _who(self) -> str:
        return "the upstream" if self._sender is None else self._sender.name

    def _told(self) -> bytes:
        return telling.told(self._plan, self._exchange, self._sender, self._status)
