"""A provider's stream, read event by event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headway.types import Usage
from headway.wire.form.parts import Opaque, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    Counted,
    Event,
    Finished,
    Logprobs,
    Malformed,
    PartEnded,
    Reported,
    Stop,
    TextDelta,
)
from headway.wire.openai_responses.codec import CODEC

Followed = Callable[..., Any]
CREATED = {
    "type": "response.created",
    "response": {"id": "resp_1", "created_at": 5, "model": "gpt", "status": "in_progress", "output": []},
}
USAGE = {"input_tokens": 3, "output_tokens": 4}


def completed(*output: dict[str, Any], kind: str = "completed", **fields: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "status": kind, "output": output, "usage": USAGE, **fields}
    return {"type": f"response.{kind}", "response": response}


def delta(text: str, item: int = 0, content: int = 0, **fields: Any) -> dict[str, Any]:
    place = {"item_id": "msg_1", "output_index": item, "content_index": content}
    return {"type": "response.output_text.delta", "delta": text, **place, **fields}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": item, "output_index": index}


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "item": item, "output_index": index}


def call(number: int, arguments: str = "") -> dict[str, Any]:
    ids = {"id": f"fc_{number}", "call_id": f"c{number}"}
    return {"type": "function_call", "name": f"f{number}", "arguments": arguments, **ids}


def arguments(text: str, index: int) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "delta": text, "output_index": index, "item_id": "x"}


def message(*contents: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": contents}


def output_text(text: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations}


def test_a_text_comes_in_pieces_and_ends(followed: Followed):
    reading = followed(
        [CREATED, delta("Hel"), delta("lo"), delta(""), done(message(output_text("Hello"))), completed()]
    )
    assert reading.events == [
        Began(id="resp_1", model="gpt", created=5),
        TextDelta("Hel"),
        TextDelta("lo"),
        PartEnded(0),
        Finished(Stop.END),
        Counted(Usage(3, 4)),
    ]
    assert reading.complete


def test_events_may_name_their_kind_after_their_data(followed: Followed):
    frames = [CREATED, delta("a"), delta("b"), completed()]
    stream = b"".join(f"data: {json.dumps(each)}\nevent: {each['type']}\n\n".encode() for each in frames)
    assert followed(stream).reply.choices[0].parts == [Text("ab")]


def test_calls_side_by_side_are_parts_of_their_own(followed: Followed):
    reading = followed(
        [
            CREATED,
            added(call(1), 0),
            added(call(2), 1),
            arguments('{"a"', 0),
            arguments('{"b"', 1),
            arguments(":1}", 0),
            arguments(":2}", 1),
            done(call(2, '{"b":2}'), 1),
            done(call(1, '{"a":1}'), 0),
            completed(),
        ]
    )
    (choice,) = reading.reply.choices
    assert choice.parts == [
        ToolCall(id="c1", name="f1", arguments='{"a":1}', item="fc_1"),
        ToolCall(id="c2", name="f2", arguments='{"b":2}', item="fc_2"),
    ]
    assert choice.stop is Stop.TOOLS


def test_custom_calls_take_any_text(followed: Followed):
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "p", "input": ""}
    piece = {"type": "response.custom_tool_call_input.delta", "delta": "*** Begin", "output_index": 0}
    reading = followed([CREATED, added(item), piece, done({**item, "input": "*** Begin"}), completed()])
    (part,) = reading.reply.choices[0].parts
    assert part == ToolCall(id="c1", name="p", arguments="*** Begin", custom=True, item="ctc_1")


def test_summaries_are_parts_of_their_own_and_the_last_is_signed(followed: Followed):
    def piece(text: str, number: int) -> dict[str, Any]:
        place = {"output_index": 0, "summary_index": number, "item_id": "rs_1"}
        return {"type": "response.reasoning_summary_text.delta", "delta": text, **place}

    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
        "encrypted_content": "gAAA",
    }
    reading = followed([CREATED, piece("Fir", 0), piece("st.", 0), piece("Then.", 1), done(item), completed()])
    assert reading.reply.choices[0].parts == [
        Reasoning(text="First.", id="rs_1", summary=True),
        Reasoning(text="Then.", id="rs_1", summary=True, signature="gAAA", origin="openai_responses"),
    ]


def test_raw_reasoning_is_no_summary(followed: Followed):
    piece = {"type": "response.reasoning_text.delta", "delta": "Hm.", "output_index": 0, "content_index": 0}
    item = {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": "Hm."}], "summary": []}
    reading = followed([CREATED, piece, done(item), completed()])
    assert reading.reply.choices[0].parts == [Reasoning(text="Hm.", id="rs_1")]


def test_reasoning_that_shows_nothing_is_redacted(followed: Followed):
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    reading = followed([CREATED, added(item), done(item), completed()])
    assert reading.reply.choices[0].parts == [Reasoning(redacted="gAAA", id="rs_1", origin="openai_responses")]


def test_what_comes_without_pieces_is_taken_from_the_end_of_its_item(followed: Followed):
    cited = {"type": "url_citation", "url": "https://e.com", "title": "E", "start_index": 0, "end_index": 1}
    said = message(output_text("Hello", cited), {"type": "refusal", "refusal": "No."})
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    reading = followed([CREATED, done(thought, 0), done(said, 1), done(call(1, "{}"), 2), completed()])
    parts = reading.reply.choices[0].parts
    assert [type(part) for part in parts] == [Reasoning, Text, Refusal, ToolCall]
    assert (parts[0].text, parts[1].text, parts[1].citations[0].url) == ("Hm.", "Hello", "https://e.com")


def test_what_is_told_only_at_the_very_end_is_taken_from_there(followed: Followed):
    """OpenAI leaves out the end of some items."""
    search = {"type": "mcp_list_tools", "id": "m", "tools": [], "server_label": "s"}
    reading = followed([CREATED, delta("a", 1), completed(search, message(output_text("a")), call(1, "{}"))])
    parts = reading.reply.choices[0].parts
    assert [type(part) for part in parts] == [Text, Opaque, ToolCall]
    assert reading.reply.choices[0].stop is Stop.TOOLS


def test_nothing_is_told_twice(followed: Followed):
    cited = {"type": "url_citation", "url": "https://e.com", "title": "E", "start_index": 0, "end_index": 1}
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    whole = output_text("ab", cited)
    reading = followed(
        [
            CREATED,
            added(message()),
            {"type": "response.content_part.added", "part": output_text(""), **place},
            delta("a"),
            delta("b"),
            {"type": "response.output_text.annotation.added", "annotation": cited, "annotation_index": 0, **place},
            {"type": "response.output_text.done", "text": "ab", **place},
            {"type": "response.content_part.done", "part": whole, **place},
            done(message(whole)),
            completed(message(whole)),
        ]
    )
    (part,) = reading.reply.choices[0].parts
    assert (part.text, len(part.citations)) == ("ab", 1)
    assert sum(isinstance(event, PartEnded) for event in reading.events) == 1


def test_a_refusal_is_no_text(followed: Followed):
    piece = {"type": "response.refusal.delta", "delta": "No.", "output_index": 0, "content_index": 0}
    reading = followed([CREATED, piece, completed()])
    assert reading.reply.choices[0].parts == [Refusal("No.")]
    assert reading.reply.choices[0].stop is Stop.REFUSAL


def test_log_probabilities_follow_their_text(followed: Followed):
    entry = {"token": "a", "bytes": [97], "logprob": -0.1, "top_logprobs": []}
    reading = followed([CREATED, delta("a", logprobs=[entry]), delta("b", logprobs=[entry]), delta("c", logprobs=[])])
    found = [event for event in reading.events if isinstance(event, Logprobs)]
    assert [json.loads(bytes(event.raw)) for event in found] == [{"content": [entry], "refusal": None}] * 2
    assert reading.reply.choices[0].parts == [Text("abc")]


@pytest.mark.parametrize(
    ("reason", "stop"), [("max_output_tokens", Stop.LENGTH), ("content_filter", Stop.FILTER), ("steered", Stop.PAUSE)]
)
def test_an_incomplete_answer_is_a_whole_stream(followed: Followed, reason: str, stop: Stop):
    reading = followed([CREATED, delta("a"), completed(kind="incomplete", incomplete_details={"reason": reason})])
    assert reading.complete
    assert reading.reply.choices[0].stop is stop


def test_a_stream_without_its_last_event_is_not_complete(followed: Followed):
    reading = followed([CREATED, delta("a"), done(message(output_text("a")))])
    assert not reading.complete
    assert not any(isinstance(event, Finished) for event in reading.events)


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "server_error", "message": "x", "param": None, "sequence_number": 3},
        {"type": "error", "error": {"message": "x"}},
        {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}},
    ],
)
def test_the_providers_own_error_ends_the_stream(followed: Followed, error: dict[str, Any]):
    reading = followed([CREATED, delta("a"), error, delta("b"), completed()])
    assert reading.events[-1] == Reported(json.dumps(error).encode())
    assert not reading.complete


def test_an_error_may_come_without_a_type(followed: Followed):
    assert followed(b'data: {"error": {"message": "x"}}\n\n').events == [Reported(b'{"error": {"message": "x"}}')]


def test_pings_comments_and_unknown_events_say_nothing(followed: Followed):
    stream = (
        b": ping\n\n"
        b'event: response.new_thing\ndata: {"type":"response.new_thing","delta":{"a":1}}\n\n'
        b'event: keepalive\ndata: {"type":"keepalive","sequence_number":1}\n\n'
        b"data: [DONE]\n\n"
        b"data: \n\n"
    )
    assert followed(stream).events == []


@pytest.mark.parametrize(
    "frame",
    [
        b"data: {\n\n",
        b"data: 5\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":5}\n\n',
        b'data: {"type":"response.output_item.done","item":{"type":"function_call","arguments":{}}}\n\n',
        b'data: {"type":"response.output_item.done"}\n\n',
        b'data: {"type":"response.completed","response":{"output":5}}\n\n',
        b'data: {"type":"response.completed"}\n\n',
    ],
)
def test_what_is_no_event_is_malformed_and_the_last_of_all(followed: Followed, frame: bytes):
    reading = followed(frame + b'data: {"type":"response.completed","response":{"output":[]}}\n\n')
    assert isinstance(reading.events[-1], Malformed)
    assert not reading.complete


def test_parts_without_end_are_no_answer(followed: Followed):
    reading = followed([CREATED, *(delta("a", number) for number in range(3000))])
    assert isinstance(reading.events[-1], Malformed)
    assert len(reading.events) < 3000


def test_a_reader_takes_single_frames():
    reader, events = CODEC.reader(), list[Event]()
    reader.read(f"data: {json.dumps(CREATED)}\n\n".encode(), events)
    assert events == [Began(id="resp_1", model="gpt", created=5)]
    assert not reader.complete
