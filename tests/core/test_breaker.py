"""When a deployment is left alone, when it is tried again, and how its traffic comes back."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.breaker import FEWEST, JITTER, LEAST_SHARE, Breaker
from headway.core.rests import Unrest
from headway.types import Breaker as Rules

RULES = Rules()
PATIENT = Rules(failures=10**6)
"""Never opens for failures in a row: only their rate speaks."""


class Ward:
    """One breaker. What happens to it is sent at the moment that it happens, unless a test says otherwise."""

    def __init__(self, rules: Rules = RULES, seed: int = 3) -> None:
        self.unrest = Unrest()
        self.breaker = Breaker("a/m", rules, self.unrest)
        self.rng = Random(seed)

    def fails(self, now: float, sent: float | None = None) -> bool:
        return self.breaker.failed(now if sent is None else sent, now, self.rng)

    def succeeds(self, now: float, sent: float | None = None) -> bool:
        return self.breaker.succeeded(now if sent is None else sent, now)

    def open(self, now: float) -> float:
        """Fail until it opens; the moment until which it is left alone."""
        while not self.fails(now):
            pass
        return self.breaker.until

    def close(self, now: float) -> None:
        assert [self.succeeds(now), self.succeeds(now)] == [False, True]

    def plays(self, results: str, now: float = 0.0) -> str:
        """F: a failure, S: a success, all at once; as far as it takes to open it."""
        for number, result in enumerate(results, 1):
            if self.fails(now) if result == "F" else self.succeeds(now):
                return results[:number]
        return "stays closed"


@pytest.fixture
def ward() -> Ward:
    return Ward()


# --- failures in a row ---


def test_a_deployment_is_well_to_begin_with(ward: Ward):
    assert ward.breaker.allows(0.0)
    assert ward.breaker.share(0.0) == 1.0
    assert ward.unrest.until == 0.0


def test_five_failures_in_a_row_open_it(ward: Ward):
    assert [ward.fails(1.0) for _ in range(5)] == [False, False, False, False, True]
    assert ward.breaker.tripped
    assert not ward.breaker.allows(1.0)


def test_a_success_in_between_forgives_the_failures_before_it(ward: Ward):
    assert ward.plays("FFFFSFF") == "stays closed"


@pytest.mark.parametrize("failures", [1, 2, 7])
def test_how_many_in_a_row_is_a_rule(failures: int):
    assert Ward(Rules(failures=failures)).plays("F" * 9) == "F" * failures


# --- how long ---


def lengths(seed: int, times: int) -> list[float]:
    """How long it is left alone, each time that it is tried at the first moment and fails."""
    ward = Ward(seed=seed)
    now, told = 100.0, list[float]()
    ward.open(now)
    while len(told) < times:
        told.append(ward.breaker.until - now)
        now = ward.breaker.until
        ward.fails(now)
    return told


@pytest.mark.parametrize("seed", range(5))
def test_it_is_left_alone_for_twice_as_long_each_time_up_to_the_longest(seed: int):
    for expected, told in zip([5.0, 10.0, 20.0, 40.0, 60.0, 60.0], lengths(seed, 6), strict=True):
        assert expected * (1.0 - JITTER) <= told <= expected * (1.0 + JITTER)


def test_breakers_that_opened_together_are_not_tried_again_together():
    told = [lengths(seed, 1)[0] for seed in range(200)]
    assert min(told) < 4.3
    assert max(told) > 5.7


def test_after_a_hundred_failed_trials_it_still_comes_back_within_the_longest():
    assert lengths(1, 100)[-1] <= RULES.longest_rest * (1.0 + JITTER)


def test_a_failure_while_it_is_open_tells_nothing_new(ward: Ward):
    until = ward.open(1.0)
    assert not ward.fails(until - 0.1)
    assert ward.breaker.until == until


def test_open_for_never_shortens_and_says_whether_that_opened_it(ward: Ward):
    assert ward.breaker.open_for(600.0, 1.0)
    assert not ward.breaker.open_for(5.0, 2.0)
    assert ward.breaker.until == 601.0
    assert not ward.breaker.open_for(600.0, 3.0)
    assert ward.breaker.until == 603.0


# --- half open ---


def test_half_open_it_admits_one_request_at_a_time(ward: Ward):
    until = ward.open(1.0)
    assert not ward.breaker.allows(until - 0.001)
    assert ward.breaker.allows(until)
    assert ward.breaker.enter()
    assert not ward.breaker.allows(until)
    assert not ward.breaker.enter()
    ward.breaker.leave()
    assert ward.breaker.allows(until)


def test_a_request_to_what_is_well_is_no_trial(ward: Ward):
    assert not ward.breaker.enter()


def test_two_successes_close_it(ward: Ward):
    until = ward.open(1.0)
    assert not ward.succeeds(until)
    assert ward.breaker.tripped
    assert ward.succeeds(until)
    assert not ward.breaker.tripped
    assert ward.breaker.allows(until)


def test_a_failed_trial_leaves_it_alone_for_longer_and_both_proofs_are_asked_anew(ward: Ward):
    until = ward.open(1.0)
    ward.succeeds(until)
    assert not ward.fails(until), "it was open already"
    assert 8.0 <= ward.breaker.until - until <= 12.0
    assert not ward.breaker.allows(until + 7.9)
    later = ward.breaker.until
    assert [ward.succeeds(later), ward.succeeds(later)] == [False, True]


def test_successes_of_what_was_sent_before_it_opened_prove_nothing(ward: Ward):
    until = ward.open(1.0)
    for _ in range(9):
        assert not ward.succeeds(until, sent=0.9)
    assert ward.breaker.tripped


def test_failures_of_what_was_sent_before_it_opened_do_not_reopen_it(ward: Ward):
    until = ward.open(1.0)
    for _ in range(9):
        ward.fails(until + 1.0, sent=0.9)
    assert ward.breaker.until == until
    assert ward.breaker.allows(until + 1.0)


def test_failures_of_what_was_sent_before_it_opened_do_not_open_it_after_it_has_closed(ward: Ward):
    until = ward.open(1.0)
    ward.close(until)
    assert not any(ward.fails(until + 20.0, sent=0.9) for _ in range(50))
    assert ward.breaker.allows(until + 20.0)


# --- after it has been well for a while ---


def test_once_its_share_has_grown_back_the_first_rest_is_short_again(ward: Ward):
    until = ward.open(1.0)
    ward.fails(until)
    well = ward.breaker.until
    ward.close(well)
    assert 4.0 <= ward.open(well + RULES.ramp) - (well + RULES.ramp) <= 6.0


def test_while_its_share_still_grows_a_relapse_is_the_next_in_a_row(ward: Ward):
    until = ward.open(1.0)
    ward.fails(until)
    well = ward.breaker.until
    ward.close(well)
    assert 16.0 <= ward.open(well + 29.0) - (well + 29.0) <= 24.0


# --- the rate of failures ---


def test_more_failures_than_chance_allows_open_it_though_never_five_come_in_a_row(ward: Ward):
    assert ward.plays("FFFSFFFSFFFF") == "FFFSFFFSFF"


def test_it_says_nothing_before_the_eighth_observation(ward: Ward):
    assert ward.plays("FFFFSFFFF") == "FFFFSFFF"


def test_six_failures_and_two_successes_may_still_be_chance(ward: Ward):
    assert ward.plays("FFFSFFSF") == "stays closed"


@pytest.mark.parametrize("results", ["FS" * 10, "FFSS" * 5, "FFFFSSSS" * 3, "S" * 10 + "FFFFS" * 2])
def test_half_of_the_requests_failing_is_no_reason_to_stop_all(ward: Ward, results: str):
    assert ward.plays(results) == "stays closed"


def test_observations_fade_so_that_a_few_failures_an_hour_never_open_it(ward: Ward):
    for number in range(100):
        assert ward.plays("FFFFS"[number % 5], now=100.0 * number) == "stays closed"


def test_good_times_long_ago_do_not_excuse_failures_of_now():
    before = "S" * 100 + "F"
    relapse = "FFFSFFFF"
    at_once, later = Ward(), Ward()
    assert at_once.plays(before + relapse) == "stays closed"
    later.plays(before)
    assert later.plays(relapse, now=600.0) == relapse


def test_the_successes_of_a_busy_day_count_for_what_came_within_about_a_minute():
    """Sixty a second for an hour weigh as much as 60 * 60 at once, not as all 216,000."""
    ward = Ward(PATIENT)
    for number in range(0, 216_000, 60):
        for _ in range(60):
            ward.succeeds(now=1000.0 + number / 60)
    failures = 0
    while not ward.fails(4600.0):
        failures += 1
    assert 3600 <= failures <= 3600 * 1.1


def test_a_clock_that_started_long_before_us_does_not_thin_our_successes():
    ward = Ward(PATIENT)
    for _ in range(100):
        ward.succeeds(now=1e7)
    assert ward.plays("F" * 100, now=1e7 + 1.0) == "stays closed"


def test_having_closed_it_starts_with_a_clean_record(ward: Ward):
    until = ward.open(1.0)
    ward.close(until)
    assert ward.plays("FFFFSFF", now=until) == "stays closed"


def surely_mostly_fails(bad: int, good: int) -> float:
    """How sure one may be that more than half fails, by summing up the posterior's density."""
    steps = 4000
    density = [(x / steps) ** bad * (1.0 - x / steps) ** good for x in range(1, steps)]
    return sum(density[steps // 2 :]) / sum(density)


@given(st.integers(0, 150))
def test_it_opens_when_the_posterior_is_95_percent_sure(good: int):
    ward = Ward(PATIENT)
    for _ in range(good):
        ward.succeeds(1.0)
    bad = 1
    while not ward.fails(1.0):
        bad += 1
    assert bad + good >= FEWEST
    assert surely_mostly_fails(bad, good) > 0.94
    assert bad + good == FEWEST or surely_mostly_fails(bad - 1, good) < 0.96


# --- recovery ---


def test_its_share_grows_from_a_tenth_to_all_within_half_a_minute(ward: Ward):
    well = ward.open(1.0)
    ward.close(well)
    told = [ward.breaker.share(well + after) for after in (0.0, 1.0, 3.0, 6.0, 15.0, 29.97, 30.0, 1e6)]
    assert told == pytest.approx([LEAST_SHARE, LEAST_SHARE, 0.1, 0.2, 0.5, 0.999, 1.0, 1.0])


def test_without_a_ramp_it_has_all_its_traffic_at_once():
    ward = Ward(Rules(ramp=0.0))
    well = ward.open(1.0)
    ward.close(well)
    assert ward.breaker.share(well) == 1.0


# --- unrest ---


def test_unrest_lasts_while_it_is_tripped_and_until_its_share_has_grown_back(ward: Ward):
    well = ward.open(1.0)
    assert ward.unrest.until == inf
    ward.fails(well)
    assert ward.unrest.until == inf
    well = ward.breaker.until
    ward.close(well)
    assert ward.unrest.until == well + RULES.ramp


def test_a_breaker_that_is_forgotten_leaves_no_unrest_behind(ward: Ward):
    ward.open(1.0)
    ward.breaker.forget()
    ward.breaker.forget()
    assert ward.unrest.until == 0.0


def test_what_still_happens_to_a_forgotten_breaker_disturbs_nobody(ward: Ward):
    ward.breaker.forget()
    ward.open(1.0)
    assert ward.unrest.until == 0.0


results = st.lists(
    st.tuples(st.sampled_from(["fails", "succeeds", "is blocked"]), st.floats(0.0, 30.0), st.floats(0.0, 60.0)),
    max_size=60,
)


@given(results)
def test_while_it_is_tripped_its_end_only_moves_later_and_unrest_knows(events: list[tuple[str, float, float]]):
    ward = Ward(Rules(failures=2))
    now = 100.0
    for what, pause, age in events:
        now += pause
        before = (ward.breaker.tripped, ward.breaker.until)
        match what:
            case "fails":
                ward.fails(now, sent=now - age)
            case "succeeds":
                ward.succeeds(now, sent=now - age)
            case _:
                ward.breaker.open_for(40.0, now)
        if before[0] and ward.breaker.tripped:
            assert ward.breaker.until >= before[1]
        assert (ward.unrest.until == inf) == ward.breaker.tripped
        assert ward.breaker.tripped or ward.unrest.until >= ward.breaker.ramp_until
