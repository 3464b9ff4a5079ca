"""Candidates of equal preference together: who is drawn at once, who is ready, and when somebody will be."""

from __future__ import annotations

from collections import Counter
from math import inf
from random import Random
from typing import TYPE_CHECKING

import pytest

from headway.core.balance import STRATEGIES
from headway.core.exchange import Attempt, Full, GiveUp
from headway.core.load import NO_LOAD, Load
from headway.core.tiers import LiveTier
from headway.failures import FailureKind
from headway.types import BalanceName, Limits

if TYPE_CHECKING:
    from core.conftest import World

K = FailureKind
every_strategy = pytest.mark.parametrize("balance", list(STRATEGIES))


def drawn(tier: LiveTier, times: int, now: float = 0.0, load: Load = NO_LOAD) -> Counter[str]:
    """How often each is drawn; `-` for nobody."""
    rng = Random(5)
    told: Counter[str] = Counter()
    for _ in range(times):
        found = tier.draw(load, None, now, rng)
        told["-" if found is None else found.name.partition("/")[0]] += 1
    return told


# --- who is drawn ---


@every_strategy
@pytest.mark.parametrize("names", ["a", "a b"])
def test_nobody_is_drawn_where_nobody_has_room(world: World, balance: BalanceName, names: str):
    for name in names.split():
        world.key_limits[f"{name}#k"] = Limits(rpm=1)
    tier = world.tier(names, balance=balance)
    for candidate in tier.candidates:
        candidate.acquire(NO_LOAD, 0.0)
    assert drawn(tier, 10) == {"-": 10}
    assert "-" not in drawn(tier, 10, now=61.0)


@every_strategy
def test_a_lone_target_is_drawn_as_long_as_it_may_be_asked(world: World, balance: BalanceName):
    world.key_caps["a#k"] = 1
    tier = world.tier("a", balance=balance)
    assert drawn(tier, 5) == {"a": 5}
    held = world.hold("a")
    assert drawn(tier, 5) == {"-": 5}
    held.candidate.release()
    world.rest("a", K.RATE_LIMITED, retry_after=5.0)
    assert drawn(tier, 5, now=4.9) == {"-": 5}
    assert drawn(tier, 5, now=5.0) == {"a": 5}


@every_strategy
def test_whoever_is_overloaded_gets_no_more_than_it_bears(world: World, balance: BalanceName):
    tier = world.tier("a b", balance=balance)
    first, second = tier.candidates
    first.concurrency.used = second.concurrency.used = 1
    first.concurrency.overloaded(0.0, 1.0)
    assert drawn(tier, 20, now=1.0) == {"b": 20}
    first.concurrency.used = 0
    assert drawn(tier, 20, now=1.0)["a"] > 0


@every_strategy
def test_a_full_target_passes_its_turns_to_the_others(world: World, balance: BalanceName):
    world.key_limits["b#k"] = Limits(tpm=1000)
    tier = world.tier("a b c", balance=balance)
    large = Load(media=2000, most_output=0)
    told = drawn(tier, 300, load=large)
    assert set(told) == {"a", "c"}
    assert min(told.values()) > 75


# --- who is ready ---


def test_those_are_ready_who_are_well_may_be_asked_have_a_slot_and_room(world: World):
    world.weights["zero"] = 0.0
    world.key_caps["full#k"] = 1
    world.key_limits["empty#k"] = Limits(tpm=10)
    tier = world.tier("well ill resting zero full empty")
    world.trip("ill")
    world.rest("resting", K.RATE_LIMITED, retry_after=9.0)
    world.hold("full")
    ready = tier.ready(Load(media=100, most_output=0), 1.0)
    assert [candidate.name for candidate in ready] == ["well/m#k"]


# --- who will be ---


def test_somebody_may_be_ready_as_soon_as_a_rest_is_over_or_a_quota_has_refilled(world: World):
    world.key_limits["b#k"] = Limits(rpm=1)
    world.rest("a", K.RATE_LIMITED, retry_after=50.0)
    tier = world.tier("a b")
    assert tier.soonest(NO_LOAD, 0.0) == 0.0
    tier.candidates[1].acquire(NO_LOAD, 0.0)
    assert tier.soonest(NO_LOAD, 0.0) == 50.0
    assert tier.soonest(NO_LOAD, 40.0) == 50.0
    world.rest("a", K.RATE_LIMITED, now=50.0, retry_after=50.0)
    assert tier.soonest(NO_LOAD, 50.0) == pytest.approx(60.0)


def test_of_rest_and_quota_the_later_one_counts(world: World):
    world.key_limits["a#k"] = Limits(rpm=1)
    (candidate,) = world.tier("a").candidates
    candidate.acquire(NO_LOAD, 0.0)
    candidate.state.pair.extend(20.0, K.RATE_LIMITED)
    assert world.tier("a").soonest(NO_LOAD, 0.0) == pytest.approx(60.0)
    candidate.state.pair.extend(90.0, K.RATE_LIMITED)
    assert world.tier("a").soonest(NO_LOAD, 0.0) == 90.0


def test_nobody_waits_for_what_is_ill_drained_or_too_small(world: World):
    world.weights["zero"] = 0.0
    world.key_limits["small#k"] = Limits(tpm=10)
    tier = world.tier("ill zero small")
    world.trip("ill")
    assert tier.soonest(Load(media=100, most_output=0), 1.0) == inf


# --- requests that wait, from the exchange's side ---


def test_a_request_that_found_no_room_begins_as_soon_as_there_is_some(world: World):
    world.key_limits["a#k"] = Limits(rpm=1)
    route = world.route("a")
    world.hold("a")
    exchange = world.exchange(route)
    step = exchange.begin(0.0)
    assert isinstance(step, Full)
    assert step.until == pytest.approx(60.0)
    assert isinstance(exchange.begin(30.0), Full)
    step = exchange.begin(61.0)
    assert isinstance(step, Attempt)
    assert step.number == 1
    assert step.reason == "first"


def test_a_request_that_waited_in_vain_is_told_when_to_come_again(world: World):
    world.key_limits["a#k"] = Limits(rpm=1)
    world.hold("a")
    exchange = world.exchange(world.route("a"))
    assert isinstance(exchange.begin(0.0), Full)
    step = exchange.overdue(5.0)
    assert isinstance(step, GiveUp)
    assert step.failure.kind is K.RATE_LIMITED
    assert step.failure.retry_after == pytest.approx(55.0)


def test_a_request_that_no_key_ever_has_room_for_does_not_wait(world: World):
    world.key_limits["a#k"] = Limits(tpm=1000)
    step = world.exchange(world.route("a"), load=Load(media=5000)).begin(0.0)
    assert isinstance(step, GiveUp)
    assert step.failure.kind is K.TOO_LARGE_FOR_BUCKET
    assert step.failure.retry_after is None


def test_a_large_request_goes_where_it_fits_and_a_small_one_to_either(world: World):
    world.key_limits["a#k"] = Limits(tpm=1000)
    world.key_limits["b#k"] = Limits(tpm=100_000)
    tier = world.tier("a b")
    assert drawn(tier, 10, load=Load(media=5000, most_output=0)) == {"b": 10}
    assert drawn(tier, 10, load=Load(media=50, most_output=0)) == {"a": 5, "b": 5}


def test_the_next_tier_takes_what_the_first_one_has_no_room_for(world: World):
    world.key_limits["a#k"] = Limits(rpm=20)
    route = world.route("a", "b")
    told: Counter[str] = Counter()
    for number in range(60):
        step = world.exchange(route, seed=number).begin(0.0)
        assert isinstance(step, Attempt)
        told[step.candidate.name.partition("/")[0]] += 1
    assert told == {"a": 20, "b": 40}


def test_who_has_gone_silent_is_passed_over_and_asked_only_if_nobody_else_is_left(world: World):
    (tier,) = world.route("a b").tiers
    a, b = tier.candidates
    for each in (a, b):
        each.concurrency.used = 20
        each.concurrency.answered(0.0, 0.5)
    b.concurrency.answered(9.0, 9.5)
    rng = Random(1)
    drawn = [tier.draw(NO_LOAD, None, 10.0, rng) for _ in range(50)]
    assert all(each is b for each in drawn)
    assert tier.ready(NO_LOAD, 10.0) == [a, b]
    assert tier.draw(NO_LOAD, None, 30.0, rng) is None
    step = world.exchange(world.route("a b")).begin(30.0)
    assert isinstance(step, Attempt), "both are silent: one has to be asked all the same"


def test_a_crowd_that_comes_after_a_pause_is_no_silence(world: World):
    (tier,) = world.route("a").tiers
    (a,) = tier.candidates
    a.concurrency.answered(0.0, 0.5)
    for _ in range(40):
        found = tier.draw(NO_LOAD, None, 3600.0, Random(1))
        assert found is a
        a.acquire(NO_LOAD, 3600.0)
    for _ in range(40):
        a.release()
