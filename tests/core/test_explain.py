"""What is told of each target: how it stands, why, and how much it gets. Telling changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.exchange import Attempt
from headway.core.explain import describe
from headway.core.load import NO_LOAD, Load
from headway.failures import FailureKind as K
from headway.types import Limits, Reading, TargetRecord, Usage

if TYPE_CHECKING:
    from core.conftest import World

LARGE = Load(media=5000)


def seen(
    world: World, *tiers: str, load: Load = NO_LOAD, now: float = 0.0, session: int | None = None, **settings: Any
) -> dict[str, TargetRecord]:
    """The records by the targets' providers and keys."""
    found = describe(world.route(*tiers, **settings), load, session, now)
    return {record.target.replace("/m", "").removesuffix("#k"): record for record in found}


# --- how it stands ---


def test_a_target_that_may_be_asked_is_ready(world: World):
    record = seen(world, "a")["a"]
    assert (record.state, record.why, record.wait, record.share) == ("ready", "it may be asked", 0.0, 1.0)


def test_every_target_is_told_tier_by_tier_in_order(world: World):
    found = describe(world.route("b a", "c b#other"), NO_LOAD, None, 0.0)
    assert [(each.tier, each.target) for each in found] == [
        (1, "b/m#k"),
        (1, "a/m#k"),
        (2, "c/m#k"),
        (2, "b/m#other"),
    ]


def test_weight_0_drains_and_it_is_never_asked(world: World):
    world.weights["a"] = 0.0
    record = seen(world, "a b")["a"]
    assert (record.state, record.wait, record.share, record.weight) == ("drained", None, 0.0, 0.0)


def test_one_at_its_key_s_cap_is_full(world: World):
    world.key_caps["a#k"] = 2
    world.hold("a")
    assert seen(world, "a")["a"].state == "ready"
    world.hold("a")
    record = seen(world, "a b")["a"]
    assert (record.state, record.in_flight, record.share) == ("full", 2, 0.0)
    assert record.why == "2 requests in flight, and the key may have 2"
    (cap,) = record.caps
    assert (cap.of, cap.in_flight, cap.most) == ("key", 2, 2)


def test_a_provider_s_cap_is_told_apart_from_a_key_s(world: World):
    world.provider_caps["a"] = 1
    world.hold("a#other")
    record = seen(world, "a")["a"]
    assert record.why == "1 requests in flight, and the provider may have 1"
    assert [(cap.of, cap.in_flight, cap.most) for cap in record.caps] == [("provider", 1, 1)]


def test_a_learnt_limit_is_told_once_it_is_learnt(world: World, failed: Callable[..., Any]):
    assert seen(world, "a")["a"].limit is None
    exchanges = [world.exchange(world.route("a"), attempts=1) for _ in range(4)]
    held = [(exchange, exchange.begin(0.0)) for exchange in exchanges]
    for exchange, attempt in held:
        assert isinstance(attempt, Attempt)
        exchange.failed(attempt, failed(K.OVERLOADED), 1.0)
    assert seen(world, "a")["a"].limit == pytest.approx(2.8)
    for _ in range(2):
        world.hold("a")
    record = seen(world, "a")["a"]
    assert record.state == "full"
    assert record.why == "2 requests in flight, and it was overloaded by more than 2.8"


def test_a_configured_quota_without_room_limits(world: World):
    world.key_limits["a#k"] = Limits(rpm=10)
    world.serve("a", times=10)
    record = seen(world, "a b")["a"]
    assert (record.state, record.share) == ("limited", 0.0)
    assert record.wait == pytest.approx(6.0)
    assert record.why == "the key's quota has no room for 6.0 s: 0 of 10 requests in a minute left, 1 needed"
    (quota,) = record.quotas
    assert (quota.of, quota.dimension, quota.window, quota.told_by) == ("key", "requests", 60.0, "configuration")
    assert (quota.limit, quota.left) == (10.0, 0.0)


