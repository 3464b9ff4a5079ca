"""Who is ready, who has room, whose turn it is, and how much a deployment gets that has only just recovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

import pytest

from headway.core.candidates import Candidate, too_large
from headway.core.exchange import Attempt
from headway.core.load import NO_LOAD, Load
from headway.core.registry import LiveRoute
from headway.failures import FailureKind
from headway.types import Limits

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind


def drawn(route: LiveRoute, now: float, times: int) -> Counter[str]:
    """How often each target of the first tier is drawn; `-` for nobody."""
    rng = Random(5)
    told: Counter[str] = Counter()
    for _ in range(times):
        candidate = route.tiers[0].draw(NO_LOAD, None, now, rng)
        told["-" if candidate is None else candidate.name.partition("/")[0]] += 1
    return told


def ready(route: LiveRoute, now: float, load: Load = NO_LOAD) -> list[str]:
    return [candidate.name.partition("/")[0] for candidate in route.tiers[0].ready(load, now)]


def by_credit(route: LiveRoute) -> bool:
    """Did the strategy have to choose, rather than the prepared order?"""
    return any(candidate.credit for candidate in route.tiers[0].candidates)


def takes_the_short_cut(route: LiveRoute, now: float) -> bool:
    """Is the next one drawn without asking the strategy? Of two or more that are ready."""
    for candidate in route.tiers[0].candidates:
        candidate.credit = 0.0
    assert drawn(route, now, 1)["-"] == 0
    return not by_credit(route)


# --- who may be asked ---


@pytest.mark.parametrize(
    ("kind", "part"), [(K.AUTH_INVALID, "credential"), (K.RATE_LIMITED, "pair"), (K.SERVER_ERROR, "deployment")]
)
def test_what_rests_for_any_reason_may_not_be_asked(world: World, kind: FailureKind, part: str):
    world.rest("a", kind, now=1.0, retry_after=100.0)
    (candidate,) = world.route("a").tiers[0].candidates
    assert candidate.rests() is getattr(candidate.state, part)
    assert not candidate.may_be_asked(100.9)
    assert candidate.may_be_asked(101.0)


def test_of_several_rests_the_one_that_lasts_longest_is_told(world: World):
    world.rest("a", K.SERVER_ERROR, retry_after=0.0)
    (candidate,) = world.route("a").tiers[0].candidates
    state = candidate.state
    state.pair.extend(5.0, K.RATE_LIMITED)
    assert candidate.rests() is state.pair
    state.credential.extend(8.0, K.AUTH_INVALID)
    assert candidate.rests() is state.credential
    state.deployment.extend(9.0, K.OVERLOADED)
    assert candidate.rests() is state.deployment


def test_bad_health_is_no_rest(world: World):
    world.trip("a", now=1.0)
    (candidate,) = world.route("a").tiers[0].candidates
    assert candidate.may_be_asked(1.0)
    assert ready(world.route("a"), 1.0) == []


def test_drained_targets_may_never_be_asked(world: World):
    world.weights["a"] = 0.0
    (candidate,) = world.route("a").tiers[0].candidates
    assert not candidate.may_be_asked(0.0)


def test_half_open_only_one_request_finds_it_ready(world: World):
    world.trip("a", now=1.0)
    world.hold("a", now=10.0)
    assert ready(world.route("a b"), 10.0) == ["b"]


# --- who has room ---

A_LOAD = Load(text=4000, most_output=100)
"""About 1100 tokens."""


def test_a_target_without_room_in_its_keys_quota_is_not_ready(world: World):
    world.key_limits["a#1"] = Limits(tpm=1000)
    world.key_limits["a#2"] = Limits(tpm=2000)
    route = world.route("a#1 a#2")
    (found,) = route.tiers[0].ready(A_LOAD, 0.0)
    assert found.key == "a#2"
    assert ready(route, 0.0) == ["a", "a"], "who needs less finds both"


def test_what_one_key_sends_leaves_less_of_the_providers_quota_to_the_others(world: World):
    world.provider_limits["a"] = Limits(rpm=2)
    route = world.route("a#1 a#2")
    first, second = route.tiers[0].candidates
    first.acquire(NO_LOAD, 0.0)
    assert second.admits(NO_LOAD, 0.0)
    second.acquire(NO_LOAD, 0.0)
    assert not first.admits(NO_LOAD, 0.0)
    assert not second.admits(NO_LOAD, 0.0)
    assert first.used(0.0) == second.used(0.0) == 1.0


def test_keys_limit_each_of_their_models_on_its_own(world: World):
    world.key_limits["a#1"] = Limits(rpm=1)
    large, small = world.route("a/large#1 a/small#1").tiers[0].candidates
    large.acquire(NO_LOAD, 0.0)
    assert not large.admits(NO_LOAD, 0.0)
    assert small.admits(NO_LOAD, 0.0)


def test_after_the_longest_of_its_waits_a_target_has_room(world: World):
    world.key_limits["a#k"] = Limits(rpm=1, tpm=100_000)
    world.provider_limits["a"] = Limits(tpm=5000)
    (candidate,) = world.route("a").tiers[0].candidates
    assert candidate.wait(A_LOAD, 0.0) == 0.0
    candidate.acquire(A_LOAD, 0.0)
    wait = candidate.wait(A_LOAD, 0.0)
    assert wait == pytest.approx(60.0), "for one more request of its own key's"
    assert not candidate.admits(A_LOAD, wait - 0.01)
    assert candidate.admits(A_LOAD, wait + 1e-6)


def test_taking_and_giving_back_counts_a_request_everywhere_once(world: World):
    (candidate,) = world.route("a").tiers[0].candidates
    counts = (candidate.credential_slots, candidate.provider_slots, candidate.concurrency)
    candidate.acquire(NO_LOAD, 0.0)
    assert [each.used for each in counts] == [1, 1, 1]
    assert candidate.state.allowance.in_flight == 1
    candidate.release()
    assert [each.used for each in counts] == [0, 0, 0]
    assert candidate.state.allowance.in_flight == 0


def test_a_request_is_too_large_only_if_no_key_ever_holds_it(world: World):
    world.key_limits["a#1"] = Limits(tpm=1000)
    world.key_limits["a#2"] = Limits(tpm=2000)
    first, second = world.route("a#1 a#2").tiers[0].candidates
    assert too_large([first], A_LOAD, 0.0)
    assert not too_large([first, second], A_LOAD, 0.0)
    second.acquire(A_LOAD, 0.0)
    assert not too_large([first, second], A_LOAD, 0.0), "it will hold it again"
    assert not too_large([], A_LOAD, 0.0)


def test_the_estimate_of_a_request_follows_what_its_deployment_has_taught(world: World):
    world.key_limits["a#k"] = Limits(tpm=1000)
    (candidate,) = world.route("a").tiers[0].candidates
    assert not candidate.admits(Load(text=6000, most_output=0), 0.0)
    candidate.state.estimate.learn(Load(text=6000), 600, 10)
    assert candidate.admits(Load(text=6000, most_output=0), 0.0)


# --- whose turn it is ---


def test_while_all_are_well_they_take_turns_without_choosing(world: World):
    route = world.route("a b")
    assert drawn(route, 0.0, 100) == {"a": 50, "b": 50}
    assert not by_credit(route)


def test_the_short_cut_is_taken_again_once_every_rest_is_over(world: World):
    route = world.route("a b")
    assert takes_the_short_cut(route, 0.0)
    world.rest("a", K.RATE_LIMITED, retry_after=5.0)
    assert ready(route, 4.9) == ["b"]
    assert drawn(route, 4.9, 4) == {"b": 4}
    assert takes_the_short_cut(route, 5.0)


def test_the_short_cut_is_not_taken_while_anything_is_open_on_trial_or_growing_back(world: World):
    route = world.route("b c")
    world.trip("a", now=1.0)
    assert not takes_the_short_cut(route, 1.0)
    assert not takes_the_short_cut(route, 1e9), "it has not been tried yet"
    world.serve("a", now=1000.0, times=2)
    assert not takes_the_short_cut(route, 1029.9)
    assert takes_the_short_cut(route, 1030.0)


def test_the_short_cut_is_taken_again_after_an_open_deployment_is_configured_away(world: World):
    world.trip("a", now=1.0)
    world.registry.keep([world.target("b"), world.target("c")])
    assert takes_the_short_cut(world.route("b c"), 1.0)


def test_an_open_deployment_with_a_request_under_way_is_remembered_until_that_is_over(world: World):
    world.trip("a", now=1.0)
    held = world.exchange(world.route("a"), now=1.0)
    attempt = held.begin(1.0)
    assert isinstance(attempt, Attempt)
    world.registry.keep([world.target("b"), world.target("c")])
    route = world.route("b c")
    assert not takes_the_short_cut(route, 1.0)
    held.succeeded(attempt, 200, 2.0)
    world.registry.keep([world.target("b"), world.target("c")])
    assert takes_the_short_cut(route, 2.0)


def test_a_request_that_outlives_a_reload_leaves_no_unrest_at_what_was_configured_away(world: World, scene: Open):
    s = scene("b", "a")
    s.begin()
    world.rest("a", K.SERVER_ERROR, times=4)
    world.registry.keep([world.target("b")])
    assert s.fails(K.SERVER_ERROR, now=1.0) == "a"
    s.fails(K.REGION_BLOCKED, now=2.0)
    assert takes_the_short_cut(world.route("b c"), 2.0)


# --- what has just recovered ---


@pytest.mark.parametrize(("after", "share"), [(0.0, 0.1), (6.0, 0.2), (15.0, 0.5), (24.0, 0.8), (30.0, 1.0)])
def test_a_recovered_deployment_gets_a_growing_part_of_its_usual_share(world: World, after: float, share: float):
    world.recover("a", at=10.0)
    told = drawn(world.route("a b"), 10.0 + after, 4000)
    assert told["a"] / 4000 == pytest.approx(share / 2, abs=0.02)
    assert told["b"] == 4000 - told["a"]


def test_the_part_is_of_what_its_weight_would_give_it(world: World):
    world.weights["a"] = 3.0
    world.recover("a", at=10.0)
    told = drawn(world.route("a b"), 25.0, 4000)
    assert told["a"] / 4000 == pytest.approx(0.75 * 0.5, abs=0.03)


def test_what_it_does_not_take_goes_to_the_others_by_their_weights(world: World):
    world.weights["b"] = 3.0
    world.recover("a", at=10.0)
    told = drawn(world.route("a b c"), 10.0, 4000)
    assert told["a"] / 4000 == pytest.approx(0.02, abs=0.01)
    assert told["b"] / told["c"] == pytest.approx(3.0, rel=0.1)


def test_the_keys_of_a_recovered_deployment_share_its_part(world: World):
    world.recover("a#1", at=10.0)
    told = drawn(world.route("a#1 a#2 a#3 b"), 10.0, 4000)
    assert told["a"] / 4000 == pytest.approx(0.075, abs=0.02)


def test_a_tier_that_has_only_just_recovered_leaves_the_rest_to_the_next(world: World, scene: Open):
    world.recover("a", at=10.0)
    told: Counter[str] = Counter()
    for seed in range(400):
        s = scene("a", "b", seed=seed)
        told[s.begin(10.0)] += 1
        s.succeeds(10.0)
    assert told["a"] / 400 == pytest.approx(0.1, abs=0.05)
    assert told["b"] == 400 - told["a"]


def test_a_lone_recovered_target_gets_all_traffic(world: World, scene: Open):
    world.recover("a", at=10.0)
    for seed in range(50):
        s = scene("a", seed=seed)
        assert s.begin(10.0) == "a"
        assert s.reasons == ["first"]


def test_one_that_has_recovered_takes_over_from_another_that_fails_even_so(world: World, scene: Open):
    world.recover("b", at=10.0)
    told: Counter[str] = Counter()
    for seed in range(50):
        s = scene("a", "b", seed=seed)
        s.begin(10.0)
        told[s.fails(K.MODEL_FAULT, now=10.0)] += 1
        s.succeeds(10.0)
    assert told == {"b": 50}


class Nobody:
    """A strategy that must not be asked."""

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        raise AssertionError(f"asked to choose from {ready}")

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        raise AssertionError(f"asked to guess among {candidates}")


def test_a_strategy_is_only_asked_with_somebody_to_choose_from(world: World):
    (tier,) = world.route("a b").tiers
    world.rest("a", K.AUTH_INVALID)
    world.rest("b", K.AUTH_INVALID)
    tier.strategy = Nobody()
    assert tier.draw(NO_LOAD, None, 1.0, Random(1)) is None
