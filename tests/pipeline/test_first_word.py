"""A stream has begun with the model's first word: until then any target may answer, and any status is possible."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headway.types import Resilience


def event(name: str = "", **fields: Any) -> bytes:
    data = b"data: " + msgspec.json.encode(fields) + b"\n\n"
    return b"event: " + name.encode() + b"\n" + data if name else data


def chunk(**delta: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": delta, "finish_reason": None}])


def response(kind: str, number: int, **fields: Any) -> bytes:
    return event(kind, type=kind, sequence_number=number, **fields)


ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
ROLE = chunk(role="assistant", content="")
WORD = chunk(content="hi")
STOP = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
DONE = b"data: [DONE]\n\n"
ERROR = event(error={"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"})

CREATED = response("response.created", 0, response={"id": "r1", "status": "in_progress", "error": None, "output": []})
BEGINNING = [
    CREATED,
    response("response.in_progress", 1, response={"id": "r1", "status": "in_progress", "error": None}),
    response("response.output_item.added", 2, output_index=0, item={"type": "message", "content": []}),
    response("response.content_part.added", 3, output_index=0, part={"type": "output_text", "text": ""}),
]
DELTA = response("response.output_text.delta", 4, delta="hi")
COMPLETED = response("response.completed", 5, response={"id": "r1", "output": [{"type": "message"}]})

FILTERS = event(choices=[], prompt_filter_results=[{"index": 0}])
QUIET = [ROLE, chunk(), chunk(content=None), chunk(content="", refusal=None, tool_calls=[]), FILTERS, b": hold on\n\n"]
WORDS = [
    chunk(content=" "),
    chunk(reasoning_content="hm"),
    chunk(refusal="no"),
    chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]),
    STOP,
    event(choices=[{"index": 0, "delta": {}, "finish_reason": "content_filter"}]),
]


def good_stream(peer: Any) -> None:
    peer.begin(200, ROLE + WORD)
    peer.end(STOP + DONE)


@pytest.mark.parametrize("quiet", QUIET)
def test_what_says_nothing_yet_is_held(quiet, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, quiet)
    peer.data(quiet)
    assert not client.begun
    peer.data(WORD)
    assert client.body == quiet * 2 + WORD
    peer.end(STOP + DONE)


@pytest.mark.parametrize("word", WORDS)
def test_the_models_first_word_is_shown_at_once(word, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, ROLE)
    peer.data(word)
    assert client.body == ROLE + word
    peer.end(STOP + DONE)
    assert world.event.outcome == "ok"


def test_a_response_is_held_until_its_first_word_too(world):
    client = world.ask(stream=True, endpoint="responses")
    peer = world.a.connect()
    peer.begin()
    for quiet in BEGINNING:
        peer.data(quiet)
    assert not client.begun
    peer.data(DELTA)
    peer.end(COMPLETED)
    assert client.body == b"".join(BEGINNING) + DELTA + COMPLETED
    assert world.event.outcome == "ok"


@pytest.mark.parametrize("first_word_with_the_rest", [True, False])
def test_what_a_target_said_before_it_failed_is_never_shown(first_word_with_the_rest, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, ROLE + WORD[:30] if first_word_with_the_rest else ROLE)
    peer.lose()
    assert not client.begun
    good_stream(world.b.connect())
    assert client.body == ROLE + WORD + STOP + DONE
    assert client.body.count(b'"role"') == 1


def test_a_response_is_created_once_whoever_answers(world):
    client = world.ask(stream=True, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, b"".join(BEGINNING).replace(b"r1", b"r0"))
    peer.lose()
    peer = world.b.connect()
    peer.begin(200, b"".join(BEGINNING))
    peer.end(DELTA + COMPLETED)
    assert client.body == b"".join(BEGINNING) + DELTA + COMPLETED
    assert client.body.count(b"event: response.created") == 1


# Errors in place of a first word.


@pytest.mark.parametrize("before", [b"", ROLE, b": hold on\n\n"])
def test_an_error_event_before_any_word_sends_the_request_elsewhere(before, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, before + ERROR)
    assert peer.aborted
    assert not client.begun
    good_stream(world.b.connect())
    assert client.body == ROLE + WORD + STOP + DONE
    assert world.event.attempts[0].failure == "rate_limited"


@pytest.mark.parametrize(
    "error",
    [
        response("error", 1, code="server_error", message="oops"),
        response("response.failed", 1, response={"error": {"code": "server_error", "message": "oops"}}),
    ],
)
def test_a_response_that_fails_before_any_word_sends_the_request_elsewhere(error, world):
    client = world.ask(stream=True, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, CREATED)
    peer.data(error)
    assert not client.begun
    peer = world.b.connect()
    peer.begin(200, b"".join(BEGINNING))
    peer.end(DELTA + COMPLETED)
    assert client.body == b"".join(BEGINNING) + DELTA + COMPLETED
    assert world.event.attempts[0].failure == "server_error"


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("rate_limit_exceeded", 429, "rate_limit_exceeded"),
        ("server_is_overloaded", 503, "upstream_overloaded"),
        ("server_error", 502, "upstream_error"),
        ("invalid_api_key", 401, "upstream_key_refused"),
        ("insufficient_quota", 402, "upstream_billing_exhausted"),
        ("context_length_exceeded", 400, "context_length_exceeded"),
        ("content_policy_violation", 400, "content_blocked"),
        ("never_heard_of", 502, "upstream_error"),
    ],
)
def test_an_error_event_that_nobody_makes_good_becomes_a_real_status(code, status, told, make_world):
    world = make_world(resilience=Resilience(attempts=1))
    client = world.ask(stream=True)
    world.a.connect().begin(200, event(error={"message": "no", "code": code}))
    assert client.status == status
    assert client.error["code"] == told
    assert client.field("content-type") == "application/json"
    assert world.event.status == status
    assert not world.event.broke


@pytest.mark.parametrize("ending", ["error", "nothing", "broken"])
def test_two_streams_that_both_fail_before_a_word_are_no_success(ending, make_world):
    world = make_world(resilience=Resilience(attempts=2))
    client = world.ask(stream=True)
    for origin in (world.a, world.b):
        peer = origin.connect()
        peer.begin(200, ROLE)
        if ending == "error":
            peer.data(ERROR)
        elif ending == "nothing":
            peer.end()
        else:
            peer.lose()
    assert client.status == (429 if ending == "error" else 502)
    assert "All 2 attempts failed" in client.error["message"]
    assert b"data:" not in client.body


def test_a_refused_key_in_an_error_event_is_parked_like_any_other(world):
    for _ in range(2):
        world.ask(stream=True)
        if world.a.dials and not world.a.peers:
            world.a.connect().begin(200, event(error={"message": "no", "code": "invalid_api_key"}))
        good_stream(world.b.serving())
    assert world.a.asked == 1
    assert [change.what for change in world.changes] == ["key_parked"]


# Other ways to begin badly.


@pytest.mark.parametrize(
    ("body", "kind", "failure"),
    [
        (ANSWER, "application/json", "bad_reply"),
        (WORD + STOP + DONE, "text/plain", "bad_reply"),
        (b"\x00\x01", "application/octet-stream", "bad_reply"),
        (ROLE + DONE, "text/event-stream", "bad_reply"),
        (ROLE, "text/event-stream", "bad_reply"),
        (ROLE + b"data: upstream connect error\n\n", "text/event-stream", "bad_reply"),
        (STOP.replace(b'"stop"', b'"MALFORMED_FUNCTION_CALL"') + DONE, "text/event-stream", "model_fault"),
        (event(choices=[{"index": 0, "delta": {}, "finish_reason": "error"}]), "text/event-stream", "unknown"),
    ],
)
def test_what_is_no_answer_in_a_stream_sends_the_request_elsewhere(body, kind, failure, world):
    client = world.ask(stream=True)
    world.a.connect().answer(200, body, kind=kind)
    assert not client.begun
    good_stream(world.b.connect())
    assert client.text == "hi"
    assert world.event.attempts[0].failure == failure


def test_a_compressed_answer_is_no_stream_either(world):
    client = world.ask(stream=True)
    world.a.connect().answer(200, b"\x1f\x8b...", content_encoding="gzip")
    assert not client.begun
    good_stream(world.b.connect())
    assert client.text == "hi"


def test_a_whole_answer_too_large_to_hold_is_no_stream_either(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, ANSWER, kind="application/json")
    for _ in range(12):
        if peer.waiting:
            peer.data(b" " * 100_000)
    assert peer.aborted
    assert not client.begun
    good_stream(world.b.connect())


def test_a_response_that_is_complete_without_any_output_is_none(world):
    client = world.ask(stream=True, endpoint="responses")
    empty = response("response.completed", 1, response={"id": "r0", "output": []})
    world.a.connect().answer(200, CREATED + empty, kind="text/event-stream")
    assert not client.begun
    world.b.connect().answer(200, b"".join(BEGINNING) + DELTA + COMPLETED, kind="text/event-stream")
    assert world.event.attempts[0].failure == "bad_reply"


def test_what_the_model_spoilt_is_no_ill_health(world):
    for _ in range(10):
        world.ask(stream=True)
        world.a.serving().answer(200, STOP.replace(b'"stop"', b'"malformed_function_call"'), kind="text/event-stream")
        good_stream(world.b.serving())
    assert world.a.asked == 10
    assert world.changes == []


def test_events_without_a_content_type_are_a_stream_if_one_was_asked_for(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, WORD, kind="")
    peer.end(STOP + DONE)
    assert client.body == WORD + STOP + DONE
    assert client.field("content-type") == "text/event-stream"


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_a_stream_that_nobody_asked_for_sends_the_request_elsewhere(endpoint, world):
    client = world.ask(endpoint=endpoint)
    world.a.connect().answer(200, WORD + STOP + DONE, kind="text/event-stream")
    assert not client.begun
    world.b.connect().answer(200, b'{"object":"x","output":[],"choices":[{}]}')
    assert client.status == 200


def test_a_beginning_without_end_is_shown_rather_than_held_for_ever(world):
    """What is held of one stream is bounded."""
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin()
    for _ in range(300):
        peer.data(b": " + b"x" * 1000 + b"\n\n")
    assert client.begun
    peer.data(WORD)
    peer.end(STOP + DONE)
    assert client.text == "hi"


# The provider's own error after the first word.


@pytest.mark.parametrize("apart", [True, False])
def test_an_error_event_after_a_word_is_passed_on_as_it_is_and_ends_the_stream(apart, world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    rest = chunk(content="never")
    peer.begin(200, WORD + chunk(content="o"))
    for piece in (ERROR, rest) if apart else (ERROR + rest,):
        if peer.waiting:
            peer.data(piece)
    assert client.body == WORD + chunk(content="o") + ERROR
    assert client.ended
    assert peer.aborted
    assert world.b.dials == []
    assert (world.event.outcome, world.event.broke, world.event.status) == ("rate_limited", True, 200)


def test_an_error_event_and_a_terminal_after_it_do_not_make_an_answer(world):
    client = world.ask(stream=True)
    world.a.connect().answer(200, WORD + ERROR + DONE, kind="text/event-stream")
    assert client.body == WORD + ERROR
    assert world.event.outcome == "rate_limited"


def test_a_response_that_fails_after_a_word_is_passed_on_as_it_is(world):
    failed = response("response.failed", 5, response={"id": "r1", "error": {"code": "server_error", "message": "x"}})
    client = world.ask(stream=True, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, CREATED + DELTA)
    peer.end(failed)
    assert client.body == CREATED + DELTA + failed
    assert world.event.outcome == "server_error"
    assert world.event.broke


def test_an_error_event_after_a_word_teaches_as_much_as_a_status(world):
    for _ in range(5):
        world.ask(stream=True)
        peer = world.a.serving()
        peer.begin(200, WORD)
        peer.data(event(error={"message": "no", "code": "server_error"}))
    assert [change.what for change in world.changes] == ["breaker_opened"]


def test_a_model_that_speaks_of_errors_has_made_none(world):
    said = chunk(content='{"error": {"message": "no"}}') + chunk(content='data: {"error": 1}')
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, said)
    peer.end(STOP + DONE)
    assert client.body == said + STOP + DONE
    assert world.event.outcome == "ok"


def test_a_key_that_a_provider_quotes_in_an_error_event_is_masked_in_what_we_say_of_it(make_world):
    world = make_world(resilience=Resilience(attempts=1))
    client = world.ask(stream=True)
    world.a.connect().begin(200, event(error={"message": "bad key sk-a-default", "code": "server_error"}))
    assert b"sk-a-default" not in client.body
    assert "sk-a-default" not in (world.event.error or "")


@pytest.mark.parametrize("usual", ["hi", "x" * 400])
@pytest.mark.parametrize("apart", [True, False])
def test_an_error_that_looks_much_like_a_word_is_found(apart, usual, world):
    """Some providers put it beside choices, in a chunk that ends as every other does."""
    choices = [{"index": 0, "delta": {"content": ""}, "finish_reason": None}]
    error = event(id="x", error={"message": "Provider disconnected", "code": 502}, choices=choices)
    client = world.ask(stream=True)
    peer = world.a.connect()
    words = chunk(content=usual) * 2
    peer.begin(200, chunk(content=usual))
    for piece in (words, error, STOP, DONE) if apart else (words + error + STOP + DONE,):
        if peer.waiting:
            peer.data(piece)
    if peer.waiting:
        peer.end()
    assert client.body == chunk(content=usual) + words + error
    assert world.event.outcome == "server_error"
    assert world.event.broke
