"""What is asked when nothing is well, and what is told when nobody may be asked."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt, Exchange, GiveUp, Step, Wait
from headway.failures import Failure, FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind


# --- what is ill ---


def test_when_everything_is_left_alone_the_one_that_is_back_first_is_tried(world: World, scene: Open):
    world.trip("b", now=0.0)
    world.trip("a", now=3.0)
    s = scene("a", "b")
    assert s.begin(now=3.1) == "b"
    assert s.reasons == ["last_resort"]


def test_after_a_failure_what_is_ill_is_tried_before_giving_up(world: World, scene: Open):
    world.trip("b")
    s = scene("a", "b")
    assert [s.begin(now=1.0), s.fails(K.TIMEOUT, now=1.0)] == ["a", "b"]
    assert s.reasons == ["first", "last_resort"]


def test_the_last_resort_is_tried_once_in_an_exchange(world: World, scene: Open):
    for name in "bcd":
        world.trip(name)
    s = scene("a", "b c d", attempts=9)
    told = [s.begin(now=1.0), s.fails(K.TIMEOUT, now=1.0), s.fails(K.TIMEOUT, now=1.0)]
    assert told[0] == "a"
    assert told[1] in "bcd"
    assert told[2] == "give up: timeout"


def test_once_more_comes_before_what_is_ill(world: World, scene: Open):
    world.trip("b")
    s = scene("a", "b")
    assert [s.begin(now=1.0), s.fails(K.MODEL_FAULT, now=1.0), s.fails(K.MODEL_FAULT, now=1.0)] == ["a", "a", "b"]
    assert s.reasons == ["first", "retry", "last_resort"]


def test_after_the_last_resort_nobody_waits_for_what_will_still_be_ill(world: World, scene: Open):
    world.trip("b")
    world.trip("c", now=1.0)
    world.rest("c", K.RATE_LIMITED, now=1.0, retry_after=1.0)
    s = scene("a", "b", "c")
    told = [s.begin(now=1.0), s.fails(K.TIMEOUT, now=1.0), s.fails(K.TIMEOUT, now=1.0)]
    assert told == ["a", "b", "give up: timeout"]


def test_a_last_resort_to_begin_with_is_the_only_one(world: World, scene: Open):
    world.trip("a")
    world.trip("b")
    s = scene("a", "b")
    assert s.begin(now=1.0) in "ab"
    assert s.fails(K.SERVER_ERROR, now=1.0) == "give up: server_error"


@pytest.mark.parametrize("kind", [K.AUTH_INVALID, K.BILLING_EXHAUSTED, K.PERMISSION, K.RATE_LIMITED, K.DAILY_QUOTA])
def test_the_last_resort_overrules_neither_a_refused_key_nor_a_rate_limit(world: World, scene: Open, kind: FailureKind):
    world.rest("a", kind, retry_after=50.0)
    world.state("a").breaker.open_for(5.0, 0.0)
    assert scene("a").begin(now=1.0) == f"give up: {kind.value}"


def test_the_last_resort_does_not_overrule_a_provider_that_asks_to_be_left_alone(world: World, scene: Open):
    world.rest("a", K.OVERLOADED, retry_after=50.0)
    s = scene("a")
    assert s.begin(now=20.0) == "full"
    assert s.room_at == 50.0
    assert s.may_not_wait(now=20.0) == "give up: overloaded"
    assert s.refusal.retry_after == 30.0


def test_the_last_resort_does_not_exceed_a_cap(world: World, scene: Open):
    world.trip("a")
    world.key_caps["a#k"] = 1
    assert scene("a").begin(now=0.1) == "a"
    assert scene("a").begin(now=0.1) == "give up: saturated"


@pytest.mark.parametrize("tiers", [["a"], ["a b"], ["a", "b"], ["a#1 a#2 b", "c"]])
def test_with_everything_left_alone_each_request_asks_exactly_one(world: World, scene: Open, tiers: list[str]):
    for name in " ".join(tiers).split():
        if not world.state(name).breaker.tripped:
            world.trip(name)
    for number in range(100):
        s = scene(*tiers)
        s.begin(now=1.0 + number / 100)
        assert s.fails(K.SERVER_ERROR, now=1.0 + number / 100) == "give up: server_error"
        assert len(s.exchange.attempts) == 1


def test_an_outage_of_everything_adds_at_most_a_tenth_to_the_load(world: World, failed: Callable[..., Failure]):
    """Two hundred requests a second for twenty seconds at three deployments that all refuse within 50 ms."""
    route = world.route("a b", "c")
    arrivals = [number / 200 for number in range(4000)]
    exchanges = [world.exchange(route, now=at, seed=number) for number, at in enumerate(arrivals)]
    steps: list[tuple[float, int, Exchange, Step | None]] = [
        (at, number, exchange, None) for number, (at, exchange) in enumerate(zip(arrivals, exchanges, strict=True))
    ]
    number = len(steps)
    while steps:
        now, _, exchange, last = heapq.heappop(steps)
        match last:
            case None:
                step = exchange.begin(now)
            case Attempt():
                step = exchange.failed(last, failed(K.SERVER_ERROR, status=503), now)
            case _:
                step = exchange.resume(now)
        if not isinstance(step, GiveUp):
            number += 1
            at = step.until if isinstance(step, Wait) else now + 0.05
            heapq.heappush(steps, (at, number, exchange, step))
    calls = sum(len(exchange.attempts) for exchange in exchanges if exchange.started >= 1.0)
    assert 1.0 <= calls / 3800 <= 1.1


# --- nobody to begin with ---


def test_a_rate_limit_is_kept_to_even_when_nothing_else_is_left(world: World, scene: Open):
    world.rest("a", K.RATE_LIMITED, retry_after=20.0)
    world.rest("b", K.RATE_LIMITED, retry_after=12.0)
    s = scene("a", "b")
    assert s.begin(now=2.0) == "full"
    assert s.room_at == 12.0
    assert s.may_not_wait(now=2.0) == "give up: rate_limited"
    assert s.refusal.retry_after == 10.0
    assert s.refusal.source == "gateway"
    assert scene("a", "b").begin(now=12.0) == "b"


def test_the_wait_for_a_rate_limit_is_not_drawn_out_by_bad_health(world: World, scene: Open):
    world.trip("a")
    world.rest("a", K.RATE_LIMITED, now=1.0, retry_after=2.0)  # the last resort
    s = scene("a")
    assert s.begin(now=1.0) == "give up: rate_limited"
    assert s.refusal.retry_after == 2.0


def test_keys_that_are_all_refused_are_told_as_the_operators_fault(world: World, scene: Open):
    world.rest("a#1", K.AUTH_INVALID)
    world.rest("a#2", K.AUTH_INVALID, now=5.0)
    s = scene("a#1 a#2")
    assert s.begin(now=10.0) == "full"
    assert s.room_at == 60.0
    assert s.may_not_wait(now=10.0) == "give up: auth_invalid"
    assert s.refusal.retry_after == 50.0


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ([K.AUTH_INVALID, K.RATE_LIMITED], K.RATE_LIMITED),
        ([K.RAMP_LIMITED, K.BILLING_EXHAUSTED], K.RATE_LIMITED),
        ([K.DAILY_QUOTA, K.RATE_LIMITED], K.RATE_LIMITED),
        ([K.DAILY_QUOTA, K.AUTH_INVALID], K.DAILY_QUOTA),
        ([K.BILLING_EXHAUSTED, K.AUTH_INVALID], K.BILLING_EXHAUSTED),
        ([K.PERMISSION, K.AUTH_INVALID], K.PERMISSION),
        ([K.OVERLOADED, K.AUTH_INVALID], K.OVERLOADED),
        ([K.TRANSPORT], K.OVERLOADED),
    ],
)
def test_of_several_reasons_why_nobody_is_left_the_one_that_passes_soonest_is_told(
    world: World, scene: Open, kinds: list[FailureKind], told: FailureKind
):
    names = [f"p{number}" for number in range(len(kinds))]
    for name, kind in zip(names, kinds, strict=True):
        world.rest(name, kind, retry_after=50.0)
    s = scene(" ".join(names))
    assert s.begin(now=30.0) == "full"
    assert s.may_not_wait(now=30.0) == f"give up: {told.value}"
    wait = s.refusal.retry_after
    assert wait is not None
    assert 0.0 < wait <= 900.0


def test_a_key_that_is_merely_full_does_not_make_the_other_ones_refusal_the_answer(world: World, scene: Open):
    world.key_caps["a#2"] = 1
    world.hold("a#2")
    world.rest("a#1", K.AUTH_INVALID)
    s = scene("a#1 a#2")
    assert s.begin(now=1.0) == "full"
    assert s.may_not_wait(now=1.0) == "give up: saturated"
    assert s.refusal.retry_after == 1.0


def test_with_every_target_at_its_cap_the_client_is_asked_to_come_back_in_a_second(world: World, scene: Open):
    world.key_caps["a#k"] = 1
    held = world.hold("a")
    s = scene("a")
    assert s.begin() == "full"
    assert s.room_at == 0.0, "a slot may become free at any moment"
    assert s.may_not_wait() == "give up: saturated"
    assert s.refusal.retry_after == 1.0
    assert s.refusal.source == "gateway"
    held.candidate.release()
    assert scene("a").begin() == "a"


def test_a_route_whose_targets_all_have_weight_zero_says_so(world: World, scene: Open):
    world.weights["a"] = 0.0
    s = scene("a")
    assert s.begin() == "give up: saturated"
    assert "weight 0" in s.refusal.message
    assert s.refusal.retry_after is None