def test_a_provider_s_quota_limits_each_of_its_keys(world: World):
    world.provider_limits["a"] = Limits(tpm=1000)
    record = seen(world, "a a#other", load=Load(media=700))
    assert {name: each.state for name, each in record.items()} == {"a": "ready", "a#other": "ready"}
    exchange = world.exchange(world.route("a"), load=Load(media=700))
    exchange.begin(0.0)
    found = seen(world, "a a#other", load=Load(media=700))
    assert {name: each.state for name, each in found.items()} == {"a": "limited", "a#other": "limited"}
    assert found["a#other"].why.startswith("the provider's quota has no room for")


def test_the_quota_that_keeps_it_waiting_for_longest_is_the_one_that_is_named(world: World):
    world.key_limits["a#k"] = Limits(rpm=2, rpd=2)
    world.serve("a", times=2)
    record = seen(world, "a")["a"]
    assert "2 requests in a day" in record.why
    assert record.wait == pytest.approx(43200.0)


def test_what_headers_tell_is_told_as_theirs(world: World):
    exchange = world.exchange(world.route("a"))
    attempt = exchange.begin(0.0)
    assert isinstance(attempt, Attempt)
    exchange.read(attempt, (Reading(dimension="tokens", limit=1000.0, remaining=400.0, window=60.0),), 0.0)
    exchange.succeeded(attempt, 200, 0.0, Usage(1, 1))
    (quota,) = seen(world, "a")["a"].quotas
    assert (quota.dimension, quota.limit, quota.left, quota.told_by) == ("tokens", 1000.0, 400.0, "headers")


def test_what_a_quota_never_holds_is_too_large_for_that_target_alone(world: World):
    world.key_limits["a#k"] = Limits(tpm=1000)
    found = seen(world, "a b", load=LARGE)
    assert (found["a"].state, found["a"].wait, found["a"].share) == ("too_large", None, 0.0)
    assert found["a"].why == "the request needs 5,256 tokens, and the key's quota is 1,000 tokens in a minute"
    assert (found["b"].state, found["b"].share) == ("ready", 1.0)


def test_a_rate_limited_key_rests_for_as_long_as_was_asked(world: World):
    world.rest("a", K.RATE_LIMITED, retry_after=20.0)
    record = seen(world, "a b", now=5.0)["a"]
    assert (record.state, record.kind, record.left, record.wait) == ("resting", "rate_limited", 15.0, 15.0)
    assert record.why == "left alone for 15 s after a rate_limited failure"


def test_a_refused_key_says_so(world: World):
    world.rest("a", K.AUTH_INVALID)
    record = seen(world, "a a#other")
    assert (record["a"].state, record["a"].kind) == ("resting", "auth_invalid")
    assert record["a"].why == "left alone for 60 s after an auth_invalid failure"
    assert record["a#other"].state == "ready"


def test_a_provider_that_refuses_without_a_word_is_paced(world: World):
    world.rest("a", K.RATE_LIMITED)
    assert seen(world, "a", now=1.3)["a"].state == "ready"
    world.serve("a", now=1.3)
    record = seen(world, "a", now=1.3)["a"]
    assert record.state == "limited"
    assert record.pace is not None
    assert 0.25 <= record.pace < 1.0
    assert record.why == f"it refuses without saying how much it takes: paced at {record.pace:.2g} requests a second"
    assert record.wait == pytest.approx(1.0 / record.pace)


def test_an_open_breaker_leaves_all_keys_alone(world: World):
    world.trip("a")
    found = seen(world, "a a#other b")
    assert {name: each.state for name, each in found.items()} == {"a": "broken", "a#other": "broken", "b": "ready"}
    left = found["a"].left
    assert left is not None
    assert 4.0 <= left <= 6.0
    assert found["a"].why == f"it kept failing: left alone for {left:.1f} s, then tried with one request"
    assert found["a"].wait == left


def test_a_half_open_breaker_is_tried_with_one_request(world: World):
    world.trip("a")
    assert (seen(world, "a", now=7.0)["a"].state, seen(world, "a", now=7.0)["a"].share) == ("trial", 1.0)
    world.hold("a", now=7.0)
    record = seen(world, "a", now=7.0)["a"]
    assert (record.state, record.share) == ("trial", 0.0)
    assert record.why == "it kept failing: one request tries it just now"


