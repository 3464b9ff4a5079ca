"""What an attempt takes from its key's quotas, and what its answer makes of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt, Exchange, Full, GiveUp
from headway.core.load import Load
from headway.failures import Failure, FailureKind
from headway.types import Limits, Reading, Usage

if TYPE_CHECKING:
    from core.conftest import World

K = FailureKind
A_LOAD = Load(text=4000, most_output=100)
"""A thousand tokens sent and a hundred answered, by estimate."""


@pytest.fixture
def limited(world: World) -> World:
    world.key_limits["a#k"] = Limits(rpm=100, tpm=10_000)
    return world


def begun(world: World, *tiers: str, load: Load = A_LOAD) -> tuple[Exchange, Attempt]:
    exchange = world.exchange(world.route(*tiers), load=load)
    attempt = exchange.begin(0.0)
    assert isinstance(attempt, Attempt)
    return exchange, attempt


def left(world: World, name: str = "a") -> list[float]:
    """Of each bucket of a key's."""
    return [bucket.refill(0.0) for bucket in world.state(name).quota.buckets]


def test_what_a_request_probably_needs_is_taken_when_it_is_sent(limited: World):
    begun(limited, "a")
    assert left(limited) == [99.0, 8900.0]


def test_an_answer_settles_with_what_it_truly_used(limited: World):
    exchange, attempt = begun(limited, "a")
    exchange.succeeded(attempt, 200, 0.0, Usage(input_tokens=700, output_tokens=50))
    assert left(limited) == [99.0, 9250.0]


def test_what_a_cache_held_costs_nothing(limited: World):
    exchange, attempt = begun(limited, "a")
    exchange.succeeded(attempt, 200, 0.0, Usage(input_tokens=1000, output_tokens=50, cached_input_tokens=900))
    assert left(limited) == [99.0, 9850.0]


def test_an_answer_that_tells_no_usage_leaves_the_estimate(limited: World):
    exchange, attempt = begun(limited, "a")
    exchange.succeeded(attempt, 200, 0.0)
    assert left(limited) == [99.0, 8900.0]


def test_an_answer_teaches_what_the_next_one_will_need(limited: World):
    exchange, attempt = begun(limited, "a")
    exchange.succeeded(attempt, 200, 0.0, Usage(input_tokens=500, output_tokens=20))
    begun(limited, "a")
    assert left(limited) == [98.0, 10_000.0 - 520.0 - 520.0]


@pytest.mark.parametrize("kind", [K.TIMEOUT, K.SERVER_ERROR, K.RATE_LIMITED, K.CANCELLED])
def test_what_a_failed_attempt_used_is_not_known_and_counts_as_reserved(
    limited: World, failed: Callable[..., Failure], kind: FailureKind
):
    exchange, attempt = begun(limited, "a")
    exchange.ended_badly(attempt, failed(kind), 0.0)
    assert left(limited) == [99.0, 8900.0]


def test_each_attempt_takes_from_the_key_that_it_asks(limited: World, failed: Callable[..., Failure]):
    limited.key_limits["b#k"] = Limits(tpm=5000)
    exchange, attempt = begun(limited, "a", "b")
    step = exchange.failed(attempt, failed(K.MODEL_FAULT), 0.0)
    assert isinstance(step, Attempt)
    exchange.succeeded(step, 200, 0.0, Usage(input_tokens=100, output_tokens=0))
    assert (left(limited), left(limited, "b")) == ([99.0, 8900.0], [4900.0])


def test_a_failed_request_goes_to_a_key_that_has_room_for_it(limited: World, failed: Callable[..., Failure]):
    limited.key_limits["b#k"] = Limits(tpm=1000)
    exchange, attempt = begun(limited, "a", "b", "c")
    step = exchange.failed(attempt, failed(K.MODEL_FAULT), 0.0)
    assert isinstance(step, Attempt)
    assert step.candidate.name.startswith("c/")


def test_headers_tell_of_a_key_that_nothing_was_known_of(world: World):
    exchange, attempt = begun(world, "a")
    exchange.read(attempt, (Reading(dimension="requests", limit=10.0, remaining=0.0, window=60.0),), 0.0)
    exchange.succeeded(attempt, 200, 0.0)
    assert isinstance(world.exchange(world.route("a")).begin(0.0), Full)
    assert world.registry.in_flight(world.target("a")) == 0


def test_headers_of_an_answer_count_what_was_sent_since(world: World):
    first, attempt = begun(world, "a")
    first.read(attempt, (Reading(dimension="requests", limit=10.0, remaining=9.0, window=60.0),), 0.0)
    older, of_older = begun(world, "a")
    newer, of_newer = begun(world, "a")
    newer.read(of_newer, (Reading(dimension="requests", limit=10.0, remaining=7.0),), 0.0)
    older.read(of_older, (Reading(dimension="requests", limit=10.0, remaining=8.0),), 0.0)
    assert left(world) == [7.0]


@pytest.mark.parametrize(("retry_after", "ready"), [(None, False), (1.0, True)])
def test_headers_that_a_refusal_came_with_count_too_unless_it_says_when_to_come_again(
    world: World, failed: Callable[..., Failure], retry_after: float | None, ready: bool
):
    exchange, attempt = begun(world, "a", "b")
    exchange.read(attempt, (Reading(dimension="tokens", limit=5000.0, remaining=50.0, window=60.0),), 0.0)
    step = exchange.failed(attempt, failed(K.RATE_LIMITED, retry_after=retry_after), 0.0)
    assert isinstance(step, Attempt)
    assert step.candidate.name.startswith("b/")
    (candidate,) = world.route("a").tiers[0].candidates
    assert candidate.rests().until <= 1.3
    assert bool(world.route("a").tiers[0].ready(A_LOAD, 1.3)) == ready


def test_who_is_too_large_for_every_key_is_told_so_whatever_else_is_wrong(limited: World):
    limited.rest("a", K.RATE_LIMITED, retry_after=30.0)
    step = limited.exchange(limited.route("a"), load=Load(media=20_000)).begin(1.0)
    assert isinstance(step, GiveUp)
    assert step.failure.kind is K.TOO_LARGE_FOR_BUCKET
