"""An answer as a client of the Responses API sees it come."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire.form.assembly import events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import Citation, Image, Opaque, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Choice,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.openai_responses.codec import CODEC

Streamed = Callable[..., list[dict[str, Any]]]
Told = Callable[[bytes], list[dict[str, Any]]]
BEGAN = Began(id="a1", model="other", created=9)
ENDED = (Finished(Stop.END), Counted(Usage(3, 4)))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return events[-1]["response"]["output"]


def test_a_text_in_the_order_of_events_that_clients_expect(streamed: Streamed):
    events = streamed([BEGAN, TextDelta("Hel"), TextDelta("lo"), PartEnded(0), *ENDED])
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["response"]["id"], events[0]["response"]["status"]) == ("resp_a1", "in_progress")
    assert [event["delta"] for event in events[4:6]] == ["Hel", "lo"]
    assert {event["item_id"] for event in events[3:8]} == {events[2]["item"]["id"]}
    assert (events[6]["text"], events[7]["part"]["text"]) == ("Hello", "Hello")
    assert events[8]["item"] == output(events)[0]
    assert events[-1]["response"]["usage"]["total_tokens"] == 7


def test_calls_side_by_side_keep_their_numbers(streamed: Streamed):
    events = streamed(
        [
            BEGAN,
            CallBegan(part=0, id="c1", name="f"),
            CallBegan(part=1, id="c2", name="g", custom=True),
            CallDelta('{"a"', 0),
            CallDelta("x", 1),
            CallDelta(":1}", 0),
            PartEnded(1),
            PartEnded(0),
            Finished(Stop.TOOLS),
        ]
    )
    assert kinds(events)[2:-1] == [
        "output_item.added",
        "output_item.added",
        "function_call_arguments.delta",
        "custom_tool_call_input.delta",
        "function_call_arguments.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert [event["output_index"] for event in events[2:-1]] == [0, 1, 0, 1, 0, 1, 1, 0, 0]
    assert (events[2]["item"]["arguments"], events[2]["item"]["status"]) == ("", "in_progress")
    first, second = output(events)
    assert (first["call_id"], first["name"], first["arguments"]) == ("c1", "f", '{"a":1}')
    assert (second["call_id"], second["name"], second["input"]) == ("c2", "g", "x")


def test_a_call_without_arguments_has_an_empty_object(streamed: Streamed):
    events = streamed([BEGAN, CallBegan(part=0, id="c1", name="f"), PartEnded(0), Finished(Stop.TOOLS)])
    deltas = [event["delta"] for event in events if event["type"].endswith(".delta")]
    assert deltas == ["{}"] == [output(events)[0]["arguments"]]


def test_reasoning_and_its_summary_have_events_of_their_own(streamed: Streamed):
    events = streamed(
        [
            BEGAN,
            ReasoningDelta("Hm."),
            Signed(part=0, signature="sig", origin="anthropic"),
            PartEnded(0),
            ReasoningDelta("In short.", 1, summary=True),
            PartEnded(1),
            *ENDED,
        ]
    )
    assert kinds(events)[2:-1] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    first, second = output(events)
    assert (first["content"][0]["text"], first["encrypted_content"]) == ("Hm.", "hw1.anthropic.sig")
    assert second["summary"] == [{"type": "summary_text", "text": "In short."}]


def test_a_refusal_is_a_content_of_its_own(streamed: Streamed):
    events = streamed([BEGAN, TextDelta("Sorry."), PartEnded(0), RefusalDelta("No.", 1), PartEnded(1), *ENDED])
    (message,) = output(events)
    assert [content["type"] for content in message["content"]] == ["output_text", "refusal"]
    assert {"refusal.delta", "refusal.done"} < set(kinds(events))


def test_texts_in_a_run_are_one_and_what_they_cite_is_shifted(streamed: Streamed):
    events = streamed(
        [
            BEGAN,
            TextDelta("It "),
            PartEnded(0),
            TextDelta("is ", 1),
            Cited(Citation(url="https://e.com", title="E"), 1),
            TextDelta("red", 1),
            PartEnded(1),
            TextDelta(".", 2),
            PartEnded(2),
            *ENDED,
        ]
    )
    cited = {"type": "url_citation", "start_index": 3, "end_index": 9, "title": "E", "url": "https://e.com"}
    (message,) = output(events)
    assert [(content["text"], content["annotations"]) for content in message["content"]] == [("It is red.", [cited])]
    assert [event["annotation"] for event in events if event["type"].endswith("annotation.added")] == [cited]


def test_a_message_ends_where_something_else_begins(streamed: Streamed):
    events = streamed([BEGAN, TextDelta("a"), PartEnded(0), CallBegan(part=1, id="c", name="f"), PartEnded(1), *ENDED])
    ends = [number for number, kind in enumerate(kinds(events)) if kind == "output_item.done"]
    begins = [number for number, kind in enumerate(kinds(events)) if kind == "output_item.added"]
    assert ends[0] < begins[1]


def test_an_answer_that_reached_its_bound_is_incomplete(streamed: Streamed):
    events = streamed([BEGAN, TextDelta("a"), PartEnded(0), Finished(Stop.LENGTH)])
    assert kinds(events)[-1] == "incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert output(events)[0]["status"] == "incomplete"


def test_what_comes_at_once_is_an_item_at_once(streamed: Streamed):
    events = streamed(
        [
            BEGAN,
            Whole(Image(Source(data="QUJD")), 0),
            PartEnded(0),
            Whole(Opaque("openai_responses", "web_search_call", msgspec.Raw(b'{"type":\n"web_search_call"}')), 1),
            PartEnded(1),
            *ENDED,
        ]
    )
    assert [item["type"] for item in output(events)] == ["image_generation_call", "web_search_call"]


def test_log_probabilities_in_one_piece_with_their_text(show: Callable[..., Show], told: Told):
    entry = {"token": "a", "bytes": [97], "logprob": -0.1, "top_logprobs": []}
    raw = msgspec.Raw(json.dumps({"content": [entry]}).encode())
    writer = CODEC.writer(show(include=["message.output_text.logprobs"]))
    assert writer.write([]) == b""
    frames = writer.write([BEGAN, TextDelta("a"), Logprobs(raw), TextDelta("b"), Logprobs(raw)])
    frames += writer.write([PartEnded(0), *ENDED]) + writer.end()
    events = told(frames)
    assert [event["logprobs"] for event in events if event["type"].endswith("text.delta")] == [[entry], [entry]]
    assert output(events)[0]["content"][0]["logprobs"] == [entry, entry]


def test_an_error_after_the_beginning_is_the_responses_own_and_the_last(show: Callable[..., Show], told: Told):
    writer = CODEC.writer(show())
    frames = writer.write([BEGAN, TextDelta("a"), PartEnded(0)])
    events = told(frames + writer.error("the provider broke off", status=502, code="upstream_error"))
    last = events[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"] == {"code": "server_error", "message": "the provider broke off"}
    assert last["error"]["message"] == "the provider broke off"
    assert last["sequence_number"] == len(events) - 1


def test_an_error_before_the_beginning_stands_alone(show: Callable[..., Show], told: Told):
    (event,) = told(CODEC.writer(show()).error("busy", status=429, code="rate_limited"))
    assert (event["type"], event["message"], event["code"]) == ("error", "busy", "rate_limited")
    assert event["error"]["type"] == "rate_limit_error"


def test_no_event_holds_a_line_break(show: Callable[..., Show]):
    schema = msgspec.Raw(b'{\n "type": "object"\r\n}')
    request = show(tools=[{"type": "function", "name": "f", "parameters": {}, "strict": False}]).request
    tool = msgspec.structs.replace(request.tools[0], parameters=schema)
    writer = CODEC.writer(show(msgspec.structs.replace(request, tools=(tool,))))
    frames = writer.write([BEGAN, TextDelta("a\nb\r\nc\u2028d")]) + writer.end()
    assert all(frame.count(b"\n") == 3 and b"\r" not in frame for frame in CODEC.split(frames)[0])


def test_a_second_answer_is_not_shown(streamed: Streamed):
    events = streamed([BEGAN, TextDelta("a"), TextDelta("b", 0, 1), PartEnded(0), PartEnded(0, 1), *ENDED])
    assert output(events)[0]["content"][0]["text"] == "a"


def test_events_without_a_beginning_begin_by_themselves(streamed: Streamed):
    events: list[Event] = [TextDelta("a"), PartEnded(0), *ENDED]
    assert kinds(streamed(events))[0] == "created"


CALLED = ToolCall(id="c1", name="f", arguments='{"a":1}', signature="s1")
CUSTOM = ToolCall(id="c2", name="p", arguments="x", custom=True)
CITING = Text("is red", (Citation(url="https://e.com", title="E"), Citation(title="a.pdf")), signature="s2")
WHOLE = Image(Source(data="QUJD"))
THOUGHT = Reasoning(text="Hm.", signature="s", origin="gemini")


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Text("Hi")],
        [Text("It "), CITING, Text(".")],
        [Text("It "), CITING, CALLED, CUSTOM],
        [THOUGHT, Reasoning(text="So.", summary=True), Text("Hi"), Refusal("No."), Refusal("No!"), Text("Yes.")],
        [CALLED, Text("a"), WHOLE, Text("b"), CALLED],
        [Opaque("anthropic", "thing", msgspec.Raw(b"{}")), Text("a"), Reasoning(redacted="r", origin="anthropic")],
    ],
)
@pytest.mark.parametrize("stop", [Stop.END, Stop.TOOLS, Stop.FILTER])
def test_a_stream_ends_with_the_answer_as_it_is_whole(
    streamed: Streamed, shown: Callable[..., dict[str, Any]], parts: list[Part], stop: Stop
):
    reply = Reply(id="a1", choices=[Choice(parts=parts, stop=stop)], usage=Usage(3, 4))
    assert streamed(list(events_of(reply)))[-1]["response"] == shown(reply)