def test_one_that_has_recovered_gets_a_growing_share(world: World):
    world.recover("a", at=20.0)
    record = seen(world, "a b", now=35.0)["a"]
    assert (record.state, record.left) == ("recovering", 15.0)
    assert record.why == "it has recovered: 50% of its usual share, all of it in 15 s"
    assert record.share == pytest.approx(1 / 3)
    assert seen(world, "a b", now=50.0)["a"].state == "ready"


# --- how much it gets ---


def test_shares_follow_weights_among_those_that_may_be_asked(world: World):
    world.weights.update(a=3.0, b=1.0, c=4.0)
    world.rest("c", K.RATE_LIMITED, retry_after=20.0)
    found = seen(world, "a b c")
    assert {name: each.share for name, each in found.items()} == {"a": 0.75, "b": 0.25, "c": 0.0}


def test_round_robin_gives_all_the_same(world: World):
    world.weights.update(a=3.0)
    assert [each.share for each in seen(world, "a b", balance="round_robin").values()] == [0.5, 0.5]


def test_each_tier_is_a_whole_of_its_own(world: World):
    assert [each.share for each in seen(world, "a b", "c", balance="adaptive").values()] == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("balance", ["least_busy", "latency", "cost"])
def test_strategies_that_look_at_each_request_have_no_shares(world: World, balance: Any):
    assert [each.share for each in seen(world, "a b", balance=balance).values()] == [None, None]


def test_adaptive_shares_follow_room_speed_and_reliability(world: World):
    world.key_limits.update({"a#k": Limits(rpm=300), "b#k": Limits(rpm=100)})
    room = seen(world, "a b", balance="adaptive")
    assert room["a"].share == pytest.approx(0.75)
    for name, seconds in (("c", 1.0), ("d", 3.0)):
        exchange = world.exchange(world.route(name))
        attempt = exchange.begin(0.0)
        assert isinstance(attempt, Attempt)
        exchange.committed(attempt, seconds)
        exchange.succeeded(attempt, 200, seconds)
    speed = seen(world, "c d", balance="adaptive", now=3.0)
    assert speed["c"].share is not None
    assert speed["d"].share is not None
    assert speed["c"].share > 2.0 * speed["d"].share
    assert speed["d"].seconds == pytest.approx(3.0)
    world.rest("e", K.SERVER_ERROR, times=2)
    bad = seen(world, "e f", balance="adaptive")
    assert bad["e"].reliability < bad["f"].reliability
    assert bad["e"].share is not None
    assert bad["e"].share < 0.5


def test_how_soon_it_answers_is_unknown_until_somebody_has_answered(world: World):
    assert {each.seconds for each in seen(world, "a b").values()} == {None}
    exchange = world.exchange(world.route("a"))
    attempt = exchange.begin(0.0)
    assert isinstance(attempt, Attempt)
    exchange.committed(attempt, 0.4)
    exchange.succeeded(attempt, 200, 0.5)
    assert [each.seconds for each in seen(world, "a b", now=0.5).values()] == pytest.approx([0.4, 0.4])


def test_prices_are_told_where_they_are_known(world: World):
    world.prices["a/m"] = 250.0
    assert [each.price for each in seen(world, "a b").values()] == [250.0, None]


def test_the_target_that_a_conversation_was_with_is_marked(world: World):
    route = world.route("a b", affinity=60.0, balance="adaptive")
    attempt = world.exchange(route, session=11).begin(0.0)
    assert isinstance(attempt, Attempt)
    pinned = [each.target for each in describe(route, NO_LOAD, 11, 30.0) if each.pinned]
    assert pinned == [attempt.candidate.name]
    for session, now in ((None, 30.0), (12, 30.0), (11, 61.0)):
        assert not any(each.pinned for each in describe(route, NO_LOAD, session, now))


# --- what looking does not do ---


def test_no_secret_is_told_and_all_of_it_is_json(world: World):
    world.secrets["a#k"] = "sk-hunter2"
    world.key_limits["a#k"] = Limits(rpm=10, tpm=100)
    text = msgspec.json.encode(describe(world.route("a b"), LARGE, None, 0.0)).decode()
    assert "hunter2" not in text
    assert "secret" not in text
    assert "hunter2" not in repr(describe(world.route("a b"), LARGE, None, 0.0))
    records = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert msgspec.convert(records, tuple[TargetRecord, ...]) == describe(world.route("a b"), LARGE, None, 0.0)


