"""Which target a conversation was with, for how long that is known, and when it is left for another."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from headway.core.affinity import MOST, Pins
from headway.core.load import NO_LOAD, Load
from headway.core.registry import LiveRoute
from headway.core.tiers import SLOW, LiveTier
from headway.failures import FailureKind
from headway.types import BalanceName, Limits

if TYPE_CHECKING:
    from core.conftest import World

K = FailureKind


def drawn(tier: LiveTier, session: int | None, now: float = 0.0, load: Load = NO_LOAD) -> str:
    found = tier.draw(load, session, now, Random(session))
    return "nobody" if found is None else found.name.partition("/")[0]


def a_session_with(tier: LiveTier, name: str, now: float = 0.0) -> int:
    """A conversation that has begun with this target."""
    return next(session for session in range(10_000) if drawn(tier, session, now) == name)


def seconds(tier: LiveTier, taken: dict[str, float], now: float = 0.0) -> None:
    """How soon each answers."""
    for candidate in tier.candidates:
        for _ in range(30):
            candidate.state.standing.first_token.saw(taken[candidate.name.partition("/")[0]], 0.0, now)


# --- pins ---


def test_a_pin_is_known_until_its_time_is_over():
    pins = Pins(600.0)
    pins.keep(1, "a", 100.0)
    assert [pins.of(1, now) for now in (100.0, 700.0, 700.1)] == ["a", "a", None]
    assert pins.of(2, 100.0) is None


def test_each_request_of_a_conversation_makes_its_pin_last_longer():
    pins = Pins(600.0)
    for turn in range(10):
        pins.keep(1, "a", 500.0 * turn)
    assert pins.of(1, 5000.0) == "a"


def test_a_conversation_has_one_pin():
    pins = Pins(600.0)
    pins.keep(1, "a", 0.0)
    pins.keep(1, "b", 1.0)
    assert pins.of(1, 1.0) == "b"
    assert len(pins) == 1


def test_pins_are_bounded_and_those_not_heard_of_for_longest_give_way():
    pins = Pins(600.0)
    for session in range(MOST):
        pins.keep(session, "a", 0.0)
    pins.keep(0, "a", 1.0)
    for session in range(MOST, MOST + 10):
        pins.keep(session, "b", 2.0)
    assert len(pins) == MOST
    assert pins.of(0, 2.0) == "a"
    assert [pins.of(session, 2.0) for session in (1, 10, 11)] == [None, None, "a"]


# --- conversations that stay ---


@pytest.mark.parametrize("balance", ["adaptive", "weighted", "round_robin", "least_busy", "latency", "cost"])
def test_a_conversation_stays_with_its_target_and_conversations_are_spread(world: World, balance: BalanceName):
    tier = world.tier("a b c d", balance=balance, affinity=600.0)
    began = {session: drawn(tier, session) for session in range(200)}
    for turn in range(1, 20):
        assert {session: drawn(tier, session, 30.0 * turn) for session in range(200)} == began
    counts = Counter(began.values())
    assert set(counts) == set("abcd")
    assert max(counts.values()) < 100


def test_without_affinity_and_without_a_session_nobody_is_kept(world: World):
    for tier, session in ((world.tier("a b"), 1), (world.tier("a b", affinity=600.0), None)):
        rng = Random(1)
        told = {found.name for _ in range(10) if (found := tier.draw(NO_LOAD, session, 0.0, rng)) is not None}
        assert len(told) == 2


def test_a_lone_target_needs_no_pins(world: World):
    assert not world.tier("a", affinity=600.0).keeps_conversations
    assert world.tier("a b", affinity=600.0).keeps_conversations
    assert not world.tier("a b").keeps_conversations


def test_a_conversation_that_was_silent_for_too_long_begins_anew(world: World):
    tier = world.tier("a b", affinity=60.0)
    sessions = [a_session_with(tier, name) for name in "ab"]
    assert [drawn(tier, session, 60.0) for session in sessions] == ["a", "b"]
    told = {drawn(tier, sessions[0], 200.0 * number) for number in range(1, 20)}
    assert told == {"a", "b"}


def test_pins_outlive_a_reload_as_long_as_their_route_does(world: World):
    session = a_session_with(world.tier("a b c d", affinity=600.0), "c")
    world.registry.keep([world.target(name) for name in "abcd"], routes=["r"])
    assert drawn(world.tier("d c b a", affinity=600.0), session) == "c"
    world.registry.keep([world.target(name) for name in "abcd"], routes=[])
    told = [drawn(world.tier("a b c d", affinity=600.0), session) for _ in range(3)]
    assert told == ["a"] * 3, "the first turn of the first draw"


# --- conversations that go ---


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.AUTH_INVALID, K.OVERLOADED])
def test_a_conversation_leaves_what_rests_and_stays_where_it_went(world: World, kind: FailureKind):
    tier = world.tier("a b c", affinity=600.0)
    session = a_session_with(tier, "b")
    world.rest("b", kind, retry_after=10.0)
    went = drawn(tier, session, 1.0)
    assert went in "ac"
    assert drawn(tier, session, 300.0) == went, "going to and fro costs more than a detour"


def test_a_conversation_leaves_what_is_ill(world: World):
    tier = world.tier("a b", affinity=600.0)
    session = a_session_with(tier, "b")
    world.trip("b")
    assert drawn(tier, session, 1.0) == "a"


def test_a_conversation_leaves_what_is_configured_away_or_drained(world: World):
    session = a_session_with(world.tier("a b", affinity=600.0), "b")
    world.weights["b"] = 0.0
    assert drawn(world.tier("a b", affinity=600.0), session) == "a"
    other = a_session_with(world.tier("c d", affinity=600.0), "d")
    assert drawn(world.tier("c e", affinity=600.0), other) in "ce"


def test_a_conversation_leaves_what_is_full(world: World):
    world.key_caps["b#k"] = 1
    tier = world.tier("a b", affinity=600.0)
    session = a_session_with(tier, "b")
    world.hold("b")
    assert drawn(tier, session) == "a"


def test_a_conversation_leaves_a_key_without_room_for_it(world: World):
    world.key_limits["b#k"] = Limits(tpm=1000)
    tier = world.tier("a b", affinity=600.0)
    session = a_session_with(tier, "b")
    assert drawn(tier, session, load=Load(media=500, most_output=0)) == "b"
    assert drawn(tier, session, load=Load(media=5000, most_output=0)) == "a"


@pytest.mark.parametrize(("times_slower", "told"), [(0.9 * SLOW, "b"), (1.1 * SLOW, "a")])
def test_a_conversation_leaves_what_is_more_than_twice_as_slow(world: World, times_slower: float, told: str):
    tier = world.tier("a b", balance="latency", affinity=600.0)
    session = a_session_with(tier, "b")
    seconds(tier, {"a": 1.0, "b": times_slower}, now=1.0)
    assert drawn(tier, session, 1.1) == told


def test_where_all_are_slow_a_conversation_stays(world: World):
    tier = world.tier("a b", affinity=600.0)
    session = a_session_with(tier, "b")
    seconds(tier, {"a": 50.0, "b": 60.0}, now=1.0)
    assert drawn(tier, session, 1.1) == "b"


def test_a_conversation_that_moves_between_tiers_is_kept_in_both(world: World):
    route: LiveRoute = world.route("a b", "c d", affinity=600.0)
    first, second = route.tiers
    session = a_session_with(first, "b")
    assert drawn(second, session) in "cd"
    assert drawn(first, session) in "ab"
