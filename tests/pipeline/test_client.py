"""What the client does: it leaves in every phase, and it reads slowly. The upstream feels both at once."""

from __future__ import annotations

import gc
import weakref

import pytest

from headway.types import Resilience, Timeouts

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def told_that_the_client_left(world) -> None:
    assert world.event.outcome == "cancelled"
    assert world.event.status == 499
    assert world.slots == 0
    assert world.gateway.in_flight == 0


def test_a_client_that_leaves_while_a_connection_is_made_cancels_it(world):
    client = world.ask()
    client.leave()
    assert world.a.dials[0].cancelled
    told_that_the_client_left(world)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_answer_closes_the_upstream(stream, world):
    client = world.ask(stream=stream)
    peer = world.a.connect()
    client.leave()
    assert peer.aborted
    told_that_the_client_left(world)
    assert [attempt.result for attempt in world.event.attempts] == ["cancelled"]


def test_a_client_that_leaves_while_a_whole_answer_is_held_closes_the_upstream(world):
    client = world.ask()
    peer = world.a.connect()
    peer.begin(200, ANSWER[:10], kind="application/json")
    client.leave()
    assert peer.aborted
    told_that_the_client_left(world)


def test_a_client_that_leaves_before_the_first_event_closes_the_upstream(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST[:10])
    client.leave()
    assert peer.aborted
    told_that_the_client_left(world)


@pytest.mark.parametrize("kind", ["text/event-stream", "audio/mpeg"])
def test_a_client_that_leaves_in_the_middle_of_an_answer_closes_the_upstream(kind, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST, kind=kind)
    client.leave()
    assert peer.aborted
    told_that_the_client_left(world)


def test_a_client_that_leaves_while_it_is_blocked_closes_the_upstream(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    client.block()
    client.leave()
    assert peer.aborted
    told_that_the_client_left(world)


def test_a_client_that_leaves_during_the_second_attempt_closes_that(world):
    client = world.ask()
    world.a.connect().answer(500, b"{}")
    client.leave()
    assert world.b.dials[0].cancelled
    assert [attempt.result for attempt in world.event.attempts] == ["500", "cancelled"]


def test_leaving_after_the_end_changes_nothing(world):
    client = world.ask()
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    client.leave()
    client.leave()
    assert not peer.aborted
    assert world.event.outcome == "ok"


def test_leaving_twice_is_leaving_once(world):
    client = world.ask()
    world.a.connect()
    client.leave()
    client.leave()
    assert len(world.events) == 1


def test_a_client_that_leaves_teaches_nothing_bad_about_the_target(world):
    for _ in range(10):
        client = world.ask()
        world.a.serving()
        client.leave()
    world.ask()
    world.a.serving().answer(200, ANSWER)
    assert world.b.dials == []


# Back-pressure.


def test_a_blocked_client_stops_the_reading_from_the_upstream_until_it_reads_on(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    assert not peer.paused
    client.block()
    assert peer.paused
    client.unblock()
    assert not peer.paused
    peer.end(END)


def test_blocking_and_unblocking_without_an_upstream_does_no_harm(world):
    client = world.ask(stream=True)
    client.block()
    client.unblock()
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end(END)
    client.block()
    client.unblock()
    assert world.event.outcome == "ok"


def timed(**seconds: float) -> Resilience:
    return Resilience(timeouts=Timeouts(**seconds))


def test_the_silence_of_an_upstream_that_is_not_read_is_no_stall(make_world):
    world = make_world(resilience=timed(stall=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    client.block()
    world.wait(9.0)
    client.unblock()
    world.wait(9.0)
    assert not client.over, "the upstream has been silent for 9 s of its own"
    peer.end(END)
    assert client.body == FIRST + END
    assert world.event.outcome == "ok"


def test_an_upstream_that_falls_silent_after_the_client_reads_on_has_stalled(make_world):
    world = make_world(resilience=timed(stall=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    client.block()
    world.wait(9.0)
    client.unblock()
    world.wait(11.0)
    assert peer.aborted
    assert b"stream_interrupted" in client.body
    assert world.event.outcome == "timeout"


def test_a_client_that_takes_nothing_for_too_long_is_cut_off(make_world):
    world = make_world(resilience=timed(stall=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    client.block()
    world.wait(11.0)
    assert client.aborted
    assert peer.aborted
    told_that_the_client_left(world)
    assert "took no more" in (world.event.error or "")


def test_a_slow_client_that_keeps_reading_is_not_cut_off(make_world):
    world = make_world(resilience=timed(stall=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    for _ in range(10):
        peer.data(FIRST)
        client.block()
        world.wait(6.0)
        client.unblock()
    peer.end(END)
    assert world.event.outcome == "ok"


# What is left behind.


def test_settled_before_written_so_that_a_closed_socket_cannot_leak_an_exchange(world):
    client = world.ask()
    client.breaking = True
    peer = world.a.connect()
    with pytest.raises(RuntimeError, match="closed"):
        peer.answer(200, ANSWER)
    assert world.event.outcome == "ok"
    assert world.slots == 0
    assert world.gateway.in_flight == 0
    client.leave()
    peer.abort()


def test_nothing_holds_an_exchange_that_is_over_even_while_the_sweep_still_runs(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    peer.end(END)
    assert world.clock.timers
    world.clients.clear()
    world.events.clear()
    trace = weakref.ref(client)
    del client
    gc.collect()
    assert trace() is None
