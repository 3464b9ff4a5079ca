"""How much may be repeated at a deployment that fails, and how much of its traffic it may push onto another."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.allowance import EARNED, MOST_TOKENS, Allowance


@pytest.fixture
def allowance() -> Allowance:
    return Allowance()


def test_a_deployment_of_which_nothing_is_known_may_be_asked_again(allowance: Allowance):
    assert allowance.may_repeat()


def test_the_tenth_failure_without_successes_stops_repeats(allowance: Allowance):
    told: list[bool] = []
    for _ in range(12):
        allowance.failed()
        told.append(allowance.may_repeat())
    assert told == [True] * 9 + [False] * 3


def test_successes_earn_repeats_back_ten_for_a_failure(allowance: Allowance):
    for _ in range(12):
        allowance.failed()
    for _ in range(19):
        allowance.succeeded()
    assert not allowance.may_repeat()
    for _ in range(2):
        allowance.succeeded()
    assert allowance.may_repeat()


def test_successes_are_not_hoarded(allowance: Allowance):
    for _ in range(10_000):
        allowance.succeeded()
    for _ in range(11):
        allowance.failed()
    assert not allowance.may_repeat()


def test_failures_run_up_no_debt(allowance: Allowance):
    for _ in range(10_000):
        allowance.failed()
    for _ in range(102):
        allowance.succeeded()
    assert allowance.may_repeat()


@given(st.floats(0.0, 1.0), st.integers(0, 1000))
def test_in_the_long_run_at_most_a_tenth_of_the_successes_is_repeated(share: float, seed: int):
    """However many fail, and in whatever order."""
    allowance, rng = Allowance(), Random(seed)
    wells = [rng.random() < share for _ in range(1000)]
    repeats = 0
    for well in wells:
        if well:
            allowance.succeeded()
        else:
            repeats += allowance.may_repeat()
            allowance.failed()
    assert repeats <= MOST_TOKENS / 2 + EARNED * sum(wells) + 1


@pytest.mark.parametrize(("in_flight", "most"), [(0, 3), (1, 3), (10, 3), (11, 4), (20, 6), (100, 30), (1000, 300)])
def test_failovers_make_up_three_or_three_tenths_of_what_is_in_flight(allowance: Allowance, in_flight: int, most: int):
    allowance.in_flight = in_flight
    while allowance.may_take_over():
        allowance.take_over()
    assert allowance.failovers == most


def fill(allowance: Allowance) -> int:
    while allowance.may_take_over():
        allowance.take_over()
        allowance.in_flight += 1
    return allowance.failovers


def turn_over(allowance: Allowance) -> int:
    """All its failovers are answered and end, while others wait to take their places."""
    for _ in range(allowance.failovers):
        allowance.coped()
        allowance.give_back()
        allowance.in_flight -= 1
        fill(allowance)
    return allowance.failovers


def test_a_destination_that_copes_may_take_about_twice_as_many_each_time_they_are_answered(allowance: Allowance):
    taken = [fill(allowance)] + [turn_over(allowance) for _ in range(4)]
    for before, after in itertools.pairwise(taken):
        assert 1.8 * before <= after <= 3.0 * before


def test_each_failure_halves_what_it_may_take_beyond_its_part(allowance: Allowance):
    fill(allowance)
    for _ in range(5):
        turn_over(allowance)
    most = allowance.failovers
    for _ in range(8):
        allowance.failed()
    while allowance.may_take_over() is False and allowance.failovers > 1:
        allowance.give_back()
        allowance.in_flight -= 1
    assert allowance.failovers < most / 10


def test_room_that_nobody_wants_does_not_grow(allowance: Allowance):
    allowance.in_flight = 100
    for _ in range(1000):
        allowance.take_over()
        allowance.coped()
        allowance.give_back()
    assert fill(allowance) < 50


def test_room_is_forgotten_when_the_last_failover_has_ended(allowance: Allowance):
    fill(allowance)
    turn_over(allowance)
    while allowance.failovers:
        allowance.give_back()
        allowance.in_flight -= 1
    assert fill(allowance) == 3
