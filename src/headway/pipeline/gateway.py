"""The running data plane: takes a request, pins the plan, and watches over every exchange under way.

One sweep looks at all deadlines; it sleeps while nothing is in flight.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from random import Random

from headway.core.exchange import Exchange
from headway.core.explain import describe
from headway.core.load import NO_LOAD, Load
from headway.core.registry import LiveRoute, Registry
from headway.failures import Failure, FailureKind
from headway.pipeline.admission import Admission
from headway.pipeline.asked import Asked, own_stream_options
from headway.pipeline.conversation import NORMAL, RANKS, SESSION_HEADERS, Headers, session_of
from headway.pipeline.dispatch import Dispatch
from headway.pipeline.endings import SHOULD_NOT_RETRY, Ending, code_of, ending
from headway.pipeline.fanout import Fanout
from headway.pipeline.idempotency import Claim, Refused, Replays, digest_of
from headway.pipeline.plan import Plan
from headway.pipeline.reader import Caller, Reader
from headway.ports import Downstream, Running, Sink, Timer, Timers, Transport
from headway.types import Change, ExchangeEvent, Overview, RouteRecord, Snapshot
from headway.wire.openai import errors
from headway.wire.openai.endpoints import Endpoint
from headway.wire.openai.peek import Malformed, peek_json, peek_multipart

SWEEP_EVERY = 0.1
"""Seconds between looks at the deadlines of everything in flight."""

_FORWARDED = frozenset({b"openai-beta"})
_READ = _FORWARDED | {
    b"content-type",
    b"idempotency-key",
    b"x-headway-attempts",
    b"x-headway-priority",
    b"x-headway-timeout",
    *SESSION_HEADERS,
}
LAGS = 5
"""Sweeps of which the best says how late the loop is: one pause is no overload."""
LATE, TOO_LATE = 0.05, 0.25
"""Seconds of it after which low priority is refused, and after which all but high is."""


class Gateway:
    """Make it inside a running loop. `publish` replaces the configuration; requests in flight keep the one they began
    with.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        transport: Transport,
        sink: Sink,
        loop: Timers,
        rng: Random,
        now: Callable[[], float] = time.monotonic,  # uvloop's own clock moves in steps of a millisecond
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self.now = now
        self.wall = wall
        self.registry = Registry(snapshot.breaker)
        self.changes: list[Change] = []
        """What operators should hear of, until the next exchange ends."""
        self._transport = transport
        self._sink = sink
        self._rng = rng
        self._in_flight: dict[Dispatch, None] = {}
        self._sweep_timer: Timer | None = None
        self._sweep_due = 0.0
        self._lags: deque[float] = deque(maxlen=LAGS)
        self.lag = 0.0
        """Seconds by which the loop is late, of late."""
        self.admission = Admission(loop, now)
        self._id_prefix = f"hw-{os.urandom(6).hex()}-"
        self._count = 0
        self.plan = Plan(snapshot, self.registry, transport)
        self.replays = Replays(snapshot.idempotency, sink.record, now=now, wall=wall, later=loop.call_later)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def snapshot(self) -> Snapshot:
        return self.plan.snapshot

    def publish(self, snapshot: Snapshot) -> None:
        self.registry.govern(snapshot.breaker)
        self.plan = plan = Plan(snapshot, self.registry, self._transport)
        self.registry.keep(list(plan.targets()), snapshot.routes)
        self.replays.adjust(snapshot.idempotency)

    def handle(self, endpoint: Endpoint, headers: Headers, body: bytes, downstream: Downstream) -> Running | None:
        """Begin an exchange, or join the one that has the same Idempotency-Key. None: it is over already, and the
        client has its answer.
        """
        now = self.now()
        self._count += 1
        request_id = f"{self._id_prefix}{self._count:x}"
        read = {pair[0]: pair[1] for pair in headers if pair[0] in _READ}
        request = peek_json(body) if endpoint.body == "json" else peek_multipart(body, read.get(b"content-type", b""))
        if isinstance(request, Malformed):
            self._refuse(endpoint, request_id, request, body, downstream)
            return None
        plan = self.plan
        route = plan.resolve(request.model)
        if isinstance(route, Failure):
            self._refuse(endpoint, request_id, route, body, downstream, model=request.model)
            return None
        resilience = route.route.resilience
        attempts, total = resilience.attempts, resilience.timeouts.total
        forwarded, key, rank = b"", None, NORMAL
        if len(read) > (b"content-type" in read):
            forwarded = b"".join([b"%b: %b\r\n" % pair for pair in read.items() if pair[0] in _FORWARDED])
            lowered = _lowered(read, attempts, total)
            if isinstance(lowered, Malformed):
                self._refuse(endpoint, request_id, lowered, body, downstream, model=request.model)
                return None
            attempts, total = lowered
            key = read.get(b"idempotency-key")
            rank = RANKS.get(read.get(b"x-headway-priority", b"normal").lower(), -1)
            if rank < 0:
                why = Malformed("x-headway-priority must be high, normal or low")
                self._refuse(endpoint, request_id, why, body, downstream, model=request.model)
                return None
        if self.lag > LATE and (rank > NORMAL or (self.lag > TOO_LATE and rank == NORMAL)):
            self._refuse(endpoint, request_id, _overloaded(self.lag), body, downstream, model=request.model)
            return None
        asked = Asked(endpoint, request, request_id, len(body), forwarded, own_stream_options(request), headers, rank)
        claim = None if key is None else self._claim(key, asked, body, downstream, Caller.of(asked, route.route, now))
        if isinstance(claim, Refused):
            self._refuse(endpoint, request_id, claim, body, downstream, model=request.model)
            return None
        if isinstance(claim, Reader):
            return claim
        session = session_of(read, request, body) if route.keeps_conversations else None
        exchange = Exchange(route, now, now + total, attempts, self._rng, self.changes, asked.load(body), session)
        if claim is None:
            running = dispatch = Dispatch(self, self.now, plan, asked, exchange, downstream)
        else:
            dispatch = Dispatch(_Shared(self, claim), self.now, plan, asked, exchange, claim)
            running = claim.run_by(dispatch, downstream)
        self._in_flight[dispatch] = None
        if self._sweep_timer is None:
            self._sweep_due = now + SWEEP_EVERY
            self._sweep_timer = self._loop.call_later(SWEEP_EVERY, self._sweep)
        dispatch.begin(now)
        return running

    def _claim(self, key: bytes, asked: Asked, body: bytes, downstream: Downstream, caller: Caller) -> Claim:
        if not self.replays.on:
            return None
        digest = digest_of(body, form=asked.endpoint.body == "multipart", forwarded=asked.forwarded)
        return self.replays.claim(key, digest, downstream, caller)

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None:
        del self._in_flight[dispatch]
        self._sink.record(event)
        if self.admission.waiting:
            self.admission.pump()
        if self.changes:
            changes, self.changes[:] = list(self.changes), []
            for change in changes:
                self._sink.changed(change, self.wall())

    def close(self) -> None:
        """Cut off what is still under way."""
        for dispatch in list(self._in_flight):
            dispatch.cut_off("the gateway shut down before the answer was complete")
        self.replays.close()
        self.admission.close()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None

    # --- what is seen from outside ---

    def overview(self) -> Overview:
        """How all routes of the configuration stand."""
        return Overview(lag=self.lag, routes=tuple([self._seen(route, NO_LOAD, None) for route in self.plan.routes()]))

    def explain(self, model: str, load: Load = NO_LOAD, session: str | None = None) -> RouteRecord | Failure:
        """How the route for a model name stands for a request. `session` is what a header would call it."""
        route = self.plan.resolve(model)
        if isinstance(route, Failure):
            return route
        return self._seen(route, load, None if session is None else hash(session.encode()))

    def _seen(self, route: LiveRoute, load: Load, session: int | None) -> RouteRecord:
        return RouteRecord(
            model=route.route.name,
            balance=route.route.balance,
            targets=describe(route, load, session, self.now()),
            queue=self.admission.seen(route),
        )

    # --- inside ---

    def _sweep(self) -> None:
        now = self.now()
        self._lags.append(now - self._sweep_due)
        self.lag = min(self._lags) if len(self._lags) == LAGS else 0.0
        self._sweep_due = now + SWEEP_EVERY
        try:
            for dispatch in list(self._in_flight):
                dispatch.check(now)
        finally:  # a bug that one exchange meets must not leave the others without deadlines
            self._sweep_timer = self._loop.call_later(SWEEP_EVERY, self._sweep) if self._in_flight else None
            if self._sweep_timer is None:
                self._lags.clear()
                self.lag = 0.0

    def _refuse(
        self,
        endpoint: Endpoint,
        request_id: str,
        why: Malformed | Failure | Refused,
        body: bytes,
        downstream: Downstream,
        *,
        model: str = "",
    ) -> None:
        end = ending(why, [], param=_param_of(why)) if isinstance(why, Failure) else _refusal(why)
        self._sink.record(
            ExchangeEvent(
                request_id=request_id,
                at=self.wall(),
                endpoint=endpoint.name,
                model=model,
                route="",
                stream=False,
                outcome=why.kind.value if isinstance(why, Failure) else FailureKind.INVALID_REQUEST.value,
                status=end.status,
                duration=0.0,
                first_byte=None,
                attempts=(),
                usage=None,
                request_bytes=len(body),
                reply_bytes=len(end.body),
                error=end.message,
            )
        )
        fields = b"content-type: application/json\r\nx-request-id: %b\r\n%b" % (request_id.encode(), end.fields)
        downstream.reply(end.status, fields, end.body)


