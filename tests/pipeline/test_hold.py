"""A stream that is slow to begin: the client gets a head and comments, so that nothing on the way takes the connection
for dead, and another target may still answer.
"""

from __future__ import annotations

from typing import Any

import pytest

from headway.pipeline.attempt import HOLD_LIMIT
from headway.types import Resilience, Timeouts

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
REFUSED = b'{"error":{"message":"too many max_tokens","type":"invalid_request_error","param":null,"code":null}}'
OVERLOADED = b'data: {"error":{"message":"full","code":"server_is_overloaded"}}\n\n'
WAITING = b": waiting for the first token\n\n"


def timed(attempts: int = 3, **seconds: Any) -> Resilience:
    return Resilience(attempts=attempts, timeouts=Timeouts(**seconds))


def held(world, seconds: float = 16.0, **fields):
    """A request that the client knows to be under way, and no more."""
    client = world.ask(stream=True, **fields)
    peer = world.a.connect()
    world.wait(seconds)
    assert client.status == 200
    assert set(client.pieces) == {WAITING}
    return client, peer


def test_a_stream_that_is_slow_to_begin_shows_a_head_and_a_comment(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    world.wait(14.9)
    assert not client.begun
    world.wait(0.3)
    assert client.status == 200
    assert client.body == WAITING
    assert client.length is None
    fields = dict(client.fields)
    request_id = fields.pop("x-request-id")
    assert fields == {"content-type": "text/event-stream", "x-headway-route": "default"}
    peer.begin(200, ROLE + FIRST)
    peer.end(END)
    assert client.body == WAITING + ROLE + FIRST + END
    assert world.event.request_id == request_id
    assert world.event.status == 200
    assert world.event.outcome == "ok"


def test_a_sign_of_life_is_repeated_as_long_as_nothing_else_comes(make_world):
    world = make_world([["a"]], reasoning="a")
    client, peer = held(world, 46.0)
    assert len(client.pieces) == 3
    peer.begin(200, ROLE)
    world.wait(15.0)
    assert len(client.pieces) == 4
    peer.data(FIRST)
    world.wait(50.0)
    assert len(client.comments) == 4, "the model speaks for itself now"
    peer.end(END)
    assert client.text == "hi"


def test_the_first_byte_is_that_of_the_answer(world):
    _, peer = held(world, 18.0)
    peer.begin(200, FIRST)
    peer.end(END)
    assert world.event.first_byte == pytest.approx(18.0)


@pytest.mark.parametrize("patience", [1.0, 5.0])
def test_a_route_says_how_long_to_wait_for_the_first_comment(patience, make_world):
    world = make_world(resilience=timed(hold=patience))
    client = world.ask(stream=True)
    world.wait(patience - 0.05)
    assert not client.begun
    world.wait(0.2)
    assert client.body == WAITING
    client.leave()


def test_a_route_may_hold_the_status_for_as_long_as_it_takes(make_world):
    world = make_world([["a"]], resilience=timed(hold=None))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    world.wait(100.0)
    assert not client.begun
    peer.end(OVERLOADED)
    world.wait(2.0)
    assert not client.begun
    world.a.connect().answer(200, OVERLOADED, kind="text/event-stream")
    assert client.status == 503


@pytest.mark.parametrize(
    ("endpoint", "fields"), [("chat", {}), ("chat", {"stream": False}), ("embeddings", {"input": "x"})]
)
def test_a_whole_answer_is_never_begun_before_it_is_there(endpoint, fields, world):
    client = world.ask(endpoint=endpoint, **fields)
    peer = world.a.connect()
    world.wait(100.0)
    assert not client.begun
    peer.answer(200, ANSWER)
    assert client.body == ANSWER


def test_audio_is_never_begun_with_a_comment(world):
    client = world.ask(endpoint="audio.speech", stream=True, input="x")
    peer = world.a.connect()
    world.wait(20.0)
    assert not client.begun
    peer.begin(200, b"\x00", kind="audio/mpeg")
    peer.end()


def test_another_target_may_still_answer(world):
    client, peer = held(world)
    peer.lose()
    second = world.b.connect()
    second.begin(200, ROLE)
    second.data(FIRST)
    second.end(END)
    assert client.body == WAITING + ROLE + FIRST + END
    assert world.event.outcome == "ok"
    assert world.tried == [("a", "bad_reply", "first"), ("b", "200", "failover")]


def test_the_wait_before_a_repeat_is_held_too(make_world):
    world = make_world([["a"]], resilience=timed(hold=2.0))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.answer(429, b"{}", retry_after="5")
    world.wait(4.5)
    assert client.body == WAITING * 2
    world.wait_until(lambda: peer.waiting, within=1.5)
    peer.begin(200, FIRST)
    peer.end(END)
    assert client.text == "hi"


def test_a_stream_that_is_collected_whole_is_held_until_then(make_world):
    resilience = Resilience(stream="whole", timeouts=Timeouts(hold=5.0))
    world = make_world(resilience=resilience)
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, FIRST)
    for _ in range(11):
        world.wait(1.0)
        peer.data(FIRST)
    assert client.body == WAITING * 2
    peer.end(END)
    assert client.body == WAITING * 2 + FIRST * 12 + END


