"""What an attempt's end teaches, and about whom. Key, key's quota and deployment are each blamed for their own only."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core import health
from headway.core.health import DAY_REST, LONGEST_HINT, SOON, State
from headway.failures import Failure, FailureKind
from headway.types import Change

K = FailureKind

BLAMED: dict[FailureKind, set[str]] = {
    K.AUTH_INVALID: {"credential"},
    K.BILLING_EXHAUSTED: {"credential"},
    K.PERMISSION: {"pair"},
    K.RATE_LIMITED: {"pair", "allowance", "quota"},
    K.DAILY_QUOTA: {"pair", "allowance"},
    K.RAMP_LIMITED: {"pair", "allowance", "concurrency"},
    K.OVERLOADED: {"breaker", "allowance", "standing", "concurrency"},
    K.SERVER_ERROR: {"breaker", "allowance", "standing"},
    K.TRANSPORT: {"breaker", "allowance", "standing"},
    K.TIMEOUT: {"breaker", "allowance", "standing", "concurrency"},
    K.BAD_REPLY: {"breaker", "allowance", "standing"},
    K.TRUNCATED: {"breaker", "allowance", "standing"},
    K.REGION_BLOCKED: {"breaker", "allowance", "standing"},
    K.UNKNOWN: {"breaker", "allowance", "standing"},
}
"""Which parts of a state change; every other kind changes nothing."""
ILL = [kind for kind, parts in BLAMED.items() if "breaker" in parts]
LIMITED = [K.RATE_LIMITED, K.RAMP_LIMITED, K.DAILY_QUOTA]
HEEDED = [*BLAMED, K.MODEL_FAULT, K.FILTER_UNAVAILABLE]
"""Kinds after which the same target could be asked again, so that a provider's wish to wait matters."""


class Ward:
    """The state of one target. What fails is sent half a second before, unless a test says otherwise."""

    def __init__(self, state: State, seed: int = 3) -> None:
        self.state = state
        self.rng = Random(seed)

    def fails(self, kind: FailureKind, now: float = 0.0, *, sent: float | None = None, **facts: Any) -> Change | None:
        told: dict[str, Any] = {"source": "upstream", "message": "go away"} | facts
        failure = Failure(kind=kind, **told)
        sent = now - 0.5 if sent is None else sent
        return health.failed(failure, self.state, key="a#k", sent=sent, now=now, rng=self.rng)

    def succeeds(self, now: float, *, sent: float | None = None) -> Change | None:
        return health.succeeded(self.state, now - 0.5 if sent is None else sent, now)

    @property
    def rests(self) -> dict[str, float]:
        """What rests, and until when."""
        state = self.state
        all_of_them = {"deployment": state.deployment, "credential": state.credential, "pair": state.pair}
        return {name: rest.until for name, rest in all_of_them.items() if rest.until}


Facts = Callable[[State], dict[str, dict[str, Any]]]


@pytest.fixture
def ward(fresh_state: Callable[[], State]) -> Ward:
    return Ward(fresh_state())


@pytest.fixture
def changed(facts: Facts):
    """Which parts of a state differ from what they were."""

    def compared(state: State, before: dict[str, dict[str, Any]]) -> set[str]:
        after = facts(state)
        return {part for part in after if after[part] != before[part]}

    return compared


# --- who is blamed ---


@pytest.mark.parametrize("kind", K)
@pytest.mark.parametrize("times", [1, 7])
def test_each_kind_blames_its_own_and_nobody_else(
    ward: Ward, facts: Facts, changed: Callable[..., set[str]], kind: FailureKind, times: int
):
    before = facts(ward.state)
    for number in range(times):
        ward.fails(kind, now=100.0 + number)
    assert changed(ward.state, before) == BLAMED.get(kind, set())


@pytest.mark.parametrize("kind", K)
@pytest.mark.parametrize("source", ["gateway", "downstream"])
def test_what_we_or_the_client_did_blames_nobody(
    ward: Ward, facts: Facts, changed: Callable[..., set[str]], kind: FailureKind, source: str
):
    before = facts(ward.state)
    for number in range(7):
        assert ward.fails(kind, now=100.0 + number, source=source, retry_after=60.0) is None
    assert changed(ward.state, before) == set()


@pytest.mark.parametrize(
    "kind",
    [K.INVALID_REQUEST, K.CONTENT_BLOCKED, K.CONTEXT_TOO_LONG, K.BODY_TOO_LARGE, K.UNSUPPORTED_FEATURE],
)
def test_a_refused_request_does_not_let_anybody_rest_even_if_the_provider_names_a_time(
    ward: Ward, facts: Facts, changed: Callable[..., set[str]], kind: FailureKind
):
    before = facts(ward.state)
    ward.fails(kind, now=100.0, retry_after=60.0)
    assert changed(ward.state, before) == set()