class _Shared:
    """The owner of an exchange whose answer others may want too."""

    __slots__ = ("_answer", "_gateway", "admission")

    def __init__(self, gateway: Gateway, answer: Fanout) -> None:
        self._gateway = gateway
        self._answer = answer
        self.admission = gateway.admission

    def wall(self) -> float:
        return self._gateway.wall()

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None:
        self._gateway.over(dispatch, event)
        self._answer.settled(event)


def _param_of(why: Failure) -> str | None:
    return None if why.kind is FailureKind.SATURATED else "model"


def _overloaded(lag: float) -> Failure:
    message = f"the gateway itself is overloaded: it runs {lag:.1f} s late"
    return Failure(kind=FailureKind.SATURATED, source="gateway", message=message, retry_after=1.0 + lag)


def _refusal(why: Malformed | Refused) -> Ending:
    if isinstance(why, Refused):
        status, code, param = why.status, why.code, None
    else:
        status, code, param = 400, code_of(FailureKind.INVALID_REQUEST), why.param
    body = errors.body(why.message, status=status, code=code, param=param)
    return Ending(status, SHOULD_NOT_RETRY, body, why.message, code)


def _lowered(read: dict[bytes, bytes], attempts: int, total: float) -> tuple[int, float] | Malformed:
    """Attempts and deadline as the client's own headers lower them; they can raise neither."""
    wanted = read.get(b"x-headway-attempts")
    if wanted is not None:
        if not wanted.isdigit() or not int(wanted[:9]) >= 1:
            return Malformed("x-headway-attempts must be a whole number of at least 1")
        attempts = min(attempts, int(wanted[:9]))
    patience = read.get(b"x-headway-timeout")
    if patience is not None:
        seconds = _seconds(patience)
        if seconds is None:
            return Malformed("x-headway-timeout must be a duration such as 500ms, 30s or 5m")
        total = min(total, seconds)
    return attempts, total


_UNITS = {b"ms": 0.001, b"s": 1.0, b"m": 60.0, b"h": 3600.0, b"": 1.0}


def _seconds(text: bytes) -> float | None:
    number = text.rstrip(b"mshMSH ")
    unit = text[len(number) :].strip().lower()
    try:
        value = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        return None
    return value if 0.0 < value < 1e7 else None