# What fails then.


def test_a_later_failure_is_an_error_in_the_stream(make_world):
    world = make_world([["a"]], resilience=timed(1))
    client, peer = held(world)
    peer.answer(503, b"{}")
    assert client.status == 200
    assert client.ended
    (event,) = client.events
    assert event["error"]["code"] == "upstream_overloaded"
    assert "a/m#default answered 503" in event["error"]["message"]
    assert b"[DONE]" not in client.body
    assert world.event.status == 200
    assert world.event.outcome == "overloaded"
    assert not world.event.broke, "no part of an answer was shown"


def test_a_later_failure_is_told_in_the_words_of_the_responses_api(make_world):
    world = make_world([["a"]], resilience=timed(1))
    client, peer = held(world, endpoint="responses")
    peer.lose()
    assert client.body.startswith(WAITING + b"event: error\ndata: ")
    (event,) = client.events
    assert event["type"] == "error"
    assert event["code"] == "upstream_bad_reply"
    assert event["sequence_number"] == 0
    assert world.event.status == 200


def test_the_clients_own_mistake_is_told_in_the_stream(world):
    client, peer = held(world)
    peer.answer(400, REFUSED)
    (event,) = client.events
    assert event["error"]["code"] == "invalid_request"
    assert "too many max_tokens" in event["error"]["message"]
    assert world.event.outcome == "invalid_request"
    assert world.b.dials == []


def test_the_deadline_is_told_in_the_stream(make_world):
    world = make_world(resilience=timed(total=20.0))
    client, peer = held(world)
    world.wait(4.2)
    assert peer.aborted
    (event,) = client.events
    assert event["error"]["code"] == "deadline_exceeded"
    assert world.event.outcome == "deadline"


def test_when_all_fail_the_stream_tells_of_each(make_world):
    world = make_world(resilience=timed(2))
    client, peer = held(world)
    peer.lose()
    world.b.connect().answer(200, b'{"error":{"message":"oops"}}')
    (event,) = client.events
    assert "1. a/m#default broke off" not in client.pieces
    assert "All 2 attempts failed" in event["error"]["message"]
    assert client.ended


@pytest.mark.parametrize(
    ("kind", "coding"), [("application/json", {}), ("application/json", {"content_encoding": "gzip"}), ("text/x", {})]
)
def test_an_answer_that_is_no_stream_cannot_follow(kind, coding, world):
    client, peer = held(world)
    peer.answer(200, ANSWER, kind=kind, **coding)
    world.b.connect().answer(200, FIRST + END, kind="text/event-stream")
    assert client.body == WAITING + FIRST + END
    assert world.event.outcome == "ok"


@pytest.mark.parametrize("coding", [{}, {"content_encoding": "gzip"}])
def test_an_answer_that_is_no_stream_cannot_follow_however_long_it_is(coding, world):
    client, peer = held(world)
    peer.begin(200, b'{"choices":[' + b" " * HOLD_LIMIT, kind="application/json", **coding)
    world.b.connect().answer(200, FIRST + END, kind="text/event-stream")
    assert client.body == WAITING + FIRST + END
    assert world.tried == [("a", "bad_reply", "first"), ("b", "200", "failover")]


# The client.


def test_a_client_that_leaves_then_has_left(world):
    client, peer = held(world)
    client.leave()
    assert peer.aborted
    assert world.event.outcome == "cancelled"
    assert world.event.status == 499
    world.wait(30.0)


def test_a_client_that_takes_nothing_is_sent_no_more_comments(world):
    client, peer = held(world)
    client.block()
    world.wait(12.0)
    assert client.body == WAITING
    client.unblock()
    peer.begin(200, FIRST)
    peer.end(END)
    assert client.body == WAITING + FIRST + END


def test_a_blocked_client_stops_the_reading_of_whoever_answers_in_the_end(world):
    client, peer = held(world)
    client.block()
    peer.lose()
    second = world.b.connect()
    second.begin(200, FIRST)
    assert second.paused
    client.unblock()
    assert not second.paused
    second.end(END)


def test_a_shutdown_breaks_off_what_is_held(world):
    client, _ = held(world)
    world.gateway.close()
    assert client.aborted


def test_the_status_that_is_recorded_is_the_one_that_the_client_got(world):
    client, peer = held(world)
    peer.begin(201, FIRST)
    peer.end(END)
    assert client.status == 200
    assert world.event.status == 200
    assert world.event.attempts[0].result == "201"
