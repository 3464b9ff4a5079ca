"""Whole answers: what providers of Chat Completions mean, and what a client is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire.form.parts import Audio, Citation, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.openai_chat.codec import CODEC

Whole = Callable[..., dict[str, Any]]


def read(message: dict[str, Any] | None = None, finish: str | None = "stop", **more: Any) -> Reply:
    choice = {"index": 0, "message": message or {"content": "a"}, "finish_reason": finish, **more.pop("choice", {})}
    reply = CODEC.read_reply(json.dumps({"id": "r", "choices": [choice], **more}).encode())
    assert isinstance(reply, Reply), reply
    return reply


def parts_in(message: dict[str, Any]) -> list[Part]:
    return read(message).choices[0].parts


def answer(*parts: Part, stop: Stop | None = Stop.END, **more: Any) -> Reply:
    return Reply(choices=[Choice(parts=list(parts), stop=stop)], **more)


def test_content_is_text_or_a_list_with_thoughts(streamed: Any):
    listed = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]
    assert parts_in({"content": "a"}) == [Text("a")]
    assert parts_in({"content": listed}) == [Reasoning(text="hm"), Text("a")]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thoughts_are_found_under_each_name(name: str):
    assert parts_in({"content": "a", name: "hm"}) == [Reasoning(text="hm"), Text("a")]


def test_details_of_thoughts_are_one_part_for_each_index():
    details = [
        {"type": "reasoning.summary", "summary": "hm", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "eA", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.text", "text": "so", "signature": "c2ln", "index": 1},
    ]
    assert parts_in({"content": None, "reasoning": "hm so", "reasoning_details": details}) == [
        Reasoning(text="hm", redacted="openai-responses-v1:eA", id="rs_1", summary=True, origin="openai_chat"),
        Reasoning(text="so", signature=":c2ln", origin="openai_chat"),
    ]


def test_a_call_without_an_id_gets_the_same_one_each_time():
    calls = {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "f"}}]}
    first, again = parts_in(calls), parts_in(calls)
    assert first == again
    ids = [part.id for part in first if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert all(each.startswith("call_") for each in ids)


def test_calls_come_in_every_form():
    message = {
        "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}},
            {"id": "2", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
            {
                "id": "3",
                "function": {"name": "g", "arguments": ""},
                "extra_content": {"google": {"thought_signature": "s"}},
            },
        ]
    }
    assert parts_in(message) == [
        ToolCall(id="1", name="f", arguments='{"a":1}'),
        ToolCall(id="2", name="sh", arguments="ls", custom=True),
        ToolCall(id="3", name="g", arguments="", signature="s"),
    ]
    [old] = parts_in({"content": None, "function_call": {"name": "f", "arguments": "{}"}})
    assert isinstance(old, ToolCall)
    assert old.name == "f"


def test_pictures_and_sounds_that_a_model_made_are_read():
    message = {
        "content": None,
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}],
        "audio": {"id": "a1", "data": "UklG", "transcript": "hello", "expires_at": 1},
    }
    assert parts_in(message) == [
        Image(Source(media_type="image/png", data="iVBO")),
        Audio(Source(data="UklG"), "hello", "a1"),
    ]


def test_fields_that_say_nothing_are_no_parts():
    message: dict[str, Any] = {
        "content": "4",
        "refusal": "",
        "audio": {"id": "", "data": "", "transcript": "", "expires_at": 0},
        "function_call": {"name": "", "arguments": ""},
        "tool_calls": None,
        "annotations": None,
    }
    assert parts_in(message) == [Text("4")]


def test_citations_are_read_with_their_places():
    cited = {"url": "https://a", "title": "A", "start_index": 1, "end_index": 3, "content": "quoted"}
    [text] = parts_in({"content": "abcd", "annotations": [{"type": "url_citation", "url_citation": cited}, 3]})
    assert isinstance(text, Text)
    [found] = text.citations
    assert (found.url, found.title, found.quoted, found.start, found.end) == ("https://a", "A", "quoted", 1, 3)


@pytest.mark.parametrize(
    ("finish", "message", "stop"),
    [
        ("stop", {"content": "a"}, Stop.END),
        ("stop", {"tool_calls": [{"id": "1", "function": {"name": "f"}}]}, Stop.TOOLS),
        ("stop", {"refusal": "No."}, Stop.REFUSAL),
        ("length", {"content": "a"}, Stop.LENGTH),
        ("model_length", {"content": "a"}, Stop.CONTEXT),
        ("function_call", {"content": "a"}, Stop.TOOLS),
        ("content_filter", {"content": "a"}, Stop.FILTER),
        ("content_filter: SAFETY", {"content": "a"}, Stop.FILTER),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", {"content": "a"}, Stop.FAULT),
        ("error", {"content": "a"}, Stop.FAULT),
        ("something new", {"content": "a"}, Stop.END),
        ("", {"content": "a"}, None),
        (None, {"content": "a"}, None),
    ],
)
def test_reasons_to_be_over(finish: str | None, message: dict[str, Any], stop: Stop | None):
    assert read(message, finish).choices[0].stop is stop


def test_the_sequence_that_ended_an_answer_is_told_where_a_server_tells_it():
    ended = read(choice={"stop_reason": "END"}).choices[0]
    assert (ended.stop, ended.sequence) == (Stop.SEQUENCE, "END")
    assert read(choice={"stop_reason": 128009}).choices[0].stop is Stop.END


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 8,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1, "image_tokens": 2},
            },
            Usage(10, 8, 4, 3, 1, 0, 2, 1, 0, 0, 2),
        ),
        ({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}, Usage(35, 74, reasoning_tokens=62)),
        ({"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8}, Usage(9, 1, 8)),
        ({"prompt_tokens": 9, "completion_tokens": 1, "num_cached_tokens": 8}, Usage(9, 1, 8)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(9, 0)),
        ({"prompt_tokens": -1, "completion_tokens": 1}, Usage(0, 1)),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "server_tool_use_details": {"web_search_requests": 2}},
            Usage(9, 1, searches=2),
        ),
        ({"cost": 1}, None),
    ],
)
def test_usage_is_counted_as_each_provider_means_it(usage: dict[str, Any], counted: Usage | None):
    assert read(usage=usage).usage == counted


def test_an_odd_id_or_count_does_not_lose_an_answer():
    reply = read(created="today", usage={"prompt_tokens": "many"}, service_tier=3)
    assert reply.choices[0].parts == [Text("a")]
    assert (reply.id, reply.usage) == ("r", None)


def test_half_a_character_does_not_lose_an_answer():
    reply = CODEC.read_reply(b'{"choices":[{"message":{"content":"a\\ud83d"},"finish_reason":"stop"}]}')
    assert isinstance(reply, Reply)
    assert reply.choices[0].parts == [Text("a?")]


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (b"", False),
        (b"nonsense", False),
        (b"[]", False),
        (b"[" * 100_000, False),
        (b'{"choices":[]}', False),
        (b'{"choices":3}', False),
        (b'{"error":{"message":"no"}}', True),
        (b'{"object":"error","message":"no"}', True),
        (b'{"choices":[{"error":{"message":"no"},"finish_reason":"error"}]}', True),
    ],
)
def test_what_is_no_answer(body: bytes, is_error: bool):
    reply = CODEC.read_reply(body)
    assert isinstance(reply, NoReply)
    assert reply.is_error is is_error


# --- for clients ---


def test_texts_of_an_answer_are_one_and_citations_count_in_all_of_it(whole: Whole):
    second = Text("cd", (Citation(url="https://a", title="A"), Citation(url="https://b", start=1, end=2), Citation()))
    message = whole(answer(Text("ab"), second))["choices"][0]["message"]
    assert message["content"] == "abcd"
    assert [each["url_citation"] for each in message["annotations"]] == [
        {"url": "https://a", "title": "A", "start_index": 2, "end_index": 4},
        {"url": "https://b", "title": "", "start_index": 3, "end_index": 4},
    ]


def test_a_foreign_signature_is_shown_sealed_and_whole(whole: Whole, asks: Any):
    reply = answer(
        Reasoning(text="hm", signature="c2ln", origin="anthropic"),
        Reasoning(redacted="cmVk", origin="anthropic"),
        Text("a"),
    )
    message = whole(reply)["choices"][0]["message"]
    assert message["reasoning_content"] == "hm"
    back = asks.saying(message).messages[0].parts
    assert back == tuple(reply.choices[0].parts)


def test_thoughts_without_a_signature_have_no_details(whole: Whole):
    message = whole(answer(Reasoning(text="hm"), Text("a")))["choices"][0]["message"]
    assert message["reasoning_content"] == "hm"
    assert "reasoning_details" not in message


def test_calls_are_shown_with_arguments_that_parse(whole: Whole):
    calls = [ToolCall(id="1", name="f", arguments="", signature="s"), ToolCall(id="2", name="g", arguments='{"a":1}')]
    choice = whole(answer(*calls, stop=Stop.TOOLS))["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    first, second = choice["message"]["tool_calls"]
    assert first["function"] == {"name": "f", "arguments": "{}"}
    assert first["extra_content"] == {"google": {"thought_signature": "s"}}
    assert second["function"]["arguments"] == '{"a":1}'


def test_a_client_of_functions_gets_a_function_call(whole: Whole):
    reply = answer(ToolCall(id="1", name="f", arguments="{}"), stop=Stop.TOOLS)
    choice = whole(reply, functions=[{"name": "f"}])["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize(
    ("stop", "parts", "finish"),
    [
        (Stop.END, [Text("a")], "stop"),
        (Stop.SEQUENCE, [Text("a")], "stop"),
        (Stop.LENGTH, [Text("a")], "length"),
        (Stop.CONTEXT, [Text("a")], "length"),
        (Stop.FILTER, [], "content_filter"),
        (Stop.REFUSAL, [Text("a")], "content_filter"),
        (Stop.REFUSAL, [Refusal("No.")], "stop"),
        (Stop.PAUSE, [Text("a")], "stop"),
        (None, [Text("a")], "stop"),
        (None, [ToolCall(id="1", name="f", arguments="{}")], "tool_calls"),
    ],
)
def test_every_reason_has_a_word(whole: Whole, stop: Stop | None, parts: list[Part], finish: str):
    assert whole(answer(*parts, stop=stop))["choices"][0]["finish_reason"] == finish


def test_what_the_provider_did_not_say_is_filled_in(whole: Whole):
    shown = whole(answer(Text("a")))
    assert (shown["id"], shown["created"], shown["model"]) == ("req-1", 1_700_000_000, "shown")
    said = whole(answer(Text("a"), id="x", created=5, model="m", service_tier="flex", fingerprint="fp"))
    assert (said["id"], said["created"], said["model"]) == ("x", 5, "m")
    assert (said["service_tier"], said["system_fingerprint"]) == ("flex", "fp")


def test_usage_and_logprobs_are_shown(whole: Whole):
    reply = answer(Text("a"), usage=Usage(10, 8, 4, 3, 1, 1, 2, 1))
    reply.choices[0].logprobs = msgspec.Raw(b'{"content":[]}')
    shown = whole(reply)
    assert shown["choices"][0]["logprobs"] == {"content": []}
    assert shown["usage"]["total_tokens"] == 18
    assert shown["usage"]["prompt_tokens_details"] == {
        "cached_tokens": 4,
        "audio_tokens": 2,
        "cache_write_tokens": 1,
    }
    assert shown["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


def test_errors_are_in_openais_form():
    body = json.loads(CODEC.error_body("It is too long.", 400, "context_length_exceeded", "messages"))
    assert body == {
        "error": {
            "message": "It is too long.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }
