"""How soon a deployment answers and how reliably, and how quickly that is learnt and forgotten."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.standing import FADES, FAILED_TAKES, HALF_LIFE, STEEPEST, Shape, Standing, Times


@pytest.fixture
def times() -> Times:
    return Times(Shape())


@pytest.fixture
def standing() -> Standing:
    return Standing(Shape(), Shape())


def seen(times: Times, seconds: float, many: int = 1, now: float = 0.0, tokens: float = 0.0) -> float:
    for _ in range(many):
        times.saw(seconds, tokens, now)
    value = times.last()
    assert value is not None
    return value


# --- times ---


def test_nothing_is_known_before_anything_was_seen(times: Times):
    assert times.last() is None
    assert times.now(None, 5.0) is None
    assert times.now(2.0, 5.0) == 2.0


def test_the_first_time_is_believed(times: Times):
    assert seen(times, 3.0) == 3.0


def test_a_worse_time_is_believed_by_half_at_once_and_a_better_one_by_and_by(times: Times):
    seen(times, 1.0)
    assert seen(times, 5.0) == 3.0
    assert seen(times, 1.0) == pytest.approx(2.8)
    assert seen(times, 1.0, many=60) == pytest.approx(1.0, abs=0.01)


def test_after_a_pause_a_better_time_is_believed_nearly_at_once(times: Times):
    seen(times, 10.0)
    assert seen(times, 1.0, now=5 * FADES) == pytest.approx(1.0, abs=0.1)


def test_while_a_target_is_idle_its_time_fades_towards_what_others_take(times: Times):
    seen(times, 9.0)
    told = [times.now(1.0, now) or 0.0 for now in (0.5, 5.0, FADES, 60.0, 600.0)]
    assert told[0] == 9.0
    assert told == sorted(told, reverse=True)
    assert told[2] == pytest.approx(1.0 + 8.0 * 0.368, rel=0.01)
    assert told[3] < 1.5, "in a minute most of it"
    assert told[4] == pytest.approx(1.0)


def test_who_was_quick_fades_as_well(times: Times):
    seen(times, 0.1)
    assert times.now(1.0, 600.0) == pytest.approx(1.0)


def test_a_failure_takes_several_times_as_long_as_is_usual(times: Times):
    seen(times, 2.0)
    times.failed(0.01, 0.0)
    assert times.last() == pytest.approx(2.0 + (FAILED_TAKES * 2.0 - 2.0) / 2.0)


def test_a_failure_that_took_longer_than_that_counts_as_long_as_it_took(times: Times):
    seen(times, 2.0)
    times.failed(30.0, 0.0)
    assert times.last() == pytest.approx(16.0)


def test_failures_alone_say_nothing_of_times(times: Times):
    times.failed(5.0, 0.0)
    assert times.last() is None


def test_however_many_fail_at_once_it_is_not_forgotten_how_quick_it_was(times: Times):
    seen(times, 2.0)
    for _ in range(1000):
        times.failed(0.01, 0.0)
    assert times.last() == pytest.approx(FAILED_TAKES * 2.0)
    told = times.now(0.5, 60.0)
    assert told is not None
    assert told < 1.0, "in a minute most of it has faded"


@given(st.lists(st.tuples(st.floats(0.001, 100.0), st.booleans(), st.floats(0.0, 50.0)), min_size=1, max_size=40))
def test_what_is_believed_lies_between_the_least_that_was_seen_and_a_few_times_the_most(
    steps: list[tuple[float, bool, float]],
):
    times, now = Times(Shape()), 0.0
    for seconds, fails, pause in steps:
        now += pause
        if fails:
            times.failed(seconds, now)
        else:
            times.saw(seconds, 0.0, now)
    value = times.last()
    assert (value is None) == all(fails for _, fails, _ in steps)
    if value is not None:
        least = min(seconds for seconds, fails, _ in steps if not fails)
        assert 0.999 * least <= value <= 1.001 * FAILED_TAKES * max(seconds for seconds, _, _ in steps)


# --- what the size of a request explains ---


def learnt(base: float, per_token: float, *, seed: int = 1, many: int = 300) -> Shape:
    shape, rng = Shape(), Random(seed)
    for _ in range(many):
        tokens = rng.uniform(100.0, 20_000.0)
        shape.learn(tokens, (base + per_token * tokens) * rng.uniform(0.9, 1.1))
    return shape


def test_how_much_longer_a_model_takes_for_each_token_is_found():
    assert learnt(0.5, 0.0001).slope == pytest.approx(0.0001 / 0.5, rel=0.25)


def test_where_size_explains_nothing_it_is_not_said_to():
    assert learnt(1.0, 0.0).slope == pytest.approx(0.0, abs=1e-5)


def test_large_requests_do_not_make_a_target_look_slow():
    shape = learnt(0.5, 0.0001)
    short, long = Times(shape), Times(shape)
    assert seen(short, 0.51, tokens=100.0) == pytest.approx(seen(long, 2.5, tokens=20_000.0), rel=0.25)


def test_requests_of_one_size_teach_no_slope():
    shape = Shape()
    for seconds in (1.0, 2.0, 3.0) * 20:
        shape.learn(1000.0, seconds)
    assert shape.slope == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 600.0)), max_size=60))
def test_a_slope_is_never_negative_nor_absurd(points: list[tuple[float, float]]):
    shape = Shape()
    for tokens, seconds in points:
        shape.learn(tokens, seconds)
        assert 0.0 <= shape.slope <= STEEPEST


# --- reliability ---


def test_of_whom_nothing_is_known_nine_of_ten_are_expected_to_go_well(standing: Standing):
    assert standing.reliability(0.0) == standing.reliability(1e6) == 0.9


def test_what_happened_is_weighed_against_what_was_expected(standing: Standing):
    for _ in range(10):
        standing.failed(1.0, 0.0)
    assert standing.reliability(0.0) == pytest.approx(9.0 / 20.0)
    for _ in range(100):
        standing.succeeded(0.0)
    assert standing.reliability(0.0) == pytest.approx(109.0 / 120.0)


def test_half_of_it_is_forgotten_in_a_half_life(standing: Standing):
    for _ in range(30):
        standing.failed(1.0, 0.0)
    assert standing.reliability(HALF_LIFE) == pytest.approx(9.0 / (10.0 + 15.0))
    standing.succeeded(HALF_LIFE)
    assert standing.reliability(HALF_LIFE) == pytest.approx(10.0 / 26.0)
    assert standing.reliability(20 * HALF_LIFE) == pytest.approx(0.9, abs=0.001)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 300.0)), max_size=60))
def test_reliability_is_a_part_that_successes_raise_and_failures_lower(steps: list[tuple[bool, float]]):
    standing, now = Standing(Shape(), Shape()), 0.0
    for well, pause in steps:
        now += pause
        before = standing.reliability(now)
        if well:
            standing.succeeded(now)
            assert before <= standing.reliability(now) < 1.0
        else:
            standing.failed(1.0, now)
            assert 0.0 < standing.reliability(now) <= before


def test_failures_make_both_times_worse(standing: Standing):
    seen(standing.first_token, 1.0)
    seen(standing.whole, 10.0)
    standing.failed(0.2, 0.0)
    assert standing.first_token.last() == 2.0
    assert standing.whole.last() == 20.0


def test_one_that_has_recovered_starts_afresh(standing: Standing):
    seen(standing.first_token, 1.0)
    seen(standing.whole, 1.0)
    for _ in range(5):
        standing.failed(1.0, 0.0)
    standing.forget()
    assert standing.reliability(0.0) == 0.9
    assert standing.first_token.last() is standing.whole.last() is None


def test_two_deployments_of_one_model_share_what_size_explains_and_no_times():
    shape = Shape()
    first, second = Times(shape), Times(shape)
    rng = Random(3)
    for _ in range(100):
        tokens = rng.uniform(0.0, 10_000.0)
        first.saw(1.0 + tokens / 1000.0, tokens, 0.0)
    assert second.last() is None
    assert seen(second, 11.0, tokens=10_000.0) == pytest.approx(1.0, rel=0.2)
