"""What is read from Cohere's streams, and when they are complete."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.cohere.codec import CODEC
from headway.wire.form.assembly import Assembly
from headway.wire.form.parts import Reasoning, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    Malformed,
    PartEnded,
    ReasoningDelta,
    Reported,
    Stop,
    TextDelta,
)

Events = Callable[[bytes], list[Event]]
Stream = Callable[..., bytes]

NO_MESSAGE = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
START = {"id": "r1", "type": "message-start", "delta": {"message": NO_MESSAGE}}
USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": 2},
    "tokens": {"input_tokens": 70, "output_tokens": 4},
    "cached_tokens": 16,
}


def content_start(index: int, kind: str) -> Any:
    return {"type": "content-start", "index": index, "delta": {"message": {"content": {"type": kind, kind: ""}}}}


def content(index: int, kind: str, text: str, **more: Any) -> Any:
    return {"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: text}}}, **more}


def content_end(index: int) -> Any:
    return {"type": "content-end", "index": index}


def plan(text: str) -> Any:
    return {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": text}}}


def call_start(index: int, call_id: str, name: str) -> Any:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    return {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": call}}}


def call_piece(index: int, arguments: str) -> Any:
    calls = {"function": {"arguments": arguments}}
    return {"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": calls}}}


def call_end(index: int) -> Any:
    return {"type": "tool-call-end", "index": index}


def citation(index: int, **fields: Any) -> Any:
    return {"type": "citation-start", "index": index, "delta": {"message": {"citations": fields}}}


def end(reason: str, **more: Any) -> Any:
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": USAGE, **more}}


ANSWER = (
    START,
    content_start(0, "thinking"),
    content(0, "thinking", "hm, "),
    content(0, "thinking", "well"),
    content_end(0),
    content_start(1, "text"),
    content(1, "text", "It is "),
    content(1, "text", "späť 🌍."),
    citation(0, start=0, end=2, text="It", sources=[{"type": "document", "id": "d1"}], type="TEXT_CONTENT"),
    {"type": "citation-end", "index": 0},
    content_end(1),
    end("COMPLETE"),
)
CALLS = (
    START,
    plan("I will "),
    plan("look"),
    call_start(0, "c1", "f"),
    call_piece(0, '{"a":'),
    call_piece(0, "1}"),
    call_end(0),
    call_start(1, "c2", "g"),
    call_piece(1, "{}"),
    call_end(1),
    end("TOOL_CALL"),
)
COUNTED = Counted(
    Usage(input_tokens=70, output_tokens=4, cached_input_tokens=16, billed_input_tokens=5, billed_output_tokens=2)
)


def test_an_answer_is_read_event_by_event(events: Events, stream: Stream):
    found = events(stream(*ANSWER))
    cited = found.pop(6)
    assert isinstance(cited, Cited)
    assert (cited.part, cited.citation.start, cited.citation.end, cited.citation.title) == (1, 0, 2, "d1")
    assert found == [
        Began(id="r1"),
        ReasoningDelta("hm, ", 0),
        ReasoningDelta("well", 0),
        PartEnded(0),
        TextDelta("It is ", 1),
        TextDelta("späť 🌍.", 1),
        PartEnded(1),
        Finished(Stop.END),
        COUNTED,
    ]


def test_a_plan_and_its_calls_are_read_event_by_event(events: Events, stream: Stream):
    assert events(stream(*CALLS)) == [
        Began(id="r1"),
        ReasoningDelta("I will ", 0, summary=True),
        ReasoningDelta("look", 0, summary=True),
        PartEnded(0),
        CallBegan(part=1, id="c1", name="f"),
        CallDelta('{"a":', 1),
        CallDelta("1}", 1),
        PartEnded(1),
        CallBegan(part=2, id="c2", name="g"),
        CallDelta("{}", 2),
        PartEnded(2),
        Finished(Stop.TOOLS),
        COUNTED,
    ]


def test_a_stream_and_a_whole_answer_amount_to_the_same(events: Events, stream: Stream):
    assembly = Assembly()
    assembly.feed(events(stream(*CALLS)))
    message = {
        "role": "assistant",
        "tool_plan": "I will look",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    whole = {"id": "r1", "finish_reason": "TOOL_CALL", "message": message, "usage": USAGE}
    reply = assembly.reply
    reply.choices[0].parts[0] = Reasoning(text="I will look", summary=True, origin="cohere")
    assert CODEC.read_reply(json.dumps(whole).encode()) == reply


@pytest.mark.parametrize("shape", [ANSWER, CALLS])
def test_any_way_of_cutting_the_bytes_reads_the_same(events: Events, stream: Stream, shape: tuple[Any, ...]):
    data = stream(*shape)
    whole = said(events(data))
    for size in range(1, 40):
        found: list[Event] = []
        reader = CODEC.reader()
        rest = b""
        for start in range(0, len(data), size):
            frames, rest = CODEC.split(rest + data[start : start + size])
            for frame in frames:
                reader.read(frame, found)
        reader.end(found)
        assert rest == b""
        assert reader.complete
        assert said(found) == whole


def said(found: list[Event]) -> list[tuple[str, bytes]]:
    """Events as bytes, since raw JSON compares by identity."""
    return [(type(event).__name__, msgspec.json.encode(event)) for event in found]


@pytest.mark.parametrize("shape", [ANSWER, CALLS])
def test_a_stream_is_complete_with_its_last_event_and_not_before(stream: Stream, shape: tuple[Any, ...]):
    for length in range(len(shape) + 1):
        reader = CODEC.reader()
        found: list[Event] = []
        for frame in CODEC.split(stream(*shape[:length]))[0]:
            reader.read(frame, found)
        reader.end(found)
        assert reader.complete is (length == len(shape))
        assert any(isinstance(event, Finished) for event in found) is reader.complete


def test_frames_with_other_line_ends_or_without_names_read_the_same(events: Events, stream: Stream):
    data = stream(*CALLS)
    wanted = events(data)
    assert events(data.replace(b"\n", b"\r\n")) == wanted
    nameless = b"".join(b"data:%b\n\n" % json.dumps(each).encode() for each in CALLS)
    assert events(nameless + b"data: [DONE]\n\n") == wanted
    lines = b"event: content-delta\n" + b"".join(
        b"data: %b\n" % line.encode() for line in json.dumps(content(0, "text", "a"), indent=1).splitlines()
    )
    assert events(lines + b"\n") == [Began(), TextDelta("a", 0)]


def test_citations_after_the_end_of_their_text_still_belong_to_it(events: Events, stream: Stream):
    late = citation(0, start=0, end=1, text="a", sources=[{"type": "tool", "id": "t"}])
    found = events(stream(START, content(0, "text", "a"), content_end(0), late, end("COMPLETE")))
    assert [type(event) for event in found] == [Began, TextDelta, Cited, PartEnded, Finished, Counted]


def test_a_citation_of_a_thought_is_no_citation_of_a_text(events: Events, stream: Stream):
    cited = citation(0, start=0, end=1, text="a", type="THINKING_CONTENT", sources=[{"type": "tool", "id": "t"}])
    found = events(stream(START, content(0, "thinking", "a"), cited, content(1, "text", "b"), cited, end("COMPLETE")))
    assert not any(isinstance(event, Cited) for event in found)


def test_two_texts_are_two_parts(events: Events, stream: Stream):
    found = events(stream(START, content(0, "text", "a"), content_end(0), content(1, "text", "b"), end("COMPLETE")))
    assert found[1:5] == [TextDelta("a", 0), PartEnded(0), TextDelta("b", 1), PartEnded(1)]


def test_calls_that_overlap_are_told_apart_by_their_index(events: Events, stream: Stream):
    overlapping = (
        START,
        call_start(0, "c1", "f"),
        call_start(1, "c2", "g"),
        call_piece(1, "{}"),
        call_piece(0, "[]"),
        call_end(0),
        call_end(1),
        end("TOOL_CALL"),
    )
    assembly = Assembly()
    assembly.feed(events(stream(*overlapping)))
    assert assembly.reply.choices[0].parts == [
        ToolCall(id="c1", name="f", arguments="[]"),
        ToolCall(id="c2", name="g", arguments="{}"),
    ]


def test_calls_that_never_end_are_not_gathered_for_ever(events: Events, stream: Stream):
    found = events(stream(START, *(call_start(index, f"c{index}", "f") for index in range(5000))))
    assert isinstance(found[-1], Malformed)
    assert len(found) < 2000


def test_calls_and_the_last_event_say_why_it_stopped_where_the_reason_is_new(events: Events, stream: Stream):
    assert Finished(Stop.TOOLS) in events(stream(START, call_start(0, "c", "f"), call_end(0), end("NEW")))
    assert Finished(Stop.END) in events(stream(START, content(0, "text", "a"), end("NEW")))


def test_a_text_within_a_call_does_not_confuse_either(events: Events, stream: Stream):
    mixed = (call_start(0, "c", "f"), call_piece(0, "{"), content(0, "text", "a"), content(0, "text", "b"))
    assembly = Assembly()
    assembly.feed(events(stream(START, *mixed, call_piece(0, "}"), content(0, "text", "c"), end("COMPLETE"))))
    assert assembly.reply.choices[0].parts == [ToolCall(id="c", name="f", arguments="{}"), Text("abc")]


def test_a_call_in_a_list_and_with_its_arguments_at_once_is_read(events: Events, stream: Stream):
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    start = {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": [call]}}}
    began, arguments = events(stream(START, start, call_end(0), end("COMPLETE")))[1:3]
    assert isinstance(began, CallBegan)
    assert began.id
    assert began.id == events(stream(START, start))[1].id  # pyright: ignore[reportAttributeAccessIssue]
    assert arguments == CallDelta("{}", 0)


def test_likelihoods_follow_their_text(events: Events, stream: Stream):
    likely = content(0, "text", "Hi", logprobs={"text": "Hi", "token_ids": [5], "logprobs": [-0.5]})
    _, text, logprobs, *_ = events(stream(START, likely, end("COMPLETE")))
    assert text == TextDelta("Hi", 0)
    assert isinstance(logprobs, Logprobs)
    assert msgspec.json.decode(logprobs.raw)["content"][0]["logprob"] == -0.5


def test_what_is_not_known_says_nothing(events: Events, stream: Stream):
    news = {"type": "weather-start", "delta": 5}
    debug = {"type": "debug", "prompt": "p"}
    assert events(b": ping\n\n" + stream(START, news, debug, end("COMPLETE"))) == [
        Began(id="r1"),
        Finished(Stop.END),
        COUNTED,
    ]


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "message-end", "delta": {"error": "out of memory", "finish_reason": "ERROR"}},
        {"type": "message-end", "delta": {"finish_reason": "ERROR"}},
        {"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}},
        {"type": "error", "error": {"message": "overloaded"}},
    ],
)
def test_a_failure_is_reported_with_what_it_says(events: Events, stream: Stream, broken: Any):
    found = events(stream(START, content(0, "text", "a"), broken, end("COMPLETE")))
    assert found == [Began(id="r1"), TextDelta("a", 0), Reported(json.dumps(broken).encode())]


def test_an_error_without_a_type_is_reported(events: Events):
    assert events(b'data: {"message":"too many requests"}\n\n') == [Reported(b'{"message":"too many requests"}')]


@pytest.mark.parametrize(
    "frame",
    [
        b"data: {\n\n",
        b"data: 5\n\n",
        b"data: \xff\n\n",
        b'data: {"type":"content-delta","delta":5}\n\n',
        b'data: {"type":"tool-call-start","index":0}\n\n',
        b'data: {"type":"tool-call-delta","index":7,"delta":{"message":{"tool_calls":{"function":{"arguments":"x"}}}}}'
        b"\n\n",
        b"event: content-delta\ndata: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_what_is_no_event_of_cohere_s_ends_the_stream(events: Events, stream: Stream, frame: bytes):
    found = events(stream(START) + frame + stream(end("COMPLETE")))
    assert found[0] == Began(id="r1")
    assert [type(event) for event in found[1:]] == [Malformed]


@given(st.lists(st.sampled_from([*ANSWER, *CALLS]), max_size=12), st.binary(max_size=20))
def test_no_order_of_events_and_no_bytes_raise(shape: list[Any], data: bytes):
    reader = CODEC.reader()
    found: list[Event] = []
    for each in shape:
        reader.read(b"data: %b\n\n" % json.dumps(each).encode(), found)
    reader.read(b"data: %b\n\n" % data, found)
    reader.end(found)
    starts = [event for event in found if isinstance(event, Began)]
    assert len(starts) <= 1
    assert not starts or found[0] == starts[0]


@given(st.lists(st.sampled_from([*ANSWER, *CALLS]), max_size=12))
def test_every_part_that_begins_ends_before_the_answer_does(shape: list[Any]):
    reader = CODEC.reader()
    found: list[Event] = []
    for each in (*shape, end("COMPLETE")):
        reader.read(b"data: %b\n\n" % json.dumps(each).encode(), found)
    if reader.complete:
        begun = {event.part for event in found if isinstance(event, TextDelta | ReasoningDelta | CallBegan)}
        ended = [event.part for event in found if isinstance(event, PartEnded)]
        assert sorted(ended) == sorted(begun)


def test_the_text_of_an_answer_is_put_together(events: Events, stream: Stream):
    assembly = Assembly()
    assembly.feed(events(stream(*ANSWER)))
    thought, text = assembly.reply.choices[0].parts
    assert isinstance(thought, Reasoning)
    assert isinstance(text, Text)
    assert (thought.text, text.text) == ("hm, well", "It is späť 🌍.")
    assert len(text.citations) == 1
