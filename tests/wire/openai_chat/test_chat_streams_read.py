"""Streams of Chat Completions, as events."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import Usage
from headway.wire.form.parts import Audio, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    Cited,
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
from headway.wire.openai_chat.codec import CODEC


def chunk(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"id": "r", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def piece(arguments: str | None = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return chunk(tool_calls=[{"function": function, **more}])


def parts_of(streamed: Any, *chunks: Any) -> list[Part]:
    found = streamed(*chunks)
    assert not found.of(Malformed, Reported), found.events
    return found.reply.choices[0].parts


def test_a_text_in_pieces(streamed: Any):
    found = streamed(chunk(role="assistant", content=""), chunk(content="He"), chunk(content="llo"), chunk("stop"))
    assert found.events == [
        Began(id="r", model="m"),
        TextDelta("He"),
        TextDelta("llo"),
        PartEnded(0),
        Finished(Stop.END),
    ]
    assert found.complete


def test_thoughts_text_and_calls_each_get_a_part_of_their_own(streamed: Any):
    parts = parts_of(
        streamed,
        chunk(reasoning_content="h"),
        chunk(reasoning_content="m"),
        chunk(content="a"),
        piece("", "f", index=0, id="1"),
        piece("{}", index=0),
        chunk("tool_calls"),
    )
    assert parts == [Reasoning(text="hm"), Text("a"), ToolCall(id="1", name="f", arguments="{}")]


def test_calls_may_come_interleaved(streamed: Any):
    found = streamed(
        piece("", "f", index=0, id="1"),
        piece("", "g", index=1, id="2"),
        piece('{"a":', index=0),
        piece('{"b":', index=1),
        piece("1}", index=0),
        piece("2}", index=1),
        chunk("tool_calls"),
    )
    assert found.reply.choices[0].parts == [
        ToolCall(id="1", name="f", arguments='{"a":1}'),
        ToolCall(id="2", name="g", arguments='{"b":2}'),
    ]
    assert found.of(PartEnded) == [PartEnded(0), PartEnded(1)]


def test_a_call_whose_arguments_are_complete_ends_as_the_next_begins(streamed: Any):
    found = streamed(piece("{}", "f", index=0, id="1"), piece("{}", "g", index=1, id="2"), chunk("tool_calls"))
    kinds = [type(event) for event in found.events if isinstance(event, CallBegan | PartEnded)]
    assert kinds == [CallBegan, PartEnded, CallBegan, PartEnded]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("{}", "f", id="1"), piece("{}", "g", id="2")],
        [piece("{}", "f", index=0, id="1"), piece("{}", "g", index=0, id="2")],
        [piece("{", "f", index=0, id="1"), piece("}", "f", index=0, id="1"), piece("{}", "g", index=1, id="2")],
        [piece(None, None, index=0, id="1"), piece("{}", "f", index=0), piece("{}", "g", index=1, id="2")],
    ],
)
def test_calls_are_told_apart_however_they_are_numbered(streamed: Any, pieces: list[Any]):
    parts = parts_of(streamed, *pieces, chunk("tool_calls"))
    assert parts == [ToolCall(id="1", name="f", arguments="{}"), ToolCall(id="2", name="g", arguments="{}")]


def test_calls_without_ids_get_different_ones(streamed: Any):
    chunks = [piece("{}", "f", index=0), piece("{}", "f", index=1), chunk("tool_calls")]
    first, second = parts_of(streamed, *chunks)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert parts_of(streamed, *chunks) == [first, second]


def test_arguments_that_are_an_object_become_text(streamed: Any):
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": {"a": 1}}}
    assert parts_of(streamed, chunk("stop", tool_calls=[call])) == [ToolCall(id="1", name="f", arguments='{"a":1}')]


def test_a_function_call_of_the_older_form(streamed: Any):
    [call] = parts_of(
        streamed,
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk(function_call={"arguments": "{}"}),
        chunk("function_call"),
    )
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("f", "{}")


def test_a_custom_tool_takes_free_text(streamed: Any):
    parts = parts_of(
        streamed,
        chunk(tool_calls=[{"index": 0, "id": "1", "type": "custom", "custom": {"name": "sh", "input": ""}}]),
        chunk(tool_calls=[{"index": 0, "custom": {"input": "ls {"}}]),
        chunk("tool_calls"),
    )
    assert parts == [ToolCall(id="1", name="sh", arguments="ls {", custom=True)]


def test_thoughts_in_mistrals_content(streamed: Any):
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    parts = parts_of(
        streamed,
        chunk(content=thinking),
        chunk(content=[{"type": "text", "text": "a"}]),
        chunk(content="b"),
        chunk("stop"),
    )
    assert parts == [Reasoning(text="hm"), Text("ab")]


def test_details_of_thoughts_are_not_told_twice(streamed: Any):
    detail = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    parts = parts_of(
        streamed,
        chunk(reasoning="h", reasoning_details=[{**detail, "text": "h"}]),
        chunk(reasoning="m", reasoning_details=[{**detail, "text": "m"}]),
        chunk(reasoning_details=[{**detail, "signature": "c2ln"}]),
        chunk(content="a"),
        chunk("stop"),
    )
    signed = Reasoning(text="hm", signature="anthropic-claude-v1:c2ln", origin="openai_chat")
    assert parts == [signed, Text("a")]


def test_encrypted_thoughts_without_words(streamed: Any):
    detail = {"type": "reasoning.encrypted", "data": "eA", "id": "rs_1", "index": 0, "format": None}
    parts = parts_of(streamed, chunk(reasoning_details=[detail]), chunk(content="a"), chunk("stop"))
    assert parts == [Reasoning(redacted=":eA", id="rs_1", origin="openai_chat"), Text("a")]


def test_signatures_of_gemini_on_calls_and_text(streamed: Any):
    extra = {"google": {"thought_signature": "s"}}
    call = piece("{}", "f", index=0, id="1", extra_content=extra)
    assert parts_of(streamed, call, chunk("tool_calls")) == [ToolCall(id="1", name="f", arguments="{}", signature="s")]
    assert parts_of(streamed, chunk(content="a"), chunk(content="", extra_content=extra), chunk("stop")) == [
        Text("a", signature="s")
    ]


def test_citations_that_come_before_the_text(streamed: Any):
    cited = [{"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}]
    found = streamed(chunk(content="", annotations=cited), chunk(content="a"), chunk("stop"))
    [event] = found.of(Cited)
    assert (event.citation.url, event.part) == ("https://a", 0)
    late = streamed(chunk(content="a"), chunk("stop"), chunk(annotations=cited))
    assert [event.citation.url for event in late.of(Cited)] == ["https://a"]


def test_pictures_and_sounds(streamed: Any):
    parts = parts_of(
        streamed,
        chunk(images=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}]),
        chunk(audio={"id": "a1"}),
        chunk(audio={"data": "Ukl", "transcript": "hel"}),
        chunk(audio={"data": "G", "transcript": "lo"}),
        chunk("stop", audio={"expires_at": 1}),
    )
    assert parts == [Image(Source(media_type="image/png", data="iVBO")), Audio(Source(data="UklG"), "hello", "a1")]


def test_logprobs_of_each_chunk(streamed: Any):
    said = chunk(content="a")
    said["choices"][0]["logprobs"] = {"content": [{"token": "a"}], "refusal": None}
    empty = chunk(content="b")
    empty["choices"][0]["logprobs"] = {"content": None, "refusal": None}
    assert len(streamed(said, empty, chunk("stop")).of(Logprobs)) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        [{"id": "r", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}],
        [{**chunk(), "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None}}],
        [{**chunk(), "x_groq": {"id": "x", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}}],
    ],
)
def test_usage_wherever_it_stands(streamed: Any, chunks: list[Any]):
    found = streamed(chunk(content="a"), chunk("stop"), *chunks)
    assert found.of(Counted) == [Counted(Usage(3, 2))]


def test_a_whole_message_in_place_of_deltas(streamed: Any):
    whole = {"id": "r", "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}
    assert parts_of(streamed, whole) == [Text("a")]
    assert parts_of(streamed, chunk(content="a"), whole) == [Text("a")]


def test_choices_keep_apart(streamed: Any):
    found = streamed(
        chunk(content="a", index=0), chunk(content="b", index=1), chunk("stop", 1), chunk(content="c"), chunk("length")
    )
    assert [(choice.parts, choice.stop) for choice in found.reply.choices] == [
        ([Text("ac")], Stop.LENGTH),
        ([Text("b")], Stop.END),
    ]


def test_what_begins_a_stream_comes_first_and_once(streamed: Any):
    azure = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    found = streamed(azure, {**chunk(content="a"), "system_fingerprint": "fp", "created": 5}, chunk("stop"))
    assert found.of(Began) == [Began(id="r", model="m", created=5, fingerprint="fp")]
    assert isinstance(found.events[0], Began)


def test_comments_pings_and_unknown_events_say_nothing(streamed: Any):
    frames = [b": OPENROUTER PROCESSING\n\n", b"event: ping\n\n", b"data:\n\n", b"id: 1\nretry: 5\n\n"]
    assert streamed(*frames, done=False).events == []


def test_events_are_read_in_any_framing(streamed: Any):
    frame = b'event: message\r\ndata:{"id":"r","choices":\r\ndata: [{"delta":{"content":"a"}}]}\r\n\r\n'
    assert parts_of(streamed, frame, chunk("stop")) == [Text("a")]


def test_a_stream_is_complete_once_every_choice_is(streamed: Any):
    begun = [chunk(content="a"), chunk(content="b", index=1)]
    assert not streamed(*begun, chunk("stop"), done=False).complete
    found = streamed(*begun, chunk("stop"), chunk("stop", 1), done=False)
    assert found.complete
    assert found.of(Finished) == [Finished(Stop.END, 0), Finished(Stop.END, 1)]


def test_a_stream_that_just_ends_is_a_truncation(streamed: Any):
    found = streamed(chunk(content="a"), done=False)
    assert not found.complete
    assert not found.of(Finished)


def test_done_without_a_reason_makes_up_none(streamed: Any):
    found = streamed(chunk(content="a"))
    assert found.complete
    assert not found.of(Finished)


def test_nothing_is_read_after_the_end(streamed: Any):
    assert streamed(chunk(content="a"), b"data: [DONE]\n\n", chunk(content="b")).reply.choices[0].parts == [Text("a")]


def test_a_finish_that_is_repeated_counts_once(streamed: Any):
    found = streamed(chunk(content="a"), chunk("stop"), chunk("length", content=""))
    assert found.of(Finished) == [Finished(Stop.END)]


@pytest.mark.parametrize(
    "frame",
    [
        b'data: {"error":{"message":"no","code":500}}\n\n',
        b'event: error\ndata: {"message":"no"}\n\n',
        b'data: {"object":"error","message":"no"}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":""},"error":{"code":502}}]}\n\n',
        b'data: {"id":"r","choices":[{"index":0,"delta":{"content":"x"}}],"error":{"code":502}}\n\n',
    ],
)
def test_an_error_is_reported_and_nothing_follows(streamed: Any, frame: bytes):
    found = streamed(chunk(content="a"), frame, chunk(content="b"))
    assert isinstance(found.events[-1], Reported)
    assert found.events[-1].payload in frame
    assert not found.complete


@pytest.mark.parametrize(
    "frame",
    [
        b"data: nonsense\n\n",
        b"data: [1]\n\n",
        b'data: {"choices":3}\n\n',
        b'data: {"choices":[{"delta":{"content":3}}]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: \xff\n\n",
    ],
)
def test_what_is_no_chunk_is_malformed(streamed: Any, frame: bytes):
    found = streamed(chunk(content="a"), frame, chunk(content="b"))
    assert isinstance(found.events[-1], Malformed)
    assert not found.complete


def test_a_call_that_is_cut_is_malformed_unless_its_reason_says_so(streamed: Any):
    begun = piece('{"a":', "f", index=0, id="1")
    assert streamed(begun, chunk("tool_calls")).of(Malformed)
    assert streamed(begun).of(Malformed)
    assert not streamed(begun, chunk("length")).of(Malformed)


def test_a_call_that_goes_on_after_its_end_is_malformed(streamed: Any):
    found = streamed(piece("{}", "f", index=0, id="1"), piece("{}", "g", index=1, id="2"), piece("}", index=0))
    assert found.of(Malformed)


def test_there_is_a_bound_on_choices(streamed: Any):
    assert streamed(*(chunk(content="a", index=index) for index in range(200))).of(Malformed)


def test_any_cut_of_the_bytes_gives_the_same_events(streamed: Any):
    body = b"".join(
        [
            b'data: {"id":"r","choices":[{"index":0,"delta":{"content":"gr\xc3\xbcn"}}]}\r\n\r\n',
            b": ping\n\n",
            b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
            b"data: [DONE]\n\n",
        ]
    )
    expected = streamed(body, done=False).events
    for cut in range(1, len(body)):
        reader, events, rest = CODEC.reader(), list[Event](), b""
        for arrived in (body[:cut], body[cut:]):
            frames, rest = CODEC.split(rest + arrived)
            for frame in frames:
                reader.read(frame, events)
        reader.end(events)
        assert events == expected


@pytest.mark.parametrize(
    "odd",
    [
        {"created": "today"},
        {"usage": {"prompt_tokens": "many"}},
        {"service_tier": 3, "system_fingerprint": {}},
        {"choices": [{"delta": {"content": "a", "reasoning": {"x": 1}, "reasoning_details": "hm"}}]},
        {"choices": [{"delta": {"content": "a", "audio": 3}, "stop_reason": [], "finish_reason": 3}]},
    ],
)
def test_an_odd_field_does_not_lose_the_words(streamed: Any, odd: dict[str, Any]):
    assert parts_of(streamed, {**chunk(content="a"), **odd}, chunk("stop")) == [Text("a")]


def test_half_a_character_does_not_lose_the_words(streamed: Any):
    frame = b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n'
    assert parts_of(streamed, chunk(content="-"), frame, chunk("stop")) == [Text("-a?")]


def test_an_error_that_groq_hides_is_reported(streamed: Any):
    hidden = {**chunk(), "x_groq": {"id": "x", "error": "over capacity"}}
    assert streamed(chunk(content="a"), hidden).of(Reported)


def test_text_after_a_call_begins_a_new_part(streamed: Any):
    parts = parts_of(streamed, chunk(content="a"), piece("{}", "f", index=0, id="1"), chunk(content="b"), chunk("stop"))
    assert parts == [Text("a"), ToolCall(id="1", name="f", arguments="{}"), Text("b")]


def test_plain_chunks_of_several_kinds_follow_each_other(streamed: Any):
    deltas: list[dict[str, Any]] = [
        {"content": "a"},
        {"reasoning_content": "h"},
        {"content": "b"},
        {"refusal": "No."},
        {"content": "c"},
    ]
    parts = parts_of(streamed, *(chunk(**delta) for delta in deltas), chunk("stop"))
    assert parts == [Text("a"), Reasoning(text="h"), Text("b"), Refusal("No."), Text("c")]
