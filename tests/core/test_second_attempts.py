"""Attempts beside or after one that has begun to answer: hedges, continuations, and whether anybody else is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from headway.core.candidates import Candidate
from headway.core.exchange import Attempt
from headway.core.remedies import REMEDIES, Elsewhere
from headway.failures import Failure, FailureKind
from headway.types import Hedge

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

Make = Callable[..., Failure]

K = FailureKind


# --- is anybody else there? ---


def test_with_another_deployment_ready_an_attempt_is_not_alone(scene: Open):
    s = scene("a", "b")
    s.begin()
    assert not s.exchange.alone(1.0)


def test_the_only_deployment_is_alone_even_if_it_has_more_keys(scene: Open):
    s = scene("a#1 a#2 a#3")
    s.begin()
    assert s.exchange.alone(1.0)


def test_the_last_attempt_allowed_is_alone(scene: Open):
    s = scene("a", "b", "c", attempts=2)
    s.begin()
    assert not s.exchange.alone(0.0)
    s.fails(K.TIMEOUT)
    assert s.exchange.alone(1.0)


@pytest.mark.parametrize("why", ["it rests", "it is ill", "it is full", "it failed before"])
def test_who_cannot_take_over_is_no_company(world: World, scene: Open, why: str):
    if why == "it is full":
        world.key_caps["b#k"] = 1
    s = scene("b", "a") if why == "it failed before" else scene("a", "b")
    s.begin()
    match why:
        case "it rests":
            world.rest("b", K.RATE_LIMITED, retry_after=60.0)
        case "it is ill":
            world.trip("b")
        case "it is full":
            world.hold("b")
        case _:
            assert s.fails(K.SERVER_ERROR) == "a"
    assert s.exchange.alone(1.0)


# --- a second attempt beside a slow one ---


def hedged(scene: Open, *tiers: str, attempts: int = 3, **hedge: Any) -> Scene:
    s = scene(*tiers, attempts=attempts, hedge=Hedge(**hedge))
    s.begin()
    return s


def names(s: Scene) -> list[str]:
    return [attempt.candidate.name for attempt in s.exchange.attempts]


def test_a_slow_stream_gets_a_second_attempt_at_another_deployment(scene: Open, slots_used: Callable[..., int]):
    s = hedged(scene, "a#1 a#2", "b")
    second = s.exchange.hedge(2.0)
    assert second is not None
    assert (second.candidate.deployment, second.reason, second.number) == ("b/m", "hedge", 2)
    assert slots_used(s.exchange.route) == 6
    s.exchange.superseded(s.attempt, 3.0)
    s.exchange.succeeded(second, 200, 4.0)
    assert slots_used(s.exchange.route) == 0
    assert [record.result for record in s.exchange.records()] == ["superseded", "200"]


def test_there_is_no_hedge_unless_the_route_asks_for_it(scene: Open):
    s = scene("a", "b")
    s.begin()
    assert s.exchange.hedge(2.0) is None


def test_another_key_of_the_same_deployment_is_no_hedge(scene: Open):
    assert hedged(scene, "a#1 a#2").exchange.hedge(2.0) is None


def test_a_hedge_counts_as_an_attempt(scene: Open):
    assert hedged(scene, "a", "b", attempts=1).exchange.hedge(2.0) is None


def test_an_exchange_is_hedged_once(scene: Open):
    s = hedged(scene, "a", "b", "c", share=1.0)
    s.exchange.route.hedging.started()  # type: ignore[union-attr]
    s.exchange.route.hedging.started()  # type: ignore[union-attr]
    assert s.exchange.hedge(2.0) is not None
    assert s.exchange.hedge(3.0) is None


def test_after_a_failure_there_is_no_hedge(scene: Open):
    s = hedged(scene, "a", "b", "c")
    s.fails(K.SERVER_ERROR)
    assert s.exchange.hedge(2.0) is None


@pytest.mark.parametrize("why", ["resting", "ill", "full", "mostly failing", "crowded"])
def test_a_deployment_that_is_not_well_takes_no_hedges(world: World, scene: Open, why: str):
    match why:
        case "resting":
            world.rest("b", K.RATE_LIMITED, retry_after=60.0)
        case "ill":
            world.trip("b")
        case "full":
            world.key_caps["b#k"] = 1
            world.hold("b")
        case "mostly failing":
            world.rest("b", K.RATE_LIMITED, retry_after=0.0, times=10)
        case _:
            for _ in range(3):
                s = scene("z", "b")
                s.begin()
                assert s.fails(K.FILTER_UNAVAILABLE) == "b"
    assert hedged(scene, "a", "b").exchange.hedge(2.0) is None
    assert hedged(scene, "a", "b", "c").exchange.hedge(2.0) is not None


def test_a_routes_hedges_have_a_budget(world: World, scene: Open):
    route = world.route("a", "b", hedge=Hedge(share=0.1))
    told: list[bool] = []
    for _ in range(40):
        exchange = world.exchange(route)
        exchange.begin(0.0)
        assert route.hedging is not None
        route.hedging.started()
        told.append(exchange.hedge(2.0) is not None)
    assert sum(told) == 4


def test_nobody_to_hedge_with_spends_nothing(world: World, scene: Open):
    s = hedged(scene, "a", "b")
    world.trip("b")
    assert s.exchange.hedge(2.0) is None
    assert s.exchange.route.hedging is not None
    assert s.exchange.route.hedging.spend()


@pytest.mark.parametrize("first_to_fail", [0, 1])
def test_when_one_of_two_fails_the_other_goes_on_and_then_a_third_is_asked(
    scene: Open, failed: Make, first_to_fail: int
):
    s = hedged(scene, "a#1 a#2", "b#1 b#2", "c")
    assert s.exchange.hedge(2.0) is not None
    attempts = s.exchange.attempts[:]
    s.exchange.failed_beside(attempts[first_to_fail], failed(K.SERVER_ERROR), 3.0)
    step = s.exchange.failed(attempts[1 - first_to_fail], failed(K.SERVER_ERROR), 4.0)
    assert isinstance(step, Attempt)
    assert step.candidate.deployment == "c/m"
    assert len(s.exchange.failures) == 2


def test_a_failure_beside_is_among_those_that_may_be_told(scene: Open, failed: Make):
    s = hedged(scene, "a", "b", attempts=2)
    second = s.exchange.hedge(2.0)
    assert second is not None
    s.exchange.failed_beside(s.attempt, failed(K.AUTH_INVALID), 3.0)
    assert s.told(s.exchange.failed(second, failed(K.SERVER_ERROR), 4.0)) == "give up: auth_invalid"


# --- going on where another broke off ---


def anybody(_: Candidate) -> bool:
    return True


def broken(scene: Open, *tiers: str, **settings: Any) -> Scene:
    s = scene(*tiers, **settings)
    s.begin()
    s.exchange.committed(s.attempt, 0.5)
    return s


def test_a_text_that_breaks_off_is_continued_by_another_deployment(
    scene: Open, failed: Make, slots_used: Callable[..., int]
):
    s = broken(scene, "a#1 a#2", "b")
    assert s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, anybody)
    assert names(s) == ["a/m#1", "b/m#k"]
    assert s.reasons == ["first", "continuation"]
    assert slots_used(s.exchange.route) == 3
    s.exchange.succeeded(s.exchange.attempts[-1], 200, 2.0)
    assert slots_used(s.exchange.route) == 0


def test_only_who_is_able_may_continue(scene: Open, failed: Make):
    s = broken(scene, "a", "b", "c")
    assert s.exchange.continued(s.attempt, failed(K.TIMEOUT), 1.0, lambda each: each.deployment == "c/m")
    assert names(s) == ["a/m#k", "c/m#k"]


def test_with_nobody_able_the_text_stays_broken(scene: Open, failed: Make):
    s = broken(scene, "a", "b", "c")
    assert not s.exchange.continued(s.attempt, failed(K.TIMEOUT), 1.0, lambda _: False)
    assert names(s) == ["a/m#k"]


def test_a_text_is_continued_once(scene: Open, failed: Make):
    s = broken(scene, "a", "b", "c", attempts=9)
    assert s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, anybody)
    assert not s.exchange.continued(s.exchange.attempts[-1], failed(K.TRUNCATED), 2.0, anybody)
    assert names(s) == ["a/m#k", "b/m#k"]


@pytest.mark.parametrize("kind", [kind for kind in K if REMEDIES[kind].elsewhere is Elsewhere.NOBODY])
def test_what_nobody_can_mend_is_not_continued(scene: Open, failed: Make, kind: FailureKind):
    s = broken(scene, "a", "b")
    assert not s.exchange.continued(s.attempt, failed(kind), 1.0, anybody)


def test_a_continuation_counts_as_an_attempt_and_keeps_the_deadline(scene: Open, failed: Make):
    s = broken(scene, "a", "b", attempts=1)
    assert not s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, anybody)
    s = broken(scene, "a", "b", total=10.0)
    assert not s.exchange.continued(s.attempt, failed(K.TRUNCATED), 10.0, anybody)
    assert names(s) == ["a/m#k"]


@pytest.mark.parametrize("why", ["resting", "ill", "full", "crowded"])
def test_who_is_not_well_continues_nothing(world: World, scene: Open, failed: Make, why: str):
    match why:
        case "resting":
            world.rest("b", K.RATE_LIMITED, retry_after=60.0)
        case "ill":
            world.trip("b")
        case "full":
            world.key_caps["b#k"] = 1
            world.hold("b")
        case _:
            for _ in range(3):
                s = broken(scene, "z", "b")
                assert s.exchange.continued(s.attempt, failed(K.REGION_BLOCKED, "gateway"), 0.5, anybody)
    s = broken(scene, "a", "b", "c")
    assert s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, anybody)
    assert names(s) == ["a/m#k", "c/m#k"]


def test_who_failed_earlier_in_the_exchange_continues_nothing(scene: Open, failed: Make):
    s = scene("a#1 a#2", "b", "c")
    assert [s.begin(), s.fails(K.OVERLOADED)] == ["a#1", "b"]
    assert s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, anybody)
    assert names(s) == ["a/m#1", "b/m#k", "c/m#k"]


def test_a_break_is_learnt_whether_or_not_it_is_continued(world: World, scene: Open, failed: Make):
    for able in (anybody, lambda _: False) * 3:
        s = broken(scene, "a", "b")
        if s.attempt.candidate.deployment == "a/m":
            s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, able)
    assert world.state("a").breaker.tripped