def test_overload_never_punishes_a_key(ward: Ward):
    for number in range(20):
        ward.fails(K.OVERLOADED, now=100.0 + number, retry_after=30.0)
    assert set(ward.rests) == {"deployment"}
    assert ward.state.breaker.tripped


def test_a_refused_key_never_makes_its_deployment_ill(ward: Ward):
    for number in range(20):
        ward.fails(K.AUTH_INVALID, now=100.0 + number)
    assert set(ward.rests) == {"credential"}
    assert not ward.state.breaker.tripped


@pytest.mark.parametrize("kind", LIMITED)
def test_a_rate_limit_is_never_ill_health(ward: Ward, kind: FailureKind):
    for number in range(50):
        assert ward.fails(kind, now=100.0 + number) is None
    assert set(ward.rests) == {"pair"}
    assert not ward.state.breaker.tripped


# --- rate limits ---


@pytest.mark.parametrize("kind", LIMITED)
def test_a_rate_limit_rests_the_pair_for_as_long_as_the_provider_asked(ward: Ward, kind: FailureKind):
    ward.fails(kind, now=10.0, retry_after=7.5)
    assert ward.rests == {"pair": 17.5}
    assert ward.state.pair.kind is kind


def test_a_hint_is_believed_for_a_day_at_most(ward: Ward):
    ward.fails(K.RATE_LIMITED, now=10.0, retry_after=1e9)
    assert ward.rests == {"pair": 10.0 + LONGEST_HINT}


def test_without_a_hint_each_rate_limit_in_a_row_rests_twice_as_long_up_to_a_minute(ward: Ward):
    now = 10.0
    for expected in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, SOON, SOON):
        ward.fails(K.RATE_LIMITED, now=now, sent=now)
        assert 0.8 * expected <= ward.state.pair.until - now <= 1.2 * expected
        now = ward.state.pair.until


def test_a_burst_of_rate_limits_sent_before_the_first_came_back_rests_like_one(ward: Ward):
    for number in range(50):
        ward.fails(K.RATE_LIMITED, now=10.0 + number / 100, sent=9.9)
    assert ward.state.pair.until <= 10.5 + 1.2


def test_a_success_makes_the_next_rate_limit_the_first_in_a_row(ward: Ward):
    for now in (10.0, 20.0, 30.0, 40.0):
        ward.fails(K.RATE_LIMITED, now=now)
    ward.succeeds(60.0)
    ward.fails(K.RATE_LIMITED, now=61.0)
    assert ward.state.pair.until - 61.0 <= 1.2


def test_a_success_of_what_was_sent_before_the_refusal_proves_nothing(ward: Ward):
    for now in (10.0, 20.0, 30.0, 40.0):
        ward.fails(K.RATE_LIMITED, now=now)
    ward.succeeds(60.0, sent=39.0)
    ward.fails(K.RATE_LIMITED, now=61.0)
    assert ward.state.pair.until - 61.0 >= 0.8 * 16.0


def test_a_success_does_not_shorten_a_rest(ward: Ward):
    ward.fails(K.RATE_LIMITED, now=10.0, retry_after=20.0)
    ward.fails(K.AUTH_INVALID, now=10.0)
    rests = ward.rests
    ward.succeeds(11.0)
    assert ward.rests == rests


def test_a_daily_quota_without_a_hint_is_tried_again_about_hourly(ward: Ward):
    now = 10.0
    for _ in range(3):
        ward.fails(K.DAILY_QUOTA, now=now, sent=now)
        assert 0.8 * DAY_REST <= ward.state.pair.until - now <= 1.2 * DAY_REST
        now = ward.state.pair.until


def test_a_daily_quota_rests_until_the_reset_that_the_provider_names(ward: Ward):
    ward.fails(K.DAILY_QUOTA, now=10.0, retry_after=40_000.0)
    assert ward.rests == {"pair": 40_010.0}


# --- keys ---


@pytest.mark.parametrize(
    ("kind", "part", "expected"),
    [
        (K.AUTH_INVALID, "credential", [60.0, 600.0, 600.0]),
        (K.BILLING_EXHAUSTED, "credential", [900.0, 1800.0, 3600.0, 3600.0]),
        (K.PERMISSION, "pair", [60.0, 240.0, 960.0, 3600.0, 3600.0]),
    ],
)
def test_a_refusal_that_repeats_itself_rests_longer_each_time(
    ward: Ward, kind: FailureKind, part: str, expected: list[float]
):
    now, told = 10.0, list[float]()
    for _ in expected:
        ward.fails(kind, now=now, sent=now)
        (until,) = ward.rests.values()
        told.append(until - now)
        now = until
    assert set(ward.rests) == {part}
    assert told == expected


@pytest.mark.parametrize("kind", [K.AUTH_INVALID, K.BILLING_EXHAUSTED, K.PERMISSION])
def test_a_refused_key_rests_at_least_as_long_as_the_provider_asked(ward: Ward, kind: FailureKind):
    ward.fails(kind, now=10.0, retry_after=5000.0)
    assert list(ward.rests.values()) == [5010.0]


