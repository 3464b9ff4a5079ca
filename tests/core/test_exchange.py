"""One request and its attempts: how many, how long, what is released, what is told. Whom to ask next is
`test_succession`'s business. Times are seconds from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt
from headway.core.registry import LiveRoute
from headway.failures import Failure, FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

Make = Callable[..., Failure]

K = FailureKind


# --- limits of an exchange ---


@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_there_are_never_more_attempts_than_allowed(scene: Open, attempts: int):
    s = scene("a b c d e f", attempts=attempts)
    told = [s.begin(), *(s.fails(K.SERVER_ERROR) for _ in range(attempts))]
    assert told == [*"abcdef"[:attempts], "give up: server_error"]


def test_a_repeat_is_an_attempt_like_any_other(scene: Open):
    s = scene("a", attempts=1)
    assert [s.begin(), s.fails(K.TRANSPORT)] == ["a", "give up: transport"]


def test_nothing_follows_once_the_deadline_has_passed(scene: Open):
    s = scene("a b", total=10.0)
    s.begin(now=0.0)
    assert s.fails(K.SERVER_ERROR, now=10.0) == "give up: deadline"
    assert s.refusal.source == "gateway"


def test_the_deadline_is_shared_by_all_attempts(scene: Open):
    s = scene("a", "b", "c", total=10.0)
    told = [s.begin(now=0.0), s.fails(K.TIMEOUT, now=6.0), s.fails(K.TIMEOUT, now=12.0)]
    assert told == ["a", "b", "give up: deadline"]


def test_just_before_the_deadline_another_target_is_tried(scene: Open):
    s = scene("a b", total=10.0)
    s.begin(now=0.0)
    assert s.fails(K.SERVER_ERROR, now=9.999) == "b"


def test_who_comes_back_from_a_wait_after_the_deadline_asks_nobody(scene: Open):
    s = scene("a", total=10.0)
    assert [s.begin(now=0.0), s.fails(K.SERVER_ERROR, now=9.0)] == ["a", "wait"]
    assert s.resumes(now=10.0) == "give up: deadline"
    assert len(s.exchange.attempts) == 1


def test_a_refused_request_is_told_as_such_even_after_the_deadline(scene: Open):
    s = scene("a b", total=10.0)
    s.begin(now=0.0)
    assert s.fails(K.INVALID_REQUEST, now=11.0, status=400) == "give up: invalid_request"


def test_the_failure_of_the_last_attempt_allowed_is_told_even_after_the_deadline(scene: Open):
    s = scene("a b", total=10.0, attempts=1)
    s.begin(now=0.0)
    assert s.fails(K.SERVER_ERROR, now=11.0, status=503) == "give up: server_error"


# --- what is told ---


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (K.RATE_LIMITED, K.SERVER_ERROR, K.RATE_LIMITED),
        (K.SERVER_ERROR, K.RATE_LIMITED, K.RATE_LIMITED),
        (K.TRANSPORT, K.TIMEOUT, K.TIMEOUT),
        (K.TIMEOUT, K.TRANSPORT, K.TIMEOUT),
        (K.AUTH_INVALID, K.RATE_LIMITED, K.AUTH_INVALID),
        (K.OVERLOADED, K.SERVER_ERROR, K.OVERLOADED),
        (K.TRANSPORT, K.AUTH_INVALID, K.AUTH_INVALID),
        (K.SERVER_ERROR, K.INVALID_REQUEST, K.INVALID_REQUEST),
    ],
)
def test_of_all_failures_the_most_useful_is_told(scene: Open, first: FailureKind, then: FailureKind, told: FailureKind):
    s = scene("a", "b", attempts=2)
    assert [s.begin(), s.fails(first, retry_after=90.0)] == ["a", "b"]
    assert s.fails(then, retry_after=90.0) == f"give up: {told.value}"
    assert [failure.kind for failure in s.exchange.failures] == [first, then]


def test_of_equally_useful_failures_the_first_is_told(scene: Open):
    s = scene("a", "b", attempts=2)
    s.begin()
    s.fails(K.SERVER_ERROR, status=500)
    s.fails(K.SERVER_ERROR, status=502)
    assert s.refusal.status == 500


def test_who_has_waited_in_vain_is_told_why_it_failed_before(world: World, scene: Open):
    s = scene("a")
    assert [s.begin(), s.fails(K.RATE_LIMITED, retry_after=3.0, status=429)] == ["a", "wait"]
    world.state("a").pair.extend(100.0, K.RATE_LIMITED)
    assert s.resumes() == "give up: rate_limited"
    assert s.refusal.status == 429


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


def test_weight_zero_takes_no_traffic_and_no_failover(world: World, scene: Open):
    world.weights["b"] = 0.0
    s = scene("a b", "c", retries=0)
    assert [s.begin(), s.fails(K.SERVER_ERROR), s.fails(K.SERVER_ERROR)] == ["a", "c", "give up: server_error"]


# --- endings ---


def start(scene: Open) -> tuple[Scene, LiveRoute]:
    s = scene("a#1 a#2", "b")
    s.begin()
    return s, s.exchange.route


@pytest.mark.parametrize("ending", ["succeeds", "fails", "ends badly", "fails beside", "superseded", "continued"])
def test_an_attempt_that_ended_holds_no_slot(
    scene: Open, failed: Make, slots_used: Callable[[LiveRoute], int], ending: str
):
    s, route = start(scene)
    assert slots_used(route) == 3  # of its key, its provider, its target
    allowance = s.attempt.candidate.state.allowance
    match ending:
        case "succeeds":
            s.succeeds(now=1.0)
        case "fails":
            s.fails(K.INVALID_REQUEST, now=1.0)
        case "ends badly":
            s.exchange.ended_badly(s.attempt, failed(K.CANCELLED, "downstream"), 1.0)
        case "fails beside":
            s.exchange.failed_beside(s.attempt, failed(K.SERVER_ERROR), 1.0)
        case "superseded":
            s.exchange.superseded(s.attempt, 1.0)
        case _:
            assert not s.exchange.continued(s.attempt, failed(K.TRUNCATED), 1.0, lambda _: False)
    assert slots_used(route) == 0
    assert allowance.in_flight == 0


def test_a_failover_moves_the_slots_along(scene: Open, slots_used: Callable[[LiveRoute], int]):
    s, route = start(scene)
    s.fails(K.SERVER_ERROR, now=1.0)
    assert slots_used(route) == 3
    assert s.attempt.candidate.state.allowance.in_flight == 1


def test_nothing_is_held_while_an_exchange_waits(scene: Open, slots_used: Callable[[LiveRoute], int]):
    s = scene("a")
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a", "wait"]
    assert slots_used(s.exchange.route) == 0


def test_an_attempt_cannot_end_twice(scene: Open, failed: Make, slots_used: Callable[[LiveRoute], int]):
    s, route = start(scene)
    attempt = s.attempt
    s.succeeds(now=1.0)
    with pytest.raises(RuntimeError, match=r"ended twice: 200, timeout"):
        s.exchange.failed(attempt, failed(K.TIMEOUT), 2.0)
    assert slots_used(route) == 0
    assert len(s.exchange.attempts) == 1


# --- records ---


def test_records_tell_each_attempt_in_seconds_since_the_beginning(world: World, failed: Make):
    exchange = world.exchange(world.route("a", "b"), now=100.0)
    first = exchange.begin(100.5)
    assert isinstance(first, Attempt)
    second = exchange.failed(first, failed(K.RATE_LIMITED, status=429, rule="openai.rate"), 101.0)
    assert isinstance(second, Attempt)
    exchange.succeeded(second, 200, 103.0)
    told = [(each.target, each.result, each.started, each.duration, each.reason) for each in exchange.records()]
    assert told == [("a/m#k", "429", 0.5, 0.5, "first"), ("b/m#k", "200", 1.0, 2.0, "failover")]
    assert [(each.failure, each.rule) for each in exchange.records()] == [
        ("rate_limited", "openai.rate"),
        (None, None),
    ]


def test_an_attempt_without_a_status_is_recorded_by_its_kind_of_failure(scene: Open):
    s = scene("a")
    s.begin(now=0.0)
    s.fails(K.TIMEOUT, now=0.25)
    (record,) = s.exchange.records()
    assert (record.result, record.failure, record.duration) == ("timeout", "timeout", 0.25)
