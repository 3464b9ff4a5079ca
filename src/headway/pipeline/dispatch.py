"""One client request on its way: attempts in turn, until one answer is passed on or there is nothing left to try.

`core.exchange` says whom to ask and when to give up, `pipeline.attempt` asks, `pipeline.shown` tells the client.
Everything happens in callbacks, with a task only while a connection is being made. Whatever happens, the exchange ends
exactly once, in `_over`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

import msgspec

from headway.core.candidates import Candidate
from headway.core.clients import Admitted
from headway.core.exchange import Attempt, Exchange, Full, GiveUp, Step
from headway.core.remedies import REMEDIES, Elsewhere
from headway.failures import Failure, FailureKind
from headway.pipeline import telling
from headway.pipeline.admission import Admission
from headway.pipeline.asked import Asked
from headway.pipeline.attempt import Call
from headway.pipeline.checked import Checks
from headway.pipeline.endings import BROKE_OFF, SHOULD_NOT_RETRY, ending, pointless, verbatim
from headway.pipeline.overheard import Overheard
from headway.pipeline.plan import Plan
from headway.pipeline.relay import Notice
from headway.pipeline.setting_out import Taught
from headway.pipeline.shown import Shown
from headway.pipeline.turn import Turn
from headway.ports import Downstream
from headway.types import ExchangeEvent, Reading, Usage
from headway.wire.http_head import AMZN_ERROR_TYPE, RETRY_AFTER, RETRY_AFTER_MS, SHOULD_RETRY
from headway.wire.openai import continuation, errors
from headway.wire.openai.peek import JsonRequest
from headway.wire.openai.told import Told


class Owner(Protocol):
    """The gateway, as far as an exchange under way needs it."""

    admission: Admission

    def wall(self) -> float:
        """Unix time."""
        ...

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None: ...


class Part(msgspec.Struct, frozen=True, eq=False):
    """The beginning of an answer that broke off, and that another attempt goes on with."""

    call: Call
    failure: Failure
    usage: Usage | None
    passed: int
    output_tokens: int

    def and_rest(self, usage: Usage | None, passed: int) -> tuple[Usage | None, int]:
        """Usage and bytes of the whole. What went before stands in the second prompt already."""
        if usage is not None:
            usage = msgspec.structs.replace(usage, output_tokens=usage.output_tokens + self.output_tokens)
        return usage, passed + self.passed


class Dispatch(msgspec.Struct, eq=False):
    """`paused`: the client accepts nothing just now."""

    _owner: Owner
    now: Callable[[], float]
    _plan: Plan
    _asked: Asked
    _exchange: Exchange
    _downstream: Downstream
    _call: Call | None = None
    _rival: Call | None = None
    """A second call beside the first, while neither has said anything."""
    _part: Part | None = None
    _shown: Shown | None = None
    """None: nothing, and nothing special is to be done."""
    _checks: Checks | None = None
    _wake: float = inf
    """The next moment (monotonic seconds) at which anything but a call's patience is due."""
    _resume_at: float = inf
    _hedge_at: float = inf
    _hold_at: float = inf
    _first_byte: float | None = None
    _is_over: bool = False
    paused: bool = False
    admitted: Admitted | None = None
    """What its client's limits let in."""
    heard: Overheard | None = None
    """What its client is told, where that is kept."""
    _turn: Turn | None = None
    """It waits for room."""
    _queued: float = 0.0

    # --- its turn ---

    def begin(self, now: float) -> None:
        if self._asked.facts.stream:
            self._prepare_stream(now)
        admission, exchange = self._owner.admission, self._exchange
        if admission.waiting and admission.has_line(exchange.route):
            self._wait_for_turn(exchange.room_at(now), now)
        else:
            self._take(exchange.begin(now), now)

    def _wait_for_turn(self, room_at: float, now: float) -> None:
        self._turn = Turn(self, self._owner.admission, self._exchange)
        self._turn.wait(self._asked, room_at, now)

    def turn_away(self, failure: Failure) -> None:
        """Instead of beginning."""
        self._give_up(failure)

    def on_turn(self, step: Step, waited: float, now: float) -> None:
        self._turn = None
        self._queued = waited
        self._take(step, now)

    # --- attempts ---

    def wall(self) -> float:
        return self._owner.wall()

    def _take(self, step: Step, now: float) -> None:
        if isinstance(step, Attempt):
            self._ask(step, now)
        elif isinstance(step, GiveUp):
            self._give_up(step.failure)
        elif isinstance(step, Full):
            self._wait_for_turn(step.until, now)
        else:
            self._call = None
            self._resume_at = step.until
            self._plan_wake()

    def _ask(self, attempt: Attempt, now: float) -> None:
        call = self._call = self._call_for(attempt)
        call.start(now)

    def _call_for(self, attempt: Attempt, going_on: Told | None = None) -> Call:
        exchange = self._exchange
        route = exchange.route.route
        sender = self._plan.sender(attempt.candidate, route)
        return Call(self, self._asked, sender, attempt, self._downstream, exchange.deadline, self._checks, going_on)

    def attempt_failed(self, call: Call, failure: Failure) -> None:
        """Nothing of this attempt's answer has been passed on: another target may answer."""
        if self._is_over:
            return
        call.leave()
        now = self.now()
        if self._rival is not None and REMEDIES[failure.kind].elsewhere is Elsewhere.NOBODY:
            self._supersede_other(call, now)  # it would be refused too
        if self._rival is not None:  # the other one may still answer
            self._call = self._rival if call is self._call else self._call
            self._rival = None
            self._exchange.failed_beside(call.attempt, failure, now)
        elif self._part is not None:
            self._exchange.ended_badly(call.attempt, failure, now)
            part, message = self._part, f"{self._part.failure.message}; nobody could go on with it: {failure.message}"
            failure = msgspec.structs.replace(part.failure, message=message)
            self._broken(part.call, failure, part.usage, part.passed, notice="event")
        else:
            self._take(self._exchange.failed(call.attempt, failure, now), now)

    def refused(self, call: Call, failure: Failure, body: bytes) -> None:
        """An error status. The provider's own words go to the client if it is the client's to mend, or if no other
        deployment was asked.
        """
        if self._is_over:
            return
        shown = self._shown
        if self._rival is not None or call.going_on is not None or (shown is not None and shown.begun):
            self.attempt_failed(call, failure)
            return
        call.leave()
        now = self.now()
        exchange = self._exchange
        taught = call.learn(failure, body, now)
        if taught is Taught.ADAPT:
            again = exchange.adapted(call.attempt, failure, now)
            if again is not None:
                self._ask(again, now)
                return
        elif taught is Taught.LACKS:  # as if it had been known before
            failure = msgspec.structs.replace(failure, kind=FailureKind.UNSUPPORTED_FEATURE, source="gateway")
        step = exchange.failed(call.attempt, failure, now)
        only = all(each.candidate.deployment == call.attempt.candidate.deployment for each in exchange.attempts)
        if (
            isinstance(step, GiveUp)
            and step.failure.kind is failure.kind
            and verbatim(failure, only=only)
            and 400 <= call.status < 600
            and call.is_verbatim
            and errors.is_error_body(body)
        ):
            self._pass_error_on(call, failure, body, now)
        else:
            self._take(step, now)

    def told_of_quota(self, call: Call, readings: tuple[Reading, ...]) -> None:
        self._exchange.read(call.attempt, readings, self.now())

    def alone(self) -> bool:
        return self._rival is None and self._exchange.alone(self.now())

    # --- answers ---

    def answered(self, call: Call, body: bytes, usage: Usage | None) -> None:
        now = self._first_byte = self.now()
        self._supersede_other(call, now)
        self._asked.worked += call.work(now)
        usage = usage or self._asked.spoken
        fields = self._answer_fields(call)
        cost = self._cost(call, usage, body) if call.sender.has_prices else None
        if cost is not None:
            fields += telling.cost_field(cost)
        self._exchange.succeeded(call.attempt, call.status, now, usage)
        self._over("ok", call.status, now, usage=usage, cost=cost, dropped=call.dropped, reply_bytes=len(body))
        self._downstream.reply(call.status, fields, body)

    def commit(self, call: Call, length: int | None) -> None:
        now = self.now()
        self._supersede_other(call, now)
        attempt, shown = call.attempt, self._shown
        if self.paused:  # since before this call was made
            call.pause()
        self._exchange.committed(attempt, now, streamed=shown is not None)
        if call.going_on is not None:
            self._downstream.write(continuation.comment(attempt.candidate.deployment))
            return
        self._first_byte = now
        fields = self._answer_fields(call)
        if shown is None:
            self._downstream.begin(call.status, fields, length)
            return
        shown.begin(call.status, fields, length)
        self._hold_at = self._hedge_at = self._wake = inf
        hedging = self._exchange.route.hedging
        if hedging is not None:
            hedging.first_token(attempt.candidate.deployment, now - attempt.started)

    def relayed(self, call: Call, usage: Usage | None, passed: int) -> None:
        now = self.now()
        self._exchange.succeeded(call.attempt, call.status, now, usage)
        usage = usage or self._asked.spoken
        cost = self._cost(call, usage)
        if self._part is not None:
            usage, passed = self._part.and_rest(usage, passed)
        status, dropped = self._status_shown(call), call.dropped
        self._over("ok", status, now, usage=usage, cost=cost, dropped=dropped, reply_bytes=passed)
        self._downstream.end()

    def broke(self, call: Call, failure: Failure, usage: Usage | None, passed: int, notice: Notice) -> None:
        """The client has seen part of the answer: the only honest ending is an error, in band where there are events;
        unless the route allows a text to be continued.
        """
        if self._is_over:
            return
        call.leave()
        now = self.now()
        told = None if self._checks is None else self._checks.told
        if notice != "event" or told is None or not told.continuable or not self._leaves_room(told):
            self._exchange.ended_badly(call.attempt, failure, now)
        elif self._exchange.continued(call.attempt, failure, now, _may_go_on):
            self._part = Part(call, failure, usage, passed, told.output_tokens)
            self._call = next_call = self._call_for(self._exchange.attempts[-1], told)
            next_call.start(now)
            return
        if self._part is not None:
            usage, passed = self._part.and_rest(usage, passed)
        self._broken(call, failure, usage, passed, notice=notice)

    def _broken(self, call: Call, failure: Failure, usage: Usage | None, passed: int, *, notice: Notice) -> None:
        now, status = self.now(), self._status_shown(call)
        told, cost = failure.message, self._cost(call, usage)
        self._over(failure.kind.value, status, now, usage=usage, cost=cost, reply_bytes=passed, error=told, broke=True)
        if notice == "cut":
            self._downstream.abort()
            return
        if notice == "event":
            message = f"the answer broke off: {failure.message}"
            self._downstream.write(call.closing_event(message, BROKE_OFF))
        if self._asked.endpoint.unheard:
            self._downstream.abort()
        else:
            self._downstream.end()

    def _leaves_room(self, told: Told) -> bool:
        """May the answer be longer than what the client has seen of it?"""
        facts = self._asked.facts
        if not isinstance(facts, JsonRequest):
            return False
        return continuation.body(facts.fields, facts.fields["model"], told.text, "plain", None) is not None

    def _status_shown(self, call: Call) -> int:
        """A stream may have been given its status before it was known who answers."""
        return call.status if self._shown is None else self._shown.status

    def _supersede_other(self, call: Call, now: float) -> None:
        """Of two calls this one was quicker."""
        rival = self._rival
        if rival is None:
            return
        slower = rival if call is self._call else self._call
        self._call = call
        self._rival = None
        if slower is not None:
            slower.leave()
            self._exchange.superseded(slower.attempt, now)

    # --- the client ---

    def client_gone(self, how: str = "the client closed the connection") -> None:
        """Close the upstream at once: nobody is there to read the answer."""
        if self._is_over:
            return
        now = self.now()
        turn, self._turn = self._turn, None
        if turn is not None:
            self._queued = now - self._exchange.started
            turn.leave()
        failure = Failure(kind=FailureKind.CANCELLED, source="downstream", message=how)
        for call in (self._call, self._rival):
            if call is not None:
                call.leave()
                self._exchange.ended_badly(call.attempt, failure, now)
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
        """Called by the sweep: does anything take too long, is anything due?"""
        if now >= self._wake:
            self._wake_up(now)
        if self._call is not None and not self._call.check(now, paused=self.paused):
            self.cut_off("the client took no more of the answer for too long")
        if self._rival is not None:
            self._rival.check(now, paused=False)

    def cut_off(self, why: str) -> None:
        """Have the client notice that there is no more to come."""
        self._downstream.abort()
        self.client_gone(why)

    # --- what is due at a moment ---

    def _prepare_stream(self, now: float) -> None:
        """A stream may have to be checked, held, hedged, continued, or kept alive while it is silent."""
        asked, route = self._asked, self._exchange.route
        resilience = route.route.resilience
        if asked.streams_events:
            self._shown = Shown(asked, self._downstream)
            self._checks = _checks_for(asked, self._exchange)
            if resilience.timeouts.hold is not None and asked.endpoint.comments:
                self._hold_at = now + resilience.timeouts.hold
        hedging = route.hedging
        if hedging is not None and self._shown is not None and not asked.has_effects:
            hedging.started()
            self._hedge_at = now
        self._plan_wake()

    def _plan_wake(self) -> None:
        self._wake = min(self._resume_at, self._hedge_at, self._hold_at)

    def _wake_up(self, now: float) -> None:
        if now >= self._resume_at:
            self._resume_at = inf
            self._take(self._exchange.resume(now), now)
        if not self._is_over and now >= self._hedge_at:
            self._hedge(now)
        if not self._is_over and now >= self._hold_at:
            self._hold(now)
        self._plan_wake()

    def _hedge(self, now: float) -> None:
        """The first look says when the first attempt is slow; the second starts another."""
        exchange, call = self._exchange, self._call
        self._hedge_at = inf
        hedging = exchange.route.hedging
        if hedging is None or call is None or len(exchange.attempts) != 1:
            return
        due = call.attempt.started + hedging.delay(call.attempt.candidate.deployment)
        if now < due:
            self._hedge_at = due
            return
        second = exchange.hedge(now)
        if second is not None:
            self._rival = self._call_for(second)
            self._rival.start(now)

    def _hold(self, now: float) -> None:
        """Nothing to show yet: a sign of life."""
        resilience = self._exchange.route.route.resilience
        shown = self._shown
        if shown is None or resilience.timeouts.hold is None:
            return
        self._hold_at = now + resilience.timeouts.hold
        if not self.paused:
            shown.hold(telling.holding_fields(self._asked, self._exchange.route.route.name))

    # --- endings ---

    def _give_up(self, failure: Failure) -> None:
        end = ending(failure, self._exchange.failures, self._asked.endpoint.style)
        fields = telling.error_fields(self._asked, self._told(0), end.fields)
        shown = self._shown or Shown(self._asked, self._downstream)
        status = 200 if shown.begun else end.status
        self._over(failure.kind.value, status, self.now(), reply_bytes=len(end.body), error=end.message)
        shown.refused(end, fields)

    def _pass_error_on(self, call: Call, failure: Failure, body: bytes, now: float) -> None:
        """The provider's own error, unchanged."""
        head = call.head
        fields = telling.answer_fields(self._asked, self._told(call.status), call.content_type, head)
        for field in (RETRY_AFTER, RETRY_AFTER_MS, SHOULD_RETRY, AMZN_ERROR_TYPE):
            value = head.get(field)
            if value is not None:
                fields += b"%b %b\r\n" % (field[2:], value)
        if not head.has(SHOULD_RETRY) and pointless([failure]):
            fields += SHOULD_NOT_RETRY
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
        cost: int | None = None,
        dropped: tuple[str, ...] = (),
        reply_bytes: int = 0,
        error: str | None = None,
        broke: bool = False,
    ) -> None:
        self._is_over = True
        # they refer to us: without this only the garbage collector would free a request and its body
        self._call = self._rival = self._part = None
        event = telling.event(
            self._asked,
            self._exchange,
            outcome,
            status,
            at=self._owner.wall(),
            now=now,
            first_byte=self._first_byte,
            usage=usage,
            cost=cost,
            dropped=dropped,
            reply_bytes=reply_bytes,
            error=error,
        )
        if broke:
            event = msgspec.structs.replace(event, broke=True)
        if self._queued:
            event = msgspec.structs.replace(event, queued=self._queued)
        self._owner.over(self, event)

    def _cost(self, call: Call, usage: Usage | None, body: bytes = b"") -> int | None:
        """Micro-dollars, as far as prices are known. The tier of the service is that of the answer, where it is one
        body that says so; else that which was asked for.
        """
        if usage is None or not call.sender.has_prices:
            return None
        tier = self._asked.service_tier
        if tier is not None:
            tier = telling.served_as(body) or tier
        return call.sender.cost(usage, self._owner.wall(), tier)

    def _answer_fields(self, call: Call) -> bytes:
        fields = telling.answer_fields(self._asked, self._told(call.status), call.content_type, call.head)
        return fields + telling.dropped_field(call.dropped) if call.dropped else fields

    def _told(self, status: int) -> bytes:
        return telling.told(self._plan, self._exchange, status)


def _may_go_on(candidate: Candidate) -> bool:
    """Can this target go on with a model's own words?"""
    return candidate.target.deployment.provider.quirks.prefill != "none"


def _checks_for(asked: Asked, exchange: Exchange) -> Checks | None:
    """How to read a stream's answer, beyond passing it on; None for most."""
    resilience = exchange.route.route.resilience
    facts = asked.facts
    goes_on = (
        resilience.continuation
        and asked.endpoint.name == "chat"
        and isinstance(facts, JsonRequest)
        and continuation.may_ever(facts.fields)
    )
    told = Told() if goes_on else None
    checks = Checks(asked.has_tools, resilience.tool_calls, resilience.stream, told)
    return checks if checks.any() else None
