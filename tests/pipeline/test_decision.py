"""Why this target: who was passed over before the first attempt, how all stood when the request came, and what of the
time was the gateway's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.pipeline.telling import LONGEST_LIST
from headway.types import ClientLimits, ServerLimits

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
EXPLAIN: dict[str, str | None] = {"x-headway-explain": "1"}
Make = Callable[..., Any]


def refuse_a(world: Any) -> None:
    """From now on `a` is left alone."""
    world.ask()
    world.a.serving().answer(429, b'{"error": {"message": "slow down"}}', retry_after="30")
    world.b.serving().answer(200, ANSWER)
    world.events.clear()
    world.clients.clear()


def test_an_exchange_that_went_where_it_should_tells_of_nobody_else(world: Any):
    world.ask()
    world.a.serving().answer(200, ANSWER)
    assert world.event.skipped == ()
    assert b"skipped" not in msgspec.json.encode(world.event)


def test_whoever_was_preferred_and_could_not_be_asked_is_named_with_the_reason(world: Any):
    refuse_a(world)
    world.ask()
    world.b.serving().answer(200, ANSWER)
    (skipped,) = world.event.skipped
    assert (skipped.target, skipped.state) == ("a/m#default", "resting")
    assert "rate_limited" in skipped.why
    assert [each.target for each in world.event.attempts] == ["b/m#default"]


def test_the_list_is_short_however_many_there_are(make_world: Make):
    world = make_world([[f"a#k{number}" for number in range(30)], ["b"]], concurrency=0)
    for candidate in world.candidates:
        if candidate.name.startswith("b/"):
            candidate.credential_slots.limit = None
    world.ask()
    world.b.serving().answer(200, ANSWER)
    assert len(world.event.skipped) == 8
    assert {each.state for each in world.event.skipped} == {"full"}


def test_a_client_may_ask_how_all_targets_stood(world: Any):
    refuse_a(world)
    client = world.ask(headers=EXPLAIN)
    world.b.serving().answer(200, ANSWER)
    told = client.field("x-headway-decision")
    first, second = told.split("; ")
    assert first.startswith("1:a/m#default=resting 0.00")
    assert "(left alone for 30" in first
    assert second == "2:b/m#default=ready 1.00"
    client = world.ask(headers={**EXPLAIN, "x-headway-explain": "0"})
    world.b.serving().answer(200, ANSWER)
    assert client.field("x-headway-decision") is None


def test_it_is_told_with_streams_errors_and_limits_too(make_world: Make):
    world = make_world([["a"]], limits=ServerLimits(clients=ClientLimits(rpm=2)))
    client = world.ask(stream=True, headers=EXPLAIN)
    peer = world.a.serving()
    peer.begin(200, CHUNK)
    peer.end(LAST)
    assert "a/m#default=ready" in client.field("x-headway-decision")
    client = world.ask(headers=EXPLAIN)
    world.a.serving().answer(500, b"no")
    world.wait(1.0)
    if not client.over:
        world.a.serving().answer(500, b"no")
    assert "a/m#default=ready" in client.field("x-headway-decision")
    client = world.ask(headers=EXPLAIN)
    assert client.status == 429
    assert client.field("x-headway-decision") is not None
    assert client.field("x-ratelimit-limit-requests") == "2"


def test_the_header_is_bounded(make_world: Make):
    world = make_world([[f"provider{number}#{'k' * 60}" for number in range(100)]])
    client = world.ask(headers=EXPLAIN)
    serving = next(origin for origin in world.origins.values() if origin.dials)
    serving.connect().answer(200, ANSWER)
    told = client.field("x-headway-decision")
    assert len(told) < LONGEST_LIST + 200
    assert told.endswith("; ...")


@pytest.mark.parametrize("stream", [False, True])
def test_waiting_is_no_work(world: Any, stream: bool):
    world.ask(stream=stream)
    world.wait(2.0)
    peer = world.a.connect()
    world.wait(3.0)
    if stream:
        peer.begin(200, CHUNK)
        world.wait(4.0)
        peer.end(LAST)
    else:
        peer.answer(200, ANSWER)
    assert world.event.duration >= 5.0
    assert world.event.overhead == 0.0


def test_work_is_told_apart_from_waiting(make_world: Make):
    """Each look at the clock takes a millisecond here, which is work wherever nobody is waited for."""
    world = make_world()
    clock = world.clock
    now = world.gateway.now

    def later() -> float:
        clock.now += 0.001
        return now()

    world.gateway.now = later
    world.ask()
    world.wait(2.0)
    peer = world.a.connect()
    world.wait(3.0)
    peer.answer(200, ANSWER)
    world.gateway.now = now
    assert 0.001 <= world.event.overhead <= 0.02
