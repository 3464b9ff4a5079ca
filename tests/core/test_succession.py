"""Whom to ask after a failure: somebody else at once, the same once more, or whoever is soon ready. Times are seconds
from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.exchange import Exchange, Wait
from headway.core.remedies import REMEDIES, Elsewhere
from headway.core.succession import BACKOFF, LATE
from headway.failures import FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind
NOBODY = [kind for kind in K if REMEDIES[kind].elsewhere is Elsewhere.NOBODY]
ANOTHER_KEY = [kind for kind in K if REMEDIES[kind].elsewhere is Elsewhere.ANOTHER_TARGET]
WHOLE_DEPLOYMENT = [kind for kind in K if REMEDIES[kind].elsewhere is Elsewhere.ANOTHER_DEPLOYMENT]
ONCE_MORE_LATER = [kind for kind in K if REMEDIES[kind].pause]
ONCE_MORE_AT_ONCE = [kind for kind in WHOLE_DEPLOYMENT if REMEDIES[kind].again and not REMEDIES[kind].pause]
NEVER_AGAIN = [kind for kind in K if not REMEDIES[kind].again]
LEAVES_NO_TRACE = K.FILTER_UNAVAILABLE
"""It lets another deployment be tried, and neither health nor rests know of it."""


# --- somebody else ---


def test_a_rate_limited_key_is_left_for_the_next_key_at_once(scene: Open):
    s = scene("a#1 a#2", "b")
    assert s.begin() == "a#1"
    assert s.fails(K.RATE_LIMITED, now=0.2, retry_after=20.0) == "a#2"
    assert s.attempt.started == 0.2
    assert s.attempt.number == 2
    assert s.reasons == ["first", "failover"]


@pytest.mark.parametrize("kind", ANOTHER_KEY)
def test_what_a_key_is_refused_another_key_of_the_deployment_may_get(scene: Open, kind: FailureKind):
    s = scene("a#1 a#2", "b")
    assert [s.begin(), s.fails(kind, retry_after=90.0), s.fails(kind, retry_after=90.0)] == ["a#1", "a#2", "b"]


@pytest.mark.parametrize("kind", WHOLE_DEPLOYMENT)
def test_what_a_deployment_failed_at_another_deployment_is_asked_for(scene: Open, kind: FailureKind):
    s = scene("a#1 a#2 b")
    assert [s.begin(), s.fails(kind, now=0.1)] == ["a#1", "b"]
    assert s.attempt.started == 0.1
    assert s.reasons == ["first", "failover"]


@pytest.mark.parametrize("kind", WHOLE_DEPLOYMENT)
def test_the_next_tier_comes_before_another_key_of_a_deployment_that_failed(scene: Open, kind: FailureKind):
    s = scene("a#1 a#2", "b", "c")
    assert [s.begin(), s.fails(kind), s.fails(kind)] == ["a#1", "b", "c"]


def test_another_model_of_the_same_provider_is_another_deployment(scene: Open):
    s = scene("a/large#1 a/large#2 a/small#1")
    assert [s.begin(), s.fails(K.OVERLOADED)] == ["a/large#1", "a/small#1"]


def test_a_key_that_is_refused_for_one_model_rests_for_the_other_too(scene: Open):
    s = scene("a/large#1 a/small#1", "b")
    assert [s.begin(), s.fails(K.AUTH_INVALID)] == ["a/large#1", "b"]


def test_tiers_are_used_in_order(scene: Open):
    s = scene("a", "b", "c")
    assert [s.begin(), s.fails(K.SERVER_ERROR), s.fails(K.SERVER_ERROR)] == ["a", "b", "c"]


def test_mixed_failures_are_each_heeded(scene: Open):
    """The deployment failed with its first key: the second is not asked, though the last failure was a mere limit."""
    s = scene("a#1 a#2", "b#1 b#2", attempts=4, retries=0)
    told = [
        s.begin(),
        s.fails(K.TIMEOUT),
        s.fails(K.RATE_LIMITED, retry_after=90.0),
        s.fails(K.RATE_LIMITED, retry_after=90.0),
    ]
    assert told == ["a#1", "b#1", "b#2", "give up: rate_limited"]


@pytest.mark.parametrize("kind", [kind for kind in K if kind not in NOBODY])
def test_two_tiers_that_name_the_same_target_do_not_have_it_tried_twice(scene: Open, kind: FailureKind):
    s = scene("a", "a b", "a", retries=0)
    assert [s.begin(), s.fails(kind), s.fails(kind)] == ["a", "b", f"give up: {kind.value}"]


@pytest.mark.parametrize("kind", NOBODY)
def test_nothing_follows_a_failure_that_would_repeat_itself(scene: Open, kind: FailureKind):
    s = scene("a b", "c")
    s.begin()
    assert s.fails(kind) == f"give up: {kind.value}"
    assert s.refusal.source == "upstream"


def test_failover_passes_over_what_is_full_resting_or_drained(world: World, scene: Open):
    world.key_caps["b#k"] = 1
    world.hold("b")
    world.rest("c", K.AUTH_INVALID)
    world.weights["d"] = 0.0
    s = scene("a", "b", "c d", "e")
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a", "e"]


# --- the same once more ---


@pytest.mark.parametrize("kind", ONCE_MORE_LATER)
def test_a_lone_deployment_is_asked_once_more_after_a_moment(scene: Open, kind: FailureKind):
    s = scene("a")
    assert [s.begin(), s.fails(kind, now=1.0)] == ["a", "wait"]
    assert 1.0 <= s.until <= 1.0 + BACKOFF
    assert s.resumes() == "a"
    assert s.reasons == ["first", "retry"]
    assert s.fails(kind, now=2.0) == f"give up: {kind.value}"


@pytest.mark.parametrize("kind", ONCE_MORE_AT_ONCE)
def test_what_another_connection_or_another_draw_may_mend_needs_no_moment(scene: Open, kind: FailureKind):
    s = scene("a")
    assert [s.begin(), s.fails(kind, now=1.0), s.fails(kind, now=1.0)] == ["a", "a", f"give up: {kind.value}"]
    assert s.reasons == ["first", "retry"]


@pytest.mark.parametrize("kind", NEVER_AGAIN)
def test_what_time_does_not_mend_is_not_asked_again(scene: Open, kind: FailureKind):
    s = scene("a")
    assert [s.begin(), s.fails(kind, retry_after=1.0)] == ["a", f"give up: {kind.value}"]


def test_somebody_else_comes_before_the_same_once_more(scene: Open):
    s = scene("a", "b")
    assert [s.begin(), s.fails(K.SERVER_ERROR), s.fails(K.SERVER_ERROR), s.resumes()] == ["a", "b", "wait", "b"]
    assert s.reasons == ["first", "failover", "retry"]


def test_a_deployment_is_asked_once_more_with_another_key_if_it_has_one(scene: Open):
    s = scene("a#1 a#2")
    assert [s.begin(), s.fails(K.SERVER_ERROR), s.resumes()] == ["a#1", "wait", "a#2"]
    assert s.reasons == ["first", "retry"]


def test_however_many_attempts_are_left_only_one_is_a_repeat(scene: Open):
    s = scene("a#1 a#2 a#3 a#4", attempts=9)
    assert [s.begin(), s.fails(K.TRANSPORT), s.fails(K.TRANSPORT)] == ["a#1", "a#2", "give up: transport"]


def test_a_route_may_forbid_repeats(scene: Open):
    s = scene("a#1 a#2", retries=0)
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a#1", "give up: server_error"]


@pytest.mark.parametrize("kind", [*ONCE_MORE_LATER, *ONCE_MORE_AT_ONCE, K.RATE_LIMITED])
def test_a_provider_may_forbid_a_repeat_but_not_a_failover(scene: Open, kind: FailureKind):
    s = scene("a", "b")
    told = [s.begin(), s.fails(kind, should_retry=False), s.fails(kind, should_retry=False)]
    assert told == ["a", "b", f"give up: {kind.value}"]


def test_the_moment_is_drawn_from_zero_to_half_a_second(scene: Open):
    moments: list[float] = []
    for seed in range(300):
        s = scene("a", seed=seed)
        s.begin()
        s.fails(LEAVES_NO_TRACE, now=0.0)
        moments.append(s.until)
    assert 0.0 <= min(moments) < 0.02
    assert BACKOFF - 0.02 < max(moments) <= BACKOFF
    assert sum(moments) / 300 == pytest.approx(BACKOFF / 2, abs=0.05)


def test_nobody_waits_past_the_deadline(scene: Open):
    told: set[str] = set()
    for seed in range(50):
        s = scene("a", total=1.2, seed=seed)
        s.begin()
        told.add(s.fails(LEAVES_NO_TRACE, now=1.0))
        if isinstance(s.step, Wait):
            assert s.until < 1.2
    assert told == {"wait", "give up: filter_unavailable"}


def test_nobody_waits_on_a_route_that_allows_none(scene: Open):
    s = scene("a", longest_wait=0.0)
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a", "give up: server_error"]


def test_a_deployment_that_fails_half_of_the_time_is_not_asked_more_often_for_it(world: World, scene: Open):
    for _ in range(12):
        world.rest("a", K.SERVER_ERROR)
        world.serve("a")
    s = scene("a")
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a", "give up: server_error"]
    world.serve("a", times=50)
    s = scene("a")
    assert [s.begin(), s.fails(K.SERVER_ERROR)] == ["a", "wait"]


def test_a_repeat_finds_the_deployment_left_alone_and_is_dropped(world: World, scene: Open):
    s = scene("a")
    assert [s.begin(), s.fails(K.SERVER_ERROR, now=1.0)] == ["a", "wait"]
    world.trip("a", now=1.0)
    assert s.resumes() == "give up: server_error"


# --- whoever is soon ready ---


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.RAMP_LIMITED, K.OVERLOADED, K.SERVER_ERROR, K.MODEL_FAULT])
def test_a_short_retry_after_is_waited_for_and_then_the_same_is_asked_once(scene: Open, kind: FailureKind):
    s = scene("a")
    assert [s.begin(), s.fails(kind, now=1.0, retry_after=4.0)] == ["a", "wait"]
    assert 5.0 <= s.until <= 5.0 + LATE * 4.0
    assert s.resumes() == "a"
    assert s.reasons == ["first", "retry"]
    assert s.fails(kind, now=s.attempt.started, retry_after=1.0) == f"give up: {kind.value}"


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.RAMP_LIMITED, K.OVERLOADED, K.SERVER_ERROR, K.MODEL_FAULT])
def test_a_long_retry_after_is_nothing_to_wait_for(scene: Open, kind: FailureKind):
    s = scene("a")
    assert [s.begin(), s.fails(kind, retry_after=11.0)] == ["a", f"give up: {kind.value}"]


def test_a_retry_after_past_the_deadline_is_nothing_to_wait_for(scene: Open):
    s = scene("a", total=5.0)
    assert [s.begin(), s.fails(K.RATE_LIMITED, now=1.0, retry_after=4.0)] == ["a", "give up: rate_limited"]


def test_somebody_else_comes_before_any_wait(scene: Open):
    s = scene("a", "b")
    assert [s.begin(), s.fails(K.RATE_LIMITED, retry_after=0.5)] == ["a", "b"]


def test_waits_for_a_provider_are_spread_and_never_shortened(scene: Open):
    moments: list[float] = []
    for seed in range(200):
        s = scene(f"a{seed}", seed=seed)
        s.begin()
        s.fails(K.RATE_LIMITED, retry_after=5.0)
        moments.append(s.until)
    assert 5.0 <= min(moments) < 5.05
    assert 5.45 < max(moments) <= 5.5


def test_of_several_that_rest_the_first_one_back_is_waited_for(world: World, scene: Open):
    world.rest("b", K.RATE_LIMITED, retry_after=8.0)
    world.rest("c", K.RATE_LIMITED, retry_after=3.0)
    s = scene("a", "b", "c")
    assert [s.begin(), s.fails(K.RATE_LIMITED, retry_after=6.0)] == ["a", "wait"]
    assert 3.0 <= s.until <= 3.3
    assert s.resumes() == "c"
    assert s.reasons == ["first", "failover"]


def test_a_drained_target_is_not_waited_for(world: World, scene: Open):
    world.weights["b"] = 0.0
    s = scene("a", "b")
    s.exchange.route.tiers[1].candidates[0].state.pair.extend(3.0, K.RATE_LIMITED)
    assert [s.begin(), s.fails(K.TIMEOUT)] == ["a", "give up: timeout"]


def test_a_key_that_is_refused_for_long_is_not_waited_for(world: World, scene: Open):
    world.rest("b", K.AUTH_INVALID)
    s = scene("a", "b")
    assert [s.begin(), s.fails(K.TIMEOUT)] == ["a", "give up: timeout"]


@pytest.mark.parametrize(("hint", "told"), [(5.0, "wait"), (8.0, "give up: rate_limited")])
def test_all_waits_of_an_exchange_together_are_bounded(world: World, scene: Open, hint: float, told: str):
    world.rest("b", K.RATE_LIMITED, retry_after=3.0)
    s = scene("a", "b")
    assert [s.begin(), s.fails(K.TIMEOUT), s.resumes()] == ["a", "wait", "b"]
    assert s.fails(K.RATE_LIMITED, now=s.attempt.started, retry_after=hint) == told


def test_what_rests_and_is_also_left_alone_for_its_health_is_not_waited_for(world: World, scene: Open):
    world.rest("a", K.SERVER_ERROR, times=4)
    s = scene("a")
    assert [s.begin(), s.fails(K.OVERLOADED, retry_after=1.0)] == ["a", "give up: overloaded"]


def test_whoever_is_ready_at_last_may_have_become_unready_and_is_waited_for_again(world: World, scene: Open):
    s = scene("a", "b")
    world.rest("b", K.RATE_LIMITED, retry_after=2.0)
    assert [s.begin(), s.fails(K.TIMEOUT)] == ["a", "wait"]
    first = s.until
    world.rest("b", K.RATE_LIMITED, retry_after=3.0, now=first)
    assert s.resumes() == "wait"
    assert s.until >= first + 3.0
    assert s.resumes() == "b"


@given(st.sampled_from([K.RATE_LIMITED, K.OVERLOADED, K.FILTER_UNAVAILABLE]), st.floats(0.0, 20.0), st.integers())
def test_a_wait_is_never_inside_a_retry_after_nor_longer_than_allowed(
    lone: Callable[[int], Scene], kind: FailureKind, hint: float, seed: int
):
    s = lone(seed)
    s.begin()
    match s.fails(kind, now=1.0, retry_after=hint):
        case "wait":
            assert 1.0 + hint <= s.until <= 11.0
            assert s.resumes() == "a"
        case "a":
            assert hint < 0.001, "it was over by then"
        case _:
            assert hint > 9.0


@pytest.fixture(scope="session")
def lone(new_world: Callable[[], World], new_scene: Callable[[Exchange], Scene]) -> Callable[[int], Scene]:
    """A scene of its own on a single target."""

    def opened(seed: int) -> Scene:
        world = new_world()
        return new_scene(world.exchange(world.route("a"), seed=seed))

    return opened
