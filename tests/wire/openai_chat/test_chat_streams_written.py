"""The chunks that a client of Chat Completions is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Citation, Image, Opaque, Reasoning, Source
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.openai_chat.codec import CODEC

Shown = Callable[..., list[dict[str, Any]]]
BEGAN = Began(id="r", model="m", created=5)


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


def test_a_stream_has_the_role_first_and_the_reason_last(shown: Shown):
    chunks = shown([BEGAN, TextDelta("He"), TextDelta("llo"), PartEnded(0), Finished(Stop.END)])
    assert deltas(chunks) == [{"role": "assistant", "content": ""}, {"content": "He"}, {"content": "llo"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {(chunk["id"], chunk["model"], chunk["created"], chunk["object"]) for chunk in chunks} == {
        ("r", "m", 5, "chat.completion.chunk")
    }


def test_what_the_provider_did_not_say_is_filled_in(shown: Shown):
    [first, *_] = shown([Began(service_tier="flex", fingerprint="fp"), Finished(Stop.END)])
    assert (first["id"], first["model"], first["created"]) == ("req-1", "shown", 1_700_000_000)
    assert (first["service_tier"], first["system_fingerprint"]) == ("flex", "fp")


def test_usage_comes_last_and_only_where_it_was_asked_for(shown: Shown):
    events: list[Event] = [BEGAN, Counted(Usage(3, 2)), TextDelta("a"), Finished(Stop.END)]
    last = shown(events, stream=True, stream_options={"include_usage": True})[-1]
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 5
    assert not any("usage" in chunk for chunk in shown(events, stream=True))


def test_interleaved_calls_keep_their_indices(shown: Shown):
    chunks = shown(
        [
            BEGAN,
            CallBegan(part=1, id="1", name="f", signature="s"),
            CallBegan(part=2, id="2", name="g"),
            CallDelta("{", 1),
            CallDelta('{"a":1}', 2),
            CallDelta("}", 1),
            PartEnded(1),
            PartEnded(2),
            Finished(Stop.TOOLS),
        ]
    )
    pieces = [delta["tool_calls"][0] for delta in deltas(chunks) if "tool_calls" in delta]
    assert pieces[0] == {
        "index": 0,
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
        "extra_content": {"google": {"thought_signature": "s"}},
    }
    assert [piece["index"] for piece in pieces] == [0, 1, 0, 1, 0]
    assert "".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == 0) == "{}"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_without_arguments_has_an_empty_object(shown: Shown):
    chunks = shown([BEGAN, CallBegan(part=0, id="1", name="f"), PartEnded(0), Finished(Stop.TOOLS)])
    assert deltas(chunks)[2]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]


def test_a_custom_call_has_input(shown: Shown):
    chunks = shown([BEGAN, CallBegan(part=0, id="1", name="sh", custom=True), CallDelta("ls", 0), PartEnded(0)])
    begun, said = (delta["tool_calls"][0] for delta in deltas(chunks)[1:3])
    assert (begun["type"], begun["custom"]) == ("custom", {"name": "sh", "input": ""})
    assert said["custom"] == {"input": "ls"}


def test_a_client_of_functions_gets_a_function_call(shown: Shown):
    events: list[Event] = [BEGAN, CallBegan(part=0, id="1", name="f"), CallDelta("{}", 0), Finished(Stop.TOOLS)]
    chunks = shown(events, functions=[{"name": "f"}])
    assert [delta["function_call"] for delta in deltas(chunks)[1:3]] == [
        {"name": "f", "arguments": ""},
        {"arguments": "{}"},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_a_signed_thought_is_told_whole_as_it_ends(shown: Shown):
    chunks = shown(
        [
            BEGAN,
            ReasoningDelta("h"),
            ReasoningDelta("m"),
            Signed(part=0, signature="c2ln", origin="anthropic"),
            PartEnded(0),
            Whole(Reasoning(redacted="cmVk", origin="anthropic"), 1),
            PartEnded(1),
            TextDelta("a", 2),
            Finished(Stop.END),
        ]
    )
    told = [delta["reasoning_details"] for delta in deltas(chunks) if "reasoning_details" in delta]
    assert told == [
        [
            {
                "type": "reasoning.text",
                "text": "hm",
                "signature": "hw1.anthropic.c2ln",
                "format": "anthropic-claude-v1",
                "index": 0,
            }
        ],
        [
            {
                "type": "reasoning.encrypted",
                "data": "hw1.anthropic.cmVk",
                "format": "anthropic-claude-v1",
                "index": 1,
            }
        ],
    ]
    words = [delta["reasoning_content"] for delta in deltas(chunks) if "reasoning_content" in delta]
    assert words == ["h", "m"]


def test_a_thought_with_but_an_id_has_no_details(shown: Shown):
    chunks = shown([BEGAN, ReasoningDelta("hm"), Signed(part=0, id="rs_1"), PartEnded(0), Finished(Stop.END)])
    assert not any("reasoning_details" in delta for delta in deltas(chunks))


def test_citations_come_once_and_count_in_all_of_the_text(shown: Shown):
    chunks = shown(
        [
            BEGAN,
            TextDelta("ab"),
            PartEnded(0),
            TextDelta("cd", 1),
            Cited(Citation(url="https://a", title="A"), 1),
            Cited(Citation(url="https://b", title="B", start=0, end=1), 1),
            PartEnded(1),
            Finished(Stop.END),
        ]
    )
    [annotations] = [delta["annotations"] for delta in deltas(chunks) if "annotations" in delta]
    places = [(each["url_citation"]["start_index"], each["url_citation"]["end_index"]) for each in annotations]
    assert places == [(2, 4), (2, 3)]


def test_refusals_pictures_sounds_and_logprobs(shown: Shown):
    chunks = shown(
        [
            BEGAN,
            Whole(Image(Source(media_type="image/png", data="iVBO")), 0),
            Whole(Audio(Source(data="UklG"), "hello", "a1"), 1),
            Whole(Opaque("anthropic", "server_tool_use", msgspec.Raw(b"{}")), 2),
            RefusalDelta("No.", 3),
            Logprobs(msgspec.Raw(b'{"content":\n[]}')),
            Finished(Stop.REFUSAL),
        ]
    )
    _, picture, sound, refusal, *_ = deltas(chunks)
    assert picture["images"][0]["image_url"] == {"url": "data:image/png;base64,iVBO"}
    assert (sound["audio"]["id"], sound["audio"]["data"], sound["audio"]["transcript"]) == ("a1", "UklG", "hello")
    assert refusal == {"refusal": "No."}
    assert [chunk["choices"][0]["logprobs"] for chunk in chunks if chunk["choices"][0]["logprobs"]] == [{"content": []}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_every_choice_has_a_role_and_a_reason(shown: Shown):
    chunks = shown([BEGAN, TextDelta("a"), TextDelta("b", 0, 1), Finished(Stop.END, 1), Finished(Stop.LENGTH)])
    for index, reason in ((0, "length"), (1, "stop")):
        own = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert [each["finish_reason"] for each in own if each["finish_reason"]] == [reason]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "stop"),
        ([BEGAN], "stop"),
        ([BEGAN, TextDelta("a")], "stop"),
        ([BEGAN, CallBegan(part=0, id="1", name="f"), CallDelta("{}", 0)], "tool_calls"),
    ],
)
def test_a_complete_answer_without_a_reason_gets_one(shown: Shown, events: list[Event], reason: str):
    assert shown(events)[-1]["choices"][0]["finish_reason"] == reason


def test_several_events_are_written_at_once_as_they_are_one_by_one(show: Callable[..., Show]):
    events: list[Event] = [BEGAN, TextDelta("a"), TextDelta("b"), PartEnded(0), Finished(Stop.END)]
    apart, together = CODEC.writer(show()), CODEC.writer(show())
    assert together.write(events) == b"".join(apart.write([event]) for event in events)


def test_an_answer_that_breaks_off_ends_with_an_error_and_no_done(show: Callable[..., Show]):
    writer = CODEC.writer(show())
    writer.write([BEGAN, TextDelta("a")])
    frame = writer.error("The provider stopped.", status=502, code="upstream_error")
    error = json.loads(frame.removeprefix(b"data: "))["error"]
    assert (error["message"], error["code"], error["type"]) == (
        "The provider stopped.",
        "upstream_error",
        "server_error",
    )
    assert b"[DONE]" not in frame
