"""Whatever the order of events, over routes that share keys and providers: slots come back, limits hold, and nothing is
tried that must not be.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from headway.core.candidates import Candidate, LiveTier
from headway.core.exchange import Attempt, Exchange, GiveUp
from headway.core.registry import LiveRoute, Registry
from headway.core.retry import AFTER, Next
from headway.types import Credential, Deployment, Failure, FailureKind, Provider, Route, Target, Tier

if TYPE_CHECKING:
    from core.conftest import World

MODELS = ("large", "small")


class Setup:
    """Two providers with two keys each; some capped, some drained."""

    def __init__(
        self, caps: tuple[int | None, ...], provider_caps: tuple[int | None, ...], weights: list[float]
    ) -> None:
        self.targets: list[Target] = []
        for name, provider_cap in zip("ab", provider_caps, strict=True):
            keys = tuple(
                Credential(name=key, secret=None, concurrency=cap) for key, cap in zip("12", caps, strict=True)
            )
            provider = Provider(
                name=name,
                kind="custom",
                base_url=f"https://{name}.test",
                credentials=keys,
                concurrency=provider_cap,
            )
            for model in MODELS:
                for key in keys:
                    deployment = Deployment(provider=provider, model=model)
                    weight = weights[len(self.targets) % len(weights)]
                    self.targets.append(Target(deployment=deployment, credential=key, weight=weight))

    def route(self, registry: Registry, numbers: list[list[int]]) -> LiveRoute:
        tiers = tuple(Tier(tuple(self.targets[number] for number in tier)) for tier in numbers)
        return registry.live(Route(name="r", tiers=tiers))


tiers = st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True), min_size=1, max_size=3)
caps = st.none() | st.integers(1, 2)
failures = st.builds(
    Failure,
    kind=st.sampled_from(list(FailureKind)),
    source=st.just("upstream"),
    message=st.just(""),
    retry_after=st.none() | st.floats(0.0, 30.0),
)


def slowly_ready(tier: LiveTier, now: float) -> list[Candidate]:
    """What `ready` means, without any short cut."""
    return [
        candidate
        for candidate in tier.candidates
        if candidate.weight > 0.0
        and candidate.rests_until() <= now
        and candidate.credential_slots.free()
        and candidate.provider_slots.free()
    ]


class Traffic(RuleBasedStateMachine):
    """Several clients at once. `under_way` holds each exchange with its running attempt."""

    routes = Bundle("routes")

    @initialize(
        caps=st.tuples(caps, caps),
        provider_caps=st.tuples(caps, caps),
        weights=st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=8),
        attempts=st.integers(1, 4),
    )
    def configure(self, caps: Any, provider_caps: Any, weights: list[float], attempts: int) -> None:
        self.now = 0.0
        self.max_attempts = attempts
        self.registry = Registry()
        self.setup = Setup(caps, provider_caps, weights)
        self.all: list[LiveRoute] = []
        self.under_way: list[tuple[Exchange, Attempt]] = []

    @rule(target=routes, numbers=tiers)
    def compile(self, numbers: list[list[int]]) -> LiveRoute:
        """A route, or the same one again after a reload."""
        route = self.setup.route(self.registry, numbers)
        self.all.append(route)
        return route

    @rule(seconds=st.floats(0.0, 40.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(route=routes, total=st.sampled_from([1.0, 600.0]))
    def begin(self, route: LiveRoute, total: float) -> None:
        exchange = Exchange(route, self.now, self.now + total, self.max_attempts, Random(1))
        free = self.free()
        self.follow(exchange, exchange.begin(self.now), free)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 100), failure=failures)
    def fail(self, which: int, failure: Failure) -> None:
        exchange, attempt = self.under_way.pop(which % len(self.under_way))
        tried = [each.candidate.name for each in exchange.attempts]
        attempt.candidate.release()
        free = self.free()  # as it is once the failed attempt has let go
        attempt.candidate.acquire()
        step = exchange.failed(attempt, failure, self.now)
        if isinstance(step, Attempt):
            assert AFTER[failure.kind] is not Next.NOTHING
            assert self.now < exchange.deadline
            name = step.candidate.name
            assert name not in tried
            assert Counter(each.candidate.name for each in exchange.attempts)[name] <= 2
        self.follow(exchange, step, free)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 100), well=st.booleans(), failure=failures)
    def end(self, which: int, well: bool, failure: Failure) -> None:
        exchange, attempt = self.under_way.pop(which % len(self.under_way))
        if well:
            exchange.succeeded(attempt, 200, self.now)
        else:
            exchange.ended_badly(attempt, failure, self.now)
        assert all(record.result for record in exchange.records())
        with pytest.raises(RuntimeError):
            exchange.succeeded(attempt, 200, self.now)

    @precondition(lambda self: not self.under_way)
    @rule()
    def reload(self) -> None:
        """While nothing is in flight everything may be forgotten; older routes keep what they hold."""
        self.registry.keep([])

    def follow(self, exchange: Exchange, step: Attempt | GiveUp, free: set[int]) -> None:
        assert len(exchange.attempts) <= self.max_attempts
        if isinstance(step, Attempt):
            assert step.candidate.weight > 0.0, "a drained target got traffic"
            assert id(step.candidate) in free, "a full target got an attempt"
            self.under_way.append((exchange, step))
        else:
            assert all(attempt.result for attempt in exchange.attempts)

    def free(self) -> set[int]:
        return {id(c) for route in self.all for tier in route.tiers for c in tier.candidates if c.has_slot()}

    @invariant()
    def slots_are_those_of_the_attempts_under_way(self) -> None:
        if not hasattr(self, "all"):
            return
        expected: Counter[int] = Counter()
        for _, attempt in self.under_way:
            candidate = attempt.candidate
            for slots in (candidate.credential_slots, candidate.provider_slots, candidate.target_slots):
                expected[id(slots)] += 1
        for candidate in (c for route in self.all for tier in route.tiers for c in tier.candidates):
            for slots in (candidate.credential_slots, candidate.provider_slots, candidate.target_slots):
                assert slots.used == expected[id(slots)]
                assert slots.limit is None or slots.used <= slots.limit

    @invariant()
    def the_short_cut_to_what_is_ready_is_no_other_way(self) -> None:
        if hasattr(self, "all"):
            for tier in (tier for route in self.all for tier in route.tiers):
                assert tier.ready(self.now) == slowly_ready(tier, self.now)

    def teardown(self) -> None:
        if not hasattr(self, "all"):
            return
        while self.under_way:
            exchange, attempt = self.under_way.pop()
            exchange.succeeded(attempt, 200, self.now)
        self.slots_are_those_of_the_attempts_under_way()


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


@given(tiers, st.lists(st.sampled_from([kind for kind in FailureKind if AFTER[kind] is not Next.NOTHING]), max_size=30))
def test_without_caps_and_limits_every_target_is_tried_once_before_giving_up(
    numbers: list[list[int]], kinds: list[FailureKind]
):
    registry = Registry()
    route = Setup((None, None), (None, None), [1.0]).route(registry, numbers)
    exchange = Exchange(route, 0.0, 600.0, 100, Random(1))
    names = {candidate.name for tier in route.tiers for candidate in tier.candidates}
    step = exchange.begin(0.0)
    tried: list[str] = []
    for number in range(100):
        if isinstance(step, GiveUp):
            break
        tried.append(step.candidate.name)
        kind = kinds[number] if number < len(kinds) else FailureKind.OVERLOADED
        hint = Failure(kind=kind, source="upstream", message="", retry_after=0.0)
        if kind is FailureKind.AUTH_INVALID:  # would let a key rest that another target shares
            hint = Failure(kind=FailureKind.RATE_LIMITED, source="upstream", message="", retry_after=0.0)
        step = exchange.failed(step, hint, 0.0)
    assert sorted(tried) == sorted(names)


def test_the_short_cut_is_taken_again_once_every_rest_is_over(world: World):
    route = world.route("a b")
    tier = route.tiers[0]
    assert tier.ready(0.0) is tier.candidates
    world.rest("a", FailureKind.RATE_LIMITED, retry_after=5.0)
    assert [candidate.name[0] for candidate in tier.ready(4.9)] == ["b"]
    assert tier.ready(5.0) is tier.candidates
