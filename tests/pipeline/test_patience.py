"""How long the gateway waits: for a connection, a head, a first event, the next one, and in all."""

from __future__ import annotations

import pytest

from headway.types import Resilience, Timeouts

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def timed(attempts: int = 3, **seconds: float) -> Resilience:
    return Resilience(attempts=attempts, timeouts=Timeouts(**seconds))


def test_a_dial_is_given_the_time_that_is_configured(make_world):
    world = make_world(resilience=timed(connect=3.0))
    world.ask()
    assert world.a.dials[0].timeout == 3.0
    world.a.connect().answer(200, ANSWER)


def test_a_dial_is_given_no_more_time_than_the_request_has(make_world):
    world = make_world(resilience=timed(connect=5.0, total=2.0))
    world.ask()
    assert world.a.dials[0].timeout == 2.0
    world.a.connect().answer(200, ANSWER)


def test_no_head_in_time_sends_the_request_elsewhere(make_world):
    world = make_world(resilience=timed(headers=4.0))
    client = world.ask()
    peer = world.a.connect()
    world.wait(3.9)
    assert not peer.aborted
    world.wait(0.3)
    assert peer.aborted
    world.b.connect().answer(200, ANSWER)
    assert client.field("x-headway-attempts") == "a/m#default=timeout b/m#default=200"


@pytest.mark.parametrize(("stream", "patience"), [(True, 30.0), (False, 300.0)])
def test_a_head_may_take_its_usual_time_when_nothing_is_configured(stream, patience, world):
    world.ask(stream=stream)
    peer = world.a.connect()
    world.wait(patience - 0.2)
    assert not peer.aborted
    world.wait(0.4)
    assert peer.aborted
    if stream:
        world.b.connect().answer(200, FIRST + END, kind="text/event-stream")
    else:
        world.b.connect().answer(200, ANSWER)


def test_the_time_for_a_head_begins_when_the_request_is_sent(make_world):
    world = make_world(resilience=timed(headers=4.0))
    client = world.ask()
    world.wait(3.0)
    peer = world.a.connect()
    world.wait(3.0)
    peer.answer(200, ANSWER)
    assert client.status == 200


def test_no_first_event_in_time_sends_the_request_elsewhere(make_world):
    world = make_world(resilience=timed(first_token=5.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    for _ in range(5):
        world.wait(1.01)
        if not peer.aborted:
            peer.data(b": still waiting\n\n")
    world.wait(0.2)
    assert peer.aborted
    world.b.connect().answer(200, FIRST + END, kind="text/event-stream")
    assert client.body == FIRST + END


def test_a_stream_that_falls_silent_ends_with_an_error_event(make_world):
    world = make_world(resilience=timed(stall=5.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    world.wait(5.2)
    assert peer.aborted
    assert client.ended
    assert b"stalled" in client.body
    assert b"[DONE]" not in client.body
    assert world.event.outcome == "timeout"
    assert world.b.dials == []


def test_a_stream_that_keeps_coming_is_left_alone(make_world):
    world = make_world(resilience=timed(stall=5.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    for _ in range(20):
        world.wait(4.5)
        peer.data(FIRST)
    peer.end(END)
    assert client.body == FIRST * 21 + END


def test_a_whole_answer_that_stops_half_way_is_replaced(make_world):
    world = make_world(resilience=timed(stall=5.0))
    client = world.ask()
    peer = world.a.connect()
    peer.begin(200, ANSWER[:9], kind="application/json")
    world.wait(4.0)
    peer.data(ANSWER[9:12])
    world.wait(4.0)
    assert not peer.aborted
    world.wait(1.2)
    assert peer.aborted
    world.b.connect().answer(200, ANSWER)
    assert client.body == ANSWER


def test_a_binary_answer_that_falls_silent_is_broken_off(make_world):
    world = make_world(resilience=timed(stall=5.0))
    client = world.ask(endpoint="audio.speech")
    peer = world.a.connect()
    peer.begin(200, b"abc", kind="audio/mpeg")
    world.wait(5.2)
    assert client.aborted
    assert peer.aborted


def test_all_attempts_together_end_with_the_deadline(make_world):
    world = make_world(resilience=timed(headers=4.0, total=6.0))
    client = world.ask()
    world.a.connect()
    world.wait(4.2)
    peer = world.b.connect()
    world.wait(1.7)
    assert not client.over
    world.wait(0.3)
    assert peer.aborted
    assert client.status == 504
    assert len(world.event.attempts) == 2


def test_the_deadline_ends_a_dial_too(make_world):
    world = make_world(resilience=timed(total=3.0))
    client = world.ask()
    world.wait(3.2)
    assert world.a.dials[0].cancelled
    assert client.status == 504


def test_the_deadline_ends_a_stream_however_lively(make_world):
    world = make_world(resilience=timed(total=10.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    for _ in range(9):
        world.wait(1.0)
        peer.data(FIRST)
    world.wait(1.2)
    assert peer.aborted
    assert client.ended
    assert b"deadline" in client.body
    assert world.event.outcome == "deadline"


@pytest.mark.parametrize(("text", "seconds"), [("2s", 2.0), ("500ms", 0.5), ("3", 3.0), ("0.1m", 6.0), ("2 s", 2.0)])
def test_a_client_may_lower_the_deadline(text, seconds, world):
    client = world.ask(headers={"x-headway-timeout": text})
    world.a.connect()
    world.wait(seconds - 0.05)
    assert not client.over
    world.wait(0.3)
    assert client.status == 504


def test_a_client_that_sends_no_content_type_may_lower_the_deadline_too(world):
    client = world.ask(headers={"content-type": None, "x-headway-timeout": "1s"})
    world.a.connect()
    world.wait(1.3)
    assert client.status == 504


def test_a_client_cannot_raise_the_deadline(make_world):
    world = make_world(resilience=timed(total=2.0))
    client = world.ask(headers={"x-headway-timeout": "1h"})
    world.a.connect()
    world.wait(2.3)
    assert client.status == 504


@pytest.mark.parametrize("text", ["", "soon", "-1s", "0", "1d", "inf", "nan", "1e99", "2ss"])
def test_nonsense_in_the_timeout_header_is_refused(text, world):
    client = world.ask(headers={"x-headway-timeout": text})
    assert client.status == 400
    assert "x-headway-timeout" in client.error["message"]


def test_a_request_that_is_over_no_longer_wakes_the_sweep(world):
    for _ in range(3):
        world.ask()
        world.a.serving().answer(200, ANSWER)
    assert len(world.clock.timers) == 1
    world.wait(0.2)
    assert world.clock.timers == []


def test_the_sweep_outlives_an_exchange_that_it_stumbles_over(make_world):
    """A socket that raises where it should not must not leave all later requests without a deadline."""
    world = make_world(resilience=timed(attempts=1, headers=4.0))
    unlucky = world.ask()
    world.a.connect()
    unlucky.breaking = True
    with pytest.raises(RuntimeError):
        world.wait(5.0)
    unlucky.left = True
    client = world.ask()
    world.a.connect()
    world.wait(4.3)
    assert client.status == 504
