"""Half a tool call never passes for a whole one: not at the end of a stream, not in one that is held back, and not in
one that is collected whole.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headway.types import Resilience

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
DONE = b"data: [DONE]\n\n"


def event(name: str = "", **fields: Any) -> bytes:
    data = b"data: " + msgspec.json.encode(fields) + b"\n\n"
    return b"event: " + name.encode() + b"\n" + data if name else data


def chunk(choice: int = 0, finish: str | None = None, **delta: Any) -> bytes:
    return event(choices=[{"index": choice, "delta": delta, "finish_reason": finish}])


def call(arguments: str, number: int = 0, *, choice: int = 0, begins: bool = False) -> bytes:
    piece: dict[str, Any] = {"index": number, "function": {"arguments": arguments}}
    if begins:
        piece = {"index": number, "id": f"c{number}", "type": "function", "function": {"name": "look_up"}}
        piece["function"]["arguments"] = arguments
    return chunk(choice, tool_calls=[piece])


def response(kind: str, number: int, **fields: Any) -> bytes:
    return event(kind, type=kind, sequence_number=number, **fields)


TEXT = chunk(content="Let me see.")
BEGUN = call("", begins=True)
HALF = BEGUN + call('{"city":') + call('"Par')
REST = call('is"}')
FINISH = chunk(finish="tool_calls")
WHOLE = HALF + REST + FINISH + DONE

HELD = Resilience(tool_calls="whole")
COLLECTED = Resilience(stream="whole")


def asked(world: Any, **fields: Any) -> Any:
    return world.ask(stream=True, tools=TOOLS, **fields)


def broken_off(client: Any, seen: bytes) -> None:
    """After what was seen comes one error event and nothing else."""
    assert client.body.startswith(seen)
    rest = client.body[len(seen) :]
    assert rest.count(b"\n\n") == 1
    error = client.events[-1]["error"]
    assert error["code"] == "stream_interrupted"
    assert "tool call" in error["message"]
    assert client.ended


# As it comes.


@pytest.mark.parametrize("size", [1, 7, 90, 10_000])
def test_a_whole_call_is_passed_on_byte_for_byte(size, world):
    client = asked(world)
    peer = world.a.connect()
    peer.begin()
    for start in range(0, len(TEXT + WHOLE), size):
        peer.data((TEXT + WHOLE)[start : start + size])
    peer.end()
    assert client.body == TEXT + WHOLE
    assert world.event.outcome == "ok"


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
@pytest.mark.parametrize("ending", [b"", DONE])
@pytest.mark.parametrize("apart", [True, False])
def test_a_call_that_was_cut_short_ends_with_an_error_and_not_with_a_finish(apart, ending, finish, world):
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    last = [chunk(finish=finish), ending]
    for piece in last if apart else [b"".join(last)]:
        if peer.waiting and piece:
            peer.data(piece)
    if peer.waiting:
        peer.end()
    broken_off(client, HALF)
    assert b'"finish_reason":"' not in client.body
    assert b"[DONE]" not in client.body
    assert world.event.outcome == "truncated"
    assert world.event.broke
    assert world.b.dials == []


def test_a_call_that_ends_with_done_alone_and_was_cut_short_is_an_error(world):
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    peer.data(DONE)
    broken_off(client, HALF)


def test_a_call_whose_stream_ends_is_an_error(world):
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    peer.end()
    assert client.body.startswith(HALF)
    assert client.events[-1]["error"]["code"] == "stream_interrupted"
    assert world.event.outcome == "truncated"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_that_the_provider_says_it_cut_short_is_passed_on_as_it_is(reason, world):
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    peer.end(chunk(finish=reason) + DONE)
    assert client.body == HALF + chunk(finish=reason) + DONE
    assert world.event.outcome == "ok"


def test_the_first_of_two_calls_may_not_be_cut_short_either(world):
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF + call('{"city":"Oslo"}', 1, begins=True))
    peer.data(FINISH + DONE)
    assert client.events[-1]["error"]["code"] == "stream_interrupted"
    assert b"[DONE]" not in client.body


def test_a_call_that_was_cut_short_counts_against_the_deployment(world):
    for _ in range(5):
        asked(world)
        peer = world.a.serving()
        peer.begin(200, HALF)
        peer.data(FINISH)
    assert [change.what for change in world.changes] == ["breaker_opened"]


def test_a_request_without_tools_is_not_looked_into(world):
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, HALF)
    peer.end(FINISH + DONE)
    assert client.body == HALF + FINISH + DONE


CREATED = response("response.created", 0, response={"id": "r1", "status": "in_progress", "error": None})
ITEM = {"type": "function_call", "id": "fc1", "call_id": "c1", "name": "look_up", "arguments": ""}
ADDED = response("response.output_item.added", 1, output_index=0, item=ITEM)
PIECE = response("response.function_call_arguments.delta", 2, output_index=0, item_id="fc1", delta='{"city":"Par')


def test_a_response_may_not_be_completed_over_half_a_call(world):
    client = asked(world, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, CREATED + ADDED + PIECE)
    peer.data(response("response.completed", 3, response={"id": "r1", "output": [ITEM]}))
    assert client.body.startswith(CREATED + ADDED + PIECE)
    assert b"response.completed" not in client.body
    failed = client.events[-1]
    assert failed["type"] == "response.failed"
    assert failed["sequence_number"] == 3
    assert failed["response"]["status"] == "failed"
    assert world.event.outcome == "truncated"


# `tool_calls: whole`.


@pytest.mark.parametrize("ending", [FINISH, FINISH + DONE, DONE, None])
def test_none_of_a_broken_call_is_shown_and_another_target_answers(ending, make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, chunk(role="assistant", content="") + HALF)
    assert not client.begun
    if ending is None:
        peer.lose()
    else:
        peer.data(ending)
    assert not client.begun
    peer = world.b.connect()
    peer.begin(200, WHOLE)
    peer.end()
    assert client.body == WHOLE
    assert client.field("x-headway-target") == "b/m"
    assert world.event.outcome == "ok"


def test_a_held_call_is_shown_once_it_is_complete(make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    peer.data(REST)
    assert not client.begun
    peer.data(FINISH)
    assert client.body == HALF + REST + FINISH
    peer.end(DONE)
    assert client.body == WHOLE
    assert world.event.reply_bytes == len(WHOLE)


def test_text_before_a_held_call_streams_live(make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, TEXT)
    assert client.body == TEXT
    peer.data(HALF)
    assert client.body == TEXT
    peer.end(REST + FINISH + DONE)
    assert client.body == TEXT + WHOLE


def test_text_of_another_choice_streams_live_beside_a_held_call(make_world):
    world = make_world(resilience=HELD)
    client = asked(world, n=2)
    peer = world.a.connect()
    peer.begin(200, HALF)
    beside = chunk(1, content="words")
    for _ in range(3):
        peer.data(beside)
    assert client.body == beside * 3
    peer.data(REST + FINISH)
    peer.end(chunk(1, finish="stop") + DONE)
    assert client.body == beside * 3 + HALF + REST + FINISH + chunk(1, finish="stop") + DONE


@pytest.mark.parametrize("ending", [FINISH + DONE, DONE, None])
def test_a_held_call_that_breaks_after_some_text_is_an_error_and_nothing_of_it_is_shown(ending, make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, TEXT + HALF)
    if ending is None:
        peer.lose()
    else:
        peer.data(ending)
    assert client.events[-1]["error"]["code"] == "stream_interrupted"
    assert b"tool_calls" not in client.body
    assert len(client.events) == 2
    assert world.event.broke
    assert world.event.reply_bytes == len(TEXT)
    assert world.b.dials == []


def test_a_stall_within_a_held_call_lets_another_target_answer(make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    world.wait(61.0)
    assert peer.aborted
    world.b.connect().answer(200, WHOLE, kind="text/event-stream")
    assert client.body.endswith(WHOLE)
    assert world.event.attempts[0].failure == "timeout"


def test_an_error_event_within_a_held_call_lets_another_target_answer(make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, HALF)
    peer.data(event(error={"message": "full", "code": "server_is_overloaded"}))
    assert not client.begun
    world.b.connect().answer(200, WHOLE, kind="text/event-stream")
    assert client.body == WHOLE


def test_a_call_too_long_to_be_held_is_no_call(make_world):
    world = make_world(resilience=HELD)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, BEGUN)
    piece = call("x" * 100_000)
    for _ in range(12):
        if peer.waiting:
            peer.data(piece)
    assert peer.aborted
    world.b.connect().answer(200, WHOLE, kind="text/event-stream")
    assert client.body == WHOLE


def test_a_held_call_of_a_response_is_shown_once_it_is_complete(make_world):
    world = make_world(resilience=HELD)
    done = {**ITEM, "arguments": '{"city":"Paris"}'}
    rest = [
        response("response.function_call_arguments.delta", 3, output_index=0, item_id="fc1", delta='is"}'),
        response(
            "response.function_call_arguments.done", 4, output_index=0, item_id="fc1", arguments=done["arguments"]
        ),
        response("response.output_item.done", 5, output_index=0, item=done),
        response("response.completed", 6, response={"id": "r1", "output": [done]}),
    ]
    client = asked(world, endpoint="responses")
    peer = world.a.connect()
    peer.begin(200, CREATED + ADDED + PIECE)
    assert not client.begun
    for piece in rest:
        peer.data(piece)
    peer.end()
    assert client.body == CREATED + ADDED + PIECE + b"".join(rest)
    assert world.event.outcome == "ok"


# `stream: whole`.


@pytest.mark.parametrize("fields", [{}, {"tools": TOOLS}])
@pytest.mark.parametrize("how", ["lost", "ended", "error", "silent"])
def test_half_an_answer_that_nobody_has_seen_is_replaced(how, fields, make_world):
    world = make_world(resilience=COLLECTED)
    client = world.ask(stream=True, **fields)
    peer = world.a.connect()
    peer.begin(200, TEXT * 5)
    peer.data(TEXT * 5)
    assert not client.begun
    if how == "lost":
        peer.lose()
    elif how == "ended":
        peer.end()
    elif how == "error":
        peer.data(event(error={"message": "oops", "code": "server_error"}))
    else:
        world.wait(61.0)
    peer = world.b.connect()
    peer.begin(200, TEXT)
    peer.end(chunk(finish="stop") + DONE)
    assert client.text == "Let me see."
    assert client.body.endswith(TEXT + chunk(finish="stop") + DONE)
    assert [result for _, result, _ in world.tried][1:] == ["200"]
    assert not world.event.broke


def test_a_stream_that_is_collected_is_shown_when_it_is_complete(make_world):
    world = make_world(resilience=COLLECTED)
    client = asked(world)
    peer = world.a.connect()
    peer.begin(200, TEXT)
    peer.data(HALF + REST)
    peer.data(FINISH + DONE)
    assert not client.begun
    peer.end()
    assert client.body == TEXT + WHOLE
    assert client.length is None
    assert world.event.first_byte == world.event.duration


def test_a_collected_stream_that_holds_half_a_call_is_replaced(make_world):
    world = make_world(resilience=COLLECTED)
    client = asked(world)
    world.a.connect().answer(200, TEXT + HALF + FINISH + DONE, kind="text/event-stream")
    assert not client.begun
    world.b.connect().answer(200, TEXT + WHOLE, kind="text/event-stream")
    assert client.body == TEXT + WHOLE


def test_a_stream_too_long_to_be_collected_is_an_error(make_world):
    world = make_world(resilience=Resilience(stream="whole", attempts=1))
    client = world.ask(stream=True)
    peer = world.a.connect()
    peer.begin(200, TEXT)
    piece = chunk(content="x" * 250_000)
    for _ in range(70):
        if peer.waiting:
            peer.data(piece)
    assert peer.aborted
    assert client.status == 502
    assert "16 MB" in client.error["message"]


def test_usage_is_counted_and_hidden_in_a_collected_stream_too(make_world):
    world = make_world(resilience=COLLECTED)
    client = world.ask(stream=True)
    usage = event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 2})
    world.a.connect().answer(200, TEXT + chunk(finish="stop") + usage + DONE, kind="text/event-stream")
    assert client.body == TEXT + chunk(finish="stop") + DONE
    assert world.event.usage is not None
    assert world.event.usage.output_tokens == 2
    assert world.event.reply_bytes == len(client.body)