def played(world: World, *, looking: bool) -> list[str]:
    """Whom three hundred requests go to, in a world where some fail, quotas run low and time passes."""
    world.key_limits.update({"a#k": Limits(rpm=120, tpm=40_000), "b#k": Limits(rpm=60)})
    world.provider_limits["b"] = Limits(tpm=90_000)
    world.key_caps["c#k"] = 2
    route = world.route("a b b#other c", "d", balance="adaptive", affinity=30.0)
    rng, asked, under_way = Random(5), [], []
    now = 0.0
    for number in range(300):
        now += rng.expovariate(4.0)
        if looking:
            for load in (LARGE, NO_LOAD, Load(text=rng.randrange(1, 9) * 1000)) if number % 3 else (NO_LOAD,):
                describe(route, load, number % 5, now)
        else:
            rng.randrange(1, 9) if number % 3 else None
        load = Load(text=400 * (number % 7))
        exchange = world.exchange(route, now=now, load=load, session=number % 9 or None, seed=number)
        attempt = exchange.begin(now)
        if not isinstance(attempt, Attempt):
            asked.append(type(attempt).__name__)
            continue
        asked.append(attempt.candidate.name)
        under_way.append((exchange, attempt))
        if len(under_way) > 3:
            exchange, attempt = under_way.pop(0)
            exchange.succeeded(attempt, 200, now, Usage(100 * (number % 7), 50))
    return asked


def test_looking_changes_no_decision(new_world: type[World]):
    undisturbed = played(new_world(), looking=False)
    assert len(set(undisturbed)) > 3
    assert played(new_world(), looking=True) == undisturbed


def test_looking_changes_nothing_at_all(world: World, facts: Callable[..., Any]):
    world.key_limits["a#k"] = Limits(rpm=10, tpm=1000)
    world.serve("a", times=3)
    world.rest("a", K.RATE_LIMITED)
    route = world.route("a", balance="adaptive")
    (candidate,) = route.tiers[0].candidates
    before = facts(candidate.state)
    for now in (1.0, 50.0):
        describe(route, LARGE, 3, now)
    assert facts(candidate.state) == before


MISHAPS = (K.RATE_LIMITED, K.SERVER_ERROR, K.OVERLOADED, K.AUTH_INVALID, K.TIMEOUT, K.DAILY_QUOTA)
STEP = st.one_of(
    st.tuples(st.just("hold"), st.sampled_from("abc")),
    st.tuples(st.just("serve"), st.sampled_from("abc")),
    st.tuples(st.just("fail"), st.sampled_from("abc"), st.sampled_from(MISHAPS)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 20.0])),
)


@given(steps=st.lists(STEP, max_size=25), tokens=st.sampled_from([0, 300, 900, 5000]))
def test_what_is_told_to_be_askable_is_what_may_be_asked(
    new_world: type[World], failed: Callable[..., Any], steps: list[Any], tokens: int
):
    world, now = new_world(), 0.0
    world.key_limits.update({"a#k": Limits(rpm=6, tpm=2000), "b#k": Limits(tpm=1000)})
    world.key_caps["c#k"] = 2
    route = world.route("a b c")
    for step in steps:
        if step[0] == "wait":
            now += step[1]
            continue
        exchange = world.exchange(world.route(step[1]), now=now, attempts=1)
        attempt = exchange.begin(now)
        if not isinstance(attempt, Attempt):
            continue
        if step[0] == "serve":
            exchange.succeeded(attempt, 200, now)
        elif step[0] == "fail":
            exchange.failed(attempt, failed(step[2]), now)
    load = Load(media=tokens)
    told = {each.target: each for each in describe(route, load, None, now)}
    ready = {each.name for each in route.tiers[0].ready(load, now)}
    assert {name for name, each in told.items() if each.share} == ready
    for name, each in told.items():
        assert (each.state in ("ready", "recovering", "trial")) >= (name in ready)
        assert each.wait is None or each.wait >= 0.0
        if each.state in ("limited", "too_large"):
            assert each.wait is None or each.wait > 0.0
        if name in ready:
            assert each.wait == 0.0
    assert sum(each.share or 0.0 for each in told.values()) == pytest.approx(1.0 if ready else 0.0)
