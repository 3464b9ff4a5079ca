"""Live state by name: what a reload keeps, what it changes, what it forgets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt, Full, GiveUp
from headway.core.health import State
from headway.core.load import NO_LOAD
from headway.failures import Failure, FailureKind
from headway.types import Breaker as Rules
from headway.types import Hedge

if TYPE_CHECKING:
    from core.conftest import World

K = FailureKind


def begins_with(world: World, *tiers: str, now: float = 1.0) -> str:
    """Whom a new request meets first; its slot is given back."""
    exchange = world.exchange(world.route(*tiers), now=now)
    step = exchange.begin(now)
    if isinstance(step, Full):
        step = exchange.overdue(now)
    if isinstance(step, GiveUp):
        return step.failure.kind.value
    assert isinstance(step, Attempt)
    step.candidate.release()
    return step.candidate.name.partition("/")[0] + "#" + step.candidate.target.credential.name


# --- what is shared ---


def test_two_routes_share_what_is_known_of_a_target(world: World):
    (first,), (second,) = world.route("a", "b").tiers[0].candidates, world.route("a").tiers[0].candidates
    for part in State.__struct_fields__:
        assert getattr(first.state, part) is getattr(second.state, part)
    assert first.credential_slots is second.credential_slots
    assert first.provider_slots is second.provider_slots


def test_two_keys_share_their_deployment_and_nothing_else(world: World):
    first, second = world.route("a#1 a#2").tiers[0].candidates
    shared = {part for part in State.__struct_fields__ if getattr(first.state, part) is getattr(second.state, part)}
    assert shared == {"breaker", "allowance", "standing", "estimate", "lessons", "deployment"}


def test_two_models_share_their_key_and_nothing_else(world: World):
    first, second = world.route("a/large#1 a/small#1").tiers[0].candidates
    shared = {part for part in State.__struct_fields__ if getattr(first.state, part) is getattr(second.state, part)}
    assert shared == {"credential"}


def test_the_targets_of_a_fallback_are_the_same_as_everywhere(world: World):
    world.trip("c")
    route = world.route("a", fallbacks=[([K.CONTEXT_TOO_LONG], ["c"])])
    (candidate,) = route.fallbacks[0].tiers[0].candidates
    assert candidate.state.breaker.tripped


def test_each_route_has_a_balance_of_its_own(world: World):
    first, second = world.route("a b"), world.route("a b")
    for route in (first, second):
        drawn = route.tiers[0].draw(NO_LOAD, None, 0.0, Random(1))
        assert drawn is not None
        assert drawn.name.startswith("a/")


def test_a_rate_limit_rests_a_key_for_one_model_only(world: World):
    world.rest("a/large#1", K.RATE_LIMITED, retry_after=30.0)
    assert begins_with(world, "a/large#1", "b") == "b#k"
    assert begins_with(world, "a/small#1", "b") == "a#1"
    assert begins_with(world, "a/large#2", "b") == "a#2"


def test_a_deployment_is_left_alone_with_all_its_keys_and_no_other_model(world: World):
    world.trip("a/large#1")
    assert begins_with(world, "a/large#2", "b") == "b#k"
    assert begins_with(world, "a/small#1", "b") == "a#1"


def test_a_refused_key_rests_for_all_its_models_and_no_other_key(world: World):
    world.rest("a/large#1", K.AUTH_INVALID)
    assert begins_with(world, "a/small#1", "b") == "b#k"
    assert begins_with(world, "a/large#2", "b") == "a#2"


# --- what a reload keeps ---


def test_requests_in_flight_are_counted_across_a_reload(world: World):
    world.key_caps["a#k"] = 1
    held = world.hold("a")
    assert begins_with(world, "a") == "saturated"
    held.candidate.release()
    assert begins_with(world, "a") == "a#k"


@pytest.mark.parametrize("kind", [K.AUTH_INVALID, K.RATE_LIMITED, K.PERMISSION, K.OVERLOADED])
def test_rests_survive_a_reload(world: World, kind: FailureKind):
    world.rest("a", kind, retry_after=30.0)
    world.registry.keep([world.target("a"), world.target("b")])
    assert begins_with(world, "a", "b", now=29.0) == "b#k"


def test_an_open_breaker_survives_a_reload_and_is_tried_as_before(world: World):
    world.trip("a")
    world.registry.keep([world.target("a"), world.target("b")])
    assert begins_with(world, "a", "b") == "b#k"
    world.serve("a", now=10.0)
    world.registry.keep([world.target("a")])
    world.serve("a", now=11.0)
    assert not world.state("a").breaker.tripped


def test_spent_repeats_survive_a_reload(world: World):
    world.rest("a", K.RATE_LIMITED, retry_after=0.0, times=10)
    world.registry.keep([world.target("a")])
    assert not world.state("a").allowance.may_repeat()


# --- what a reload changes ---


@pytest.mark.parametrize("kind", [K.AUTH_INVALID, K.RATE_LIMITED])
def test_a_replaced_secret_starts_without_the_old_ones_rests(world: World, kind: FailureKind):
    world.rest("a", kind)
    assert begins_with(world, "a", "b", now=0.5) == "b#k"
    world.secrets["a#k"] = "another"
    assert begins_with(world, "a", "b", now=0.5) == "a#k"


def test_a_replaced_secret_does_not_heal_the_deployment(world: World):
    world.trip("a")
    world.secrets["a#k"] = "another"
    assert begins_with(world, "a", "b") == "b#k"


def test_a_replaced_secret_does_not_hide_requests_in_flight(world: World):
    world.key_caps["a#k"] = 1
    world.hold("a")
    world.secrets["a#k"] = "another"
    assert begins_with(world, "a", "b") == "b#k"


def test_a_raised_cap_holds_from_the_reload_on(world: World):
    world.key_caps["a#k"] = 1
    world.hold("a")
    world.key_caps["a#k"] = 2
    assert begins_with(world, "a") == "a#k"


def test_a_lowered_cap_holds_even_while_more_is_in_flight(world: World):
    for _ in range(3):
        world.hold("a")
    world.provider_caps["a"] = 2
    assert begins_with(world, "a", "b") == "b#k"


def test_a_changed_cap_is_felt_by_requests_that_began_before(world: World):
    world.key_caps["b#k"] = 5
    exchange = world.exchange(world.route("a", "b", retries=0))
    first = exchange.begin(0.0)
    assert isinstance(first, Attempt)
    world.hold("b")
    world.key_caps["b#k"] = 1
    world.route("b")  # the reload
    step = exchange.failed(first, Failure(kind=K.SERVER_ERROR, source="upstream", message=""), 1.0)
    assert isinstance(step, GiveUp)


def test_new_rules_hold_for_breakers_of_before_and_of_later(world: World):
    world.rest("a", K.SERVER_ERROR)
    world.registry.govern(Rules(failures=2, rest=50.0, longest_rest=50.0, ramp=0.0))
    world.rest("a", K.SERVER_ERROR, now=1.0)
    world.rest("b", K.SERVER_ERROR, times=2, now=1.0)
    for name in "ab":
        breaker = world.state(name).breaker
        assert breaker.tripped
        assert 41.0 <= breaker.until <= 61.0


def test_new_rules_let_nobody_off_early(world: World):
    world.trip("a")
    until = world.state("a").breaker.until
    world.registry.govern(Rules(rest=0.5))
    assert world.state("a").breaker.until == until
    assert begins_with(world, "a", "b") == "b#k"


# --- what a reload forgets ---


def test_what_no_route_uses_any_more_is_forgotten(world: World):
    world.trip("a")
    world.trip("b")
    world.rest("c", K.AUTH_INVALID)
    world.registry.keep([world.target("b")])
    assert begins_with(world, "a", "d") == "a#k"
    assert begins_with(world, "b", "d") == "d#k"
    assert begins_with(world, "c", "d") == "c#k"


def test_what_is_in_flight_is_not_forgotten(world: World):
    world.key_caps["a#k"] = 1
    held = world.hold("a")
    world.registry.keep([])
    assert begins_with(world, "a") == "saturated"
    held.candidate.release()
    assert world.registry.in_flight(world.target("a")) == 0


def test_health_of_what_is_in_flight_is_not_forgotten(world: World):
    world.rest("a", K.SERVER_ERROR, times=4)
    exchange = world.exchange(world.route("a"), attempts=1)
    attempt = exchange.begin(1.0)
    assert isinstance(attempt, Attempt)
    world.registry.keep([])
    exchange.failed(attempt, Failure(kind=K.SERVER_ERROR, source="upstream", message=""), 2.0)
    assert world.state("a").breaker.tripped


# --- what is told ---


def test_in_flight_is_told_by_target(world: World):
    assert world.registry.in_flight(world.target("a#1")) == 0
    world.hold("a#1")
    world.hold("a#1")
    world.hold("a#2")
    told = [world.registry.in_flight(world.target(name)) for name in ("a#1", "a#2", "b")]
    assert told == [2, 1, 0]


def test_until_when_a_target_rests_is_told_whatever_the_reason(world: World):
    assert world.registry.rests_until(world.target("a")) == 0.0
    world.rest("a", K.RATE_LIMITED, retry_after=4.0)
    assert world.registry.rests_until(world.target("a")) == 4.0
    world.rest("a", K.OVERLOADED, now=5.0, retry_after=4.0)
    assert world.registry.rests_until(world.target("a")) == 9.0
    world.rest("a", K.AUTH_INVALID, now=10.0)
    assert world.registry.rests_until(world.target("a")) == 70.0
    world.trip("b")
    assert 4.0 <= world.registry.rests_until(world.target("b")) <= 6.0
    world.serve("b", now=10.0, times=2)
    assert world.registry.rests_until(world.target("b")) == 0.0


def test_parked_keys_are_counted_once_and_while_they_rest(world: World):
    world.rest("a/large#1", K.AUTH_INVALID)
    world.route("a/small#1")
    world.rest("b", K.RATE_LIMITED, retry_after=30.0)
    assert world.registry.parked(59.9) == 1
    assert world.registry.parked(60.0) == 0


def test_a_refused_key_is_named_until_it_has_been_used_with_success(world: World):
    world.rest("a/large#1", K.AUTH_INVALID)
    world.rest("b", K.RATE_LIMITED, retry_after=30.0)
    for now in (0.0, 59.0, 6000.0):
        assert world.registry.unproven_keys(now) == {"a#1"}
    world.serve("a/small#1", now=6000.0)
    assert world.registry.unproven_keys(6000.0) == frozenset()


def test_a_replaced_secret_is_not_named_for_what_the_old_one_did(world: World):
    world.rest("a#1", K.AUTH_INVALID)
    world.secrets["a#1"] = "another"
    world.registry.keep([world.target("a#1")])
    assert world.registry.unproven_keys(1.0) == frozenset()


def test_deployments_that_are_left_alone_or_on_trial_are_named(world: World):
    world.trip("a")
    assert world.registry.tripped_names() == {"a/m"}
    world.serve("a", now=10.0, times=2)
    assert world.registry.tripped_names() == frozenset()


def test_deployments_that_are_left_alone_or_on_trial_are_counted_once(world: World):
    world.trip("a/large#1")
    world.route("a/large#2 a/small#1", "b")
    assert world.registry.tripped() == 1
    world.serve("a/large#2", now=10.0)
    assert world.registry.tripped() == 1
    world.serve("a/large#2", now=11.0)
    assert world.registry.tripped() == 0


def test_only_a_route_that_hedges_keeps_account_of_it(world: World):
    assert world.route("a").hedging is None
    assert world.route("a", hedge=Hedge()).hedging is not None


# --- what is new ---


def test_a_deployment_that_a_reload_adds_beside_others_gets_its_share_slowly(world: World):
    registry = world.registry
    registry.renew()
    world.route("a")
    registry.renew()
    (tier,) = world.route("a b").tiers
    shares = {each.name[0]: each.share(0.0) for each in tier.candidates}
    assert shares == {"a": 1.0, "b": 0.1}
    assert all(each.share(31.0) == 1.0 for each in tier.candidates)


def test_where_all_are_new_nobody_has_to_wait(world: World):
    world.registry.renew()
    world.route("a")
    (tier,) = world.route("a b").tiers
    assert all(each.share(0.0) == 1.0 for each in tier.candidates), "the first configuration"
    world.registry.renew()
    (tier,) = world.route("c d").tiers
    assert all(each.share(0.0) == 1.0 for each in tier.candidates), "a tier of new ones"
