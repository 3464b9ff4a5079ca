"""A gateway without a kernel: upstreams do as a test says, clients take notes, and time moves when told.

The fakes are strict: a client that is written to after the end, or an upstream used against the rules of `ports`,
fails the test on the spot. When a test is over, `World` checks that nothing leaked and that every exchange was
recorded once.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from math import inf
from random import Random
from typing import Any, cast

import msgspec
import pytest

from headway.core.candidates import Candidate
from headway.core.registry import LiveRoute
from headway.failures import Failure, FailureKind
from headway.pipeline.gateway import Gateway
from headway.ports import Dialer, Listener, Running, Signers
from headway.types import (
    Breaker,
    Change,
    Content,
    ContentRules,
    Credential,
    Deployment,
    Dialect,
    ExchangeEvent,
    Fallback,
    Observability,
    Pricing,
    Profile,
    Provider,
    Queue,
    Quirks,
    Resilience,
    Route,
    Secret,
    Server,
    ServerLimits,
    Snapshot,
    Target,
    Tier,
)
from headway.wire import sse
from headway.wire.endpoints import ALL, Endpoint
from headway.wire.http_head import Head

BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ALL}

Fallbacks = list[tuple[set[FailureKind], list[list[str]]]]
"""Kinds, and the tiers where requests go that failed so; no tiers: the route's own."""


class Timer:
    def __init__(self, when: float, call: Callable[[], object]) -> None:
        self.when = when
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """The loop, as far as the gateway uses one, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., object], *args: object) -> Timer:
        timer = Timer(self.now + delay, lambda: call(*args))
        self.timers.append(timer)
        return timer

    def pass_by(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self.timers = [timer for timer in self.timers if not timer.cancelled]
            due = [timer for timer in self.timers if timer.when <= end]
            if not due:
                self.now = end
                return
            first = min(due, key=_when)
            self.timers.remove(first)
            self.now = first.when
            first.call()


def _when(timer: Timer) -> float:
    return timer.when


class Peer:
    """An upstream connection, from both ends: the gateway's `Connection`, and what the upstream does with it."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._listener: Listener | None = None
        self._complete = True
        self.requests: list[tuple[bytes, bytes]] = []
        self.paused = False
        self.aborted = False
        self.lost = False

    # --- what the gateway does ---

    def send(self, head: bytes, body: bytes, listener: Listener) -> None:
        assert self._listener is None, "a connection serves one request at a time"
        assert not self.aborted, "an aborted connection is not used again"
        self.requests.append((head, body))
        self._listener = listener
        self._complete = False
        if self.lost:
            self.lose(stale=True)

    def hand_over(self, listener: Listener) -> None:
        assert self._listener is not None
        self._listener = listener

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def abort(self) -> None:
        self.aborted = True
        self._listener = None
        if self in self._origin.idle:
            self._origin.idle.remove(self)

    # --- what the upstream does ---

    @property
    def waiting(self) -> bool:
        """Does someone listen?"""
        return self._listener is not None

    @property
    def head(self) -> bytes:
        return self.requests[-1][0]

    @property
    def sent(self) -> Any:
        """The latest request's JSON."""
        return msgspec.json.decode(self.requests[-1][1])

    def answer(self, status: int, body: bytes = b"", *, kind: str = "application/json", **fields: str) -> None:
        """A whole reply in one read."""
        fields["content_length"] = str(len(body))
        self._on_head(status, kind, fields, body, complete=True)

    def begin(self, status: int = 200, body: bytes = b"", *, kind: str = "text/event-stream", **fields: str) -> None:
        """The head of a reply of which more will come."""
        self._on_head(status, kind, fields, body, complete=False)

    def data(self, data: bytes) -> None:
        listener = self._listener
        assert listener is not None, "nobody listens any more"
        listener.on_body(data, False)

    def end(self, data: bytes = b"") -> None:
        """The rest of the reply; the connection becomes idle."""
        listener, self._listener = self._listener, None
        assert listener is not None, "nobody listens any more"
        listener.on_body(data, True)
        self._release()

    def lose(self, kind: FailureKind = FailureKind.BAD_REPLY, *, stale: bool = False) -> None:
        """The connection breaks. It is not idle any more, if it was."""
        self.lost = True
        if self in self._origin.idle and not stale:
            self._origin.idle.remove(self)
        listener, self._listener = self._listener, None
        if listener is not None:
            if stale:
                kind = FailureKind.TRANSPORT
            listener.on_lost(
                Failure(kind=kind, source="upstream", message=f"{self._origin.name} broke off", stale_connection=stale)
            )

    def _on_head(self, status: int, kind: str, fields: dict[str, str], body: bytes, *, complete: bool) -> None:
        listener = self._listener
        assert listener is not None, "nobody listens any more"
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}"] if kind else [f"HTTP/1.1 {status} Whatever"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        if complete:
            self._listener = None
        listener.on_head(status, Head("".join(f"{line}\r\n" for line in lines).encode()), body, complete)
        if complete:
            self._release()

    def _release(self) -> None:
        if not self.aborted and self._listener is None:
            self.paused = False
            self._origin.idle.append(self)


