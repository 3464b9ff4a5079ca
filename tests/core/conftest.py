"""What a decision test is made of: a route written as tiers of names, and failures by kind. Time is a number."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from headway.core.candidates import Candidate
from headway.core.exchange import Attempt, Exchange, GiveUp
from headway.core.registry import LiveRoute, Registry
from headway.types import (
    BalanceName,
    Credential,
    Deployment,
    Failure,
    FailureKind,
    Provider,
    Route,
    Secret,
    Target,
    Tier,
)


def failure(kind: FailureKind, **facts: Any) -> Failure:
    return Failure(kind=kind, source="upstream", message=f"it was {kind.value}", **facts)


class World:
    """One registry, and the routes made of it. A target is written `provider/model#key`; the model's default is `m`.

    `secrets`, `key_caps` and `provider_caps` are by `provider#key` and by provider: what a configuration would say.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.weights: dict[str, float] = {}
        self.secrets: dict[str, str] = {}
        self.key_caps: dict[str, int] = {}
        self.provider_caps: dict[str, int] = {}

    def target(self, name: str) -> Target:
        whole, _, key = name.partition("#")
        provider_name, _, model = whole.partition("/")
        key = key or "k"
        label = f"{provider_name}#{key}"
        credential = Credential(
            name=key,
            secret=Secret(self.secrets.get(label, f"secret of {label}")),
            concurrency=self.key_caps.get(label),
        )
        provider = Provider(
            name=provider_name,
            kind="custom",
            base_url=f"https://{provider_name}.test/v1",
            credentials=(credential,),
            concurrency=self.provider_caps.get(provider_name),
        )
        return Target(
            deployment=Deployment(provider=provider, model=model or "m"),
            credential=credential,
            weight=self.weights.get(name, 1.0),
        )

    def route(self, *tiers: str, balance: BalanceName = "weighted") -> LiveRoute:
        """Each tier as names separated by blanks."""
        made = tuple(Tier(tuple(self.target(name) for name in tier.split())) for tier in tiers)
        return self.registry.live(Route(name="r", tiers=made, balance=balance))

    def exchange(self, route: LiveRoute, *, attempts: int = 3, total: float = 600.0, now: float = 0.0) -> Exchange:
        return Exchange(route, now, now + total, attempts, Random(7))

    def rest(self, name: str, kind: FailureKind, *, now: float = 0.0, times: int = 1, **facts: Any) -> None:
        """Let a target fail in exchanges of other clients."""
        for _ in range(times):
            exchange = self.exchange(self.route(name), now=now, attempts=1)
            attempt = exchange.begin(now)
            assert isinstance(attempt, Attempt), f"{name} is not free to fail"
            exchange.failed(attempt, failure(kind, **facts), now)

    def hold(self, name: str) -> Attempt:
        """A request of another client's that stays in flight."""
        attempt = self.exchange(self.route(name)).begin(0.0)
        assert isinstance(attempt, Attempt)
        return attempt


def short(candidate: Candidate) -> str:
    """A candidate as a test writes it."""
    return candidate.name.replace("/m#", "#").removesuffix("#k")


class Scene:
    """Plays one exchange: each step says what happened to the attempt under way, and at what time."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.step: Attempt | GiveUp | None = None

    def begin(self, now: float = 0.0) -> str:
        return self._told(self.exchange.begin(now))

    def fails(self, kind: FailureKind, now: float = 0.0, **facts: Any) -> str:
        """The target that is tried next, or the kind of failure that the client is told."""
        return self._told(self.exchange.failed(self.attempt, failure(kind, **facts), now))

    def succeeds(self, now: float = 0.0, status: int = 200) -> None:
        self.exchange.succeeded(self.attempt, status, now)

    @property
    def attempt(self) -> Attempt:
        assert isinstance(self.step, Attempt)
        return self.step

    @property
    def refusal(self) -> Failure:
        assert isinstance(self.step, GiveUp)
        return self.step.failure

    def _told(self, step: Attempt | GiveUp) -> str:
        self.step = step
        return short(step.candidate) if isinstance(step, Attempt) else f"give up: {step.failure.kind.value}"


def used(route: LiveRoute) -> int:
    """Slots in use anywhere behind a route."""
    slots = {
        id(each): each.used
        for tier in route.tiers
        for candidate in tier.candidates
        for each in (candidate.credential_slots, candidate.provider_slots, candidate.target_slots)
    }
    return sum(slots.values())


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def scene(world: World):
    """Opens a scene on tiers: `scene("a b", "c", attempts=2)`."""

    def opened(*tiers: str, balance: BalanceName = "weighted", attempts: int = 3, total: float = 600.0) -> Scene:
        return Scene(world.exchange(world.route(*tiers, balance=balance), attempts=attempts, total=total))

    return opened


@pytest.fixture
def slots_used():
    return used
