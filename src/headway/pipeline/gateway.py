"""The running data plane: takes a request, pins the plan, and watches over every exchange under way.

One sweep looks at all deadlines; it sleeps while nothing is in flight.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from random import Random

from headway.core.affinity import Ranks
from headway.core.clients import Admitted, Clients, Exceeded
from headway.core.exchange import Exchange
from headway.core.explain import describe
from headway.core.load import NO_LOAD, Load
from headway.core.registry import LiveRoute, Registry
from headway.failures import Failure, FailureKind
from headway.pipeline.admission import Admission
from headway.pipeline.asked import Asked, own_stream_options
from headway.pipeline.conversation import NORMAL, Headers, session_of
from headway.pipeline.dispatch import Dispatch
from headway.pipeline.endings import SHOULD_NOT_RETRY, Ending, code_of, ending
from headway.pipeline.fanout import Fanout
from headway.pipeline.idempotency import Claim, Refused, Replays, digest_of
from headway.pipeline.items import Items, Recall
from headway.pipeline.overheard import Overheard, is_kept, rules_of
from headway.pipeline.plan import Plan
from headway.pipeline.principal import principal_of, tenant_of
from headway.pipeline.reader import Caller, Reader
from headway.pipeline.telling import decision_field
from headway.pipeline.tracing import Tracing
from headway.pipeline.wishes import NOTHING_SAID, READ, Wishes, wishes
from headway.ports import Downstream, Running, Signers, Sink, Timer, Timers, Transport
from headway.types import Change, Content, ExchangeEvent, Overview, Route, RouteRecord, Snapshot, Trace, Troubles
from headway.wire.endpoints import BEDROCK, Endpoint, Style
from headway.wire.invoking import invoked
from headway.wire.malformed import Malformed
from headway.wire.openai.peek import JsonRequest, MultipartRequest, peek_json, peek_multipart
from headway.wire.styles import STYLES

SWEEP_EVERY = 0.1
"""Seconds between looks at the deadlines of everything in flight."""

LAGS = 5
"""Sweeps of which the best says how late the loop is: one pause is no overload."""
LATE, TOO_LATE = 0.05, 0.25
"""Seconds of it after which low priority is refused, and after which all but high is."""


Peeked = JsonRequest | MultipartRequest
INVOKE = BEDROCK["invoke"]
_NOT_INVOKED = Malformed(
    "the body is of no kind that is known here; there are those of Claude, Titan and Nova embeddings, and of Cohere's "
    "embeddings and rerankers. Every model can be asked with Converse"
)


_Opened = tuple[LiveRoute, Wishes, int | None, int]
"""A request that may begin: its route, what its headers wish, its conversation, its priority."""


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
        signers: Signers | None = None,
        keep_content: Callable[[Callable[[], Content]], None] | None = None,
        now: Callable[[], float] = time.monotonic,  # uvloop's own clock moves in steps of a millisecond
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`keep_content` takes what was asked and answered, which is told at the loop's next turn or later."""
        self._loop = loop
        self.now = now
        self.wall = wall
        self.registry = Registry(snapshot.breaker)
        self.changes: list[Change] = []
        """What operators should hear of, until the next exchange ends."""
        self._transport = transport
        self._signers = signers
        self._sink = sink
        self._rng = rng
        self._in_flight: dict[Dispatch, None] = {}
        self._sweep_timer: Timer | None = None
        self._sweep_due = 0.0
        self._lags: deque[float] = deque(maxlen=LAGS)
        self.lag = 0.0
        """Seconds by which the loop is late, of late."""
        self.admission = Admission(loop, now)
        self._ranks = Ranks()
        self.items = Items()
        self.clients = Clients(snapshot.server.limits.clients)
        self._most_in_flight = snapshot.server.limits.in_flight
        self._id_prefix = f"hw-{os.urandom(6).hex()}-"
        self._count = 0
        self._tracing = Tracing.of(snapshot.observability.otel, rng)
        self._keep_content = keep_content or _keep_nothing
        self._content = None if keep_content is None else rules_of(snapshot)
        self.plan = Plan(snapshot, self.registry, transport, now(), signers)
        self.replays = Replays(snapshot.idempotency, sink.record, now=now, wall=wall, later=loop.call_later)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def snapshot(self) -> Snapshot:
        return self.plan.snapshot

    def publish(self, snapshot: Snapshot) -> None:
        self.registry.govern(snapshot.breaker)
        self.plan = plan = Plan(snapshot, self.registry, self._transport, self.now(), self._signers)
        self.registry.keep(list(plan.targets()), snapshot.routes)
        self.replays.adjust(snapshot.idempotency)
        self.clients.adjust(snapshot.server.limits.clients, self.now())
        self._most_in_flight = snapshot.server.limits.in_flight
        self._tracing = Tracing.of(snapshot.observability.otel, self._rng)
        if self._keep_content is not _keep_nothing:
            self._content = rules_of(snapshot)

    def handle(
        self, endpoint: Endpoint, headers: Headers, body: bytes, downstream: Downstream, named: str | None = None
    ) -> Running | None:
        """Begin an exchange, or join the one that has the same Idempotency-Key. None: it is over already, and the
        client has its answer. `named` is the model, where the path has it.
        """
        now = self.now()
        self._count += 1
        request_id = f"{self._id_prefix}{self._count:x}"
        read = {pair[0]: pair[1] for pair in headers if pair[0] in READ}
        trace = None if self._tracing is None else self._tracing.begin(headers)
        if endpoint.body == "json":
            request = peek_json(body, named, endpoint.streams)
        else:
            request = peek_multipart(body, read.get(b"content-type", b""), named)
        if isinstance(request, Malformed):
            self._refuse(endpoint, request_id, request, body, downstream, headers=headers, request=request, trace=trace)
            return None
        if endpoint is INVOKE:
            endpoint = _invoked(request)
        opened = self._open(endpoint, request, read, body, now)
        if not isinstance(opened, tuple):
            self._refuse(endpoint, request_id, opened, body, downstream, headers=headers, request=request, trace=trace)
            return None
        route, said, session, rank = opened
        options = own_stream_options(request)
        asked = Asked(endpoint, request, request_id, len(body), said.forwarded, options, headers, rank)
        asked.session, asked.tags, asked.trace = said.session, said.tags, trace
        if endpoint.name == "responses":
            asked.recall = Recall(self.items, tenant_of(headers), self.now)
        claim = None
        if said.key is not None:
            claim = self._claim(said.key, asked, body, downstream, Caller.of(asked, route.route, now))
            if isinstance(claim, Refused):
                self._refuse(
                    endpoint, request_id, claim, body, downstream, headers=headers, request=request, trace=trace
                )
                return None
            if isinstance(claim, Reader):
                return claim
        exchange = self._exchange(route, said, asked.load(body), session, now)
        asked.told = decision_field(describe(route, exchange.load, session, now)) if said.explain else b""
        answer: Downstream = downstream if claim is None else claim
        heard = None if self._content is None else self._listen(answer, asked, route.route, body)
        if heard is not None:
            answer = heard
        if claim is None:
            running = dispatch = Dispatch(self, self.now, self.plan, asked, exchange, answer)
        else:
            dispatch = Dispatch(_Shared(self, claim), self.now, self.plan, asked, exchange, answer)
            running = claim.run_by(dispatch, downstream)
        dispatch.heard = heard
        self._in_flight[dispatch] = None
        if self._sweep_timer is None:
            self._sweep_due = now + SWEEP_EVERY
            self._sweep_timer = self._loop.call_later(SWEEP_EVERY, self._sweep)
        if self.clients.bounds and not self._enter(dispatch, asked, exchange.load, now):
            return None
        dispatch.begin(now)
        return running

    def _listen(self, answer: Downstream, asked: Asked, route: Route, body: bytes) -> Overheard | None:
        rules = self._content
        if rules is None or not is_kept(rules, route, asked.headers):
            return None
        return Overheard(answer, rules, asked, body)

    def _open(
        self, endpoint: Endpoint, request: Peeked, read: dict[bytes, bytes], body: bytes, now: float
    ) -> _Opened | Failure | Malformed:
        """Where the request goes and what its headers ask for; or why it goes nowhere."""
        if endpoint is INVOKE:
            return _NOT_INVOKED
        route = self.plan.resolve(request.model)
        if isinstance(route, Failure):
            return route
        said = wishes(read, endpoint.style) if len(read) > (b"content-type" in read) else NOTHING_SAID
        if isinstance(said, Malformed):
            return said
        session = session_of(read, request, body) if route.keeps_conversations or len(read) > 1 else None
        rank = NORMAL if said is NOTHING_SAID and not self._ranks else self._rank(said, session, now)
        full = self._no_room(rank) if self.lag > LATE or self._most_in_flight is not None else None
        return (route, said, session, rank) if full is None else full

    def _exchange(self, route: LiveRoute, said: Wishes, load: Load, session: int | None, now: float) -> Exchange:
        resilience = route.route.resilience
        attempts, total = resilience.attempts, resilience.timeouts.total
        if said.attempts is not None:
            attempts = min(attempts, said.attempts)
        if said.total is not None:
            total = min(total, said.total)
        return Exchange(route, now, now + total, attempts, self._rng, self.changes, load, session)

    def _rank(self, said: Wishes, session: int | None, now: float) -> int:
        """The priority that was asked for, now or earlier in the conversation."""
        rank, ranks = said.rank, self._ranks
        if session is not None:
            if rank is not None:
                ranks.keep(session, rank, now)
            elif ranks:
                rank = ranks.of(session, now)
        return NORMAL if rank is None else rank

    def _no_room(self, rank: int) -> Failure | None:
        """Why not even to begin: the gateway has too much to do."""
        lag, most = self.lag, self._most_in_flight
        if lag > LATE and (rank > NORMAL or (lag > TOO_LATE and rank == NORMAL)):
            return _saturated(f"the gateway itself is overloaded: it runs {lag:.1f} s late", 1.0 + lag)
        if most is not None and len(self._in_flight) >= most:
            return _saturated(f"the gateway already has {most} requests under way", 1.0)
        return None

    def _enter(self, dispatch: Dispatch, asked: Asked, load: Load, now: float) -> bool:
        """Do the limits of its client let it in? If not, the client has its answer."""
        who = tenant_of(asked.headers)
        found = self.clients.enter(who, load, now)
        asked.told += self.clients.told_of(who, now)
        if isinstance(found, Admitted):
            dispatch.admitted = found
            return True
        dispatch.turn_away(_exceeded(found))
        return False

    def _claim(self, key: bytes, asked: Asked, body: bytes, downstream: Downstream, caller: Caller) -> Claim:
        if not self.replays.on:
            return None
        digest = digest_of(body, form=asked.endpoint.body == "multipart", forwarded=asked.forwarded)
        return self.replays.claim(key, digest, downstream, caller)

    def over(self, dispatch: Dispatch, event: ExchangeEvent) -> None:
        del self._in_flight[dispatch]
        if dispatch.admitted is not None:
            self.clients.leave(dispatch.admitted, event.usage)
        self._sink.record(event)
        if dispatch.heard is not None:
            dispatch.heard.at = event.at
            self._keep_content(dispatch.heard.content)
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

    def troubles(self) -> Troubles:
        """What stands in the way of requests. It is cheap enough to be asked every second."""
        return Troubles(
            parked=self.registry.unproven_keys(self.now()),
            tripped=self.registry.tripped_names(),
            refused=self.admission.refusals(),
        )

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
        headers: Headers,
        request: Peeked | Malformed,
        trace: Trace | None,
    ) -> None:
        style = endpoint.style
        end = ending(why, [], style, param=_param_of(why)) if isinstance(why, Failure) else _refusal(why, style)
        self._sink.record(
            ExchangeEvent(
                request_id=request_id,
                at=self.wall(),
                endpoint=endpoint.name,
                principal=principal_of(headers),
                model="" if isinstance(request, Malformed) else request.model,
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
                trace=trace,
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


def _keep_nothing(_: Callable[[], Content]) -> None:
    """Nobody keeps what was asked and answered."""


def _invoked(request: Peeked) -> Endpoint:
    found = invoked(request.fields) if isinstance(request, JsonRequest) else None
    return found or INVOKE


def _param_of(why: Failure) -> str | None:
    return None if why.kind is FailureKind.SATURATED else "model"


def _saturated(message: str, wait: float) -> Failure:
    return Failure(kind=FailureKind.SATURATED, source="gateway", message=message, retry_after=wait)


def _exceeded(why: Exceeded) -> Failure:
    if why.wait is None:
        kind, message = FailureKind.TOO_LARGE_FOR_BUCKET, f"the request is larger than your limit of {why.what}"
    else:
        kind, message = FailureKind.RATE_LIMITED, f"you have reached your limit of {why.what}"
    return Failure(kind=kind, source="gateway", message=message, retry_after=why.wait)


def _refusal(why: Malformed | Refused, style: Style) -> Ending:
    if isinstance(why, Refused):
        status, code, param = why.status, why.code, None
    else:
        status, code, param = 400, code_of(FailureKind.INVALID_REQUEST), why.param
    look = STYLES[style]
    body = look.body(why.message, status, code, param)
    return Ending(status, SHOULD_NOT_RETRY + look.fields(status), body, why.message, code)
