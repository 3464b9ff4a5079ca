"""Whatever the order of events, over routes that share keys, providers and state: everything comes back, limits hold,
and nobody is asked that must not be.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headway.core.candidates import Candidate
from headway.core.exchange import Attempt, Exchange, Full, GiveUp, Step, Wait
from headway.core.health import LONGEST_HINT
from headway.core.load import NO_LOAD
from headway.core.registry import LiveRoute, Registry
from headway.core.remedies import REMEDIES, Elsewhere
from headway.core.tiers import LiveTier
from headway.failures import Failure, FailureKind
from headway.types import Breaker as Rules
from headway.types import Credential, Deployment, Fallback, Hedge, Provider, Resilience, Route, Target, Tier

K = FailureKind
MODELS = ("large", "small")
REQUESTS_OWN = (K.CONTEXT_TOO_LONG, K.CONTENT_BLOCKED, K.MODEL_NOT_FOUND)
OURS = {K.CANCELLED, K.DEADLINE, K.SATURATED, K.NO_TARGET, K.INTERNAL}
OF_THE_KEY = {K.AUTH_INVALID, K.BILLING_EXHAUSTED}
OF_THE_PAIR = {K.RATE_LIMITED, K.RAMP_LIMITED, K.DAILY_QUOTA, K.PERMISSION}
OF_THE_DEPLOYMENT = {kind for kind in K if REMEDIES[kind].elsewhere is Elsewhere.ANOTHER_DEPLOYMENT}


class Setup:
    """Two providers with two keys and two models each; some capped, some drained."""

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

    def tiers(self, numbers: list[list[int]]) -> tuple[Tier, ...]:
        return tuple(Tier(tuple(self.targets[number] for number in tier)) for tier in numbers)

    def route(
        self,
        registry: Registry,
        numbers: list[list[int]],
        resilience: Resilience | None = None,
        fallback: tuple[FailureKind, list[list[int]]] | None = None,
    ) -> LiveRoute:
        fallbacks = () if fallback is None else (Fallback(frozenset({fallback[0]}), self.tiers(fallback[1])),)
        resilience = resilience or Resilience()
        return registry.live(Route(name="r", tiers=self.tiers(numbers), resilience=resilience, fallbacks=fallbacks))


tiers = st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True), min_size=1, max_size=3)
caps = st.none() | st.integers(1, 3)
resiliences = st.builds(
    Resilience,
    retries=st.integers(0, 1),
    longest_wait=st.sampled_from([0.0, 1.0, 10.0]),
    hedge=st.none() | st.just(Hedge(share=0.5)),
)
kinds = st.sampled_from(list(K)) | st.sampled_from([K.SERVER_ERROR, K.RATE_LIMITED, K.TRANSPORT, K.MODEL_FAULT])
failures = st.builds(
    lambda kind, **facts: Failure(kind=kind, source="gateway" if kind in OURS else "upstream", message="", **facts),
    kind=kinds,
    retry_after=st.none() | st.floats(0.0, 5.0) | st.floats(0.0, 1e6),
    should_retry=st.sampled_from([None, None, None, True, False]),
)
which = st.integers(0, 100)


class Case:
    """One exchange, with its attempts under way, or the moment that it waits for."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.running: list[Attempt] = []
        self.until: float | None = None
        self.waited = 0.0

    @property
    def resilience(self) -> Resilience:
        return self.exchange.route.route.resilience

    def names_fallback(self, kind: FailureKind) -> bool:
        return any(kind in fallback.on for fallback in self.exchange.route.fallbacks)

    def spoiled(self) -> set[str]:
        """Deployments that failed as a whole, or cannot serve this request."""
        return {
            attempt.candidate.deployment
            for attempt in self.exchange.attempts
            if attempt.failure is not None and REMEDIES[attempt.failure.kind].elsewhere is not Elsewhere.ANOTHER_TARGET
        }


