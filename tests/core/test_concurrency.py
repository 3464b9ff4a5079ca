"""How many requests a target may have under way: learnt from overload, and from how it copes afterwards."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.concurrency import CUT, FEWEST, MANY, SILENCE, TIMES_USUAL, Concurrency, Slots


@pytest.fixture
def concurrency() -> Concurrency:
    return Concurrency()


def fill(concurrency: Concurrency) -> int:
    """Take slots while there are any, at most a thousand."""
    while concurrency.free() and concurrency.used < 1000:
        concurrency.used += 1
    return concurrency.used


def rounds(concurrency: Concurrency, times: int) -> None:
    """All that may be under way succeed, so many times over."""
    for _ in range(times):
        for _ in range(fill(concurrency)):
            concurrency.succeeded()
        concurrency.used = 0


@pytest.mark.parametrize("cap", [0, 1, 3])
def test_a_cap_admits_so_many_and_no_more(cap: int):
    slots = Slots(cap)
    while slots.free():
        slots.used += 1
    assert slots.used == cap


def test_without_a_cap_there_is_always_a_slot():
    slots = Slots(None)
    slots.used = 1_000_000
    assert slots.free()


def test_nothing_bounds_a_target_that_was_never_overloaded(concurrency: Concurrency):
    concurrency.used = 1_000_000
    concurrency.succeeded()
    assert concurrency.free()
    assert concurrency.share() == 0.0
    assert concurrency.limit == inf


@pytest.mark.parametrize(("under_way", "left"), [(1, 1), (2, 1), (3, 2), (10, 7), (100, 70)])
def test_overload_leaves_room_for_seven_tenths_of_what_was_under_way(
    concurrency: Concurrency, under_way: int, left: int
):
    concurrency.used = under_way
    assert concurrency.overloaded(sent=0.0, now=1.0)
    concurrency.used = 0
    assert fill(concurrency) == left


def test_a_burst_of_overload_is_one(concurrency: Concurrency):
    concurrency.used = 50
    told = [concurrency.overloaded(sent=number / 100, now=1.0 + number / 100) for number in range(50)]
    assert told == [True] + [False] * 49
    assert concurrency.limit == 50 * CUT


def test_what_was_sent_after_the_cut_may_cut_again(concurrency: Concurrency):
    concurrency.used = 50
    concurrency.overloaded(sent=0.0, now=1.0)
    concurrency.used = 30
    assert concurrency.overloaded(sent=1.5, now=2.0)
    assert concurrency.limit == pytest.approx(30 * CUT), "fewer were under way than might have been"


def test_one_request_may_always_be_under_way(concurrency: Concurrency):
    for number in range(50):
        concurrency.used = 1
        concurrency.overloaded(sent=float(number), now=number + 0.5)
    concurrency.used = 0
    assert fill(concurrency) == 1


def test_each_round_of_successes_admits_about_one_more(concurrency: Concurrency):
    concurrency.used = 10
    concurrency.overloaded(sent=0.0, now=1.0)
    concurrency.used = 0
    limit = concurrency.limit
    rounds(concurrency, 10)
    assert limit + 8 <= concurrency.limit <= limit + 10


def test_successes_of_a_target_that_is_hardly_used_prove_nothing(concurrency: Concurrency):
    concurrency.used = 100
    concurrency.overloaded(sent=0.0, now=1.0)
    concurrency.used = 10
    for _ in range(1000):
        concurrency.succeeded()
    assert concurrency.limit == 70.0


def test_what_is_under_way_beyond_a_lowered_limit_is_finished_and_not_replaced(concurrency: Concurrency):
    concurrency.used = 10
    concurrency.overloaded(sent=0.0, now=1.0)
    concurrency.used = 8
    assert not concurrency.free()
    assert concurrency.share() > 1.0
    concurrency.used = 6
    assert concurrency.free()


def test_it_settles_below_what_overloads_it(concurrency: Concurrency):
    """A target that bears twenty: it is overloaded by the twenty-first."""
    concurrency.used = 60
    concurrency.overloaded(sent=-1.0, now=0.0)
    concurrency.used = 0
    held: list[int] = []
    for number in range(1, 300):
        now = float(number)
        under_way = fill(concurrency)
        held.append(under_way)
        if under_way > 20:
            concurrency.overloaded(sent=now - 0.5, now=now)
        concurrency.used = 0
        rounds(concurrency, 1)
    later = held[100:]
    assert max(later) <= 22
    assert sum(later) / len(later) > 15.0
    assert sum(under_way > 20 for under_way in later) < len(later) / 4


events = st.lists(st.sampled_from(["begin", "begin", "well", "overload", "gone"]), max_size=200)


@given(events)
def test_the_limit_never_falls_below_one_and_never_admits_more_than_it_says(events: list[str]):
    concurrency = Concurrency()
    for number, event in enumerate(events):
        before = concurrency.limit
        if event == "begin":
            if concurrency.free():
                concurrency.used += 1
                assert concurrency.used <= concurrency.limit
        elif concurrency.used:
            if event == "well":
                concurrency.succeeded()
                assert before <= concurrency.limit <= before + 1.0
            elif event == "overload":
                concurrency.overloaded(sent=number - 3.0, now=float(number))
                assert concurrency.limit <= before
            concurrency.used -= 1
        assert concurrency.limit >= FEWEST


# --- silence ---


def waiting(count: int, *, usual: float, heard: float = 0.0) -> Concurrency:
    concurrency = Concurrency()
    concurrency.used = count
    concurrency.answered(heard - usual, heard)
    return concurrency


def test_many_that_wait_for_far_longer_than_usual_show_that_it_hangs():
    concurrency = waiting(MANY, usual=0.5)
    assert not concurrency.silent(SILENCE)
    assert not concurrency.silent(0.5 * TIMES_USUAL)
    assert concurrency.silent(0.5 * TIMES_USUAL + 0.1)


def test_a_target_that_always_takes_long_is_not_silent():
    concurrency = waiting(1000, usual=20.0)
    assert not concurrency.silent(199.0)
    assert concurrency.silent(201.0)


def test_few_that_wait_show_nothing():
    assert not waiting(MANY - 1, usual=0.5).silent(1e6)


def test_who_has_never_answered_is_not_silent():
    concurrency = Concurrency()
    concurrency.used = 1000
    assert not concurrency.silent(1e6)


def test_any_reply_ends_the_silence():
    concurrency = waiting(100, usual=0.5)
    assert concurrency.silent(60.0)
    concurrency.answered(30.0, 60.0)
    assert not concurrency.silent(61.0)
