"""Live state by name: what a reload keeps, what it changes, what it forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt
from headway.types import Failure, FailureKind

if TYPE_CHECKING:
    from core.conftest import World

K = FailureKind


def begins_with(world: World, *tiers: str, now: float = 1.0) -> str:
    """Whom a new request meets first; its slot is given back."""
    step = world.exchange(world.route(*tiers), now=now).begin(now)
    if not isinstance(step, Attempt):
        return step.failure.kind.value
    step.candidate.release()
    return step.candidate.name.partition("/")[0] + "#" + step.candidate.target.credential.name


def test_requests_in_flight_are_counted_across_a_reload(world: World):
    world.key_caps["a#k"] = 1
    held = world.hold("a")
    assert begins_with(world, "a") == "saturated"
    held.candidate.release()
    assert begins_with(world, "a") == "a#k"


def test_rests_survive_a_reload(world: World):
    world.rest("a", K.SERVER_ERROR, times=5)
    world.registry.keep([world.target("a"), world.target("b")])
    assert begins_with(world, "a", "b") == "b#k"


def test_two_routes_share_what_is_known_of_a_target(world: World):
    first, second = world.route("a", "b"), world.route("a")
    assert first.tiers[0].candidates[0].rate_rest is second.tiers[0].candidates[0].rate_rest
    assert first.tiers[0].candidates[0].credential_slots is second.tiers[0].candidates[0].credential_slots


def test_each_route_has_a_balance_of_its_own(world: World):
    first, second = world.route("a b"), world.route("a b")
    assert first.pick(first.tiers[0].candidates).name.startswith("a/")
    assert second.pick(second.tiers[0].candidates).name.startswith("a/")


def test_a_rate_limit_rests_a_key_for_one_model_only(world: World):
    world.rest("a/large#1", K.RATE_LIMITED, retry_after=30.0)
    assert begins_with(world, "a/large#1", "b") == "b#k"
    assert begins_with(world, "a/small#1", "b") == "a#1"
    assert begins_with(world, "a/large#2", "b") == "a#2"


def test_a_deployment_rests_with_all_its_keys_and_no_other_model(world: World):
    world.rest("a/large#1", K.SERVER_ERROR, times=5)
    assert begins_with(world, "a/large#2", "b") == "b#k"
    assert begins_with(world, "a/small#1", "b") == "a#1"


def test_a_refused_key_rests_for_all_its_models_and_no_other_key(world: World):
    world.rest("a/large#1", K.AUTH_INVALID)
    assert begins_with(world, "a/small#1", "b") == "b#k"
    assert begins_with(world, "a/large#2", "b") == "a#2"


@pytest.mark.parametrize("kind", [K.AUTH_INVALID, K.RATE_LIMITED])
def test_a_replaced_secret_starts_without_the_old_ones_rests(world: World, kind: FailureKind):
    world.rest("a", kind)
    assert begins_with(world, "a", "b", now=0.5) == "b#k"
    world.secrets["a#k"] = "another"
    assert begins_with(world, "a", "b", now=0.5) == "a#k"


def test_a_replaced_secret_does_not_heal_the_deployment(world: World):
    world.rest("a", K.SERVER_ERROR, times=5)
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
    exchange = world.exchange(world.route("a", "b"))
    first = exchange.begin(0.0)
    assert isinstance(first, Attempt)
    world.hold("b")
    world.key_caps["b#k"] = 1
    world.route("b")  # the reload
    step = exchange.failed(first, Failure(kind=K.SERVER_ERROR, source="upstream", message=""), 1.0)
    assert not isinstance(step, Attempt)


def test_what_no_route_uses_any_more_is_forgotten(world: World):
    world.rest("a", K.SERVER_ERROR, times=5)
    world.rest("b", K.SERVER_ERROR, times=5)
    world.registry.keep([world.target("b")])
    assert begins_with(world, "a", "c") == "a#k"
    assert begins_with(world, "b", "c") == "c#k"


def test_what_is_in_flight_is_not_forgotten(world: World):
    world.key_caps["a#k"] = 1
    held = world.hold("a")
    world.registry.keep([])
    assert begins_with(world, "a") == "saturated"
    held.candidate.release()
    assert world.registry.in_flight(world.target("a")) == 0


def test_in_flight_is_told_by_target(world: World):
    assert world.registry.in_flight(world.target("a#1")) == 0
    world.hold("a#1")
    world.hold("a#1")
    world.hold("a#2")
    told = [world.registry.in_flight(world.target(name)) for name in ("a#1", "a#2", "b")]
    assert told == [2, 1, 0]