class Hints:
    """Until when each provider asked to be left alone, kept apart from what is under test."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def heard(self, candidate: Candidate, failure: Failure, now: float) -> None:
        if failure.retry_after is None or failure.source != "upstream":
            return
        if failure.kind in OF_THE_KEY:
            whom = candidate.key
        elif failure.kind in OF_THE_PAIR:
            whom = candidate.name
        elif failure.kind in OF_THE_DEPLOYMENT:
            whom = candidate.deployment
        else:
            return
        until = now + min(failure.retry_after, LONGEST_HINT)
        self._until[whom] = max(self._until.get(whom, 0.0), until)

    def forbid(self, candidate: Candidate, now: float) -> bool:
        names = (candidate.key, candidate.name, candidate.deployment)
        return any(self._until.get(name, 0.0) > now for name in names)


def slowly_ready(tier: LiveTier, now: float) -> list[Candidate]:
    """What `ready` means, without any short cut."""
    return [
        candidate
        for candidate in tier.candidates
        if candidate.weight > 0.0
        and max(rest.until for rest in rests_of(candidate)) <= now
        and candidate.state.breaker.allows(now)
        and candidate.credential_slots.free()
        and candidate.provider_slots.free()
        and candidate.concurrency.free()
        and candidate.admits(NO_LOAD, now)
    ]


def rests_of(candidate: Candidate) -> tuple[Any, Any, Any]:
    state = candidate.state
    return state.deployment, state.credential, state.pair


class Traffic(RuleBasedStateMachine):
    """Several clients at once, on several routes, all over the same live state."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.routes: list[LiveRoute] = []
        self.cases: list[Case] = []
        self.forget()

    def forget(self) -> None:
        self.hints = Hints()
        self.rests_before: dict[int, float] = {}
        self.open_before: dict[int, float] = {}

    @initialize(
        caps=st.tuples(caps, caps),
        provider_caps=st.tuples(caps, caps),
        weights=st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=8),
        attempts=st.integers(1, 5),
        rules=st.builds(Rules, failures=st.integers(1, 5), ramp=st.sampled_from([0.0, 30.0])),
    )
    def configure(self, caps: Any, provider_caps: Any, weights: list[float], attempts: int, rules: Rules) -> None:
        self.max_attempts = attempts
        self.registry = Registry(rules)
        self.setup = Setup(caps, provider_caps, weights)

    # --- configuration and time ---

    @rule(
        numbers=tiers,
        resilience=resiliences,
        fallback=st.none() | st.tuples(st.sampled_from(REQUESTS_OWN), st.just([]) | tiers),
    )
    def compile(self, numbers: list[list[int]], resilience: Resilience, fallback: Any) -> None:
        """A route, or the same one again after a reload."""
        self.routes.append(self.setup.route(self.registry, numbers, resilience, fallback))

    @rule(rules=st.builds(Rules, failures=st.integers(1, 5), rest=st.floats(0.1, 20.0)))
    def reload(self, rules: Rules) -> None:
        self.registry.govern(rules)
        self.registry.keep(self.setup.targets)

    @precondition(lambda self: not self.cases)
    @rule()
    def replace_everything(self) -> None:
        self.registry.keep([])
        self.routes.clear()
        self.forget()
        assert self.registry.tripped() == self.registry.parked(self.now) == 0

    @rule(seconds=st.floats(0.0, 1.0) | st.floats(0.0, 40.0))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    # --- what happens to an exchange ---

    @precondition(lambda self: self.routes)
    @rule(number=which, total=st.sampled_from([1.0, 600.0]), seed=which)
    def begin(self, number: int, total: float, seed: int) -> None:
        route = self.routes[number % len(self.routes)]
        case = Case(Exchange(route, self.now, self.now + total, self.max_attempts, Random(seed), []))
        self.cases.append(case)
        step = case.exchange.begin(self.now)
        if isinstance(step, Full):
            assert self.now <= step.until
            assert case.exchange.attempts == []
            step = case.exchange.overdue(self.now)
        assert not isinstance(step, Wait | Full)
        self.follow(case, step)

    @precondition(lambda self: any(case.running for case in self.cases))
    @rule(number=which, failure=failures)
    def fail(self, number: int, failure: Failure) -> None:
        case, attempt = self.one_running(number)
        if case.running:
            case.exchange.failed_beside(attempt, failure, self.now)
            self.hints.heard(attempt.candidate, failure, self.now)
            return
        self.hints.heard(attempt.candidate, failure, self.now)
        step = case.exchange.failed(attempt, failure, self.now)
        if REMEDIES[failure.kind].elsewhere is Elsewhere.NOBODY and not case.names_fallback(failure.kind):
            assert isinstance(step, GiveUp)
        if self.now >= case.exchange.deadline:
            assert isinstance(step, GiveUp)
        self.follow(case, step)

    @precondition(lambda self: any(case.until is not None for case in self.cases))
    @rule(number=which, late=st.sampled_from([0.0, 0.0, 0.0, 0.5, 30.0]))
    def resume(self, number: int, late: float) -> None:
        waiting = [case for case in self.cases if case.until is not None]
        case = waiting[number % len(waiting)]
        assert case.until is not None
        self.now = max(self.now, case.until) + late
        case.until = None
        self.follow(case, case.exchange.resume(self.now))

    @precondition(lambda self: any(len(case.running) == 1 for case in self.cases))
    @rule(number=which)
    def hedge(self, number: int) -> None:
        alone = [case for case in self.cases if len(case.running) == 1]
        case = alone[number % len(alone)]
        if case.resilience.hedge is not None and case.exchange.route.hedging is not None:
            case.exchange.route.hedging.started()
        failed_before = bool(case.exchange.failures)
        attempt = case.exchange.hedge(self.now)
        if attempt is not None:
            assert case.resilience.hedge is not None
            assert not failed_before
            assert attempt.candidate.deployment != case.running[0].candidate.deployment
            self.admit(case, attempt)

    @precondition(lambda self: any(case.running for case in self.cases))
    @rule(number=which, failure=failures, able=st.booleans())
    def break_off(self, number: int, failure: Failure, able: bool) -> None:
        """It had been shown in part; what ran beside it is cancelled."""
        case, attempt = self.one_running(number)
        self.drop_others(case)
        case.exchange.committed(attempt, self.now)
        self.hints.heard(attempt.candidate, failure, self.now)
        if case.exchange.continued(attempt, failure, self.now, lambda _: able):
            assert able
            assert REMEDIES[failure.kind].elsewhere is not Elsewhere.NOBODY
            assert self.now < case.exchange.deadline
            self.admit(case, case.exchange.attempts[-1])
        else:
            self.over(case)

    @precondition(lambda self: any(case.running for case in self.cases))
    @rule(number=which)
    def commit(self, number: int) -> None:
        case, attempt = self.one_running(number)
        self.drop_others(case)
        case.running.append(attempt)
        case.exchange.committed(attempt, self.now)

    @precondition(lambda self: any(case.running for case in self.cases))
    @rule(number=which, how=st.sampled_from(["well", "well", "client leaves"]))
    def end(self, number: int, how: str) -> None:
        case, attempt = self.one_running(number)
        self.drop_others(case)
        if how == "well":
            case.exchange.succeeded(attempt, 200, self.now)
        else:
            gone = Failure(kind=K.CANCELLED, source="downstream", message="")
            case.exchange.ended_badly(attempt, gone, self.now)
        self.over(case)
        with pytest.raises(RuntimeError):
            case.exchange.succeeded(attempt, 200, self.now)

    # --- what must hold of every step ---

    def one_running(self, number: int) -> tuple[Case, Attempt]:
        """Taken from those under way: the caller ends it."""
        running = [case for case in self.cases if case.running]
        case = running[number % len(running)]
        return case, case.running.pop(number % len(case.running))

    def drop_others(self, case: Case) -> None:
        while case.running:
            case.exchange.superseded(case.running.pop(), self.now)

    def follow(self, case: Case, step: Step) -> None:
        match step:
            case Attempt():
                self.admit(case, step)
            case Wait():
                assert self.now <= step.until < case.exchange.deadline
                case.waited += step.until - self.now
                assert case.waited <= case.resilience.longest_wait + 1e-6
                case.until = step.until
            case GiveUp():
                self.over(case)
            case Full():
                raise AssertionError("only who has not begun may stand in line")

    def over(self, case: Case) -> None:
        assert case.running == []
        assert all(record.result for record in case.exchange.records())
        self.cases.remove(case)

    def admit(self, case: Case, attempt: Attempt) -> None:
        candidate, attempts = attempt.candidate, case.exchange.attempts
        assert attempts[-1] is attempt
        assert len(attempts) <= self.max_attempts
        assert self.now < case.exchange.deadline or attempt.reason in ("first", "hedge")
        assert candidate.weight > 0.0, "a drained target got traffic"
        assert not self.hints.forbid(candidate, self.now), "a provider had asked to be left alone"
        assert all(rest.until <= self.now for rest in rests_of(candidate))
        assert candidate.concurrency.used <= candidate.concurrency.limit, "more than it has shown to bear"
        assert attempt.took_over <= (attempt.reason not in ("first", "last_resort", "retry", "hedge"))
        self.check_health(attempt)
        before = attempts[:-1]
        asked = {each.candidate.name for each in before}
        counts = Counter(each.reason for each in attempts)
        assert counts["retry"] <= case.resilience.retries
        assert max(counts["last_resort"], counts["hedge"], counts["continuation"]) <= 1
        if attempt.reason == "retry":
            assert candidate.deployment in {each.candidate.deployment for each in before}
        else:
            assert candidate.name not in asked
            assert candidate.deployment not in case.spoiled()
        case.running.append(attempt)

    def check_health(self, attempt: Attempt) -> None:
        """Only the last resort goes to what is open, or to what somebody else is trying out."""
        breaker = attempt.candidate.state.breaker
        admitted = not breaker.tripped or (attempt.probe and breaker.until <= self.now)
        assert admitted != (attempt.reason == "last_resort")

    # --- what must hold at any time ---

    def candidates(self) -> list[Candidate]:
        """Of all routes, each part of their state at least once."""
        found: list[Candidate] = []
        for route in self.routes:
            for tier in [*route.tiers, *(tier for fallback in route.fallbacks for tier in fallback.tiers)]:
                found.extend(tier.candidates)
        return found

    @invariant()
    def what_is_counted_is_what_is_under_way(self) -> None:
        slots: Counter[int] = Counter()
        in_flight: Counter[int] = Counter()
        failovers: Counter[int] = Counter()
        for attempt in (attempt for case in self.cases for attempt in case.running):
            candidate = attempt.candidate
            for each in (candidate.credential_slots, candidate.provider_slots, candidate.concurrency):
                slots[id(each)] += 1
            in_flight[id(candidate.state.allowance)] += 1
            failovers[id(candidate.state.allowance)] += attempt.took_over
        for candidate in self.candidates():
            for each in (candidate.credential_slots, candidate.provider_slots, candidate.concurrency):
                assert each.used == slots[id(each)]
            for each in (candidate.credential_slots, candidate.provider_slots):
                assert each.limit is None or each.used <= each.limit
            allowance = candidate.state.allowance
            assert allowance.in_flight == in_flight[id(allowance)]
            assert allowance.failovers == failovers[id(allowance)]

    @invariant()
    def rests_and_open_breakers_only_move_later(self) -> None:
        for candidate in self.candidates():
            for rest in rests_of(candidate):
                assert rest.until >= self.rests_before.get(id(rest), 0.0)
                self.rests_before[id(rest)] = rest.until
            breaker = candidate.state.breaker
            if breaker.tripped:
                assert breaker.until >= self.open_before.get(id(breaker), 0.0)
                self.open_before[id(breaker)] = breaker.until
            else:
                self.open_before.pop(id(breaker), None)

    @invariant()
    def one_request_at_most_is_on_trial_at_a_deployment(self) -> None:
        trials: Counter[str] = Counter()
        for attempt in (attempt for case in self.cases for attempt in case.running):
            trials[attempt.candidate.deployment] += attempt.probe and not attempt.judged
        assert all(number <= 1 for number in trials.values())

    @invariant()
    def the_short_cut_to_what_is_ready_is_no_other_way(self) -> None:
        for tier in (tier for route in self.routes for tier in route.tiers):
            ready = slowly_ready(tier, self.now)
            assert tier.ready(NO_LOAD, self.now) == ready
            drawn = tier.draw(NO_LOAD, None, self.now, Random(len(self.cases)))
            if drawn is not None:
                assert drawn in ready
            else:
                assert all(each.state.breaker.share(self.now) < 1.0 for each in ready)

    def teardown(self) -> None:
        for case in self.cases:
            while case.running:
                case.exchange.succeeded(case.running.pop(), 200, self.now)
        self.what_is_counted_is_what_is_under_way()


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