def test_a_parked_key_is_told_with_its_name_and_the_reason(ward: Ward):
    told = ward.fails(K.AUTH_INVALID, now=10.0)
    assert told == Change(what="key_parked", subject="a#k", message="a#k is refused: go away", seconds=60.0)


def test_a_key_without_credit_is_told_as_such(ward: Ward):
    told = ward.fails(K.BILLING_EXHAUSTED, now=10.0)
    assert told is not None
    assert (told.what, told.subject, told.seconds) == ("key_parked", "a#k", 900.0)
    assert "no credit" in told.message


def test_a_parked_key_is_told_once_however_many_requests_were_under_way(ward: Ward):
    told = [ward.fails(K.AUTH_INVALID, now=10.0 + number / 100, sent=9.0) for number in range(50)]
    assert [change is not None for change in told] == [True] + [False] * 49
    assert ward.state.credential.until <= 10.5 + 60.0


def test_a_key_that_is_still_refused_when_it_is_tried_again_is_told_again(ward: Ward):
    ward.fails(K.AUTH_INVALID, now=10.0)
    told = ward.fails(K.AUTH_INVALID, now=71.0)
    assert told is not None
    assert told.seconds == 600.0


def test_a_key_that_lacks_a_model_is_left_out_for_this_model_only(ward: Ward):
    missing = Failure(kind=K.MODEL_NOT_FOUND, source="upstream", message="")
    health.not_found(missing, ward.state, sent=9.0, now=10.0)
    assert ward.rests == {"pair": 70.0}


# --- deployments ---


@pytest.mark.parametrize("kind", [kind for kind in ILL if kind is not K.REGION_BLOCKED])
def test_a_deployment_is_left_alone_after_five_failures_in_a_row_and_that_is_told_once(ward: Ward, kind: FailureKind):
    told = [ward.fails(kind, now=10.0 + number) for number in range(7)]
    assert [change is not None for change in told] == [False] * 4 + [True] + [False] * 2
    change = told[4]
    assert change is not None
    assert (change.what, change.subject) == ("breaker_opened", "a/m")
    assert 4.0 <= change.seconds <= 6.0
    assert "go away" in change.message


def test_a_closed_breaker_is_told(ward: Ward):
    for _ in range(5):
        ward.fails(K.SERVER_ERROR, now=10.0)
    assert ward.succeeds(20.0) is None
    told = ward.succeeds(21.0)
    assert told == Change(what="breaker_closed", subject="a/m", message="a/m answers again")


def test_a_blocked_region_is_left_alone_for_ten_minutes_at_once(ward: Ward):
    told = ward.fails(K.REGION_BLOCKED, now=10.0)
    assert told is not None
    assert (told.what, told.seconds) == ("breaker_opened", 600.0)
    assert ward.state.breaker.until == 610.0


@pytest.mark.parametrize("kind", ILL)
def test_a_deployment_that_asks_to_be_left_alone_is(ward: Ward, kind: FailureKind):
    ward.fails(kind, now=10.0, retry_after=20.0)
    assert ward.rests == {"deployment": 30.0}


# --- rests and time ---


@pytest.mark.parametrize("kind", HEEDED)
@pytest.mark.parametrize("hint", [0.2, 3.0, 45.0, 7200.0])
def test_whoever_is_to_blame_rests_at_least_as_long_as_the_provider_asked(ward: Ward, kind: FailureKind, hint: float):
    ward.fails(kind, now=10.0, retry_after=hint)
    assert max(ward.rests.values()) >= 10.0 + hint


@pytest.mark.parametrize("kind", [kind for kind in BLAMED if "breaker" not in BLAMED[kind]])
def test_a_second_failure_extends_the_cooldown(ward: Ward, kind: FailureKind):
    ward.fails(kind, now=10.0)
    (first,) = ward.rests.values()
    ward.fails(kind, now=first - 0.1, sent=first - 0.2)
    (second,) = ward.rests.values()
    assert second > first


events = st.tuples(
    st.sampled_from(list(K)), st.floats(0.0, 50.0), st.none() | st.floats(0.0, 100_000.0), st.floats(0.0, 100.0)
)


@given(st.lists(events, max_size=40))
def test_a_rest_only_ever_moves_later_and_one_failure_lets_one_thing_rest(
    fresh_state: Callable[[], State], steps: list[tuple[FailureKind, float, float | None, float]]
):
    ward = Ward(fresh_state())
    now = 0.0
    for kind, pause, hint, age in steps:
        now += pause
        before = ward.rests
        ward.fails(kind, now=now, sent=max(now - age, 0.0), retry_after=hint)
        after = ward.rests
        assert all(after[name] >= until for name, until in before.items())
        assert sum(until > before.get(name, 0.0) for name, until in after.items()) <= 1
        assert max(after.values(), default=0.0) <= max(now + LONGEST_HINT, *before.values(), 0.0)
