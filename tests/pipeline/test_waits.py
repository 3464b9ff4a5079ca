"""Waiting before an attempt: only where nobody else can be asked, only where time may help, and never for long."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from headway.types import Resilience, Timeouts

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
STREAM = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
NOTHING = b"{}"
SWEEP = 0.1

PASSING: dict[str, Callable[[Any], object]] = {
    "an error": lambda peer: peer.answer(500, NOTHING),
    "a bad gateway": lambda peer: peer.answer(502, b"<html>", kind="text/html"),
    "overload": lambda peer: peer.answer(529, NOTHING),
    "a page with status 200": lambda peer: peer.answer(200, b"<html>", kind="text/html"),
    "an error with status 200": lambda peer: peer.answer(200, b'{"error":{"message":"x"}}'),
}


def answered(peer: Any, stream: bool) -> None:
    if stream:
        peer.answer(200, STREAM, kind="text/event-stream")
    else:
        peer.answer(200, ANSWER)


def asked_again(world: Any, within: float) -> tuple[Any, float]:
    """The connection of the next attempt at `a`, and how long it took until it was made."""
    before = world.a.asked
    took = world.wait_until(lambda: any(d.pending for d in world.a.dials) or world.a.asked > before, within=within)
    return world.a.serving(), took


# A lone deployment.


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", PASSING)
def test_a_lone_deployment_is_asked_once_more_after_a_moment(how, stream, make_world):
    world = make_world([["a"]])
    client = world.ask(stream=stream)
    PASSING[how](world.a.connect())
    assert not client.begun
    assert world.slots == 0, "who waits holds no slot"
    peer, took = asked_again(world, within=0.5 + 2 * SWEEP)
    assert took > 0.0
    answered(peer, stream)
    assert client.status == 200
    assert [(name, reason) for name, _, reason in world.tried] == [("a", "first"), ("a", "retry")]


def test_a_lone_deployment_is_asked_once_more_and_not_twice(make_world):
    world = make_world([["a"]], resilience=Resilience(attempts=5))
    client = world.ask()
    world.a.connect().answer(500, NOTHING)
    peer, _ = asked_again(world, within=0.7)
    peer.answer(503, NOTHING)
    assert client.status == 503
    world.wait(20.0)
    assert world.a.asked == 2
    assert client.field("x-headway-attempts") == "a/m#default=500 a/m#default=503"


@pytest.mark.parametrize("resilience", [Resilience(attempts=1), Resilience(retries=0), Resilience(longest_wait=0.0)])
def test_a_route_may_forbid_to_ask_once_more(resilience, make_world):
    world = make_world([["a"]], resilience=resilience)
    client = world.ask()
    world.a.connect().answer(500, NOTHING)
    assert client.status == 500
    assert len(world.event.attempts) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_provider_that_wants_no_repeat_gets_none(status, make_world):
    world = make_world([["a"]])
    client = world.ask()
    world.a.connect().answer(status, NOTHING, x_should_retry="false")
    assert client.status == status
    assert client.field("x-should-retry") == "false"
    assert len(world.event.attempts) == 1


def test_a_lone_deployment_that_cannot_be_reached_is_dialled_again_at_once(make_world):
    world = make_world([["a"]])
    began = world.clock.now
    client = world.ask()
    world.a.refuse()
    world.a.connect().answer(200, ANSWER)
    assert client.status == 200
    assert world.clock.now == began
    assert world.tried == [("a", "transport", "first"), ("a", "200", "retry")]


@pytest.mark.parametrize(("status", "told"), [(408, 408), (504, 504)])
def test_what_took_too_long_is_not_asked_again(status, told, make_world):
    world = make_world([["a"]])
    client = world.ask()
    world.a.connect().answer(status, NOTHING)
    assert client.status == told
    assert len(world.event.attempts) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", PASSING)
def test_with_another_target_there_nobody_waits(how, stream, world):
    began = world.clock.now
    client = world.ask(stream=stream)
    PASSING[how](world.a.connect())
    answered(world.b.connect(), stream)
    assert client.status == 200
    assert world.clock.now == began


def test_when_all_have_failed_the_last_one_is_asked_once_more(world):
    client = world.ask()
    world.a.connect().answer(500, NOTHING)
    peer = world.b.connect()
    peer.answer(500, NOTHING)
    world.wait_until(lambda: peer.waiting, within=0.7)
    peer.answer(200, ANSWER)
    assert client.status == 200
    assert [reason for _, _, reason in world.tried] == ["first", "failover", "retry"]


# What the provider asks for.


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize(
    ("hint", "seconds"),
    [({"retry_after": "3"}, 3.0), ({"retry_after": "0.5"}, 0.5), ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5)],
)
def test_a_wait_that_the_provider_asks_for_is_kept_as_a_minimum(hint, seconds, status, make_world):
    world = make_world([["a"]])
    client = world.ask()
    world.a.connect().answer(status, NOTHING, **hint)
    peer, took = asked_again(world, within=seconds * 1.1 + 2 * SWEEP)
    assert took >= seconds
    peer.answer(200, ANSWER)
    assert client.status == 200
    assert world.tried == [("a", str(status), "first"), ("a", "200", "retry")]


def test_a_rate_limit_without_a_hint_is_waited_out_for_about_a_second(make_world):
    world = make_world([["a"]])
    client = world.ask()
    world.a.connect().answer(429, NOTHING)
    peer, took = asked_again(world, within=1.2 * 1.1 + 2 * SWEEP)
    assert took >= 0.8
    peer.answer(200, ANSWER)
    assert client.status == 200


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_too_long_ends_the_request_at_once(status, make_world):
    world = make_world([["a"]], resilience=Resilience(longest_wait=5.0))
    client = world.ask()
    world.a.connect().answer(status, NOTHING, retry_after="6")
    assert client.status == status
    assert client.field("retry-after") == "6"


def test_a_rate_limited_target_is_not_asked_before_its_time(make_world):
    world = make_world([["a"]])
    first = world.ask()
    world.a.connect().answer(429, NOTHING, retry_after="30")
    assert first.status == 429
    world.wait(20.0)
    second = world.ask()
    assert second.status == 429
    assert second.field("retry-after") == "10"
    assert second.error["code"] == "rate_limit_exceeded"
    assert world.a.asked == 1
    world.wait(9.0)
    third = world.ask()  # it is soon enough to wait for it
    world.wait(0.9)
    assert world.a.asked == 1
    world.wait(0.3)
    world.a.serving().answer(200, ANSWER)
    assert third.status == 200


def test_a_quota_for_the_day_is_not_waited_for(make_world):
    world = make_world([["a"]])
    client = world.ask()
    body = b'{"error":{"message":"Rate limit reached for requests per day (RPD)","code":"rate_limit_exceeded"}}'
    world.a.connect().answer(429, body, retry_after="2")
    assert client.status == 429
    assert world.event.outcome == "daily_quota"
    assert client.field("x-should-retry") == "false"


def test_a_destination_that_has_taken_over_enough_is_waited_for(world):
    """One provider's death must not bury the next."""
    clients = [world.ask() for _ in range(4)]
    for peer in [dial.connect() for dial in world.a.dials]:
        peer.answer(500, NOTHING)
    assert len(world.b.dials) == 3
    world.wait(0.4)
    assert len(world.b.dials) == 3
    peers = [dial.connect() for dial in world.b.dials]
    peers[0].answer(200, ANSWER)
    world.wait_until(lambda: len(peers[0].requests) == 2, within=0.4)
    for peer in peers:
        peer.answer(200, ANSWER)
    assert [client.status for client in clients] == [200] * 4


