"""Requests of other dialects, and Cohere's own, written for Cohere: what is said, dropped or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.wire.form.parts import (
    Audio,
    Cache,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice, Unsupported

Read = Callable[..., Request]
Write = Callable[..., tuple[Any, tuple[str, ...]]]
Refuse = Callable[[Request], Unsupported]

HELLO = (Message("user", (Text("hi"),)),)
TOOL = Tool(name="f", parameters=msgspec.Raw(b'{"type":"object"}'))


def asked(*messages: Message, **fields: Any) -> Request:
    return Request(dialect="openai_chat", model="m", messages=messages or HELLO, **fields)


def said(*parts: Part) -> Message:
    return Message("assistant", parts)


def test_the_parameters_get_cohere_s_names(write: Write):
    body, dropped = write(
        asked(max_output=9, temperature=0.5, top_p=0.9, top_k=3, seed=1, stop=("x",), logprobs=True, stream=True)
    )
    assert body == {
        "model": "command",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "max_tokens": 9,
        "temperature": 0.5,
        "p": 0.9,
        "k": 3,
        "seed": 1,
        "logprobs": True,
        "stop_sequences": ["x"],
    }
    assert dropped == ()


def test_values_beyond_cohere_s_range_are_clamped_and_listed(write: Write):
    body, dropped = write(
        asked(temperature=1.7, top_p=1.0, top_k=900, frequency_penalty=-1.0, presence_penalty=2.0, stop=tuple("abcdef"))
    )
    assert (body["temperature"], body["p"], body["k"]) == (1.0, 0.99, 500)
    assert (body["frequency_penalty"], body["presence_penalty"]) == (0.0, 1.0)
    assert body["stop_sequences"] == list("abcde")
    assert dropped == ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "stop")


def test_what_cohere_has_no_word_for_is_listed(write: Write):
    body, dropped = write(
        asked(
            parallel_tool_calls=False,
            top_logprobs=2,
            logit_bias=msgspec.Raw(b"{}"),
            user="u",
            metadata=msgspec.Raw(b"{}"),
            service_tier="flex",
            verbosity="low",
            cache_key="k",
            n=1,
            extra={"store": msgspec.Raw(b"true")},
            aside={"include": msgspec.Raw(b"[]")},
        )
    )
    assert set(body) == {"model", "messages", "stream"}
    assert set(dropped) == {
        "parallel_tool_calls",
        "top_logprobs",
        "logit_bias",
        "user",
        "metadata",
        "service_tier",
        "verbosity",
        "cache_key",
        "store",
    }


def test_what_the_model_is_known_to_refuse_is_left_out(write: Write):
    lacks = frozenset({"seed", "stop", "thinking"})
    body, dropped = write(asked(seed=1, stop=("x",), thinking=Thinking(), top_k=2), lacks=lacks)
    assert set(body) == {"model", "messages", "stream", "k"}
    assert dropped == ("seed", "stop", "thinking")


def test_a_parameter_can_have_another_name_for_a_model(write: Write):
    body, _ = write(asked(max_output=9), renames={"max_tokens": "max_output_tokens"})
    assert body["max_output_tokens"] == 9
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("thinking", "written"),
    [
        (Thinking(), {"type": "enabled"}),
        (Thinking(budget=0), {"type": "disabled"}),
        (Thinking(budget=-1), {"type": "enabled"}),
        (Thinking(budget=77), {"type": "enabled", "token_budget": 77}),
        (Thinking(effort="none"), {"type": "disabled"}),
        (Thinking(effort="low"), {"type": "enabled", "token_budget": 2048}),
        (Thinking(effort="max"), {"type": "enabled"}),
        (Thinking(effort="low", budget=-1), {"type": "enabled", "token_budget": 2048}),
    ],
)
def test_thinking_is_bounded_by_tokens(write: Write, thinking: Thinking, written: Any):
    body, dropped = write(asked(thinking=thinking))
    assert body["thinking"] == written
    assert dropped == ()


def test_more_effort_is_never_a_smaller_budget(write: Write):
    efforts = ("minimal", "low", "medium", "high", "xhigh")
    budgets = [write(asked(thinking=Thinking(effort=each)))[0]["thinking"]["token_budget"] for each in efforts]
    assert budgets == sorted(set(budgets))


def test_tools_are_functions_with_parameters(write: Write):
    body, dropped = write(asked(tools=(TOOL, Tool(name="g", description="d"))))
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}, "description": "d"},
        },
    ]
    assert "strict_tools" not in body
    assert dropped == ()


def test_strictness_is_of_all_tools_or_none(write: Write):
    strict = msgspec.structs.replace(TOOL, strict=True)
    assert write(asked(tools=(strict,)))[0]["strict_tools"] is True
    body, dropped = write(asked(tools=(strict, TOOL)))
    assert "strict_tools" not in body
    assert dropped == ("tools.strict",)


def test_a_choice_among_the_tools_is_kept_by_offering_only_those(write: Write):
    tools = (TOOL, Tool(name="g"))
    body, dropped = write(asked(tools=tools, tool_choice=ToolChoice("required", ("g",))))
    assert [each["function"]["name"] for each in body["tools"]] == ["g"]
    assert body["tool_choice"] == "REQUIRED"
    assert dropped == ()
    assert "tool_choice" not in write(asked(tools=tools, tool_choice=ToolChoice("auto")))[0]
    assert write(asked(tools=tools, tool_choice=ToolChoice("none")))[0]["tool_choice"] == "NONE"


def test_a_choice_without_tools_is_listed(write: Write):
    body, dropped = write(asked(tool_choice=ToolChoice("none")))
    assert "tool_choice" not in body
    assert dropped == ("tool_choice",)


def test_json_is_asked_for_with_its_schema_byte_for_byte(write: Write):
    body, _ = write(asked(output=Output(schema=msgspec.Raw(b'{"z":1,"a":2.50}'), name="n", strict=True)))
    assert body["response_format"] == {"type": "json_object", "json_schema": {"z": 1, "a": 2.5}}
    assert write(asked(output=Output()))[0]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (asked(n=2), "n"),
        (asked(tools=(TOOL,), output=Output()), "json_output"),
        (asked(tools=(TOOL,), output=Output(schema=msgspec.Raw(b"{}"))), "json_schema"),
        (asked(tools=(Tool(name="c", custom=True),)), "tools"),
        (asked(tools=(HostedTool("anthropic", "web_search", msgspec.Raw(b"{}")),)), "web_search"),
        (asked(tools=(TOOL,), tool_choice=ToolChoice("required", ("other",))), "tool_choice"),
        (asked(needs=("previous_response_id",)), "previous_response_id"),
        (asked(Message("user", (Audio(Source(data="QQ==")),))), "audio"),
        (asked(Message("user", (Video(Source(data="QQ==")),))), "video"),
        (asked(Message("user", (File(Source(data="QQ==")),))), "files"),
        (asked(Message("user", (Image(Source(file_id="file-1")),))), "images"),
        (asked(Message("tool", (ToolResult(call_id="c", parts=(Image(Source(data="QQ==")),)),))), "images"),
        (asked(said(ToolCall(id="c", name="f", arguments="free", custom=True))), "tools"),
    ],
)
def test_what_would_change_the_meaning_is_refused(refuse: Refuse, request_: Request, feature: str):
    refused = refuse(request_)
    assert refused.feature == feature
    assert refused.message.split()[0] in ("cannot", "gives", "has", "takes", "was")


def test_instructions_of_either_role_are_the_system_s(write: Write):
    body, _ = write(asked(Message("developer", (Text("a"), Text("b"))), *HELLO))
    assert body["messages"][0] == {
        "role": "system",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    }


def test_pictures_are_addresses_or_data(write: Write):
    images = (Image(Source(media_type="image/gif", data="QUJD"), "high"), Image(Source(url="https://a.example/b")))
    body, _ = write(asked(Message("user", images)))
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,QUJD", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b"}},
    ]


def test_calls_and_their_results_come_back(write: Write):
    call = ToolCall(id="c1", name="f", arguments='{"a": 1}')
    results = (
        ToolResult(call_id="c1", parts=(Text("4"),)),
        ToolResult(call_id="c2", parts=(Text('{"sky": "clear"}'),), json=True),
        ToolResult(call_id="c3", parts=(Text("no"),), is_error=True),
    )
    body, dropped = write(asked(*HELLO, said(Text("let me"), call), Message("tool", results)))
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "let me",
            "tool_calls": [{"type": "function", "id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "content": "4", "tool_call_id": "c1"},
        {
            "role": "tool",
            "content": [{"type": "document", "document": {"data": {"sky": "clear"}}}],
            "tool_call_id": "c2",
        },
        {"role": "tool", "content": "no", "tool_call_id": "c3"},
    ]
    assert dropped == ("messages[2].is_error",)


def test_what_led_to_calls_is_their_plan_and_the_rest_is_thinking(write: Write):
    call = ToolCall(id="c1", name="f", arguments="")
    result = Message("tool", (ToolResult(call_id="c1", parts=(Text("4"),)),))
    body, dropped = write(asked(said(Reasoning(text="hm"), call), result, said(Reasoning(text="so"), Text("yes"))))
    first, _, second = body["messages"]
    assert first["tool_plan"] == "hm"
    assert "content" not in first
    assert first["tool_calls"][0]["function"]["arguments"] == "{}"
    assert second["content"] == [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "yes"}]
    assert dropped == ()


def test_reasoning_of_another_dialect_is_left_out_and_listed(write: Write):
    thought = Reasoning(text="hm", signature="s", origin="anthropic")
    body, dropped = write(asked(*HELLO, said(thought, Text("yes"))))
    assert body["messages"][1] == {"role": "assistant", "content": "yes"}
    assert dropped == ("messages[1].reasoning",)


def test_what_has_no_place_in_the_history_is_listed_where_it_stood(write: Write):
    cited = Text("yes", (Citation(url="https://a.example", dialect="anthropic"),), cache=Cache())
    opaque = Opaque("anthropic", "web_search_result", msgspec.Raw(b"{}"))
    body, dropped = write(asked(said(opaque), said(cited, Refusal("no")), Message("user", (Text("u"),), name="ann")))
    assert body["messages"] == [
        {"role": "assistant", "content": [{"type": "text", "text": "yes"}, {"type": "text", "text": "no"}]},
        {"role": "user", "content": "u"},
    ]
    assert dropped == (
        "messages[0].web_search_result",
        "messages[1].citations",
        "messages[1].cache",
        "messages[2].name",
    )


EVERYTHING: dict[str, Any] = {
    "model": "command",
    "stream": False,
    "messages": [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
                {"type": "smell", "of": ["roses"]},
            ],
        },
        {
            "role": "assistant",
            "tool_plan": "I will look",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
            "citations": [{"start": 0, "end": 1, "type": "PLAN"}],
        },
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [
                {"type": "document", "document": {"id": "1", "data": {"b": 1.50, "a": "é"}}},
                {"type": "document", "document": {"data": '{"x": 1}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "document", "document": {"data": {"b": 1}}}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes."}],
            "citations": [
                {
                    "start": 0,
                    "end": 3,
                    "text": "Yes",
                    "sources": [{"type": "tool", "id": "c1:0"}, {"type": "document", "id": "1"}],
                    "content_index": 1,
                    "type": "TEXT_CONTENT",
                }
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "more"}],
            "tool_calls": [{"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {"type": "search", "x": 1},
    ],
    "strict_tools": False,
    "tool_choice": "REQUIRED",
    "documents": [{"id": "d", "data": {"t": "x"}}, "text"],
    "citation_options": {"mode": "ACCURATE"},
    "safety_mode": "STRICT",
    "max_tokens": 10,
    "stop_sequences": ["a", "b", "c", "d", "e", "f"],
    "temperature": 1.5,
    "seed": 1,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "k": 5,
    "p": 1,
    "logprobs": True,
    "thinking": {"type": "enabled", "token_budget": 5},
    "priority": 2,
    "something_new": {"b": [1]},
}


def test_cohere_s_own_request_comes_back_whole(read: Read, write: Write):
    body, dropped = write(read(**EVERYTHING))
    assert body == EVERYTHING
    assert dropped == ()


def test_cohere_s_own_json_output_comes_back(read: Read, write: Write):
    asked_for = {"type": "json_object", "json_schema": {"type": "object"}}
    assert write(read(response_format=asked_for))[0]["response_format"] == asked_for
    for fields in ({"thinking": {"type": "disabled"}}, {"response_format": {"type": "text"}}, {"strict_tools": True}):
        body, dropped = write(read(**fields))
        assert {name: body[name] for name in fields} == fields
        assert dropped == ()


def test_recorded_requests_come_back_whole(recorded: list[dict[str, Any]], read: Read, write: Write):
    for exchange in recorded:
        body = exchange["request"]["body"]
        assert write(read(**body), model=body["model"]) == (body, ()), exchange["id"]
