"""When a slow stream is worth a second attempt: after the usual worst, and for a small part of the requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.hedging import FADES_AFTER, REMEMBERED, Hedging
from headway.types import Hedge


@pytest.fixture
def hedging() -> Hedging:
    return Hedging(Hedge(delay=2.0, share=0.02))


def test_an_unknown_deployment_is_slow_after_the_configured_delay(hedging: Hedging):
    assert hedging.delay("a/m") == 2.0


def test_a_usual_worst_below_the_configured_delay_does_not_shorten_it(hedging: Hedging):
    for _ in range(50):
        hedging.first_token("a/m", 0.3)
    assert hedging.delay("a/m") == 2.0


def test_a_deployment_that_is_usually_slower_is_given_its_usual_worst(hedging: Hedging):
    for seconds in range(1, 101):
        hedging.first_token("a/m", float(seconds))
    assert hedging.delay("a/m") == 95.0
    assert hedging.delay("b/m") == 2.0


def test_one_outlier_among_many_does_not_delay_the_others(hedging: Hedging):
    for _ in range(99):
        hedging.first_token("a/m", 3.0)
    hedging.first_token("a/m", 500.0)
    assert hedging.delay("a/m") == 3.0


def test_times_of_long_ago_are_forgotten(hedging: Hedging):
    for _ in range(500):
        hedging.first_token("a/m", 100.0)
    for _ in range(REMEMBERED):
        hedging.first_token("a/m", 4.0)
    assert hedging.delay("a/m") == 4.0


def test_the_first_hedge_of_a_route_is_granted_and_the_second_must_be_earned(hedging: Hedging):
    hedging.started()
    assert [hedging.spend(), hedging.spend()] == [True, False]
    for _ in range(98):
        hedging.started()
    assert not hedging.spend(), "99 requests are too few for two"
    hedging.started()
    assert [hedging.spend(), hedging.spend()] == [True, False]


@given(st.integers(100, 5000), st.sampled_from([0.01, 0.02, 0.1, 0.5]))
def test_no_more_than_the_share_is_hedged_however_many_are_slow(requests: int, share: float):
    hedging = Hedging(Hedge(share=share))
    hedged = 0
    for _ in range(requests):
        hedging.started()
        hedged += hedging.spend()
    assert share * requests * 0.9 - 1 <= hedged <= share * requests + 1


def test_a_quiet_day_saves_no_hedges_for_a_bad_minute(hedging: Hedging):
    for _ in range(100_000):
        hedging.started()
    hedged = 0
    while hedging.spend():
        hedged += 1
    assert hedged <= 0.02 * FADES_AFTER
