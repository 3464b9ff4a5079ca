"""How fast a provider is asked that refuses without saying how much it takes."""

from __future__ import annotations

import itertools
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.pace import CUT, RETURNS, SLOWEST, Pace


@pytest.fixture
def refused_at_ten() -> Pace:
    """Ten requests a second were too many, at moment 100."""
    pace = Pace()
    pace.refused(99.5, 10.0, 100.0)
    return pace


def sendable(pace: Pace, since: float, until: float, step: float = 0.01) -> int:
    """How many are sent by somebody who always wants to."""
    sent = 0
    for number in range(int((until - since) / step)):
        now = since + number * step
        while pace.room(now) >= 1.0:
            pace.sent(now)
            sent += 1
    return sent


def test_before_the_first_refusal_nothing_bounds_it():
    assert Pace().rate(5.0) == inf
    assert Pace().wait(5.0) == 0.0


def test_a_refusal_leaves_seven_tenths_of_what_was_sent(refused_at_ten: Pace):
    assert refused_at_ten.rate(100.0) == pytest.approx(CUT * 10.0)


def test_the_rate_that_was_refused_is_reached_again_after_a_minute_and_passed_after_two(refused_at_ten: Pace):
    assert refused_at_ten.rate(100.0 + RETURNS) == pytest.approx(10.0)
    assert refused_at_ten.rate(100.0 + 2 * RETURNS) == pytest.approx(13.0)


def test_it_grows_quickly_first_then_hardly_then_quickly_again(refused_at_ten: Pace):
    rates = [refused_at_ten.rate(100.0 + seconds) for seconds in range(0, 121, 20)]
    gains = [after - before for before, after in itertools.pairwise(rates)]
    assert all(gain > 0.0 for gain in gains)
    assert gains[0] > gains[1] > gains[2] == pytest.approx(gains[3])
    assert gains[3] < gains[4] < gains[5]


def test_what_is_sent_in_a_while_is_what_the_rate_admits(refused_at_ten: Pace):
    assert sendable(refused_at_ten, 100.0, 110.0) == pytest.approx(80, abs=8)


def test_after_a_pause_at_most_a_seconds_worth_is_sent_at_once(refused_at_ten: Pace):
    assert refused_at_ten.room(160.0) == pytest.approx(10.0, rel=0.01)


def test_a_burst_of_refusals_is_one(refused_at_ten: Pace):
    before = refused_at_ten.rate(101.0)
    for number in range(50):
        refused_at_ten.refused(99.0 + number / 100, 10.0, 101.0)
    assert refused_at_ten.rate(101.0) == before


def test_what_was_sent_after_the_cut_may_cut_again(refused_at_ten: Pace):
    refused_at_ten.refused(101.0, 4.0, 110.0)
    assert refused_at_ten.rate(110.0) == pytest.approx(CUT * 4.0)


def test_a_measurement_above_what_was_allowed_is_not_believed(refused_at_ten: Pace):
    allowed = refused_at_ten.rate(110.0)
    refused_at_ten.refused(105.0, 50.0, 110.0)
    assert refused_at_ten.rate(110.0) == pytest.approx(CUT * allowed)


def test_whoever_was_refused_may_come_again_at_once(refused_at_ten: Pace):
    assert refused_at_ten.wait(100.0) == 0.0
    refused_at_ten.sent(100.0)
    assert refused_at_ten.wait(100.0) == pytest.approx(1.0 / 7.0)


def test_however_often_it_is_refused_it_asks_now_and_then():
    pace = Pace()
    for number in range(100):
        pace.refused(float(number), 0.0, number + 0.5)
    assert pace.rate(100.0) >= SLOWEST
    assert pace.wait(100.0) <= 1.0 / SLOWEST


steps = st.lists(
    st.tuples(st.floats(0.0, 30.0), st.sampled_from(["send", "send", "send", "refuse"]), st.floats(0.0, 100.0)),
    max_size=60,
)


@given(steps)
def test_after_the_wait_there_is_room_and_nobody_sends_more_than_a_seconds_worth_at_once(
    steps: list[tuple[float, str, float]],
):
    pace, now = Pace(), 0.0
    pace.refused(0.0, 5.0, 0.0)
    for seconds, event, measured in steps:
        now += seconds
        rate = pace.rate(now)
        assert rate >= SLOWEST
        assert pace.room(now) <= max(rate, 1.0) + 1e-9
        if event == "refuse":
            pace.refused(now, measured, now)
            assert pace.rate(now) <= rate + 1e-9
        elif pace.room(now) >= 1.0:
            pace.sent(now)
            assert pace.room(now) >= 0.0
        else:
            now += pace.wait(now) + 1e-6
            assert pace.room(now) >= 1.0 - 1e-6


@given(st.floats(2.0, 40.0), st.integers(0, 5))
def test_it_keeps_near_a_bound_that_it_was_never_told(bound: float, phase: int):
    """The provider takes so many each second, and refuses what is more."""
    pace = Pace()
    now, level, sent, refused = float(phase), bound, 0, 0
    pace.refused(now, 2 * bound, now)
    for _ in range(6000):
        now += 0.05
        level = min(level + 0.05 * bound, max(bound, 1.0))
        while pace.room(now) >= 1.0:
            pace.sent(now)
            if level >= 1.0:
                level -= 1.0
                sent += 1
            else:
                refused += 1
                pace.refused(now, bound, now)
                break
    assert refused < 0.02 * sent
    assert sent > 0.7 * 300 * bound
