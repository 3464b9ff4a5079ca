"""The running data plane: takes a request, pins the plan, and watches over every exchange under way.

One sweep looks at all deadlines; it sleeps while nothing is in flight.
"""

from __future__ import annotations

import os
import time
from asyncio import AbstractEventLoop, TimerHandle
from random import Random

from headway.core.exchange import Exchange
from headway.core.registry import Registry
from headway.pipeline.asked import Asked, own_stream_options
from headway.pipeline.dispatch import Dispatch
from headway.pipeline.endings import Ending, code_of, ending
from headway.pipeline.plan import Plan
from headway.ports import Downstream, Sink, Transport
from headway.types import ExchangeEvent, Failure, FailureKind, Snapshot
from headway.wire.openai import errors
from headway.wire.openai.endpoints import Endpoint
from headway.wire.openai.peek import Malformed, peek_json, peek_multipart

SWEEP_EVERY = 0.1
"""Seconds between looks at the deadlines of everything in flight."""

Headers = list[tuple[bytes, bytes]]
"""Names in lower case."""

_FORWARDED = frozenset({b"openai-beta"})
_READ = _FORWARDED | {b"content-type", b"x-headway-attempts", b"x-headway-timeout"}


class Gateway:
    """Make it inside a running loop. `publish` replaces the configuration; requests in flight keep the one they began
    with.
    """

    def __init__(
        self, snapshot: Snapshot, *, transport: Transport, sink: Sink, loop: AbstractEventLoop, rng: Random
    ) -> None:
        self._loop = loop
        self.now = time.monotonic  # uvloop's own clock moves in steps of a millisecond
        self.registry = Registry()
        self._transport = transport
        self._sink = sink
        self._rng = rng
        self._in_flight: dict[Dispatch, None] = {}
        self._sweep_timer: TimerHandle | None = None
        self._id_prefix = f"hw-{os.urandom(6).hex()}-"
        self._count = 0
        self.plan = Plan(snapshot, self.registry, transport)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def snapshot(self) -> Snapshot:
        return self.plan.snapshot

    def publish(self, snapshot: Snapshot) -> None:
        self.plan = plan = Plan(snapshot, self.registry, self._transport)
        self.registry.keep(list(plan.targets()))

    def wall(self) -> float:
        return time.time()

    def handle(self, endpoint: Endpoint, headers: Headers, body: bytes, downstream: Downstream) -> Dispatch | None:
        """Begin an exchange. None: it is over already, and the client has its answer."""
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
        forwarded = b""
        if len(read) > (b"content-type" in read):
            forwarded = b"".join([b"%b: %b\r\n" % pair for pair in read.items() if pair[0] in _FORWARDED])
            lowered = _lowered(read, attempts, total)
            if isinstance(lowered, Malformed):
                self._refuse(endpoint, request_id, lowered, body, downstream, model=request.model)
                return None
            attempts, total = lowered
        exchange = Exchange(route, now, now + total, attempts, self._rng)
        asked = Asked(endpoint, request, request_id, len(body), forwarded, own_stream_options(request))
        dispatch = Dispatch(self, self.now, plan, asked, exchange, downstream)
        self._in_flight[dispatch] = None
        if self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(SWEEP_EVERY, self._sweep)
        dispatch.begin(now)
        return dispatch

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None:
        del self._in_flight[dispatch]
        self._sink.record(event)

    def close(self) -> None:
        """Cut off what is still under way."""
        for dispatch in list(self._in_flight):
            dispatch.cut_off("the gateway shut down before the answer was complete")
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None

    def _sweep(self) -> None:
        now = self.now()
        try:
            for dispatch in list(self._in_flight):
                dispatch.check(now)
        finally:  # a bug that one exchange meets must not leave the others without deadlines
            self._sweep_timer = self._loop.call_later(SWEEP_EVERY, self._sweep) if self._in_flight else None

    def _refuse(
        self,
        endpoint: Endpoint,
        request_id: str,
        why: Malformed | Failure,
        body: bytes,
        downstream: Downstream,
        *,
        model: str = "",
    ) -> None:
        end = _malformed(why) if isinstance(why, Malformed) else ending(why, [], param="model")
        self._sink.record(
            ExchangeEvent(
                request_id=request_id,
                at=self.wall(),
                endpoint=endpoint.name,
                model=model,
                route="",
                stream=False,
                outcome=why.kind.value if isinstance(why, Failure) else FailureKind.REQUEST_REFUSED.value,
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


def _malformed(why: Malformed) -> Ending:
    code = code_of(FailureKind.REQUEST_REFUSED)
    body = errors.body(why.message, status=400, code=code, param=why.param)
    return Ending(400, b"x-should-retry: false\r\n", body, why.message)


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
