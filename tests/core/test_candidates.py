"""Who is ready, whose turn it is, and how much a deployment gets that has only just recovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import pytest

from headway.core.candidates import Candidate
from headway.core.exchange import Attempt
from headway.core.registry import LiveRoute
from headway.failures import FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind


def drawn(route: LiveRoute, now: float, times: int) -> Counter[str]:
    """How often each target of the first tier is drawn; `-` for nobody."""
    rng = Random(5)
    told: Counter[str] = Counter()
    for _ in range(times):
        candidate = route.tiers[0].draw(now, route.pick, rng)
        told["-" if candidate is None else candidate.name.partition("/")[0]] += 1
    return told


def ready(route: LiveRoute, now: float) -> list[str]:
    return [candidate.name.partition("/")[0] for candidate in route.tiers[0].ready(now)]


def by_credit(route: LiveRoute) -> bool:
    """Did the strategy have to choose, rather than the prepared order?"""
    return any(candidate.credit for candidate in route.tiers[0].candidates)


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


# --- whose turn it is ---


def test_while_all_are_well_they_take_turns_without_choosing(world: World):
    route = world.route("a b")
    assert drawn(route, 0.0, 100) == {"a": 50, "b": 50}
    assert not by_credit(route)


def test_the_short_cut_is_taken_again_once_every_rest_is_over(world: World):
    route = world.route("a b")
    tier = route.tiers[0]
    assert tier.ready(0.0) is tier.candidates
    world.rest("a", K.RATE_LIMITED, retry_after=5.0)
    assert ready(route, 4.9) == ["b"]
    assert tier.ready(5.0) is tier.candidates
    drawn(route, 5.0, 3)
    assert not by_credit(route)


def test_the_short_cut_is_not_taken_while_anything_is_open_on_trial_or_growing_back(world: World):
    route = world.route("b c")
    tier = route.tiers[0]
    world.trip("a", now=1.0)
    assert tier.ready(1.0) is not tier.candidates
    assert tier.ready(1e9) is not tier.candidates, "it has not been tried yet"
    world.serve("a", now=1000.0, times=2)
    assert tier.ready(1029.9) is not tier.candidates
    assert tier.ready(1030.0) is tier.candidates
    drawn(route, 1030.0, 4)
    assert not by_credit(route)


def test_the_short_cut_is_taken_again_after_an_open_deployment_is_configured_away(world: World):
    world.trip("a", now=1.0)
    world.registry.keep([world.target("b"), world.target("c")])
    tier = world.route("b c").tiers[0]
    assert tier.ready(1.0) is tier.candidates


def test_an_open_deployment_with_a_request_under_way_is_remembered_until_that_is_over(world: World):
    world.trip("a", now=1.0)
    held = world.exchange(world.route("a"), now=1.0)
    attempt = held.begin(1.0)
    assert isinstance(attempt, Attempt)
    world.registry.keep([world.target("b")])
    tier = world.route("b").tiers[0]
    assert tier.ready(1.0) is not tier.candidates
    held.succeeded(attempt, 200, 2.0)
    world.registry.keep([world.target("b")])
    assert tier.ready(2.0) is tier.candidates


def test_a_request_that_outlives_a_reload_leaves_no_unrest_at_what_was_configured_away(world: World, scene: Open):
    s = scene("b", "a")
    s.begin()
    world.rest("a", K.SERVER_ERROR, times=4)
    world.registry.keep([world.target("b")])
    assert s.fails(K.SERVER_ERROR, now=1.0) == "a"
    s.fails(K.REGION_BLOCKED, now=2.0)
    tier = world.route("b").tiers[0]
    assert tier.ready(2.0) is tier.candidates


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


def test_pick_is_only_asked_with_somebody_to_choose_from(world: World):
    route = world.route("a b")
    world.rest("a", K.AUTH_INVALID)
    world.rest("b", K.AUTH_INVALID)

    def pick(candidates: list[Candidate]) -> Candidate:
        raise AssertionError(f"asked to choose from {candidates}")

    assert route.tiers[0].draw(1.0, pick, Random(1)) is None
