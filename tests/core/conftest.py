"""What a decision test is made of: a route written as tiers of names, and failures by kind. Time is a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest

from headway.core.allowance import Allowance
from headway.core.breaker import Breaker
from headway.core.buckets import Bucket, Quota
from headway.core.candidates import Candidate
from headway.core.concurrency import Concurrency
from headway.core.exchange import Attempt, Exchange, Full, GiveUp, Step, Wait
from headway.core.health import State
from headway.core.lessons import Lessons
from headway.core.load import NO_LOAD, Estimate, Load
from headway.core.pace import Pace
from headway.core.registry import LiveRoute, Registry
from headway.core.rests import Rest, Unrest
from headway.core.standing import Shape, Standing, Times
from headway.core.tiers import LiveTier
from headway.failures import Failure, FailureKind, FailureSource
from headway.types import (
    BalanceName,
    Credential,
    Deployment,
    Fallback,
    Limits,
    Profile,
    Provider,
    Resilience,
    Route,
    Secret,
    Target,
    Tier,
)
from headway.types import Breaker as Rules


def failure(kind: FailureKind, source: FailureSource = "upstream", **facts: Any) -> Failure:
    return Failure(kind=kind, source=source, message=f"it was {kind.value}", **facts)


class World:
    """One registry, and the routes made of it. A target is written `provider/model#key`; the model's default is `m`,
    the key's is `k`.

    `secrets`, `key_caps` and `key_limits` are by `provider#key`, `provider_caps` and `provider_limits` by provider,
    `prices` by `provider/model`: what a configuration would say.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.weights: dict[str, float] = {}
        self.secrets: dict[str, str] = {}
        self.key_caps: dict[str, int] = {}
        self.provider_caps: dict[str, int] = {}
        self.key_limits: dict[str, Limits] = {}
        self.provider_limits: dict[str, Limits] = {}
        self.prices: dict[str, float] = {}

    # --- configuration ---

    def target(self, name: str) -> Target:
        whole, _, key = name.partition("#")
        provider_name, _, model = whole.partition("/")
        key = key or "k"
        label = f"{provider_name}#{key}"
        credential = Credential(
            name=key,
            secret=Secret(self.secrets.get(label, f"secret of {label}")),
            concurrency=self.key_caps.get(label),
            limits=self.key_limits.get(label, Limits()),
        )
        provider = Provider(
            name=provider_name,
            kind="custom",
            base_url=f"https://{provider_name}.test/v1",
            credentials=(credential,),
            concurrency=self.provider_caps.get(provider_name),
            limits=self.provider_limits.get(provider_name, Limits()),
        )
        price = self.prices.get(f"{provider_name}/{model or 'm'}")
        profile = Profile() if price is None else Profile(price=price)
        return Target(
            deployment=Deployment(provider=provider, model=model or "m", profile=profile),
            credential=credential,
            weight=self.weights.get(name, 1.0),
        )

    def tiers(self, written: Sequence[str]) -> tuple[Tier, ...]:
        return tuple(Tier(tuple(self.target(name) for name in tier.split())) for tier in written)

    def route(
        self,
        *tiers: str,
        balance: BalanceName = "weighted",
        affinity: float | None = None,
        fallbacks: Sequence[tuple[Sequence[FailureKind], Sequence[str]]] = (),
        **resilience: Any,
    ) -> LiveRoute:
        """Each tier as names separated by blanks; each fallback as its kinds and its tiers."""
        route = Route(
            name="r",
            tiers=self.tiers(tiers),
            balance=balance,
            affinity=affinity,
            resilience=Resilience(**resilience),
            fallbacks=tuple(Fallback(frozenset(kinds), self.tiers(to)) for kinds, to in fallbacks),
        )
        return self.registry.live(route)

    def tier(self, written: str, *, balance: BalanceName = "weighted", affinity: float | None = None) -> LiveTier:
        return self.route(written, balance=balance, affinity=affinity).tiers[0]

    def exchange(
        self,
        route: LiveRoute,
        *,
        attempts: int = 3,
        total: float = 600.0,
        now: float = 0.0,
        seed: int = 7,
        load: Load = NO_LOAD,
        session: int | None = None,
    ) -> Exchange:
        return Exchange(route, now, now + total, attempts, Random(seed), [], load, session)

    def state(self, name: str) -> State:
        return self.route(name).tiers[0].candidates[0].state

    # --- other clients ---

    def rest(self, name: str, kind: FailureKind, *, now: float = 0.0, times: int = 1, **facts: Any) -> None:
        """Let a target fail in exchanges of other clients."""
        for _ in range(times):
            exchange = self.exchange(self.route(name), now=now, attempts=1)
            attempt = exchange.begin(now)
            assert isinstance(attempt, Attempt), f"{name} is not free to fail"
            exchange.failed(attempt, failure(kind, **facts), now)

    def trip(self, name: str, *, now: float = 0.0) -> None:
        """Open the breaker of a target's deployment, as errors in a row do. It is half open 6 seconds later at most."""
        self.rest(name, FailureKind.SERVER_ERROR, now=now, times=5)
        assert self.state(name).breaker.tripped

    def serve(self, name: str, *, now: float = 0.0, times: int = 1) -> None:
        """Let a target answer other clients well."""
        for _ in range(times):
            exchange = self.exchange(self.route(name), now=now)
            attempt = exchange.begin(now)
            assert isinstance(attempt, Attempt), f"{name} is not free to answer"
            exchange.succeeded(attempt, 200, now)

    def recover(self, name: str, *, at: float) -> None:
        """Open the breaker of a target's deployment, and close it again at this moment."""
        self.trip(name, now=at - 10.0)
        self.serve(name, now=at, times=2)
        assert not self.state(name).breaker.tripped

    def hold(self, name: str, *, now: float = 0.0) -> Attempt:
        """A request of another client's that stays in flight."""
        attempt = self.exchange(self.route(name), now=now).begin(now)
        assert isinstance(attempt, Attempt)
        return attempt


