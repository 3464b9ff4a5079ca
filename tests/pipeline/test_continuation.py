"""A text that breaks off may be continued: once, by a target that can, and only if the route allows it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headway.types import Quirks, Resilience, Timeouts

ALLOWED = Resilience(continuation=True)
ABLE = {name: Quirks(prefill="plain") for name in "bc"}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
DONE = b"data: [DONE]\n\n"
SEAM = b": continued by b/m\n\n"
ASKED = [{"role": "user", "content": "Tell me a story."}]


def event(**fields: Any) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"


def chunk(who: str, finish: str | None = None, **delta: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return event(id=f"id-{who}", object="chat.completion.chunk", created=1, model=who, choices=choices)


def usage_of(who: str, prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event(id=f"id-{who}", object="chat.completion.chunk", created=1, model=who, choices=[], usage=usage)


FIRST = chunk("a", role="assistant", content="Once upon a time ") + chunk("a", content="there lived a cat. ")
SAID = "Once upon a time there lived a cat. "
STOP = chunk("b", "stop")
NEXT = chunk("b", role="assistant", content="") + chunk("b", content="It slept all day") + chunk("b", content=" long.")
OVERLOADED = event(error={"message": "full", "code": "server_is_overloaded"})

BREAKS = {
    "lost": lambda peer: peer.lose(),
    "ended": lambda peer: peer.end(),
    "error event": lambda peer: peer.data(OVERLOADED),
    "half an event": lambda peer: (peer.data(chunk("a", content="never")[:40]), peer.lose()),
}


def begun(world: Any, **fields: Any) -> tuple[Any, Any]:
    """A client that has seen the first part of an answer, and the connection it comes from."""
    client = world.ask(stream=True, **{"messages": ASKED, **fields})
    peer = world.a.serving()
    peer.begin(200, FIRST)
    assert client.text == SAID
    return client, peer


def not_continued(world: Any, client: Any) -> None:
    """The client was told that its answer broke off, and nobody else was asked."""
    assert "error" in client.events[-1]
    assert client.text == SAID
    assert client.ended
    assert b"[DONE]" not in client.body
    assert world.event.broke
    assert not any(origin.dials for name, origin in world.origins.items() if name != "a")


@pytest.fixture
def allowed(make_world):
    return make_world(resilience=ALLOWED, quirks=ABLE)


# How it goes on.


@pytest.mark.parametrize("how", BREAKS)
def test_a_text_that_breaks_off_goes_on_elsewhere(how, allowed):
    client, peer = begun(allowed)
    BREAKS[how](peer)
    assert not client.over
    second = allowed.b.connect()
    assert second.sent["messages"] == [*ASKED, {"role": "assistant", "content": SAID.rstrip()}]
    assert second.sent["model"] == "m"
    second.begin(200, NEXT)
    second.end(STOP + DONE)
    assert client.text == SAID + "It slept all day long."
    assert client.body.count(SEAM) == 1
    assert client.events[-1] == "[DONE]"
    assert (allowed.event.outcome, allowed.event.status, allowed.event.broke) == ("ok", 200, False)
    assert [(name, reason) for name, _, reason in allowed.tried] == [("a", "first"), ("b", "continuation")]
    assert allowed.event.attempts[0].failure is not None


def test_the_envelope_stays_that_of_the_first_answer(allowed):
    client, peer = begun(allowed)
    peer.lose()
    allowed.b.connect().answer(200, NEXT + STOP + DONE, kind="text/event-stream")
    chunks = client.events[:-1]
    assert {each["id"] for each in chunks} == {"id-a"}
    assert {each["model"] for each in chunks} == {"a"}
    assert [each["choices"][0]["delta"].get("role") for each in chunks].count("assistant") == 1
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_what_the_second_model_repeats_is_cut_off(allowed):
    client, peer = begun(allowed)
    peer.lose()
    second = allowed.b.connect()
    second.begin(200, chunk("b", content="there lived "))
    second.data(chunk("b", content="a cat. It slept."))
    second.end(STOP + DONE)
    assert client.text == SAID + "It slept."


def test_the_seam_is_marked_where_the_second_answer_begins(allowed):
    client, peer = begun(allowed)
    peer.lose()
    second = allowed.b.connect()
    second.begin(200, chunk("b", role="assistant", content=""))
    assert client.body == FIRST, "a role is no word"
    second.data(chunk("b", content="It slept."))
    assert client.body.startswith(FIRST + SEAM)
    second.end(STOP + DONE)


def test_usage_is_told_for_both_parts(allowed):
    client, peer = begun(allowed, stream_options={"include_usage": True})
    peer.data(usage_of("a", 10, 8))
    peer.lose()
    allowed.b.connect().answer(200, NEXT + STOP + usage_of("b", 18, 6) + DONE, kind="text/event-stream")
    told = [each["usage"] for each in client.events[:-1] if each.get("usage")]
    assert told[-1]["completion_tokens"] == 14
    assert allowed.event.usage is not None
    assert allowed.event.usage.input_tokens == 18
    assert allowed.event.usage.output_tokens == 14


def test_what_the_first_part_used_is_estimated_where_it_was_not_told(allowed):
    client, peer = begun(allowed)
    peer.lose()
    allowed.b.connect().answer(200, NEXT + STOP + usage_of("b", 18, 6) + DONE, kind="text/event-stream")
    assert allowed.event.usage is not None
    assert allowed.event.usage.output_tokens == 6 + len(SAID) // 4
    assert b'"usage"' not in client.body, "the client did not ask for it"


def test_the_bytes_of_both_parts_are_counted(allowed):
    client, peer = begun(allowed)
    peer.lose()
    allowed.b.connect().answer(200, NEXT + STOP + DONE, kind="text/event-stream")
    assert allowed.event.reply_bytes == len(client.body) - len(SEAM)


def test_limits_of_tokens_are_lowered_by_what_was_said(allowed):
    _, peer = begun(allowed, max_tokens=100)
    peer.lose()
    second = allowed.b.connect()
    assert second.sent["max_tokens"] == 100 - len(SAID) // 4
    second.answer(200, NEXT + STOP + DONE, kind="text/event-stream")


def test_a_stall_is_continued_too(make_world):
    world = make_world(resilience=Resilience(continuation=True, timeouts=Timeouts(stall=5.0)), quirks=ABLE)
    client, peer = begun(world)
    world.wait(5.2)
    assert peer.aborted
    world.b.connect().answer(200, NEXT + STOP + DONE, kind="text/event-stream")
    assert client.text == SAID + "It slept all day long."


def test_a_slow_client_slows_down_whoever_goes_on(allowed):
    client, peer = begun(allowed)
    client.block()
    peer.lose()
    second = allowed.b.connect()
    second.begin(200, NEXT)
    assert second.paused
    client.unblock()
    assert not second.paused
    second.end(STOP + DONE)


def test_a_client_that_leaves_meanwhile_closes_the_second_upstream(allowed):
    client, peer = begun(allowed)
    peer.lose()
    second = allowed.b.connect()
    client.leave()
    assert second.aborted
    assert allowed.event.outcome == "cancelled"
    assert allowed.event.status == 499


@pytest.mark.parametrize(
    ("prefill", "field"),
    [("prefix", ("prefix", True)), ("continue", None)],
)
def test_each_provider_is_asked_to_go_on_in_its_own_way(prefill, field, make_world):
    world = make_world(resilience=ALLOWED, quirks={"b": Quirks(prefill=prefill)})
    _, peer = begun(world)
    peer.lose()
    second = world.b.connect()
    if field is not None:
        assert second.sent["messages"][-1][field[0]] is field[1]
    else:
        assert second.sent["continue_final_message"] is True
        assert second.sent["add_generation_prompt"] is False
    second.answer(200, NEXT + STOP + DONE, kind="text/event-stream")


# When it does not.


@pytest.mark.parametrize("how", BREAKS)
def test_nothing_is_continued_unless_the_route_says_so(how, make_world):
    world = make_world(quirks=ABLE)
    client, peer = begun(world)
    BREAKS[how](peer)
    not_continued(world, client)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": TOOLS},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
        {"logprobs": True},
        {"store": True},
        {"max_tokens": 5},
    ],
)
def test_a_request_for_more_than_one_plain_text_is_never_continued(fields, allowed):
    client, peer = begun(allowed, **fields)
    peer.lose()
    not_continued(allowed, client)


@pytest.mark.parametrize(
    "more",
    [
        chunk("a", reasoning_content="hm"),
        chunk("a", tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]),
        chunk("a", annotations=[{"type": "url_citation"}]),
        chunk("a", content=" Look:\n```json\n{"),
    ],
)
def test_an_answer_that_holds_more_than_plain_text_is_never_continued(more, allowed):
    client, peer = begun(allowed)
    peer.data(more)
    peer.lose()
    assert "error" in client.events[-1]
    assert allowed.event.broke
    assert allowed.b.dials == []


def test_an_answer_that_has_finished_is_never_continued(allowed):
    client, peer = begun(allowed, n=1)
    peer.data(chunk("a", "stop"))
    peer.data(OVERLOADED)
    assert allowed.b.dials == []
    assert client.ended


def test_a_target_that_cannot_go_on_with_anothers_words_is_never_sent_them(make_world):
    world = make_world(resilience=ALLOWED)
    client, peer = begun(world)
    peer.lose()
    not_continued(world, client)


def test_a_target_that_can_is_found_behind_one_that_cannot(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=ALLOWED, quirks={"c": Quirks(prefill="plain")})
    client, peer = begun(world)
    peer.lose()
    assert world.b.dials == []
    world["c"].connect().answer(200, NEXT + STOP + DONE, kind="text/event-stream")
    assert b": continued by c/m\n\n" in client.body


def test_the_deployment_that_broke_off_is_not_asked_to_go_on(make_world):
    world = make_world([["a#one", "a#two"]], resilience=ALLOWED, quirks=Quirks(prefill="plain"))
    client, peer = begun(world)
    peer.lose()
    not_continued(world, client)


def test_attempts_are_counted_for_this_too(make_world):
    world = make_world(resilience=Resilience(continuation=True, attempts=1), quirks=ABLE)
    client, peer = begun(world)
    peer.lose()
    not_continued(world, client)


@pytest.mark.parametrize("code", ["content_policy_violation", "context_length_exceeded", "invalid_prompt"])
def test_what_a_provider_refuses_in_the_middle_is_not_asked_of_another(code, allowed):
    client, peer = begun(allowed)
    peer.data(event(error={"message": "no", "code": code}))
    not_continued(allowed, client)


def test_a_deadline_is_no_reason_to_go_on(make_world):
    world = make_world(resilience=Resilience(continuation=True, timeouts=Timeouts(total=10.0)), quirks=ABLE)
    client, peer = begun(world)
    world.wait(10.2)
    assert peer.aborted
    not_continued(world, client)


def test_a_client_that_leaves_is_not_continued(allowed):
    client, peer = begun(allowed)
    client.leave()
    assert peer.aborted
    assert allowed.b.dials == []


# When that fails too.


def test_a_second_break_is_the_end(make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=ALLOWED, quirks=ABLE)
    client, peer = begun(world)
    peer.lose()
    second = world.b.connect()
    second.begin(200, NEXT)
    second.lose()
    assert client.text == SAID + "It slept all day long."
    assert client.events[-1]["error"]["code"] == "stream_interrupted"
    assert client.ended
    assert world["c"].dials == []
    assert world.event.broke
    assert world.event.status == 200
    assert [each.result for each in world.event.attempts] == ["bad_reply", "bad_reply"]


SECOND_FAILS = {
    "cannot be reached": lambda world: world.b.refuse(),
    "lost": lambda world: world.b.connect().lose(),
    "error": lambda world: world.b.connect().answer(503, b"{}"),
    "refusal": lambda world: world.b.connect().answer(400, b'{"error":{"message":"no prefill here"}}'),
    "page": lambda world: world.b.connect().answer(200, b"<html>", kind="text/html"),
    "whole": lambda world: world.b.connect().answer(200, b'{"object":"x","choices":[{}]}'),
    "nothing": lambda world: world.b.connect().answer(200, chunk("b", role="assistant"), kind="text/event-stream"),
    "error event": lambda world: world.b.connect().answer(200, OVERLOADED, kind="text/event-stream"),
}


@pytest.mark.parametrize("how", SECOND_FAILS)
def test_when_nobody_goes_on_the_client_is_told_that_its_answer_broke_off(how, make_world):
    world = make_world([["a"], ["b"], ["c"]], resilience=ALLOWED, quirks=ABLE)
    client, peer = begun(world)
    peer.lose()
    SECOND_FAILS[how](world)
    assert client.body.startswith(FIRST)
    assert client.text == SAID
    (error,) = client.events[2:]
    assert error["error"]["code"] == "stream_interrupted"
    assert "a broke off; nobody could go on with it: " in error["error"]["message"]
    assert client.ended
    assert world["c"].dials == []
    assert (world.event.outcome, world.event.status, world.event.broke) == ("bad_reply", 200, True)
    assert len(world.event.attempts) == 2


@pytest.mark.parametrize(
    "said",
    [
        chunk("b", tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]),
        chunk("b", reasoning_content="hm"),
        chunk("b", refusal="no"),
    ],
)
def test_a_second_model_that_does_something_else_ends_the_answer(said, allowed):
    client, peer = begun(allowed)
    peer.lose()
    second = allowed.b.connect()
    second.begin(200, said)
    assert second.aborted
    assert client.text == SAID
    assert client.events[-1]["error"]["code"] == "stream_interrupted"
    assert client.ended
    assert allowed.event.broke


def test_both_targets_are_blamed_for_their_own_part(make_world):
    world = make_world(resilience=ALLOWED, quirks=ABLE)
    for _ in range(5):
        _, peer = begun(world)
        peer.lose()
        second = world.b.serving()
        second.begin(200, NEXT)
        second.lose()
    assert sorted(change.subject for change in world.changes) == ["a/m", "b/m"]
    assert {change.what for change in world.changes} == {"breaker_opened"}
