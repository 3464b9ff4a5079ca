"""Traffic goes where there is room and speed, and what is too much is refused early and fairly: with figures."""

from __future__ import annotations

import pytest

from sim import figures
from sim.workloads import (
    ENDS,
    FAILING,
    QUOTAS,
    SLOWER,
    WELL_AGAIN,
    By,
    Outcome,
    bad_day,
    conversation,
    conversations,
    crowd,
    four_keys,
    holds,
    play,
)

# --- four keys of unequal quotas, at 90 % of what they bear ---


@pytest.fixture(scope="module", params=[1.0, 5.0, 20.0], ids=["single", "bursts of 5", "bursts of 20"])
def busy(request: pytest.FixtureRequest) -> list[Outcome]:
    return play(four_keys("adaptive", together=request.param))


def test_quotas_that_are_told_are_hardly_ever_exceeded(busy: list[Outcome]) -> None:
    assert figures.limited(busy) < 0.005


def test_no_client_hears_of_a_rate_limit_while_there_is_room_somewhere(busy: list[Outcome]) -> None:
    assert figures.success(busy) == 1.0


def test_each_key_is_used_by_its_share_of_the_quotas(busy: list[Outcome]) -> None:
    assert max(map(abs, figures.share_errors(busy, QUOTAS))) <= 0.05


@pytest.mark.parametrize("balance", ["weighted", "round_robin"])
def test_equal_shares_of_unequal_quotas_use_some_keys_up(balance: str) -> None:
    """What somebody gets who does not tune: nothing is refused, but small keys are always at their limits."""
    outcomes = play(four_keys("weighted" if balance == "weighted" else "round_robin"))
    assert figures.success(outcomes) == 1.0
    assert max(map(abs, figures.share_errors(outcomes, QUOTAS))) > 0.15


# --- half as much again as there is room for ---


@pytest.fixture(scope="module", params=["slots", "quota"])
def by(request: pytest.FixtureRequest) -> By:
    return request.param


@pytest.fixture(scope="module")
def crowded(by: By) -> list[Outcome]:
    return play(crowd("adaptive", by))


@pytest.fixture(scope="module")
def calm(by: By) -> list[Outcome]:
    return play(crowd("adaptive", by, load=0.5))


def test_a_crowd_uses_what_there_is(crowded: list[Outcome], by: By) -> None:
    assert len(figures.served(crowded)) >= 0.95 * holds(by)
    assert figures.limited(crowded) < 0.005


def test_whoever_is_let_in_is_served_in_about_the_usual_time(crowded: list[Outcome], calm: list[Outcome]) -> None:
    assert figures.success(calm) == 1.0
    usual = figures.percentile((each.duration for each in calm), 0.99)
    assert figures.percentile((each.duration for each in figures.served(crowded)), 0.99) <= 1.5 * usual


def test_whoever_asks_for_little_gets_it_in_a_crowd(crowded: list[Outcome]) -> None:
    light = [each for each in crowded if each.wish.tenant == "light"]
    assert figures.success(light) >= 0.99


def test_whoever_is_refused_hears_at_once_when_to_come_again(crowded: list[Outcome], by: By) -> None:
    """But for the first seconds of the crowd, in which nobody knows yet how fast the line moves."""
    refused = [each for each in crowded if not each.ok]
    assert all(b"retry-after: " in each.fields.lower() for each in refused)
    begins = min(each.at for each in refused)
    late = [each for each in refused if each.duration > 0.05]
    assert len(late) <= 0.01 * len(refused)
    assert all(each.at < begins + 10.0 for each in late)


def test_a_crowd_that_passes_leaves_nothing_behind(by: By) -> None:
    """A minute after it, everybody is served at once again."""
    outcomes = play(crowd("adaptive", by, length=60.0, then=120.0))
    assert all(each.ok and each.queued == 0.0 for each in outcomes if each.at >= 120.0)


def test_of_two_priorities_the_higher_goes_first_in_a_crowd(by: By) -> None:
    outcomes = play(crowd("adaptive", by, length=240.0, priorities=("low", "high")))
    urgent = [each for each in outcomes if each.wish.priority == "high"]
    assert figures.success(urgent) == 1.0
    assert figures.percentile((each.queued for each in urgent), 0.99) <= 1.0


# --- one of three that has a bad day ---

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def day(request: pytest.FixtureRequest) -> list[Outcome]:
    return play(bad_day("adaptive"), request.param)


def test_no_client_hears_of_a_bad_day(day: list[Outcome]) -> None:
    assert figures.success(day) == 1.0


def test_one_that_turns_slow_is_left_within_twenty_requests(day: list[Outcome]) -> None:
    before = figures.calls(day, 0.0, SLOWER)
    assert 0.25 < figures.share("a", before) < 0.42
    seen = min(each.began for each in day if each.at >= SLOWER and each.attempts[-1].target.startswith("a/"))
    after = figures.calls(day, seen, FAILING)
    assert figures.share("a", after[20:60]) < 0.1
    assert figures.share("a", after[20:]) < 0.1


def test_one_that_fails_at_once_does_not_look_quick(day: list[Outcome]) -> None:
    made = figures.calls(day, FAILING, WELL_AGAIN)
    assert figures.share("a", made[:20]) < 0.1
    assert figures.share("a", made) < 0.05


def test_one_that_is_well_again_has_its_share_after_a_minute(day: list[Outcome]) -> None:
    assert figures.share("a", figures.calls(day, WELL_AGAIN + 60.0, ENDS)) >= 0.8 / 3.0


# --- conversations ---


@pytest.mark.parametrize("named", [True, False], ids=["with a session header", "by their opening"])
def test_conversations_stay_where_they_are(named: bool) -> None:
    outcomes = play(conversations("adaptive", named=named))
    assert figures.success(outcomes) == 1.0
    assert figures.stayed(outcomes, conversation) >= 0.95
    assert len({each.key() for each in outcomes}) == 8


def test_conversations_stay_where_they_are_while_quotas_bind() -> None:
    """Only a key that is used up is left."""
    outcomes = play(conversations("adaptive", named=False, requests=45.0))
    assert figures.success(outcomes) == 1.0
    assert figures.limited(outcomes) < 0.005
    assert figures.stayed(outcomes, conversation) >= 0.7