# --- the same in long runs, where everything happens often ---

EVENTS: dict[str, int] = {
    "begin": 30,
    "fail": 40,
    "end": 25,
    "resume": 10,
    "hedge": 4,
    "commit": 4,
    "break_off": 4,
    "pass_time": 20,
    "compile": 1,
    "reload": 1,
    "replace_everything": 1,
}
"""How often each is tried."""
OFTEN = [K.SERVER_ERROR, K.TRANSPORT, K.MODEL_FAULT, K.FILTER_UNAVAILABLE, K.RATE_LIMITED, *REQUESTS_OWN]


class Storm:
    """Drives traffic by the dice."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        self.traffic = Traffic()
        self.traffic.configure(
            caps=(rng.choice([None, None, 4]), None),
            provider_caps=(rng.choice([None, None, 8]), None),
            weights=rng.choice([[1.0], [1.0, 3.0], [1.0, 0.5, 0.0]]),
            attempts=rng.randint(2, 5),
            rules=Rules(failures=rng.randint(2, 5), ramp=rng.choice([0.0, 30.0])),
        )

    def blow(self, events: int) -> None:
        for name in self.rng.choices(list(EVENTS), list(EVENTS.values()), k=events):
            self.happens(name)
            self.check()
        self.traffic.teardown()

    def happens(self, name: str) -> None:
        traffic, rng, number = self.traffic, self.rng, self.rng.randint(0, 100)
        under_way = any(case.running for case in traffic.cases)
        if not traffic.routes or name == "compile":
            numbers = self.numbers()
            fallback = (rng.choice(REQUESTS_OWN), self.numbers() if rng.random() < 0.5 else [])
            hedge = Hedge(share=0.5) if rng.random() < 0.5 else None
            resilience = Resilience(retries=rng.choice([0, 1, 1]), longest_wait=rng.choice([1.0, 10.0]), hedge=hedge)
            traffic.compile(numbers, resilience, rng.choice([None, fallback]))
        elif name == "begin":
            traffic.begin(number, rng.choice([5.0, 600.0, 600.0]), number)
        elif name == "fail" and under_way:
            traffic.fail(number, self.failure())
        elif name == "break_off" and under_way:
            traffic.break_off(number, self.failure(), rng.random() < 0.8)
        elif name == "commit" and under_way:
            traffic.commit(number)
        elif name == "end" and under_way:
            traffic.end(number, rng.choice(["well", "well", "well", "client leaves"]))
        elif name == "hedge" and any(len(case.running) == 1 for case in traffic.cases):
            traffic.hedge(number)
        elif name == "resume" and any(case.until is not None for case in traffic.cases):
            traffic.resume(number, rng.choice([0.0, 0.0, 0.1, 6.0]))
        elif name == "reload":
            traffic.reload(Rules(failures=rng.randint(2, 5)))
        elif name == "replace_everything" and not traffic.cases:
            traffic.replace_everything()
        elif name == "pass_time":
            traffic.pass_time(rng.choice([0.01, 0.1, 1.0, rng.uniform(0.0, 20.0)]))

    def numbers(self) -> list[list[int]]:
        return [self.rng.sample(range(8), self.rng.randint(1, 4)) for _ in range(self.rng.randint(1, 3))]

    def failure(self) -> Failure:
        kind = self.rng.choice(OFTEN if self.rng.random() < 0.7 else list(K))
        hint = self.rng.choice([None, None, None, self.rng.uniform(0.0, 3.0), self.rng.uniform(0.0, 60.0)])
        return Failure(kind=kind, source="gateway" if kind in OURS else "upstream", message="", retry_after=hint)

    def check(self) -> None:
        self.traffic.what_is_counted_is_what_is_under_way()
        self.traffic.rests_and_open_breakers_only_move_later()
        self.traffic.one_request_at_most_is_on_trial_at_a_deployment()
        self.traffic.the_short_cut_to_what_is_ready_is_no_other_way()


@pytest.mark.parametrize("seed", range(60))
def test_nothing_gives_way_in_a_long_storm(seed: int):
    Storm(seed).blow(600)


@given(tiers, st.lists(st.sampled_from(sorted(OF_THE_DEPLOYMENT - {K.REGION_BLOCKED}, key=str)), max_size=30))
def test_without_caps_and_limits_every_deployment_is_tried_once_before_giving_up(
    numbers: list[list[int]], kinds: list[FailureKind]
):
    route = Setup((None, None), (None, None), [1.0]).route(Registry(), numbers, Resilience(retries=0))
    exchange = Exchange(route, 0.0, 600.0, 100, Random(1), [])
    step = exchange.begin(0.0)
    tried: list[str] = []
    while isinstance(step, Attempt):
        tried.append(step.candidate.deployment)
        kind = kinds[len(tried)] if len(tried) < len(kinds) else K.OVERLOADED
        step = exchange.failed(step, Failure(kind=kind, source="upstream", message=""), 0.0)
    assert isinstance(step, GiveUp)
    assert sorted(tried) == sorted({each.deployment for tier in route.tiers for each in tier.candidates})


@given(tiers, st.sampled_from([K.RATE_LIMITED, K.TOO_LARGE_FOR_BUCKET, K.DAILY_QUOTA, K.PERMISSION]))
def test_without_caps_every_key_is_tried_once_for_its_own_limits_before_giving_up(
    numbers: list[list[int]], kind: FailureKind
):
    route = Setup((None, None), (None, None), [1.0]).route(Registry(), numbers, Resilience(retries=0))
    exchange = Exchange(route, 0.0, 600.0, 100, Random(1), [])
    step = exchange.begin(0.0)
    tried: list[str] = []
    while isinstance(step, Attempt):
        tried.append(step.candidate.name)
        step = exchange.failed(step, Failure(kind=kind, source="upstream", message="", retry_after=99.0), 0.0)
    assert isinstance(step, GiveUp)
    assert sorted(tried) == sorted({each.name for tier in route.tiers for each in tier.candidates})