# While it waits.


def waiting(world: Any, **fields: Any) -> Any:
    """A request that waits for about five seconds."""
    client = world.ask(**fields)
    world.a.serving().answer(429, NOTHING, retry_after="5")
    world.wait(2.0)
    assert not client.over
    return client


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_while_it_waits_ends_the_wait(stream, make_world):
    world = make_world([["a"]])
    client = waiting(world, stream=stream)
    client.leave()
    assert world.event.outcome == "cancelled"
    assert world.event.status == 499
    assert [each.result for each in world.event.attempts] == ["429"]
    world.wait(20.0)
    assert world.a.asked == 1


def test_a_client_that_has_left_while_it_waited_is_forgotten(make_world):
    world = make_world([["a"]])
    client = waiting(world)
    client.leave()
    world.clients.clear()
    world.events.clear()
    trace = weakref.ref(client)
    del client
    gc.collect()
    assert trace() is None


def test_a_wait_beyond_the_deadline_is_not_begun(make_world):
    world = make_world([["a"]])
    client = world.ask(headers={"x-headway-timeout": "4s"})
    world.a.connect().answer(429, NOTHING, retry_after="5")
    assert client.status == 429
    assert client.field("retry-after") == "5"


def test_the_deadline_still_holds_after_a_wait(make_world):
    world = make_world([["a"]], resilience=Resilience(timeouts=Timeouts(total=8.0)))
    client = waiting(world)
    peer, _ = asked_again(world, within=4.0)
    world.wait(4.0)
    assert peer.aborted
    assert client.status == 504
    assert world.event.outcome == "deadline"
    assert world.event.duration == pytest.approx(8.0, abs=2 * SWEEP)