def short(candidate: Candidate) -> str:
    """A candidate as a test writes it."""
    return candidate.name.replace("/m#", "#").removesuffix("#k")


class Scene:
    """Plays one exchange: each step says what happened to the attempt under way, and at what time."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.step: Step | None = None

    def begin(self, now: float = 0.0) -> str:
        return self.told(self.exchange.begin(now))

    def may_not_wait(self, now: float = 0.0) -> str:
        """Nobody had room, and the request has waited for as long as it may."""
        return self.told(self.exchange.overdue(now))

    def fails(self, kind: FailureKind, now: float = 0.0, **facts: Any) -> str:
        """The target that is tried next, `wait`, or the kind of failure that the client is told."""
        return self.told(self.exchange.failed(self.attempt, failure(kind, **facts), now))

    def resumes(self, now: float | None = None) -> str:
        """After a wait; at the moment that was asked for, unless another is given."""
        return self.told(self.exchange.resume(self.until if now is None else now))

    def succeeds(self, now: float = 0.0, status: int = 200) -> None:
        self.exchange.succeeded(self.attempt, status, now)

    @property
    def attempt(self) -> Attempt:
        assert isinstance(self.step, Attempt)
        return self.step

    @property
    def until(self) -> float:
        assert isinstance(self.step, Wait)
        return self.step.until

    @property
    def room_at(self) -> float:
        """When there may be room."""
        assert isinstance(self.step, Full)
        return self.step.until

    @property
    def refusal(self) -> Failure:
        assert isinstance(self.step, GiveUp)
        return self.step.failure

    @property
    def reasons(self) -> list[str]:
        """What led to each attempt."""
        return [attempt.reason for attempt in self.exchange.attempts]

    def told(self, step: Step) -> str:
        self.step = step
        match step:
            case Attempt():
                return short(step.candidate)
            case Wait():
                return "wait"
            case GiveUp():
                return f"give up: {step.failure.kind.value}"
            case Full():
                return "full"


def used(route: LiveRoute) -> int:
    """Slots in use anywhere behind a route."""
    slots = {
        id(each): each.used
        for tier in route.tiers
        for candidate in tier.candidates
        for each in (candidate.credential_slots, candidate.provider_slots, candidate.concurrency)
    }
    return sum(slots.values())


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def scene(world: World):
    """Opens a scene on tiers: `scene("a b", "c", attempts=2)`."""

    def opened(
        *tiers: str, attempts: int = 3, total: float = 600.0, now: float = 0.0, seed: int = 7, **settings: Any
    ) -> Scene:
        route = world.route(*tiers, **settings)
        return Scene(world.exchange(route, attempts=attempts, total=total, now=now, seed=seed))

    return opened


@pytest.fixture(scope="session")
def failed():
    """Makes a failure: `failed(K.TIMEOUT, retry_after=1.0)`."""
    return failure


@pytest.fixture(scope="session")
def slots_used():
    return used


SENDING = ("_sent", "_marked", "_before", "heard")
"""What counts requests that are sent, or says when, whatever comes of them."""


def slots_of(thing: object) -> Iterator[tuple[str, Any]]:
    for name in type(thing).__slots__:  # type: ignore[attr-defined]
        value: Any = getattr(thing, name)
        if not isinstance(value, Unrest) and name not in SENDING:
            yield name, frozen(value)


def frozen(value: Any) -> Any:
    """As it is now, with all that it is made of."""
    if isinstance(value, list):
        items: list[Any] = value
        return [frozen(item) for item in items]
    if isinstance(value, Times | Shape | Pace | Bucket):
        return dict(slots_of(value))
    return value


@pytest.fixture(scope="session")
def facts():
    """Everything that a state holds, part by part, to compare before and after."""

    def told(state: State) -> dict[str, dict[str, Any]]:
        return {name: dict(slots_of(getattr(state, name))) for name in State.__struct_fields__}

    return told


@pytest.fixture(scope="session")
def fresh_state():
    """The state of a target that nothing is known of yet."""

    def made(rules: Rules | None = None) -> State:
        unrest = Unrest()
        breaker = Breaker("a/m", rules or Rules(), unrest)
        standing = Standing(Shape(), Shape())
        rests = Rest(unrest), Rest(unrest), Rest(unrest)
        return State(breaker, Allowance(), standing, Estimate(), Lessons(), Quota(), Concurrency(), *rests)

    return made


@pytest.fixture(scope="session")
def new_world() -> type[World]:
    """For tests that need more than one."""
    return World


@pytest.fixture(scope="session")
def new_scene() -> type[Scene]:
    return Scene
