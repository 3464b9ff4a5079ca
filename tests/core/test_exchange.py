"""One request and its attempts: whom next, when to give up, what is released. Times are seconds from the beginning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt
from headway.core.registry import LiveRoute
from headway.core.retry import AFTER, Next
from headway.types import Failure, FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind
NOTHING_FOLLOWS = [kind for kind, after in AFTER.items() if after is Next.NOTHING]
SOMETHING_FOLLOWS = [kind for kind, after in AFTER.items() if after is not Next.NOTHING]
WHOLE_DEPLOYMENT = [kind for kind, after in AFTER.items() if after is Next.ANOTHER_DEPLOYMENT]


def test_every_kind_of_failure_has_a_rule():
    assert set(AFTER) == set(FailureKind)


# --- whom next ---


def test_a_rate_limited_key_is_left_for_the_next_key_at_once(scene: Open):
    s = scene("a#1 a#2", "b")
    assert s.begin() == "a#1"
    assert s.fails(K.RATE_LIMITED, now=0.2, retry_after=20.0) == "a#2"
    assert s.attempt.started == 0.2
    assert s.attempt.number == 2


@pytest.mark.parametrize("kind", WHOLE_DEPLOYMENT)
def test_a_deployment_that_failed_as_a_whole_is_left_for_another_before_its_next_key(scene: Open, kind: FailureKind):
    s = scene("a#1 a#2 b")
    assert s.begin() == "a#1"
    assert s.fails(kind) == "b"
    assert s.fails(kind) == "a#2"


@pytest.mark.parametrize("kind", WHOLE_DEPLOYMENT)
def test_the_next_tier_comes_before_another_key_of_a_deployment_that_failed(scene: Open, kind: FailureKind):
    s = scene("a#1 a#2", "b")
    assert [s.begin(), s.fails(kind), s.fails(kind)] == ["a#1", "b", "a#2"]


def test_another_key_is_tried_when_there_is_no_other_deployment(scene: Open):
    s = scene("a#1 a#2 a#3")
    told = [s.begin(), s.fails(K.TIMEOUT), s.fails(K.TIMEOUT), s.fails(K.TIMEOUT)]
    assert told == ["a#1", "a#2", "a#3", "give up: timeout"]


def test_another_model_of_the_same_provider_is_another_deployment(scene: Open):
    s = scene("a/large#1 a/large#2 a/small#1")
    assert [s.begin(), s.fails(K.OVERLOADED)] == ["a/large#1", "a/small#1"]


def test_tiers_are_used_in_order_and_the_first_one_up_first(scene: Open):
    s = scene("a", "b", "c")
    assert [s.begin(), s.fails(K.SERVER_ERROR), s.fails(K.SERVER_ERROR)] == ["a", "b", "c"]


def test_what_comes_last_comes_in_the_order_of_tiers(scene: Open):
    s = scene("a#1 a#2", "b#1 b#2", attempts=4)
    told = [s.begin(), *(s.fails(K.TIMEOUT) for _ in range(4))]
    assert told == ["a#1", "b#1", "a#2", "b#2", "give up: timeout"]


def test_a_refused_key_is_left_for_another_key_of_the_same_deployment(scene: Open):
    s = scene("a#1 a#2", "b")
    assert [s.begin(), s.fails(K.AUTH_INVALID)] == ["a#1", "a#2"]


@pytest.mark.parametrize("kind", SOMETHING_FOLLOWS)
def test_the_same_target_is_never_tried_twice_even_if_two_tiers_name_it(scene: Open, kind: FailureKind):
    s = scene("a", "a b", "a")
    assert [s.begin(), s.fails(kind), s.fails(kind)] == ["a", "b", f"give up: {kind.value}"]


@pytest.mark.parametrize("kind", NOTHING_FOLLOWS)
def test_nothing_follows_a_failure_that_would_repeat_itself(scene: Open, kind: FailureKind):
    s = scene("a b", "c")
    s.begin()
    assert s.fails(kind) == f"give up: {kind.value}"


def test_the_failure_that_ended_the_last_attempt_is_what_is_told(scene: Open):
    s = scene("a", "b")
    s.begin()
    s.fails(K.RATE_LIMITED, retry_after=3.0)
    s.fails(K.SERVER_ERROR, status=500)
    assert s.refusal.status == 500
    assert [each.kind for each in s.exchange.failures] == [K.RATE_LIMITED, K.SERVER_ERROR]


# --- limits of an exchange ---


@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_there_are_never_more_attempts_than_allowed(scene: Open, attempts: int):
    s = scene("a b c d e f", attempts=attempts)
    told = [s.begin(), *(s.fails(K.SERVER_ERROR) for _ in range(attempts))]
    assert told == [*"abcdef"[:attempts], "give up: server_error"]


def test_nothing_follows_once_the_deadline_has_passed(scene: Open):
    s = scene("a b", total=10.0)
    s.begin(now=0.0)
    assert s.fails(K.SERVER_ERROR, now=10.0) == "give up: deadline"
    assert s.refusal.source == "gateway"


def test_just_before_the_deadline_another_target_is_tried(scene: Open):
    s = scene("a b", total=10.0)
    s.begin(now=0.0)
    assert s.fails(K.SERVER_ERROR, now=9.999) == "b"


def test_a_refused_request_is_told_as_such_even_after_the_deadline(scene: Open):
    s = scene("a b", total=10.0)
    s.begin(now=0.0)
    assert s.fails(K.REQUEST_REFUSED, now=11.0, status=400) == "give up: request_refused"


# --- caps ---


def test_a_key_at_its_cap_is_passed_over(world: World, scene: Open):
    world.key_caps["a#1"] = 1
    world.hold("a#1")
    assert scene("a#1 a#2").begin() == "a#2"


def test_a_cap_of_a_key_counts_its_requests_for_every_model(world: World, scene: Open):
    world.key_caps["a#1"] = 1
    world.hold("a/other#1")
    assert scene("a#1", "b").begin() == "b"


def test_a_provider_at_its_cap_is_passed_over_with_all_its_keys(world: World, scene: Open):
    world.provider_caps["a"] = 2
    world.hold("a#1")
    world.hold("a#2")
    assert scene("a#1 a#2 a#3", "b").begin() == "b"


def test_failover_passes_over_what_is_full_too(world: World, scene: Open):
    world.key_caps["b#k"] = 1
    world.hold("b")
    s = scene("a", "b", "c")
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a", "c"]


def test_with_every_target_at_its_cap_the_client_is_asked_to_come_back_in_a_second(world: World, scene: Open):
    world.key_caps["a#k"] = 1
    held = world.hold("a")
    s = scene("a")
    assert s.begin() == "give up: saturated"
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


def test_weight_zero_takes_no_traffic_and_no_failover(world: World, scene: Open):
    world.weights["b"] = 0.0
    s = scene("a b", "c")
    assert [s.begin(), s.fails(K.SERVER_ERROR), s.fails(K.SERVER_ERROR)] == ["a", "c", "give up: server_error"]


# --- nothing is ready ---


def test_when_everything_merely_rests_for_its_health_the_one_that_is_back_first_is_tried(world: World, scene: Open):
    world.rest("b", K.SERVER_ERROR, times=5, now=0.0)
    world.rest("a", K.SERVER_ERROR, times=5, now=3.0)
    s = scene("a", "b")
    assert s.begin(now=3.1) == "b"


def test_a_rate_limit_is_kept_to_even_when_nothing_else_is_left(world: World, scene: Open):
    world.rest("a", K.RATE_LIMITED, retry_after=20.0)
    world.rest("b", K.RATE_LIMITED, retry_after=12.0)
    s = scene("a", "b")
    assert s.begin(now=2.0) == "give up: rate_limited"
    assert s.refusal.retry_after == 10.0
    assert scene("a", "b").begin(now=12.0) == "b"


def test_the_wait_for_a_rate_limit_is_not_drawn_out_by_bad_health(world: World, scene: Open):
    world.rest("a", K.SERVER_ERROR, times=5)
    for kind, facts in ((K.SERVER_ERROR, {}), (K.RATE_LIMITED, {"retry_after": 2.0})):
        s = scene("a")
        s.begin(now=1.0)  # the last resort
        s.fails(kind, now=1.0, **facts)
    s = scene("a")
    assert s.begin(now=1.0) == "give up: rate_limited"
    assert s.refusal.retry_after == 2.0


def test_keys_that_are_all_refused_are_told_as_the_operators_fault(world: World, scene: Open):
    world.rest("a#1", K.AUTH_INVALID)
    world.rest("a#2", K.AUTH_INVALID, now=5.0)
    s = scene("a#1 a#2")
    assert s.begin(now=10.0) == "give up: auth_invalid"
    assert s.refusal.retry_after == 50.0


def test_one_refused_key_does_not_make_a_rate_limit_look_like_a_refusal(world: World, scene: Open):
    world.rest("a#1", K.AUTH_INVALID)
    world.rest("a#2", K.RATE_LIMITED, retry_after=90.0)
    s = scene("a#1 a#2")
    assert s.begin(now=30.0) == "give up: rate_limited"
    assert s.refusal.retry_after == 30.0  # hints are believed for a minute at most


def test_a_key_that_is_merely_full_does_not_make_the_other_ones_refusal_the_answer(world: World, scene: Open):
    world.key_caps["a#2"] = 1
    world.hold("a#2")
    world.rest("a#1", K.AUTH_INVALID)
    s = scene("a#1 a#2")
    assert s.begin(now=1.0) == "give up: saturated"
    assert s.refusal.retry_after == 1.0


def test_the_last_resort_does_not_exceed_a_cap(world: World, scene: Open):
    world.rest("a", K.SERVER_ERROR, times=5)
    world.key_caps["a#k"] = 1
    s = scene("a")
    assert s.begin(now=0.1) == "a"
    assert scene("a").begin(now=0.1) == "give up: saturated"


# --- endings ---


def start(scene: Open) -> tuple[Scene, LiveRoute]:
    s = scene("a#1 a#2", "b")
    s.begin()
    return s, s.exchange.route


@pytest.mark.parametrize("ending", ["succeeds", "fails", "ends badly"])
def test_an_attempt_that_ended_holds_no_slot(scene: Open, slots_used: Callable[[LiveRoute], int], ending: str):
    s, route = start(scene)
    assert slots_used(route) == 3  # of its key, its provider, its target
    match ending:
        case "succeeds":
            s.succeeds(now=1.0)
        case "fails":
            s.fails(K.REQUEST_REFUSED, now=1.0)
        case _:
            gone = Failure(kind=K.CANCELLED, source="downstream", message="the client left")
            s.exchange.ended_badly(s.attempt, gone, 1.0)
    assert slots_used(route) == 0


def test_a_failover_moves_the_slots_along(scene: Open, slots_used: Callable[[LiveRoute], int]):
    s, route = start(scene)
    s.fails(K.SERVER_ERROR, now=1.0)
    assert slots_used(route) == 3


def test_an_attempt_cannot_end_twice(scene: Open, slots_used: Callable[[LiveRoute], int]):
    s, route = start(scene)
    attempt = s.attempt
    s.succeeds(now=1.0)
    with pytest.raises(RuntimeError, match=r"ended twice: 200, timeout"):
        s.exchange.failed(attempt, Failure(kind=K.TIMEOUT, source="upstream", message="late"), 2.0)
    assert slots_used(route) == 0
    assert len(s.exchange.attempts) == 1


def test_records_tell_each_attempt_in_seconds_since_the_beginning(world: World):
    exchange = world.exchange(world.route("a", "b"), now=100.0)
    first = exchange.begin(100.5)
    assert isinstance(first, Attempt)
    second = exchange.failed(first, Failure(kind=K.RATE_LIMITED, source="upstream", message="no", status=429), 101.0)
    assert isinstance(second, Attempt)
    exchange.succeeded(second, 200, 103.0)
    told = [(record.target, record.result, record.started, record.duration) for record in exchange.records()]
    assert told == [("a/m#k", "429", 0.5, 0.5), ("b/m#k", "200", 1.0, 2.0)]


def test_an_attempt_without_a_status_is_recorded_by_its_kind_of_failure(scene: Open):
    s = scene("a")
    s.begin(now=0.0)
    s.fails(K.TRANSPORT, now=0.25)
    (record,) = s.exchange.records()
    assert (record.result, record.duration) == ("transport", 0.25)
