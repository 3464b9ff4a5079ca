"""Before the client has seen anything, another target may answer, whatever went wrong with the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headway.types import Resilience

CHOICES = b'"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]'
ANSWER = b'{"id":"1","object":"chat.completion",%b,"usage":{"prompt_tokens":3,"completion_tokens":4}}' % CHOICES
ERROR = b'{"error":{"message":"no luck today","type":"server_error","param":null,"code":null}}'
HTML = b"<!doctype html><title>502</title>"
EVENTS = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
DONE = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


SPOILT = b'"function_call_filter: MALFORMED_FUNCTION_CALL"'


def broken_off(peer: Any) -> None:
    peer.begin(200, ANSWER[:40], kind="application/json", content_length="500")
    peer.lose()


def broken_stream(peer: Any) -> None:
    peer.begin(200, EVENTS[:20])
    peer.lose()


BAD_WHOLE: dict[str, Callable[[Any], object]] = {
    "timeout": lambda peer: peer.answer(408, ERROR),
    "rate_limited": lambda peer: peer.answer(429, ERROR, retry_after="1"),
    "error": lambda peer: peer.answer(500, ERROR),
    "bad gateway with a page": lambda peer: peer.answer(502, HTML, kind="text/html"),
    "unavailable": lambda peer: peer.answer(503, ERROR),
    "overloaded": lambda peer: peer.answer(529, ERROR),
    "unauthorized": lambda peer: peer.answer(401, ERROR),
    "redirect": lambda peer: peer.answer(302, ERROR, location="http://elsewhere.test/"),
    "HTML with status 200": lambda peer: peer.answer(200, HTML, kind="text/html; charset=utf-8"),
    "HTML in pieces": lambda peer: peer.begin(200, HTML[:9], kind="text/html"),
    "broken JSON": lambda peer: peer.answer(200, ANSWER[:-1]),
    "no JSON at all": lambda peer: peer.answer(200, b"upstream connect error"),
    "empty JSON": lambda peer: peer.answer(200, b""),
    "nothing": lambda peer: peer.answer(204, kind=""),
    "no choice": lambda peer: peer.answer(200, ANSWER.replace(CHOICES, b'"choices":[]')),
    "a call that the model spoilt": lambda peer: peer.answer(200, ANSWER.replace(b'"stop"', SPOILT)),
    "another type of content": lambda peer: peer.answer(200, ANSWER, kind="text/plain"),
    "JSON error with status 200": lambda peer: peer.answer(200, ERROR),
    "error in pieces": lambda peer: (peer.begin(500, ERROR[:9], kind="application/json"), peer.end(ERROR[9:])),
    "broken off": broken_off,
    "lost before the head": lambda peer: peer.lose(),
}

BAD_STREAM: dict[str, Callable[[Any], object]] = {
    "error event first": lambda peer: peer.begin(200, b"data: " + ERROR + b"\n\n"),
    "named error event first": lambda peer: peer.begin(200, b'event: error\ndata: {"message":"no"}\n\n'),
    "no JSON": lambda peer: peer.begin(200, b"data: {oops\n\n"),
    "only a terminal": lambda peer: peer.answer(200, b"data: [DONE]\n\n", kind="text/event-stream"),
    "no event": lambda peer: (peer.begin(), peer.end()),
    "half an event": lambda peer: (peer.begin(200, EVENTS[:20]), peer.end()),
    "only comments": lambda peer: (peer.begin(200, b": wait\n\n"), peer.data(b": wait\n\n"), peer.end()),
    "broken off before its first event": broken_stream,
}


def good_stream(peer: Any) -> None:
    peer.begin(200, EVENTS)
    peer.end(DONE)


@pytest.mark.parametrize("how", BAD_WHOLE)
def test_a_bad_answer_is_replaced_by_the_next_targets(how, world):
    client = world.ask()
    BAD_WHOLE[how](world.a.connect())
    assert not client.begun
    world.b.connect().answer(200, ANSWER)
    assert client.status == 200
    assert client.body == ANSWER
    assert client.field("x-headway-target") == "b/m"
    assert world.event.outcome == "ok"
    assert [attempt.target for attempt in world.event.attempts] == ["a/m#default", "b/m#default"]


@pytest.mark.parametrize("how", [*BAD_WHOLE, *BAD_STREAM])
def test_a_bad_stream_is_replaced_by_the_next_targets(how, world):
    client = world.ask(stream=True)
    {**BAD_WHOLE, **BAD_STREAM}[how](world.a.connect())
    assert not client.begun
    good_stream(world.b.connect())
    assert client.status == 200
    assert client.body == EVENTS + DONE
    assert client.ended
    assert world.event.outcome == "ok"


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_connection_sends_the_request_elsewhere(stream, world):
    client = world.ask(stream=stream)
    world.a.refuse()
    peer = world.b.connect()
    if stream:
        good_stream(peer)
    else:
        peer.answer(200, ANSWER)
    assert client.status == 200
    assert client.field("x-headway-attempts") == "a/m#default=transport b/m#default=200"


def test_what_was_read_of_a_bad_answer_stays_with_the_gateway(world):
    client = world.ask()
    world.a.connect().answer(500, ERROR)
    world.b.connect().answer(200, ANSWER)
    assert b"luck" not in client.body
    assert "luck" not in str(client.fields)


def test_a_bad_answer_in_full_leaves_its_connection_fit_for_use(world):
    world.ask()
    peer = world.a.connect()
    peer.answer(500, ERROR)
    world.b.connect().answer(200, ANSWER)
    assert world.a.idle == [peer]


def test_a_bad_answer_that_goes_on_is_cut_off(world):
    world.ask()
    peer = world.a.connect()
    peer.begin(200, HTML, kind="text/html")
    assert peer.aborted
    world.b.connect().answer(200, ANSWER)


def test_an_endless_error_reply_is_not_read_to_its_end(world):
    world.ask()
    peer = world.a.connect()
    peer.begin(500, b"x" * 60_000, kind="text/plain")
    assert not peer.aborted
    peer.data(b"x" * 60_000)
    assert peer.aborted
    world.b.connect().answer(200, ANSWER)


def test_the_model_name_of_each_target_is_sent_to_it(make_world):
    world = make_world([["a/one"], ["b/two"]])
    world.ask(b'{"messages":[{"content":"x","n":1.0}],"model":"default","zzz":[1,2 ,3]}')
    peer = world.a.connect()
    assert peer.requests[0][1] == b'{"messages":[{"content":"x","n":1.0}],"model":"one","zzz":[1,2 ,3]}'
    peer.answer(500, ERROR)
    peer = world.b.connect()
    assert peer.requests[0][1] == b'{"messages":[{"content":"x","n":1.0}],"model":"two","zzz":[1,2 ,3]}'
    peer.answer(200, ANSWER)


def test_usage_is_asked_for_anew_with_each_attempt(world):
    world.ask(stream=True, stream_options={"include_obfuscation": False})
    peer = world.a.connect()
    assert peer.sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    peer.answer(500, ERROR)
    peer = world.b.connect()
    assert peer.sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    good_stream(peer)


def test_another_key_takes_over_from_one_that_is_rate_limited(make_world):
    world = make_world([["a#one", "a#two"]])
    client = world.ask()
    peer = world.a.connect()
    assert b"Bearer sk-a-one" in peer.head
    peer.answer(429, ERROR)
    peer = world.a.connect()
    assert b"Bearer sk-a-two" in peer.head
    peer.answer(200, ANSWER)
    assert client.field("x-headway-key") == "two"
    assert client.field("x-headway-attempts") == "a/m#one=429 a/m#two=200"


def test_a_connection_that_had_gone_stale_costs_a_fresh_one_not_the_target(world):
    world.ask()
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    client = world.ask()
    peer.lose(stale=True)
    world.a.connect().answer(200, ANSWER)
    assert client.field("x-headway-target") == "a/m"
    assert world.b.asked == 0


def test_after_a_stale_connection_no_other_idle_one_is_trusted(world):
    """They went idle at about the same time, and the upstream has most likely closed them all."""
    for _ in range(2):
        world.ask()
    first, second = [dial.connect() for dial in world.a.dials]
    first.answer(200, ANSWER)
    second.answer(200, ANSWER)
    client = world.ask()
    second.lose(stale=True)
    assert len(first.requests) == 1
    world.a.connect().answer(200, ANSWER)
    assert client.field("x-headway-target") == "a/m"


def test_an_idle_connection_that_proves_closed_at_once_costs_a_fresh_one_too(world):
    world.ask()
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    peer.lost = True
    client = world.ask()
    world.a.idle.clear()
    world.a.connect().answer(200, ANSWER)
    assert client.status == 200
    assert client.field("x-headway-target") == "a/m"


def test_attempts_are_counted(make_world):
    world = make_world([["a"], ["b"], ["c"], ["d"]], resilience=Resilience(attempts=3))
    client = world.ask()
    for name in "abc":
        world[name].connect().answer(500, ERROR)
    assert client.status == 502
    assert len(world.event.attempts) == 3
    assert world["d"].dials == []


def test_a_client_may_lower_the_attempts(world):
    client = world.ask(headers={"x-headway-attempts": "1"})
    world.a.connect().answer(500, ERROR)
    assert client.over
    assert world.b.dials == []


def test_a_client_cannot_raise_the_attempts(make_world):
    world = make_world(resilience=Resilience(attempts=1))
    client = world.ask(headers={"x-headway-attempts": "9"})
    world.a.connect().answer(503, ERROR)
    assert client.over
    assert world.b.dials == []


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", ""])
def test_nonsense_in_the_attempts_header_is_refused(value, world):
    client = world.ask(headers={"x-headway-attempts": value})
    assert client.status == 400
    assert "x-headway-attempts" in client.error["message"]
    assert world.event.attempts == ()


def test_failed_attempts_hold_no_slots(make_world):
    world = make_world(resilience=Resilience(attempts=2), concurrency=1)
    for _ in range(3):
        client = world.ask()
        world.a.serving().answer(500, ERROR)
        assert world.slots == 1
        world.b.serving().answer(500, ERROR)
        assert client.status == 502
        assert world.slots == 0


def test_a_stale_connection_is_no_attempt_of_its_own(world):
    world.ask()
    peer = world.a.connect()
    peer.answer(200, ANSWER)
    client = world.ask(headers={"x-headway-attempts": "1"})
    peer.lose(stale=True)
    world.a.connect().answer(200, ANSWER)
    assert client.field("x-headway-target") == "a/m"
    assert client.field("x-headway-attempts").count("=") == 1