def test_nothing_is_sent_once_the_deadline_has_passed(make_world):
    """A wait may end just before the deadline, and the next look at it come after."""
    ends = set[str]()
    for seed in range(40):
        world = make_world([["a"]], resilience=Resilience(timeouts=Timeouts(total=0.45)), seed=seed)
        world.ask()
        peer = world.a.connect()
        peer.answer(500, NOTHING)
        world.wait(1.0)
        ends.add(world.event.outcome)
        assert all(each.started < 0.45 for each in world.event.attempts)
        assert world.event.status in (500, 504)
    assert ends == {"server_error", "deadline"}


def test_a_request_that_waits_keeps_the_configuration_that_it_began_with(make_world):
    world = make_world([["a"]])
    old = waiting(world)
    world.gateway.publish(world.snapshot(Resilience(attempts=1)))
    peer, _ = asked_again(world, within=4.0)
    assert world.slots == 1
    peer.answer(200, ANSWER)
    assert old.status == 200


def test_a_target_that_a_reload_takes_away_still_serves_who_waited_for_it(make_world):
    world = make_world([["a"]])
    old = waiting(world)
    world._tiers[:] = [["b"]]
    world.gateway.publish(world.snapshot(Resilience()))
    peer, _ = asked_again(world, within=4.0)
    new = world.ask()
    world.b.connect().answer(200, ANSWER)
    peer.answer(200, ANSWER)
    assert old.field("x-headway-target") == "a/m"
    assert new.field("x-headway-target") == "b/m"


def test_a_shutdown_cuts_off_who_waits(make_world):
    world = make_world([["a"]])
    client = waiting(world)
    world.gateway.close()
    assert client.aborted
    assert world.event.outcome == "cancelled"


def test_two_that_wait_for_the_same_key_do_not_come_back_together(make_world):
    world = make_world([["a"]])
    clients = [world.ask() for _ in range(8)]
    for peer in [dial.connect() for dial in world.a.dials]:
        peer.answer(429, NOTHING, retry_after="5")
    world.wait(5.7)
    for peer in [peer for peer in world.a.peers if peer.waiting]:
        peer.answer(200, ANSWER)
    assert {client.status for client in clients} == {200}
    moments = {round(event.attempts[1].started, 2) for event in world.events}
    assert len(moments) > 2
    assert min(moments) >= 5.0


def test_a_burst_of_rate_limits_is_not_sent_again_as_a_burst(make_world):
    world = make_world([["a"]])
    clients = [world.ask() for _ in range(30)]
    for peer in [dial.connect() for dial in world.a.dials]:
        peer.answer(429, NOTHING, retry_after="5")
    world.wait(6.0)
    assert {client.status for client in clients} == {429}
    assert world.a.asked == 30