class Dialling:
    def __init__(self, origin: Origin, timeout: float, dialer: Dialer) -> None:
        self._origin = origin
        self.timeout = timeout
        self._dialer: Dialer | None = dialer
        self.cancelled = False

    @property
    def pending(self) -> bool:
        return self._dialer is not None

    def cancel(self) -> None:
        self.cancelled = True
        self._dialer = None

    def connect(self) -> Peer:
        peer = Peer(self._origin)
        self._origin.peers.append(peer)
        self._done().on_connected(peer)
        return peer

    def fail(self, kind: FailureKind = FailureKind.TRANSPORT) -> None:
        name = self._origin.name
        self._done().on_dial_failed(Failure(kind=kind, source="upstream", message=f"cannot connect to {name}"))

    def _done(self) -> Dialer:
        dialer, self._dialer = self._dialer, None
        assert dialer is not None, "nobody waits for this dial"
        return dialer


class Origin:
    """One provider. `fields` and `path_prefix` are what requests begin with."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path_prefix = b"/v1"
        self.fields = f"host: {name}.test\r\n".encode()
        self.idle: list[Peer] = []
        self.dials: list[Dialling] = []
        self.peers: list[Peer] = []

    def take(self) -> Peer | None:
        return self.idle.pop() if self.idle else None

    def dial(self, timeout: float, dialer: Dialer) -> Dialling:
        dialling = Dialling(self, timeout, dialer)
        self.dials.append(dialling)
        return dialling

    @property
    def asked(self) -> int:
        """Requests that were sent to it."""
        return sum(len(peer.requests) for peer in self.peers)

    def connect(self) -> Peer:
        """Let the dial that waits succeed."""
        (waiting,) = [dial for dial in self.dials if dial.pending]
        return waiting.connect()

    def serving(self) -> Peer:
        """The one connection whose request waits for an answer, made if it is being dialled."""
        if any(dial.pending for dial in self.dials):
            self.connect()
        (peer,) = [peer for peer in self.peers if peer.waiting]
        return peer

    def refuse(self) -> None:
        (waiting,) = [dial for dial in self.dials if dial.pending]
        waiting.fail()


class Client:
    """The `Downstream` of one exchange, which takes notes. `breaking`: every write raises, as on a closed socket."""

    def __init__(self) -> None:
        self.dispatch: Running | None = None
        self.status = 0
        self.fields: list[tuple[str, str]] = []
        self.length: int | None = None
        self.pieces: list[bytes] = []
        self.begun = self.ended = self.aborted = self.left = self.breaking = False

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.begin(status, headers, len(body))
        self.write(body)
        self.end()

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        assert not self.begun, "an answer begins once"
        self._check()
        self.begun = True
        self.status = status
        self.length = length
        lines = headers.decode("latin-1").split("\r\n")
        assert lines.pop() == "", "header lines end with CRLF"
        self.fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    def write(self, data: bytes) -> None:
        self._check()
        assert self.begun, "the head comes first"
        self.pieces.append(data)

    def end(self) -> None:
        self._check()
        self.ended = True
        if self.length is not None:
            assert len(self.body) == self.length

    def abort(self) -> None:
        assert not self.ended
        self.aborted = True

    def _check(self) -> None:
        assert not self.ended, "nothing follows the end"
        assert not self.aborted, "nothing follows an abort"
        assert not self.left, "nobody is there"
        if self.breaking:
            raise RuntimeError("the transport is closed")

    # --- what the client does ---

    def leave(self) -> None:
        self.left = True
        if self.dispatch is not None:
            self.dispatch.client_gone()

    def block(self) -> None:
        """It takes no more of the answer for now."""
        assert self.dispatch is not None
        self.dispatch.pause()

    def unblock(self) -> None:
        assert self.dispatch is not None
        self.dispatch.resume()

    # --- what it saw ---

    @property
    def over(self) -> bool:
        return self.ended or self.aborted or self.left

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """The data of every server-sent event, decoded; `[DONE]` as text. Clients drop an event without data."""
        whole, rest = sse.split(self.body)
        assert not rest.strip(), "the last event is complete"
        payloads = [payload for payload in map(sse.data_of, whole) if payload]
        return [payload.decode() if payload == b"[DONE]" else msgspec.json.decode(payload) for payload in payloads]

    @property
    def comments(self) -> list[bytes]:
        return [line for line in self.body.split(b"\n") if line.startswith(b":")]

    @property
    def text(self) -> str:
        """What the model said, as a client of the chat dialect reads it."""
        choices = [choice for event in self.events if event != "[DONE]" for choice in event.get("choices", [])]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    def field(self, name: str) -> str | None:
        values = [value for each, value in self.fields if each == name]
        assert len(values) <= 1, f"{name} twice"
        return values[0] if values else None


class World:
    """A gateway over the providers `a`, `b`, ...: by default the route `default` prefers `a` and falls back on `b`."""

    def __init__(
        self,
        tiers: list[list[str]],
        resilience: Resilience,
        quirks: Quirks | Mapping[str, Quirks],
        concurrency: int | None,
        bare: dict[str, tuple[str, ...]],
        *,
        reasoning: str = "",
        fallbacks: Fallbacks | None = None,
        breaker: Breaker | None = None,
        kind: str = "custom",
        seed: int = 1,
        queue: Queue | None = None,
        affinity: float | None = None,
        limits: ServerLimits | None = None,
        dialects: Mapping[str, Dialect] | None = None,
        surfaces: Mapping[str, str] | None = None,
        lacks: Mapping[str, frozenset[str]] | None = None,
        strict: bool = False,
        tariff: Pricing | None = None,
        signers: Signers | None = None,
        content: ContentRules | None = None,
        keeps: bool | None = None,
    ) -> None:
        """`content` is what the configuration says of contents, `keeps` what the model does.
        `dialects`, `surfaces` and `lacks` are by provider.
        """
        self._dialects = dialects or {}
        self._surfaces = surfaces or {}
        self._lacks = lacks or {}
        self._strict = strict
        self._tariff = tariff
        self._queue = queue or Queue()
        self._affinity = affinity
        self._limits = limits or ServerLimits()
        self._observability = Observability(content=content or ContentRules())
        self._keeps = keeps
        self._told: list[Callable[[], Content]] = []
        self.clock = Clock()
        self.origins: dict[str, Origin] = {}
        self.events: list[ExchangeEvent] = []
        self.changes: list[Change] = []
        self.clients: list[Client] = []
        self._tiers = tiers
        self._quirks = quirks
        self._concurrency = concurrency
        self._bare = bare
        self._reasoning = reasoning
        self._fallbacks = fallbacks or []
        self._breaker = breaker or Breaker()
        self._kind = kind
        self._generation = itertools.count(1)
        self.gateway = Gateway(
            self.snapshot(resilience),
            transport=self,
            sink=self,
            loop=cast(asyncio.AbstractEventLoop, self.clock),
            rng=Random(seed),
            signers=signers,
            keep_content=self._told.append,
            now=self.clock,
        )

    def snapshot(self, resilience: Resilience) -> Snapshot:
        """Targets are written `provider`, `provider#key` or `provider/model`; the model is `m` where none is given."""
        keys: dict[str, dict[str, Credential]] = {}
        of_fallbacks = itertools.chain(*(tiers for _, tiers in self._fallbacks))
        for target in itertools.chain(*self._tiers, *of_fallbacks):
            name, _, key = target.partition("/")[0].partition("#")
            key = key or "default"
            secret = Secret(f"sk-{name}-{key}")
            keys.setdefault(name, {})[key] = Credential(name=key, secret=secret, concurrency=self._concurrency)
        providers = {
            name: Provider(
                name=name,
                kind=self._kind,
                dialect=self._dialects.get(name, "openai_chat"),
                surface=self._surfaces.get(name, ""),
                base_url=f"http://{name}.test/v1",
                credentials=tuple(credentials.values()),
                quirks=self._quirks if isinstance(self._quirks, Quirks) else self._quirks.get(name, Quirks()),
            )
            for name, credentials in keys.items()
        }

        def target_of(text: str) -> Target:
            name, _, model = text.partition("/")
            name, _, key = name.partition("#")
            profile = Profile(reasoning=name in self._reasoning, lacks=self._lacks.get(name, frozenset()))
            deployment = Deployment(provider=providers[name], model=model or "m", profile=profile, tariff=self._tariff)
            return Target(deployment=deployment, credential=keys[name][key or "default"], weight=1.0)

        def tiers_of(texts: list[list[str]]) -> tuple[Tier, ...]:
            return tuple(Tier(tuple(target_of(text) for text in tier)) for tier in texts)

        fallbacks = tuple(Fallback(frozenset(kinds), tiers_of(tiers)) for kinds, tiers in self._fallbacks)
        route = Route(
            name="default",
            tiers=tiers_of(self._tiers),
            queue=self._queue,
            affinity=self._affinity,
            strict=self._strict,
            resilience=resilience,
            fallbacks=fallbacks,
            content=self._keeps,
        )
        return Snapshot(
            generation=next(self._generation),
            server=Server(limits=self._limits),
            providers=providers,
            routes={"default": route},
            bare_models=self._bare,
            known_models={},
            resilience=resilience,
            breaker=self._breaker,
            observability=self._observability,
            source="test",
        )

    # --- ports ---

    def origin(self, provider: Provider) -> Origin:
        return self[provider.name]

    def record(self, event: ExchangeEvent) -> None:
        self.events.append(event)

    def changed(self, change: Change, at: float) -> None:
        assert at > 1e9, "Unix time"
        self.changes.append(change)

    # --- what a test does ---

    def __getitem__(self, name: str) -> Origin:
        return self.origins.setdefault(name, Origin(name))

    @property
    def a(self) -> Origin:
        return self["a"]

    @property
    def b(self) -> Origin:
        return self["b"]

    def ask(
        self,
        body: bytes | None = None,
        *,
        endpoint: str = "chat",
        headers: dict[str, str | None] | None = None,
        client: Client | None = None,
        named: str | None = None,
        **fields: Any,
    ) -> Client:
        """A request for the model `default`, or whatever `fields` or `body` say; a header of None is left out. `named`
        is the model of a path.
        """
        client = client or Client()
        self.clients.append(client)
        if body is None:
            said = fields if named is not None else {"model": "default", "messages": [], **fields}
            body = msgspec.json.encode(said)
        shown = {"content-type": "application/json", "authorization": "Bearer sk-client", **(headers or {})}
        raw = [(name.encode(), value.encode()) for name, value in shown.items() if value is not None]
        client.dispatch = self.gateway.handle(BY_NAME[endpoint], raw, body, client, named)
        return client

    def wait(self, seconds: float) -> None:
        self.clock.pass_by(seconds)

    def wait_until(self, come_true: Callable[[], object], *, within: float) -> float:
        """Let time pass until it is so; the seconds it took."""
        began = self.clock.now
        while not come_true():
            assert self.clock.now - began < within, "it never comes true"
            self.clock.pass_by(0.05)
        return self.clock.now - began

    @property
    def contents(self) -> list[Content]:
        """What was asked and answered, where that is to be kept."""
        return [told() for told in self._told]

    @property
    def event(self) -> ExchangeEvent:
        """The only one."""
        (event,) = self.events
        return event

    @property
    def tried(self) -> list[tuple[str, str, str]]:
        """Provider, result and reason of every attempt of the only exchange."""
        return [(each.target.partition("/")[0], each.result, each.reason) for each in self.event.attempts]

    @property
    def candidates(self) -> list[Candidate]:
        live = self.gateway.plan.resolve("default")
        assert isinstance(live, LiveRoute)
        tiers = [*live.tiers, *itertools.chain(*(fallback.tiers for fallback in live.fallbacks))]
        return [candidate for tier in tiers for candidate in tier.candidates]

    @property
    def slots(self) -> int:
        """Slots in use, over all targets."""
        targets = {target.name: target for target in self.gateway.plan.targets()}
        return sum(map(self.gateway.registry.in_flight, targets.values()))

    def check(self) -> None:
        """Everything is over, was told to the client and recorded once, and nothing is held any more."""
        assert self.gateway.in_flight == 0
        assert self.slots == 0
        for candidate in self.candidates:
            allowance, breaker = candidate.state.allowance, candidate.state.breaker
            assert (allowance.in_flight, allowance.failovers) == (0, 0)
            assert breaker.allows(inf), "a trial was never ended"
        assert [client.over for client in self.clients] == [True] * len(self.clients)
        assert len(self.events) == len(self.clients)
        assert len({event.request_id for event in self.events}) == len(self.events)
        for origin in self.origins.values():
            assert not any(dial.pending for dial in origin.dials)
            for peer in origin.peers:
                assert not peer.waiting, "an upstream was left listening to nobody"
                assert peer.aborted or peer.lost or peer in origin.idle, "a connection was forgotten"
        self.wait(1.0)
        assert self.clock.timers == [], "the sweep sleeps while nothing is in flight"


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(
        tiers: list[list[str]] | None = None,
        *,
        resilience: Resilience | None = None,
        quirks: Quirks | Mapping[str, Quirks] | None = None,
        concurrency: int | None = None,
        bare: dict[str, tuple[str, ...]] | None = None,
        **more: Any,
    ) -> World:
        tiers, resilience = tiers or [["a"], ["b"]], resilience or Resilience()
        world = World(tiers, resilience, quirks or Quirks(), concurrency, bare or {}, **more)
        made.append(world)
        return world

    yield make
    for world in made:
        world.check()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
