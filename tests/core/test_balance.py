"""The strategies: how exact the smooth weighted draw is, and whom the others prefer for what is known of each."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.balance import (
    EXPLORES,
    LOOKS_AGAIN,
    STRATEGIES,
    Adaptive,
    Cost,
    Latency,
    LeastBusy,
    RoundRobin,
    Strategy,
    Weighted,
)
from headway.core.candidates import Candidate, usual_of
from headway.core.exchange import Attempt, Exchange
from headway.core.health import State
from headway.core.load import NO_LOAD, Load
from headway.failures import Failure, FailureKind
from headway.types import BalanceName, Limits

if TYPE_CHECKING:
    from core.conftest import World

NAMES = "abcdefgh"


@pytest.fixture
def candidates(world: World):
    """Candidates of one tier with these weights, named a, b, c and so on."""

    def made(weights: Sequence[float]) -> list[Candidate]:
        for name, weight in zip(NAMES, weights, strict=False):
            world.weights[name] = weight
        return world.tier(" ".join(NAMES[: len(weights)])).candidates

    return made


Made = Callable[[Sequence[float]], list[Candidate]]


def letter(candidate: Candidate) -> str:
    return candidate.name[0]


def drawn(strategy: Strategy, ready: Sequence[Candidate], times: int, now: float = 0.0) -> str:
    """Letters, in the order in which they were drawn."""
    rng = Random(11)
    return "".join(letter(strategy.choose(ready, now, rng)) for _ in range(times))


def shares(strategy: Strategy, ready: Sequence[Candidate], now: float = 0.0, times: int = 4000) -> dict[str, float]:
    """The part of many draws that each gets, while nothing changes."""
    counts = Counter(drawn(strategy, ready, times, now))
    return {letter(each): counts[letter(each)] / times for each in ready}


def answers(candidate: Candidate, seconds: float, now: float = 0.0, times: int = 30) -> None:
    """It has begun to answer after so many seconds."""
    for _ in range(times):
        candidate.state.standing.first_token.saw(seconds, 0.0, now)


# --- the smooth weighted draw ---


def test_draws_of_a_heavy_target_are_spread_out(candidates: Made):
    ready = candidates([5.0, 1.0, 1.0])
    assert drawn(Weighted(), ready, 7) == "aabacaa"


def test_weights_two_to_one_alternate_without_bunching(candidates: Made):
    ready = candidates([2.0, 1.0])
    assert drawn(Weighted(), ready, 6) == "abaaba"


def test_equal_weights_take_turns(candidates: Made):
    ready = candidates([1.0, 1.0, 1.0])
    assert drawn(Weighted(), ready, 6) == "abcabc"


def test_fractions_are_weights_too(candidates: Made):
    ready = candidates([0.25, 0.75])
    assert Counter(drawn(Weighted(), ready, 8)) == {"a": 2, "b": 6}


def test_round_robin_takes_turns_whatever_the_weights(candidates: Made):
    ready = candidates([9.0, 1.0, 3.0])
    assert drawn(RoundRobin(), ready, 6) == "abcabc"


def test_whoever_is_away_leaves_the_shares_of_the_others_exact(candidates: Made):
    ready = candidates([1.0, 2.0, 3.0])
    drawn(Weighted(), ready, 6)
    assert Counter(drawn(Weighted(), ready[:2], 3)) == {"a": 1, "b": 2}
    assert Counter(drawn(Weighted(), ready[1:], 5)) == {"b": 2, "c": 3}


def test_who_comes_back_is_neither_flooded_nor_starved(candidates: Made):
    ready = candidates([1.0, 1.0])
    drawn(Weighted(), ready[:1], 1000)
    assert Counter(drawn(Weighted(), ready, 10)) == {"a": 5, "b": 5}


def test_every_strategy_of_the_configuration_exists():
    assert set(STRATEGIES) == set(get_args(BalanceName))


Bare = Callable[[Sequence[int]], list[Candidate]]


@pytest.fixture(scope="session")
def bare(fresh_state: Callable[[], State]) -> Bare:
    """Candidates that only balance looks at; faster than a world for each of many examples."""
    state = fresh_state()

    def made(weights: Sequence[int]) -> list[Candidate]:
        candidates: list[Candidate] = []
        for weight in weights:
            candidate = Candidate.__new__(Candidate)
            candidate.weight = float(weight)
            candidate.credit = 0.0
            candidate.state = state
            candidates.append(candidate)
        return candidates

    return made


def one(strategy: Strategy, ready: Sequence[Candidate]) -> Candidate:
    return strategy.choose(ready, 0.0, Random(1))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 3))
def test_after_every_whole_round_each_target_has_had_exactly_its_share(bare: Bare, weights: list[int], rounds: int):
    ready = bare(weights)
    had = Counter(id(one(Weighted(), ready)) for _ in range(rounds * sum(weights)))
    assert [had[id(candidate)] for candidate in ready] == [rounds * weight for weight in weights]
    assert all(candidate.credit == 0.0 for candidate in ready)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 200))
def test_at_no_moment_is_a_target_more_than_one_draw_ahead_and_a_few_behind(bare: Bare, weights: list[int], draws: int):
    ready = bare(weights)
    total = sum(weights)
    had: Counter[int] = Counter()
    for number in range(1, draws + 1):
        had[id(one(Weighted(), ready))] += 1
        for candidate in ready:
            due = number * candidate.weight / total
            assert due - len(ready) < had[id(candidate)] < due + 1


ready_sets = st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=1, max_size=120)


@given(st.lists(st.integers(1, 9), min_size=4, max_size=4), ready_sets)
def test_with_changing_ready_sets_only_ready_targets_are_drawn_and_no_debt_piles_up(
    bare: Bare, weights: list[int], sets: list[set[int]]
):
    tier = bare(weights)
    for numbers in sets:
        ready = [tier[number] for number in sorted(numbers)]
        found = one(Weighted(), ready)
        assert any(candidate is found for candidate in ready)
        assert sum(candidate.credit for candidate in tier) == 0.0
        assert all(abs(candidate.credit) <= len(tier) * sum(weights) for candidate in tier)


@given(ready_sets)
def test_round_robin_over_changing_ready_sets_draws_only_what_is_ready(bare: Bare, sets: list[set[int]]):
    tier = bare([1] * 4)
    for numbers in sets:
        ready = [tier[number] for number in sorted(numbers)]
        found = one(RoundRobin(), ready)
        assert any(candidate is found for candidate in ready)
        assert sum(candidate.credit for candidate in tier) == 0.0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from([Weighted, RoundRobin]))
def test_a_cycle_is_what_the_strategy_draws_anyway(bare: Bare, weights: list[int], kind: type[Weighted]):
    prepared, asked = bare(weights), bare(weights)
    order = kind().cycle(prepared)
    assert order
    assert all(candidate.credit == 0.0 for candidate in prepared)
    numbers = [prepared.index(candidate) for candidate in order]
    assert [asked.index(one(kind(), asked)) for _ in range(2 * len(order))] == numbers * 2


def test_weights_that_take_too_long_to_repeat_have_no_cycle(bare: Bare):
    ready = bare([1, 1])
    ready[0].weight = 1 / 3
    ready[1].weight = 0.7071
    assert Weighted().cycle(ready) == []
    assert [candidate.credit for candidate in ready] == [0.0, 0.0]


def test_a_drained_candidate_leaves_no_cycle(bare: Bare):
    ready = bare([1, 1])
    ready[0].weight = 0.0
    assert Weighted().cycle(ready) == []


# --- all of them ---

every_strategy = pytest.mark.parametrize("balance", list(STRATEGIES))


@every_strategy
def test_a_weight_of_zero_gets_nothing(world: World, balance: BalanceName):
    world.weights["b"] = 0.0
    world.prices["b/m"] = 1.0
    tier = world.tier("a b c", balance=balance)
    rng = Random(3)
    told = Counter(letter(found) for _ in range(1000) if (found := tier.draw(NO_LOAD, None, 0.0, rng)) is not None)
    assert told.total() == 1000
    assert set(told) <= {"a", "c"}


@every_strategy
@pytest.mark.parametrize("tripped", [False, True])
def test_only_what_is_ready_is_drawn_and_somebody_as_long_as_anybody_is(
    world: World, balance: BalanceName, tripped: bool
):
    world.rest("b", FailureKind.RATE_LIMITED, retry_after=30.0)
    if tripped:
        world.trip("c")
    world.key_caps["d#k"] = 1
    world.hold("d")
    tier = world.tier("a b c d", balance=balance)
    rng = Random(3)
    told = {letter(found) for _ in range(300) if (found := tier.draw(NO_LOAD, None, 1.0, rng)) is not None}
    assert told <= ({"a"} if tripped else {"a", "c"})
    assert "a" in told


@every_strategy
def test_equal_targets_get_equal_parts_while_nothing_is_known(world: World, balance: BalanceName):
    ready = world.tier("a b c", balance=balance).candidates
    told = shares(STRATEGIES[balance](), ready)
    assert list(told.values()) == pytest.approx([1 / 3] * 3, abs=0.03)


@every_strategy
@given(st.lists(st.tuples(st.floats(0.001, 100.0), st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=4))
def test_whatever_is_known_one_of_the_ready_ones_is_chosen(
    new_world: Callable[[], World], balance: BalanceName, facts: list[tuple[float, int, int]]
):
    world = new_world()
    for name in NAMES:
        world.key_limits[f"{name}#k"] = Limits(rpm=20)
    ready = world.tier(" ".join(NAMES[: len(facts)])).candidates
    for candidate, (seconds, in_flight, failures) in zip(ready, facts, strict=True):
        answers(candidate, seconds, times=1)
        for _ in range(in_flight):
            candidate.acquire(NO_LOAD, 0.0)
        for _ in range(failures):
            candidate.state.standing.failed(seconds, 0.0)
    strategy, rng = STRATEGIES[balance](), Random(5)
    assert all(strategy.choose(ready, now, rng) in ready for now in (0.0, 0.0, 0.05, 1.0, 100.0))


# --- least_busy ---


def test_least_busy_takes_whoever_has_least_under_way(candidates: Made):
    ready = candidates([1.0, 1.0, 1.0])
    for candidate, in_flight in zip(ready, (4, 2, 3), strict=True):
        candidate.concurrency.used = in_flight
    assert drawn(LeastBusy(), ready, 20) == "b" * 20


def test_least_busy_fills_targets_by_their_weights(candidates: Made):
    ready = candidates([1.0, 2.0, 3.0])
    rng = Random(2)
    for _ in range(60):
        LeastBusy().choose(ready, 0.0, rng).concurrency.used += 1
    assert [candidate.concurrency.used for candidate in ready] == [10, 20, 30]


def test_least_busy_gives_a_part_to_what_has_just_recovered(world: World):
    world.recover("a", at=10.0)
    ready = world.tier("a b").candidates
    rng = Random(2)
    for _ in range(110):
        LeastBusy().choose(ready, 10.0, rng).concurrency.used += 1
    assert [candidate.concurrency.used for candidate in ready] == [10, 100]


# --- latency ---


def test_latency_takes_the_quickest_but_for_a_small_part_that_explores(candidates: Made):
    ready = candidates([1.0, 1.0, 1.0, 1.0])
    for candidate, seconds in zip(ready, (2.0, 0.5, 1.0, 3.0), strict=True):
        answers(candidate, seconds)
    told = shares(Latency(), ready, times=20_000)
    others = [told[name] for name in "acd"]
    assert others == pytest.approx([EXPLORES / 4] * 3, rel=0.5)
    assert told["b"] == pytest.approx(1.0 - sum(others))


def test_latency_finds_out_that_a_slow_one_is_quick_again(candidates: Made):
    first, second = ready = candidates([1.0, 1.0])
    answers(first, 5.0)
    answers(second, 1.0)
    strategy, rng = Latency(), Random(4)
    for number in range(2000):
        found = strategy.choose(ready, number / 50, rng)
        answers(found, 0.5 if found is first else 1.0, now=number / 50, times=1)
    assert shares(strategy, ready, now=40.0)["a"] > 0.9


def test_latency_spares_the_quickest_while_it_is_hot(world: World):
    world.key_limits["a#k"] = Limits(rpm=10)
    first, second = ready = world.tier("a b").candidates
    answers(first, 0.1)
    answers(second, 1.0)
    for _ in range(9):
        first.acquire(NO_LOAD, 0.0)
    assert shares(Latency(), ready)["b"] > 0.95
    assert shares(Latency(), ready, now=30.0)["a"] > 0.95


# --- cost ---


def test_cost_takes_the_cheapest_that_is_ready(world: World):
    for name, price in zip("abc", (300.0, 100.0, 200.0), strict=True):
        world.prices[f"{name}/m"] = price
    ready = world.tier("a b c d").candidates
    first, second, third, unknown = ready
    assert drawn(Cost(), ready, 20) == "b" * 20
    assert drawn(Cost(), [first, third, unknown], 20) == "c" * 20
    assert drawn(Cost(), [first, unknown], 20) == "a" * 20
    assert drawn(Cost(), [unknown], 1) == "d"
    assert second.price == 100.0


def test_between_equally_cheap_ones_cost_takes_the_better(world: World):
    for name, price in zip("abc", (100.0, 100.0, 900.0), strict=True):
        world.prices[f"{name}/m"] = price
    ready = world.tier("a b c").candidates
    for candidate, seconds in zip(ready, (4.0, 1.0, 0.1), strict=True):
        answers(candidate, seconds)
    told = shares(Cost(), ready)
    assert told["b"] > 0.85
    assert told["a"] > 0.0
    assert told["c"] == 0.0


# --- adaptive ---


def test_adaptive_prefers_the_quick(candidates: Made):
    ready = candidates([1.0, 1.0, 1.0])
    for candidate, seconds in zip(ready, (0.5, 2.0, 2.0), strict=True):
        answers(candidate, seconds)
    told = shares(Adaptive(), ready)
    assert told["a"] > 0.8
    assert min(told.values()) > 0.01, "a slow one is still asked now and then"


def test_adaptive_prefers_the_reliable_and_failing_fast_attracts_nobody(candidates: Made):
    ready = candidates([1.0, 1.0, 1.0])
    for candidate in ready:
        answers(candidate, 1.0)
    for _ in range(10):
        ready[0].state.standing.failed(0.01, 0.0)
    told = shares(Adaptive(), ready)
    assert told["a"] < 0.1
    assert told["b"] == pytest.approx(told["c"], abs=0.05)


def test_adaptive_shares_fall_with_the_square_of_reliability(candidates: Made):
    ready = candidates([1.0, 1.0])
    for _ in range(10):
        ready[0].state.standing.failed(1.0, 0.0)
    assert ready[0].state.standing.reliability(0.0) == pytest.approx(ready[1].state.standing.reliability(0.0) / 2.0)
    assert shares(Adaptive(), ready)["a"] == pytest.approx(0.2, abs=0.03)


def test_adaptive_prefers_who_has_less_under_way(candidates: Made):
    ready = candidates([1.0, 1.0])
    ready[0].concurrency.used = 10
    assert shares(Adaptive(), ready)["a"] == pytest.approx(0.25, abs=0.03), "only when it is drawn twice"


def test_adaptive_lets_a_heavier_target_have_more_under_way(candidates: Made):
    ready = candidates([3.0, 1.0])
    rng, strategy = Random(6), Adaptive()
    for _ in range(400):
        strategy.choose(ready, 0.0, rng).concurrency.used += 1
    assert ready[0].concurrency.used / 400 == pytest.approx(0.75, abs=0.05)


def test_adaptive_shares_follow_the_room_in_quotas(world: World):
    for number, limit in enumerate((4000, 2000, 1000, 1000), start=1):
        world.key_limits[f"{NAMES[number - 1]}#k"] = Limits(rpm=limit)
    told = shares(Adaptive(), world.tier("a b c d").candidates)
    assert list(told.values()) == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.03)


def test_adaptive_takes_a_quota_of_which_nothing_is_known_for_the_roomiest(world: World):
    world.key_limits["a#k"] = Limits(rpm=3000)
    world.key_limits["b#k"] = Limits(rpm=1000)
    told = shares(Adaptive(), world.tier("a b c").candidates)
    assert list(told.values()) == pytest.approx([3 / 7, 1 / 7, 3 / 7], abs=0.03)


def test_adaptive_spares_what_is_hot(world: World):
    """However quick it is."""
    world.key_limits["a#k"] = Limits(tpm=10_000)
    world.key_limits["b#k"] = Limits(tpm=10_000)
    first, second = ready = world.tier("a b").candidates
    answers(first, 0.05)
    answers(second, 1.0)
    first.acquire(Load(media=8500, most_output=0), 0.0)
    strategy, rng = Adaptive(), Random(8)
    strategy.pair(ready, 0.0, rng)
    assert strategy.better(first, second, 0.0) is strategy.better(second, first, 0.0) is second
    answers(first, 0.05, now=60.0)
    answers(second, 1.0, now=60.0)
    strategy.pair(ready, 60.0, rng)
    assert strategy.better(first, second, 60.0) is strategy.better(second, first, 60.0) is first


def test_of_two_that_are_hot_adaptive_takes_the_less_used(world: World):
    for name in "ab":
        world.key_limits[f"{name}#k"] = Limits(tpm=10_000)
    first, second = ready = world.tier("a b").candidates
    first.acquire(Load(media=9500, most_output=0), 0.0)
    second.acquire(Load(media=8500, most_output=0), 0.0)
    strategy = Adaptive()
    strategy.pair(ready, 0.0, Random(1))
    assert strategy.better(first, second, 0.0) is strategy.better(second, first, 0.0) is second


def test_adaptive_tries_a_slow_one_again_later(candidates: Made):
    ready = candidates([1.0, 1.0])
    answers(ready[0], 10.0)
    answers(ready[1], 0.5)
    assert shares(Adaptive(), ready)["a"] < 0.05
    assert shares(Adaptive(), ready, now=150.0)["a"] == pytest.approx(0.5, abs=0.05)


def test_adaptive_divides_evenly_where_nobody_has_room(world: World):
    for name in "ab":
        world.key_limits[f"{name}#k"] = Limits(rpm=1)
    ready = world.tier("a b").candidates
    for candidate in ready:
        candidate.acquire(NO_LOAD, 0.0)
    assert shares(Adaptive(), ready)["a"] == pytest.approx(0.5, abs=0.05)


def test_adaptive_asks_what_is_on_trial_whatever_it_did(world: World):
    world.trip("a", now=0.0)
    ready = world.tier("a b").candidates
    answers(ready[1], 1.0, now=10.0)
    assert shares(Adaptive(), ready, now=10.0)["a"] > 0.5


def test_what_adaptive_knows_of_shares_holds_for_a_moment(candidates: Made):
    ready = candidates([1.0, 1.0])
    strategy, rng = Adaptive(), Random(1)
    assert strategy.share(ready[0]) == 0.0, "it has not looked yet"
    strategy.pair(ready, 0.0, rng)
    answers(ready[0], 4.0)
    answers(ready[1], 1.0)
    strategy.pair(ready, 0.9 * LOOKS_AGAIN, rng)
    assert strategy.share(ready[0]) == strategy.share(ready[1]) == 1.0
    strategy.pair(ready, 1.1 * LOOKS_AGAIN, rng)
    assert strategy.share(ready[0]) < 0.5
    assert strategy.share(ready[1]) > 1.5


def test_adaptive_has_no_pair_where_nobody_is_well(world: World):
    world.rest("a", FailureKind.AUTH_INVALID)
    world.trip("b")
    assert Adaptive().pair(world.tier("a b").candidates, 1.0, Random(1)) is None


# --- adaptive, over a while ---


class Stage:
    """Three targets that are asked fifty times a second."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.route = world.route("a b c", balance="adaptive")
        self.now = 0.0
        self.rng = Random(9)
        self.seconds = dict.fromkeys("abc", 1.0)
        self.fails = ""
        self.often = 1.0
        """How often those fail, at once."""
        self.under_way: list[tuple[float, int, Exchange, bool]] = []
        self.number = 0

    def play(self, requests: int) -> dict[str, float]:
        """The part of so many requests that each gets."""
        told: Counter[str] = Counter()
        for _ in range(requests):
            self.now += 0.02
            while self.under_way and self.under_way[0][0] <= self.now:
                at, _, exchange, fails = heapq.heappop(self.under_way)
                self.end(exchange, at, fails=fails)
            told[self.begin()] += 1
        return {name: told[name] / requests for name in "abc"}

    def begin(self) -> str:
        self.number += 1
        exchange = self.world.exchange(self.route, now=self.now, attempts=1, seed=self.number)
        attempt = exchange.begin(self.now)
        assert isinstance(attempt, Attempt)
        name = letter(attempt.candidate)
        fails = name in self.fails and self.rng.random() < self.often
        takes = 0.01 if fails else self.seconds[name]
        heapq.heappush(self.under_way, (self.now + takes, self.number, exchange, fails))
        return name

    def end(self, exchange: Exchange, at: float, *, fails: bool) -> None:
        (attempt,) = exchange.attempts
        if fails:
            exchange.failed(attempt, Failure(kind=FailureKind.SERVER_ERROR, source="upstream", message=""), at)
        else:
            exchange.committed(attempt, at)
            exchange.succeeded(attempt, 200, at)


