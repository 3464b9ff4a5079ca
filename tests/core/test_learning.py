"""What health learns from an exchange, how a deployment on trial passes, and what operators hear of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from headway.core.exchange import Attempt
from headway.core.health import State
from headway.failures import Failure, FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]
    Facts = Callable[[State], dict[str, dict[str, Any]]]

Make = Callable[..., Failure]

K = FailureKind
NOBODYS_FAULT: list[tuple[FailureKind, str]] = [
    (K.CANCELLED, "downstream"),
    (K.TIMEOUT, "downstream"),
    (K.DEADLINE, "gateway"),
    (K.SATURATED, "gateway"),
    (K.INTERNAL, "gateway"),
    (K.TRANSPORT, "gateway"),
    (K.INVALID_REQUEST, "upstream"),
    (K.CONTENT_BLOCKED, "upstream"),
    (K.CONTEXT_TOO_LONG, "upstream"),
    (K.BODY_TOO_LARGE, "upstream"),
    (K.UNSUPPORTED_FEATURE, "upstream"),
    (K.MODEL_NOT_FOUND, "upstream"),
]


# --- what is learnt ---


@pytest.mark.parametrize("fault", NOBODYS_FAULT)
@pytest.mark.parametrize("shown", [False, True])
def test_what_is_nobodys_fault_leaves_no_trace(
    world: World, facts: Facts, failed: Make, fault: tuple[FailureKind, str], shown: bool
):
    kind, source = fault
    state = world.state("a")
    world.rest("a", K.SERVER_ERROR, times=3)
    before = facts(state)
    exchange = world.exchange(world.route("a", "b"), now=1.0)
    attempt = exchange.begin(1.0)
    assert isinstance(attempt, Attempt)
    if shown:
        exchange.committed(attempt, 1.5)
        before["standing"] = facts(state)["standing"]  # how soon it began to answer is learnt by then
        exchange.ended_badly(attempt, failed(kind, source, retry_after=9.0), 2.0)
    else:
        exchange.failed(attempt, failed(kind, source, retry_after=9.0), 2.0)
    assert facts(state) == before
    assert exchange.changes == []


@pytest.mark.parametrize("kind", [K.TRUNCATED, K.TIMEOUT, K.TRANSPORT, K.BAD_REPLY])
def test_an_answer_that_breaks_off_counts_against_the_deployment(world: World, failed: Make, kind: FailureKind):
    for _ in range(5):
        exchange = world.exchange(world.route("a"))
        attempt = exchange.begin(0.0)
        assert isinstance(attempt, Attempt)
        exchange.committed(attempt, 0.5)
        exchange.ended_badly(attempt, failed(kind), 1.0)
    assert world.state("a").breaker.tripped


def test_a_superseded_attempt_teaches_nothing(world: World, facts: Facts):
    state = world.state("a")
    world.rest("a", K.SERVER_ERROR, times=3)
    before = facts(state)
    exchange = world.exchange(world.route("a"))
    attempt = exchange.begin(0.0)
    assert isinstance(attempt, Attempt)
    exchange.superseded(attempt, 60.0)
    assert facts(state) == before


def test_a_success_is_learnt_when_the_answer_is_complete(world: World, facts: Facts, scene: Open):
    world.rest("a", K.SERVER_ERROR, times=3)
    s = scene("a")
    s.begin(now=1.0)
    state = world.state("a")
    before, reliability = facts(state), state.standing.reliability(2.0)
    s.exchange.committed(s.attempt, 2.0)
    after = facts(state)
    assert [part for part in after if after[part] != before[part]] == ["standing"], "how soon it began to answer"
    assert state.standing.reliability(2.0) == reliability
    s.succeeds(now=3.0)
    world.rest("a", K.SERVER_ERROR, times=3, now=4.0)
    assert not world.state("a").breaker.tripped


# --- a deployment on trial ---


def test_a_trial_is_passed_with_the_first_word_and_the_next_request_is_admitted(world: World, scene: Open):
    world.trip("a")
    s, other = scene("a", "b"), scene("a", "b")
    assert s.begin(now=10.0) == "a"
    assert s.attempt.probe
    assert other.begin(now=10.0) == "b"
    s.exchange.committed(s.attempt, 11.0)
    other = scene("a", "b")
    assert other.begin(now=11.0) == "a"
    other.exchange.committed(other.attempt, 12.0)
    assert not world.state("a").breaker.tripped
    assert [change.what for change in other.exchange.changes] == ["breaker_closed"]


def test_the_end_of_a_trial_that_was_passed_before_does_not_admit_a_second_request(world: World, scene: Open):
    world.trip("a")
    long, second = scene("a", "b"), scene("a", "b")
    long.begin(now=10.0)
    long.exchange.committed(long.attempt, 11.0)
    assert second.begin(now=12.0) == "a"
    long.succeeds(now=13.0)
    assert scene("a", "b").begin(now=14.0) == "b"
    second.succeeds(now=15.0)
    assert not world.state("a").breaker.tripped


def test_one_answer_proves_a_deployment_only_once(world: World, scene: Open):
    world.trip("a")
    s = scene("a")
    s.begin(now=10.0)
    s.exchange.committed(s.attempt, 11.0)
    s.exchange.committed(s.attempt, 12.0)
    s.succeeds(now=13.0)
    assert world.state("a").breaker.tripped


def test_a_trial_that_breaks_off_after_its_first_word_was_no_proof(world: World, scene: Open, failed: Make):
    world.trip("a")
    s = scene("a")
    s.begin(now=10.0)
    s.exchange.committed(s.attempt, 11.0)
    s.exchange.ended_badly(s.attempt, failed(K.TRUNCATED), 12.0)
    breaker = world.state("a").breaker
    assert 20.0 <= breaker.until <= 24.0


@pytest.mark.parametrize("ending", ["client leaves", "superseded", "refused request"])
def test_a_trial_that_proved_nothing_makes_way_for_the_next(world: World, scene: Open, failed: Make, ending: str):
    world.trip("a")
    s = scene("a")
    s.begin(now=10.0)
    assert not world.state("a").breaker.allows(10.0)
    match ending:
        case "client leaves":
            s.exchange.ended_badly(s.attempt, failed(K.CANCELLED, "downstream"), 11.0)
        case "superseded":
            s.exchange.superseded(s.attempt, 11.0)
        case _:
            s.fails(K.INVALID_REQUEST, now=11.0)
    assert world.state("a").breaker.allows(11.0)
    assert world.state("a").breaker.tripped


# --- what operators hear of ---


def test_a_parked_key_an_open_breaker_and_an_unknown_error_are_told(world: World):
    heard: list[tuple[str, str]] = []
    for kind, times in ((K.UNKNOWN, 5), (K.AUTH_INVALID, 1)):
        for number in range(times):
            exchange = world.exchange(world.route("a#1"), attempts=1, now=10.0 * (kind is K.AUTH_INVALID))
            attempt = exchange.begin(exchange.started)
            assert isinstance(attempt, Attempt)
            exchange.failed(attempt, Failure(kind=kind, source="upstream", message=f"{number}"), exchange.started)
            heard.extend((change.what, change.subject) for change in exchange.changes)
    assert heard == [
        *[("unknown_error", "a/m")] * 4,
        ("breaker_opened", "a/m"),
        ("unknown_error", "a/m"),
        ("key_parked", "a#1"),
    ]
