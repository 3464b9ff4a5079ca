"""What rests after which failure, and for how long. Each of the three things that can rest rests alone."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.health import (
    BASE_REST,
    DEPLOYMENT_KINDS,
    LONGEST_REST,
    REFUSED_KEY_REST,
    STRIKES,
    Rest,
    Unrest,
    failed,
    succeeded,
)
from headway.types import Failure, FailureKind

K = FailureKind


class Health:
    """The rests of one target, and how long each still lasts."""

    def __init__(self) -> None:
        self.unrest = Unrest()
        self.rate, self.deployment, self.credential = (Rest(self.unrest) for _ in range(3))
        self.rng = Random(3)

    def fails(self, kind: FailureKind, now: float = 0.0, **facts: Any) -> None:
        failure = Failure(kind=kind, source="upstream", message="", **facts)
        failed(failure, rate=self.rate, deployment=self.deployment, credential=self.credential, now=now, rng=self.rng)

    @property
    def until(self) -> tuple[float, float, float]:
        return self.rate.until, self.deployment.until, self.credential.until


@pytest.fixture
def health() -> Health:
    return Health()


def test_a_rate_limit_rests_the_target_for_as_long_as_the_provider_asked(health: Health):
    health.fails(K.RATE_LIMITED, now=10.0, retry_after=7.5)
    assert health.until == (17.5, 0.0, 0.0)


def test_a_hint_is_believed_for_a_minute_at_most(health: Health):
    health.fails(K.RATE_LIMITED, now=10.0, retry_after=86400.0)
    assert health.until == (10.0 + LONGEST_REST, 0.0, 0.0)


def test_a_rate_limit_without_a_hint_rests_the_target_for_about_a_second(health: Health):
    health.fails(K.RATE_LIMITED, now=10.0)
    assert 10.8 <= health.rate.until <= 11.2
    assert health.until[1:] == (0.0, 0.0)


def test_a_refused_key_rests_for_every_model_and_alone(health: Health):
    health.fails(K.AUTH_INVALID, now=10.0)
    assert health.until == (0.0, 0.0, 10.0 + REFUSED_KEY_REST)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind in DEPLOYMENT_KINDS])
def test_a_deployment_rests_after_five_failures_in_a_row(health: Health, kind: FailureKind):
    for _ in range(STRIKES - 1):
        health.fails(kind, now=10.0)
    assert health.until == (0.0, 0.0, 0.0)
    health.fails(kind, now=10.0)
    assert 10.0 + 0.8 * BASE_REST <= health.deployment.until <= 10.0 + 1.2 * BASE_REST
    assert (health.rate.until, health.credential.until) == (0.0, 0.0)


def test_a_success_forgives_the_failures_before_it(health: Health):
    for _ in range(STRIKES - 1):
        health.fails(K.SERVER_ERROR)
    succeeded(health.deployment, health.credential)
    for _ in range(STRIKES - 1):
        health.fails(K.SERVER_ERROR)
    assert health.deployment.until == 0.0


def test_a_success_does_not_shorten_a_rest(health: Health):
    for _ in range(STRIKES):
        health.fails(K.SERVER_ERROR)
    until = health.deployment.until
    succeeded(health.deployment, health.credential)
    assert health.deployment.until == until > 0.0


def test_each_further_failure_doubles_the_rest_up_to_the_longest(health: Health):
    lengths: list[float] = []
    now = 0.0
    for _ in range(STRIKES + 12):
        health.fails(K.SERVER_ERROR, now=now)
        lengths.append(max(health.deployment.until - now, 0.0))
        now = max(health.deployment.until, now)
    rests = lengths[STRIKES - 1 :]
    for power, length in enumerate(rests):
        expected = min(BASE_REST * 2.0**power, LONGEST_REST)
        assert 0.8 * expected <= length <= 1.2 * expected


@pytest.mark.parametrize("kind", [K.REQUEST_REFUSED, K.CANCELLED, K.DEADLINE, K.SATURATED, K.NO_TARGET])
def test_what_the_client_or_we_ourselves_did_rests_nothing(health: Health, kind: FailureKind):
    for _ in range(STRIKES + 1):
        health.fails(kind, now=5.0)
    assert health.until == (0.0, 0.0, 0.0)
    assert health.deployment.failures == 0


events = st.tuples(st.sampled_from(list(FailureKind)), st.floats(0.0, 50.0), st.none() | st.floats(0.0, 100.0))


@given(st.lists(events, max_size=40))
def test_a_rest_only_ever_moves_later_and_unrest_is_the_latest_of_all(steps: list[tuple[FailureKind, float, float]]):
    health = Health()
    now = 0.0
    before = health.until
    for kind, pause, hint in steps:
        now += pause
        health.fails(kind, now=now, retry_after=hint)
        after = health.until
        assert all(late >= early for early, late in zip(before, after, strict=True))
        assert sum(late > early for early, late in zip(before, after, strict=True)) <= 1, "one thing rests at a time"
        assert health.unrest.until == max(after)
        assert max(after) <= max(now + 1.2 * LONGEST_REST, *before)
        before = after