def test_one_that_becomes_five_times_slower_then_fails_fast_then_recovers(world: World):
    """As soon as that is seen it gets little, failing fast attracts nobody, and in a minute it is back."""
    stage = Stage(world)
    assert stage.play(3000)["a"] == pytest.approx(1 / 3, abs=0.05)
    stage.seconds["a"] = 5.0
    stage.play(250)  # the first slow answer takes as long
    assert stage.play(3000)["a"] < 0.1
    stage.fails = "a"
    assert stage.play(3000)["a"] < 0.05
    stage.fails = ""
    stage.seconds["a"] = 1.0
    stage.play(3000)
    assert stage.play(3000)["a"] == pytest.approx(1 / 3, abs=0.08)


@pytest.mark.parametrize(("often", "most"), [(0.02, 0.3), (0.05, 0.25), (0.2, 0.15)])
def test_one_that_fails_now_and_then_is_asked_less_and_within_a_minute_of_healing_as_much_as_others(
    world: World, often: float, most: float
):
    stage = Stage(world)
    stage.fails, stage.often = "a", often
    stage.play(1000)
    assert 0.0 < stage.play(4000)["a"] < most
    stage.fails = ""
    stage.play(3000)
    assert stage.play(2000)["a"] == pytest.approx(1 / 3, abs=0.05)


# --- what is usual ---


def test_the_usual_time_is_the_middle_of_those_that_are_known_and_a_second_if_none_is(candidates: Made):
    ready = candidates([1.0, 1.0, 1.0, 1.0])
    assert usual_of(ready).seconds == 1.0
    for candidate, seconds in zip(ready, (0.2, 3.0, 0.5), strict=False):
        answers(candidate, seconds)
    assert usual_of(ready).seconds == pytest.approx(0.5)
    assert ready[3].seconds(usual_of(ready), 0.0) == pytest.approx(0.5), "nobody knows; as long as others"
