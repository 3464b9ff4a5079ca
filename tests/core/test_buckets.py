"""What a key may still send: reserved before, settled after, and corrected by what replies say."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headway.core.buckets import REGROWS, SPARE, Bucket, Quota, Reservation, settle
from headway.core.load import Need
from headway.types import Dimension, Limits, Reading, Usage


def bucket(limit: float = 1000.0, window: float = 60.0, level: float | None = None) -> Bucket:
    made = Bucket("tokens", limit, window, 0.0, configured=False)
    if level is not None:
        made.take(limit - level, 0.0)
    return made


def says(
    remaining: float,
    limit: float | None = 1000.0,
    *,
    dimension: Dimension = "tokens",
    window: float | None = None,
) -> Reading:
    return Reading(dimension=dimension, limit=limit, remaining=remaining, window=window)


limits = st.floats(1.0, 1e6)
windows = st.sampled_from([1.0, 10.0, 60.0, 3600.0, 86400.0])
parts = st.floats(0.0, 1.0)


# --- refilling ---


def test_a_whole_limit_refills_in_its_window_and_no_more_than_that():
    b = bucket(level=0.0)
    assert b.refill(30.0) == pytest.approx(500.0)
    assert b.refill(60.0) == pytest.approx(1000.0)
    assert b.refill(600.0) == 1000.0


def test_time_that_runs_backwards_refills_nothing():
    b = bucket(level=0.0)
    b.refill(30.0)
    assert b.refill(10.0) == pytest.approx(500.0)
    assert b.refill(30.0) == pytest.approx(500.0)


@given(limits, windows, parts, st.lists(st.floats(0.0, 100.0), max_size=20))
def test_looking_often_refills_as_much_as_looking_once(limit: float, window: float, part: float, steps: list[float]):
    often, once = bucket(limit, window, part * limit), bucket(limit, window, part * limit)
    now = 0.0
    for step in steps:
        now += step
        often.refill(now)
    assert often.refill(now) == pytest.approx(once.refill(now), abs=1e-6 * limit)


# --- room ---


def test_a_small_part_is_left_alone_unless_a_request_needs_nearly_all():
    b = bucket()
    assert b.holds(950.0, 0.0)
    assert b.holds(1000.0, 0.0)
    assert not b.holds(1001.0, 0.0)
    b.take(500.0, 0.0)
    assert b.holds(450.0, 0.0)
    assert not b.holds(451.0, 0.0)


@given(limits, windows, parts, parts, st.booleans())
def test_after_the_wait_there_is_room_and_before_it_there_is_not(
    limit: float, window: float, part: float, share: float, configured: bool
):
    b = Bucket("tokens", limit, window, 0.0, configured=configured)
    b.take((1.0 - part) * limit, 0.0)
    need = share * limit
    wait = b.wait(need, 0.0)
    assert wait <= window * (1.0 + 1e-9)
    if wait == 0.0:
        assert b.holds(need, 0.0) or b.holds(need, 1e-6 * window)
        return
    assert not b.holds(need, wait - 1e-6 * window)
    assert b.holds(need, wait + 1e-6 * window)


@given(limits, windows, parts, st.floats(0.0, 10.0))
def test_a_wait_is_endless_exactly_for_what_the_bucket_never_holds(
    limit: float, window: float, part: float, times: float
):
    b = bucket(limit, window, part * limit)
    need = times * limit
    assert (b.wait(need, 0.0) == inf) == (need > limit)
    if need > limit:
        assert not b.holds(need, 10.0 * window)


def test_what_is_used_is_told_as_a_part_of_the_limit():
    assert bucket().used(0.0) == 0.0
    assert bucket(level=250.0).used(0.0) == pytest.approx(0.75)
    assert bucket(level=-500.0).used(0.0) == 1.0


# --- taking and settling ---


@given(limits, parts, parts)
def test_a_reservation_settled_with_the_same_usage_leaves_the_level_as_it_was(limit: float, part: float, share: float):
    b = bucket(limit, level=part * limit)
    b.take(share * limit, 0.0)
    level = b.level
    b.settle(share * limit, share * limit)
    assert b.level == level


@given(parts, parts, parts)
def test_whatever_was_reserved_what_was_used_is_gone_in_the_end(part: float, reserved: float, used: float):
    b = bucket(level=1000.0 * part)
    before = b.level
    assume(before - 1000.0 * max(reserved, used) > -1000.0)
    b.take(1000.0 * reserved, 0.0)
    b.settle(1000.0 * reserved, 1000.0 * used)
    assert b.level == pytest.approx(before - 1000.0 * used)


def test_more_than_was_reserved_may_run_up_a_debt_of_one_limit_at_most():
    b = bucket(level=100.0)
    b.settle(0.0, 600.0)
    assert b.level == -500.0
    b.settle(0.0, 1e9)
    assert b.level == -1000.0
    assert b.wait(1.0, 0.0) <= 2.1 * 60.0


# --- what replies say ---


def test_less_than_ours_is_believed_at_once():
    b = bucket(level=800.0)
    b.adopt(says(300.0), 0.0, 0.0, alone=False)
    assert b.level == 300.0


def test_more_than_ours_is_believed_by_half():
    b = bucket(level=300.0)
    b.adopt(says(800.0), 0.0, 0.0, alone=False)
    assert b.level == 550.0


def test_whoever_is_alone_believes_all_of_it():
    b = bucket(level=300.0)
    b.adopt(says(800.0), 0.0, 0.0, alone=True)
    assert b.level == 800.0


def test_what_was_sent_since_is_not_in_what_a_reply_says():
    b = bucket(level=900.0)
    b.adopt(says(800.0), 200.0, 0.0, alone=False)
    assert b.level == 600.0


@given(parts, st.floats(-0.5, 1.5), parts, st.booleans())
def test_a_reply_raises_the_level_by_half_at_most_and_never_above_what_it_says(
    part: float, remaining: float, since: float, alone: bool
):
    b = bucket(level=1000.0 * part)
    before = b.level
    found = 1000.0 * (remaining - since)
    b.adopt(says(1000.0 * remaining), 1000.0 * since, 0.0, alone=alone)
    assert -1000.0 <= b.level <= 1000.0
    if found <= before or alone:
        assert b.level == pytest.approx(min(max(found, -1000.0), 1000.0))
    else:
        assert b.level - before <= (found - before) / 2.0 + 1e-9


def test_a_raised_limit_is_room_as_far_as_the_reply_says():
    b = bucket(level=500.0)
    b.adopt(says(9000.0, 10_000.0), 0.0, 0.0, alone=True)
    assert (b.limit, b.level) == (10_000.0, 9000.0)
    assert b.refill(60.0) == 10_000.0


def test_a_lowered_limit_holds_from_then_on():
    b = bucket(level=800.0)
    b.adopt(says(100.0, 100.0), 0.0, 0.0, alone=False)
    assert (b.limit, b.level) == (100.0, 100.0)
    assert b.wait(101.0, 0.0) == inf
    assert b.refill(1000.0) == 100.0


def test_the_speed_of_refilling_follows_a_window_that_is_told():
    b = bucket(level=0.0)
    b.adopt(says(0.0, window=10.0), 0.0, 0.0, alone=True)
    assert b.refill(5.0) == pytest.approx(500.0)


events = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.floats(0.0, 2000.0)),
        st.tuples(st.just("settle"), st.floats(0.0, 3000.0)),
        st.tuples(st.just("reply"), st.floats(-1e5, 1e5)),
        st.tuples(st.just("limit"), st.floats(1.0, 1e5)),
        st.tuples(st.just("refused"), st.just(0.0)),
        st.tuples(st.just("promised"), st.floats(0.0, 100.0)),
        st.tuples(st.just("wait"), st.floats(0.0, 100.0)),
    ),
    max_size=60,
)


@given(events)
def test_no_level_is_ever_below_its_floor_or_above_what_the_bucket_holds(events: list[tuple[str, float]]):
    b, now = bucket(), 0.0
    taken: list[float] = []
    for what, amount in events:
        match what:
            case "take":
                b.take(amount, now)
                taken.append(amount)
            case "settle":
                b.settle(taken.pop() if taken else 0.0, amount)
            case "reply":
                b.adopt(says(amount, None), 0.0, now, alone=False)
            case "limit":
                b.adopt(says(amount / 2.0, amount), 0.0, now, alone=False)
            case "refused":
                b.surprised(now)
            case "promised":
                b.promised(1.0, amount, now)
            case _:
                now += amount
        assert b.level <= b.limit * (1.0 + 1e-9)
        assert b.level >= -b.limit - 1e-6, "it owes no more than it holds"
        assert 0.0 <= b.used(now) <= 1.0


# --- refused although there was room ---


def test_after_an_early_refusal_less_is_held_at_a_time_and_all_of_it_again_in_ten_minutes():
    b = bucket(60.0, 60.0)
    b.surprised(0.0)
    assert b.level == 0.0
    assert b.refill(50.0) < 40.0
    assert b.refill(REGROWS) == 60.0


def test_bursts_shrink_to_a_seconds_worth_at_most():
    b = bucket(600.0, 60.0)
    for _ in range(20):
        b.surprised(0.0)
    held = 0
    b.refill(5.0)
    while b.holds(1.0, 5.0):
        b.take(1.0, 5.0)
        held += 1
    assert 8 <= held <= 16


def test_one_request_at_a_time_is_always_possible():
    b = bucket(5.0, 60.0)
    for _ in range(20):
        b.surprised(0.0)
    now = 0.0
    for _ in range(10):  # as it is trusted with more again, a little more is left alone
        now += b.wait(1.0, now) + 1e-6
    assert now < 15.0
    assert b.holds(1.0, now)


# --- all that bounds a key ---


def quota(**limits: int) -> Quota:
    made = Quota()
    made.configure(Limits(**limits), 0.0)
    return made


def need(tokens: float = 100.0, sent: float = 60.0) -> Need:
    return Need(1.0, tokens, sent, tokens - sent)


def told_of(readings: Sequence[Reading]) -> Quota:
    """As the first reply of a key says."""
    made = Quota()
    made.read(tuple(readings), (), 0, need(), 0.0)
    return made


def levels(quota: Quota) -> list[float]:
    return [each.level for each in quota.buckets]


def test_nothing_bounds_a_key_of_which_nothing_is_known():
    q = Quota()
    assert not q.bounds
    assert q.admits(need(1e9), 0.0)
    assert (q.wait(need(1e9), 0.0), q.room(need(), 0.0), q.used(0.0)) == (0.0, inf, 0.0)
    assert q.reserve(need(), 0.0) == ()


def test_each_bound_of_the_configuration_has_a_bucket():
    q = quota(rpm=60, tpm=6000, rpd=1000, tpd=100_000)
    assert {(each.dimension, each.window, each.limit) for each in q.buckets} == {
        ("requests", 60.0, 60.0),
        ("tokens", 60.0, 6000.0),
        ("requests", 86400.0, 1000.0),
        ("tokens", 86400.0, 100_000.0),
    }


def test_all_bounds_together_admit():
    q = quota(rpm=10, tpm=1000)
    assert q.admits(need(400.0), 0.0)
    q.reserve(need(400.0), 0.0)
    assert levels(q) == [9.0, 600.0]
    assert q.admits(need(600.0), 0.0), "of what we say ourselves nothing is left alone"
    assert not q.admits(need(601.0), 0.0)
    assert q.wait(need(700.0), 0.0) == pytest.approx(6.0)
    assert q.used(0.0) == pytest.approx(0.4)
    assert q.wait(need(1001.0), 0.0) == inf


def test_room_is_told_in_requests_by_whatever_bounds_them_first():
    q = quota(rpm=100, tpm=10_000)
    assert q.room(need(500.0), 0.0) == 20.0
    q.reserve(need(500.0), 0.0)
    assert q.room(need(500.0), 0.0) == pytest.approx(19.0)
    assert quota(rpm=100, tpm=10_000).room(need(5.0), 0.0) == 100.0


def test_a_reload_keeps_the_levels_of_what_stays_and_forgets_what_goes():
    q = quota(rpm=10, tpm=1000)
    q.reserve(need(), 0.0)
    q.configure(Limits(rpm=10, tpd=5000), 0.0)
    assert [(each.dimension, each.level) for each in q.buckets] == [("requests", 9.0), ("tokens", 5000.0)]


def test_a_reload_keeps_what_replies_have_taught():
    q = told_of([says(700.0)])
    q.configure(Limits(rpm=10), 0.0)
    assert sorted(levels(q)) == [10.0, 700.0]


def test_the_first_reply_makes_a_bucket_less_what_others_have_under_way():
    q = Quota()
    q.read((says(700.0), says(50.0, 60.0, dimension="requests")), (), 3, need(100.0), 0.0)
    assert levels(q) == [400.0, 47.0]


@pytest.mark.parametrize("limit", [None, 0.0, -1.0])
def test_a_reply_without_a_limit_makes_no_bucket(limit: float | None):
    assert told_of([says(0.0, limit)]).buckets == []


def test_what_replies_say_leaves_what_is_configured_alone():
    q = quota(tpm=1000)
    q.read((says(5.0, 10.0),), (), 0, need(), 0.0)
    assert [(each.limit, each.level) for each in q.buckets] == [(1000.0, 1000.0), (10.0, 5.0)]


def test_readings_of_two_windows_are_two_buckets():
    q = told_of([says(90.0, 100.0, window=60.0), says(5000.0, 9000.0, window=86400.0)])
    q.read((says(80.0, 100.0, window=60.0), says(4000.0, 9000.0, window=86400.0)), (), 0, need(), 0.0)
    assert levels(q) == [80.0, 4000.0]


def test_a_reply_that_comes_late_counts_what_was_sent_after_its_request():
    q = told_of([says(1000.0)])
    first = q.reserve(need(100.0), 0.0)
    second = q.reserve(need(200.0), 0.0)
    q.read((says(700.0),), second, 1, need(200.0), 0.0)
    q.read((says(900.0),), first, 0, need(100.0), 0.0)
    assert levels(q) == [700.0]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.floats(0.0, 30.0)), max_size=60))
def test_replies_in_any_order_change_nothing_where_nobody_else_uses_the_key(steps: list[tuple[bool, int, float]]):
    q = told_of([says(1000.0)])
    left = 1000.0
    under_way: list[tuple[tuple[Reservation, ...], float]] = []
    for sends, which, tokens in steps:
        if sends:
            taken = q.reserve(need(tokens, 0.0), 0.0)
            left -= tokens
            under_way.append((taken, left))
        elif under_way:
            taken, remaining = under_way.pop(which % len(under_way))
            q.read((says(remaining),), taken, len(under_way), need(tokens, 0.0), 0.0)
        assert q.buckets[0].level == pytest.approx(max(left, -1000.0))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.floats(0.0, 30.0)), max_size=60))
def test_where_others_use_the_key_nobody_believes_in_more_than_the_last_reply_leaves(
    steps: list[tuple[int, int, float]],
):
    q = told_of([says(1000.0)])
    left = 1000.0
    under_way: list[tuple[tuple[Reservation, ...], float, float]] = []
    for what, which, tokens in steps:
        if what == 0:
            left -= tokens  # somebody else
        elif what == 1:
            taken = q.reserve(need(tokens, 0.0), 0.0)
            left -= tokens
            under_way.append((taken, left, q.buckets[0].taken))
        elif under_way:
            taken, remaining, mark = under_way.pop(which % len(under_way))
            q.read((says(remaining),), taken, len(under_way), need(tokens, 0.0), 0.0)
            since = q.buckets[0].taken - mark
            assert q.buckets[0].level <= max(remaining - since, -1000.0) + 1e-6
        assert q.buckets[0].level >= left - 1e-6 or left < -1000.0


def test_headers_are_looked_at_some_fifty_times_a_second():
    q = Quota()
    looks = 0
    for number in range(1000):
        now = 1.0 + number / 1000
        if now >= q.looks_again:
            q.looked(now)
            looks += 1
    assert 30 <= looks <= 51


# --- settling with real usage ---


def test_each_dimension_is_settled_with_what_it_counts():
    q = told_of(
        [
            says(1000.0),
            says(1000.0, dimension="input"),
            says(1000.0, dimension="output"),
            says(10.0, 10.0, dimension="requests"),
        ]
    )
    taken = q.reserve(need(100.0, sent=60.0), 0.0)
    settle(taken, Usage(input_tokens=80, output_tokens=50, cached_input_tokens=30), "actual")
    assert levels(q) == [900.0, 950.0, 950.0, 9.0]


def test_who_counts_an_estimate_gives_nothing_back():
    q = quota(rpm=10, tpm=1000)
    settle(q.reserve(need(100.0), 0.0), Usage(input_tokens=1, output_tokens=1), "reserved")
    assert levels(q) == [9.0, 900.0]


def test_who_counts_what_is_sent_does_not_count_the_answer():
    q = quota(rpm=10, tpm=1000)
    settle(q.reserve(need(100.0), 0.0), Usage(input_tokens=40, output_tokens=500), "input")
    assert levels(q) == [9.0, 960.0]


# --- refusals ---


def send(quota: Quota, *, since: float, seconds: float, rate: float) -> None:
    for number in range(int(seconds * rate)):
        quota.reserve(need(), since + number / rate)


def test_who_is_refused_without_being_told_anything_is_paced_below_what_it_sent():
    q = Quota()
    send(q, since=0.0, seconds=20.0, rate=10.0)
    q.refused(19.9, 20.0, told_when=False)
    assert q.bounds
    assert q.pace is not None
    assert q.pace.rate(20.0) == pytest.approx(7.0, rel=0.15)
    q.reserve(need(), 20.0)
    assert not q.admits(need(), 20.0)
    wait = q.wait(need(), 20.0)
    assert 0.0 < wait < 0.3
    assert q.room(need(), 20.0) < 1.0
    assert q.admits(need(), 20.0 + wait + 1e-6)


def test_who_is_told_when_to_come_again_needs_no_pace():
    q = Quota()
    send(q, since=0.0, seconds=5.0, rate=10.0)
    q.refused(4.9, 5.0, told_when=True)
    assert q.pace is None


def test_the_first_headers_end_the_pace():
    q = Quota()
    q.refused(0.0, 1.0, told_when=False)
    q.read((says(500.0),), (), 0, need(), 2.0)
    assert q.pace is None


def test_a_refusal_that_the_headers_explain_changes_nothing_more():
    q = told_of([says(10.0), says(50.0, 60.0, dimension="requests")])
    q.refused(0.0, 0.0, told_when=False)
    assert levels(q) == [10.0, 50.0]
    assert q.pace is None


def test_a_refusal_that_the_headers_do_not_explain_makes_bursts_smaller():
    q = told_of([says(900.0), says(50.0, 60.0, dimension="requests")])
    q.refused(0.0, 0.0, told_when=True)
    tokens, requests = q.buckets
    assert tokens.level == 900.0
    assert requests.level == 0.0
    assert requests.refill(60.0) < 60.0 * (1.0 - SPARE)


def test_a_refusal_that_says_when_to_come_again_is_believed_over_what_headers_said():
    q = told_of([says(0.0)])
    assert q.wait(need(500.0), 0.0) == pytest.approx(33.0)
    q.promised(need(500.0), 3.0, 0.0)
    assert q.wait(need(500.0), 0.0) == pytest.approx(3.0)
    q.promised(need(500.0), 10.0, 0.0)
    assert q.wait(need(500.0), 0.0) == pytest.approx(3.0)
