"""One client request on its way: attempts in turn, until one answer is passed on or there is nothing left to try.

`core.exchange` says whom to ask and when to give up, `pipeline.attempt` asks; this tells the client. Everything
happens in callbacks, with a task only while a connection is being made. Whatever happens, the exchange ends exactly
once, in `_over`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from headway.core.exchange import Attempt, Exchange, GiveUp
from headway.pipeline import telling
from headway.pipeline.asked import Asked
from headway.pipeline.attempt import Call
from headway.pipeline.endings import code_of, ending
from headway.pipeline.plan import Plan
from headway.pipeline.relay import Notice
from headway.ports import Downstream
from headway.providers.classify import classify
from headway.types import ExchangeEvent, Failure, FailureKind, Usage
from headway.wire.http_head import RETRY_AFTER, RETRY_AFTER_MS, SHOULD_RETRY
from headway.wire.openai import errors


class Owner(Protocol):
    """The gateway, as far as an exchange under way needs it."""

    def wall(self) -> float:
        """Unix time."""
        ...

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None: ...


class Dispatch(msgspec.Struct, eq=False):
    """`paused`: the client accepts nothing just now."""

    _owner: Owner
    now: Callable[[], float]
    _plan: Plan
    _asked: Asked
    _exchange: Exchange
    _downstream: Downstream
    _attempt: Attempt | None = None
    _call: Call | None = None
    _first_byte: float | None = None
    _is_over: bool = False
    paused: bool = False

    # --- attempts ---

    def begin(self, now: float) -> None:
        self._take(self._exchange.begin(now), now)

    def _take(self, step: Attempt | GiveUp, now: float) -> None:
        if isinstance(step, GiveUp):
            self._give_up(step.failure)
            return
        exchange = self._exchange
        route = exchange.route.route
        self._attempt = step
        sender = self._plan.sender(step.candidate, route)
        timeouts, deadline = route.resilience.timeouts, exchange.deadline
        call = self._call = Call(self, self._asked, sender, self._downstream, timeouts, deadline)
        call.start(now)

    def attempt_failed(self, failure: Failure) -> None:
        """Nothing of this attempt's answer has been passed on: another target may answer."""
        if self._is_over:
            return
        attempt, call = self._under_way()
        call.leave()
        now = self.now()
        self._take(self._exchange.failed(attempt, failure, now), now)

    def refused(self, body: bytes) -> None:
        """An error status. The provider's own words go to the client if it is the client's to mend, or there was but
        one attempt.
        """
        attempt, call = self._under_way()
        call.leave()
        now = self.now()
        failure = classify(call.status, call.head, body, who=call.sender.name, wall=self._owner.wall())
        first = not self._exchange.failures
        step = self._exchange.failed(attempt, failure, now)
        verbatim = failure.kind is FailureKind.REQUEST_REFUSED or (
            first and failure.kind is not FailureKind.AUTH_INVALID
        )
        if isinstance(step, GiveUp) and verbatim and 400 <= call.status < 600 and errors.is_error_body(body):
            self._pass_error_on(call, failure, body, now)
        else:
            self._take(step, now)

    # --- answers ---

    def answered(self, body: bytes, usage: Usage | None) -> None:
        attempt, call = self._under_way()
        now = self._first_byte = self.now()
        fields = telling.answer_fields(self._asked, self._told(), call.content_type, call.head)
        self._exchange.succeeded(attempt, call.status, now)
        self._over("ok", call.status, now, usage=usage, reply_bytes=len(body))
        self._downstream.reply(call.status, fields, body)

    def commit(self, length: int | None) -> None:
        _, call = self._under_way()
        self._first_byte = self.now()
        self._downstream.begin(
            call.status, telling.answer_fields(self._asked, self._told(), call.content_type, call.head), length
        )

    def relayed(self, usage: Usage | None, passed: int) -> None:
        attempt, call = self._under_way()
        now = self.now()
        self._exchange.succeeded(attempt, call.status, now)
        self._over("ok", call.status, now, usage=usage, reply_bytes=passed)
        self._downstream.end()

    def broke(self, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        """The client has seen part of the answer: the only honest ending is an error, in band where there are
        events.
        """
        if self._is_over:
            return
        attempt, call = self._under_way()
        call.leave()
        now = self.now()
        self._exchange.ended_badly(attempt, failure, now)
        self._over(failure.kind.value, call.status, now, usage=usage, reply_bytes=passed, error=failure.message)
        if notice == "cut":
            self._downstream.abort()
            return
        if notice == "event":
            code = code_of(FailureKind.INTERRUPTED)
            as_event = errors.response_event if self._asked.endpoint.name == "responses" else errors.event
            self._downstream.write(as_event(f"the answer broke off: {failure.message}", code=code))
        self._downstream.end()

    # --- the client ---

    def client_gone(self, how: str = "the client closed the connection") -> None:
        """Close the upstream at once: nobody is there to read the answer."""
        if self._is_over:
            return
        attempt, call = self._under_way()
        call.leave()
        now = self.now()
        failure = Failure(kind=FailureKind.CANCELLED, source="downstream", message=how)
        self._exchange.ended_badly(attempt, failure, now)
        self._over(failure.kind.value, 499, now, error=failure.message)

    def pause(self) -> None:
        self.paused = True
        if self._call is not None:
            self._call.pause()

    def resume(self) -> None:
        self.paused = False
        if self._call is not None:
            self._call.resume()

    def check(self, now: float) -> None:
        """Called by the sweep: does anything take too long?"""
        if self._call is not None and not self._call.check(now, paused=self.paused):
            self.cut_off("the client took no more of the answer for too long")

    def cut_off(self, why: str) -> None:
        """Have the client notice that there is no more to come."""
        self._downstream.abort()
        self.client_gone(why)

    # --- endings ---

    def _give_up(self, failure: Failure) -> None:
        end = ending(failure, self._exchange.failures)
        fields = telling.error_fields(self._asked, self._told(), end.fields)
        self._over(failure.kind.value, end.status, self.now(), reply_bytes=len(end.body), error=end.message)
        self._downstream.reply(end.status, fields, end.body)

    def _pass_error_on(self, call: Call, failure: Failure, body: bytes, now: float) -> None:
        """The provider's own error, unchanged."""
        head = call.head
        fields = telling.answer_fields(self._asked, self._told(), call.content_type, head)
        for field in (RETRY_AFTER, RETRY_AFTER_MS, SHOULD_RETRY):
            value = head.get(field)
            if value is not None:
                fields += b"%b %b\r\n" % (field[2:], value)
        self._first_byte = now
        self._over(failure.kind.value, call.status, now, reply_bytes=len(body), error=failure.message)
        self._downstream.reply(call.status, fields, body)

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
        self._is_over = True
        self._call = None  # it refers to us: without this only the garbage collector would free a request and its body
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

    def _under_way(self) -> tuple[Attempt, Call]:
        attempt, call = self._attempt, self._call
        if attempt is None or call is None:
            raise RuntimeError("no attempt has been made")
        return attempt, call

    def _told(self) -> bytes:
        call = self._call
        if call is None:
            return telling.told(self._plan, self._exchange, None, 0)
        return telling.told(self._plan, self._exchange, call.sender, call.status)
