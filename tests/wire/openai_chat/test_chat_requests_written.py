"""Requests of any dialect, in the words of Chat Completions."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from headway.types import Dialect
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
    Role,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice

PNG = Image(Source(media_type="image/png", data="iVBO"))
PDF = File(Source(media_type="application/pdf", data="JVBE"), "a.pdf")


def asked(*messages: Message, dialect: Dialect = "anthropic", **settings: Any) -> Request:
    return Request(dialect=dialect, model="m", messages=messages or (said("user", Text("Hi")),), **settings)


def said(role: Role, *parts: Part) -> Message:
    return Message(role, parts)


def result(*parts: Part, call_id: str = "c1", **more: Any) -> ToolResult:
    return ToolResult(call_id=call_id, parts=parts, **more)


def test_plain_text_is_a_string_for_every_server(writes: Any):
    request = asked(
        said("system", Text("a"), Text("b")),
        said("developer", Text("c")),
        said("user", Text("d"), Text("e")),
        said("assistant", Text("f"), Text("g")),
    )
    assert writes(request).body["messages"] == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "system", "content": "c"},
        {"role": "user", "content": "d\n\ne"},
        {"role": "assistant", "content": "fg"},
    ]


def test_names_of_parameters_are_those_that_the_model_wants(writes: Any):
    request = asked(said("system", Text("a")), max_output=9)
    sent = writes(request, renames={"max_tokens": "max_completion_tokens", "system": "developer"}).body
    assert sent["max_completion_tokens"] == 9
    assert sent["messages"][0]["role"] == "developer"
    assert writes(request).body["max_tokens"] == 9


def test_a_stream_always_tells_its_usage(writes: Any):
    sent = writes(asked(stream=True, stream_usage=False)).body
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


def test_settings_are_written_and_what_cannot_be_said_is_listed(writes: Any):
    sent = writes(
        asked(
            temperature=2.5,
            top_k=3,
            stop=("a", "b", "c", "d", "e"),
            metadata=msgspec.Raw(b'{"a":"b"}'),
            service_tier="standard_only",
            max_output=100,
            seed=1,
            extra={"container": msgspec.Raw(b"1")},
        ),
        most_output=50,
    )
    assert sent.body["temperature"] == 2.0
    assert (sent.body["max_tokens"], sent.body["service_tier"], sent.body["seed"]) == (50, "default", 1)
    assert sent.body["stop"] == ["a", "b", "c", "d"]
    assert set(sent.dropped) == {"temperature", "max_output", "top_k", "stop", "metadata", "container"}


def test_parameters_that_the_model_refuses_are_left_out(writes: Any):
    sent = writes(asked(temperature=1.0, thinking=Thinking(effort="low"), seed=1), lacks={"temperature", "thinking"})
    assert sent.body.keys() == {"model", "messages", "seed"}
    assert sent.dropped == ("temperature", "thinking")


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        (Thinking(effort="minimal"), "minimal"),
        (Thinking(budget=1024), "low"),
        (Thinking(budget=2048), "medium"),
        (Thinking(budget=16384), "high"),
        (Thinking(effort="high", budget=-1), "high"),
        (Thinking(budget=0), None),
        (Thinking(budget=-1), None),
        (Thinking(show=True), None),
    ],
)
def test_a_budget_of_thought_becomes_an_effort(writes: Any, thinking: Thinking, effort: str | None):
    sent = writes(asked(thinking=thinking))
    assert sent.body.get("reasoning_effort") == effort
    assert sent.dropped == (("thinking",) if thinking.budget == 0 else ())


def test_pictures_of_a_result_follow_in_the_users_words(writes: Any):
    request = asked(
        said("assistant", ToolCall(id="c1", name="look", arguments="")),
        said("tool", result(Text("seen"), PNG), result(PDF, call_id="c2")),
        said("tool", result(Text("plain"), call_id="c3", is_error=True)),
        said("user", Text("And?")),
    )
    call, first, second, third, pictures, user = writes(request).body["messages"]
    assert call["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}
    assert (first["tool_call_id"], first["content"]) == ("c1", "seen")
    assert second["content"]
    assert third == {"role": "tool", "tool_call_id": "c3", "content": "plain"}
    assert pictures["role"] == "user"
    assert [part["type"] for part in pictures["content"]] == ["text", "image_url", "text", "file"]
    assert user["content"] == "And?"


def test_documents_are_files_or_text(writes: Any):
    text = base64.b64encode("grün".encode()).decode()
    request = asked(
        said(
            "user",
            PDF,
            File(Source(text="plain"), "notes.txt"),
            File(Source(media_type="text/plain", data=text)),
        )
    )
    assert writes(request).body["messages"][0]["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "text", "text": "notes.txt\n\nplain"},
        {"type": "text", "text": "grün"},
    ]


@pytest.mark.parametrize(
    ("part", "feature"),
    [
        (Audio(Source(media_type="audio/flac", data="x")), "audio"),
        (Audio(Source(url="https://example.com/a.mp3")), "audio"),
        (Video(Source(url="https://example.com/a.mp4")), "video"),
        (Image(Source(file_id="file-1")), "images"),
        (File(Source(file_id="file-1")), "files"),
        (File(Source(url="https://example.com/a.pdf")), "files"),
    ],
)
def test_what_cannot_be_left_out_is_unsupported(writes: Any, part: Part, feature: str):
    assert writes.not_(asked(said("user", part))).feature == feature


def test_the_same_files_are_known_to_both_apis_of_openai(writes: Any):
    request = asked(said("user", File(Source(file_id="file-1"))), dialect="openai_responses")
    assert writes(request).body["messages"][0]["content"] == [{"type": "file", "file": {"file_id": "file-1"}}]


def test_a_sound_is_sent_as_wav_or_mp3(writes: Any):
    sound = Audio(Source(media_type="audio/mpeg", data="x"))
    content = writes(asked(said("user", sound))).body["messages"][0]["content"]
    assert content == [{"type": "input_audio", "input_audio": {"data": "x", "format": "mp3"}}]


def test_a_tool_that_another_provider_runs_is_unsupported(writes: Any):
    search = HostedTool("anthropic", "web_search", msgspec.Raw(b"{}"))
    assert writes.not_(asked(tools=(search,))).feature == "web_search"


def test_needs_of_another_dialect_are_unsupported(writes: Any):
    assert writes.not_(asked(needs=("container",))).feature == "container"


def test_abilities_that_the_model_lacks_are_unsupported(writes: Any):
    assert writes.not_(asked(said("user", PNG)), lacks={"images"}).feature == "images"


def test_tools_and_schemas_keep_their_bytes(writes: Any):
    schema = msgspec.Raw(b'{"z":1,  "a":2}')
    tool = Tool(name="add", description="adds", parameters=schema, strict=True)
    sent = writes(asked(tools=(tool,), output=Output(schema=schema), parallel_tool_calls=False)).body
    assert sent["tools"][0]["function"] == {
        "name": "add",
        "description": "adds",
        "parameters": {"z": 1, "a": 2},
        "strict": True,
    }
    assert sent["response_format"]["json_schema"]["schema"] == {"z": 1, "a": 2}
    assert sent["response_format"]["json_schema"]["name"]
    assert sent["parallel_tool_calls"] is False
    assert list(sent["tools"][0]["function"]["parameters"]) == ["z", "a"]


@pytest.mark.parametrize(
    ("choice", "form", "tools"),
    [
        (ToolChoice("required"), "required", ["a", "b"]),
        (ToolChoice("required", ("b",)), {"type": "function", "function": {"name": "b"}}, ["a", "b"]),
        (ToolChoice("auto", ("b",)), "auto", ["b"]),
        (ToolChoice("required", ("a", "b")), "required", ["a", "b"]),
    ],
)
def test_a_choice_among_some_tools_leaves_out_the_others(writes: Any, choice: ToolChoice, form: Any, tools: list[str]):
    sent = writes(asked(tools=(Tool(name="a"), Tool(name="b")), tool_choice=choice)).body
    assert sent["tool_choice"] == form
    assert [tool["function"]["name"] for tool in sent["tools"]] == tools


def test_a_choice_without_tools_is_not_sent(writes: Any):
    assert writes(asked(tool_choice=ToolChoice("auto"), parallel_tool_calls=True)).body.keys() == {"model", "messages"}


def test_thoughts_and_parts_of_other_dialects_are_left_out_and_listed(writes: Any):
    request = asked(
        said(
            "assistant",
            Reasoning(text="hm", signature="s", origin="anthropic"),
            Opaque("anthropic", "server_tool_use", msgspec.Raw(b"{}")),
            Text("a", cache=Cache()),
            ToolCall(id="c", name="f", arguments="{}", signature="g"),
        )
    )
    sent = writes(request)
    assert sent.body["messages"][0].keys() == {"role", "content", "tool_calls"}
    assert set(sent.dropped) == {
        "messages[0].reasoning",
        "messages[0].server_tool_use",
        "messages[0].cache",
        "messages[0].signature",
    }


def test_a_signature_of_this_dialect_goes_back_to_it_from_any_client(writes: Any):
    thought = Reasoning(text="hm", signature="anthropic-claude-v1:c2ln", origin="openai_chat")
    sent = writes(asked(said("assistant", thought, Text("a"))))
    assert sent.body["messages"][0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1", "signature": "c2ln", "index": 0}
    ]
    assert sent.dropped == ()


def test_a_request_of_its_own_gets_everything_back(asks: Any, writes: Any):
    body: dict[str, Any] = {
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": [{"type": "hologram", "x": 1}, {"type": "text", "text": "b"}]},
            {
                "role": "assistant",
                "content": "c",
                "prefix": True,
                "reasoning_content": "hm",
                "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {"google": {"thought_signature": "c2ln"}},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "1", "content": "d"},
        ],
        "max_completion_tokens": 5,
        "tools": [{"type": "browser", "x": 1}, {"type": "function", "function": {"name": "f"}}],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
        "web_search_options": {},
        "reasoning": {"effort": "low", "enabled": True, "odd": 1},
        "logit_bias": {"1": 2},
        "metadata": {"a": "b"},
        "store": True,
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "stop": ["a", "b", "c", "d", "e"],
    }
    sent = writes(asks(**body))
    assert sent.body == {**body, "model": "theirs"}
    assert sent.dropped == ()


def test_marks_of_openais_own_caching_come_back_as_they_were(asks: Any, writes: Any):
    content = [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}]
    assert writes(asks.saying({"role": "user", "content": content})).body["messages"][0]["content"] == content


def test_a_foreign_signature_in_a_request_of_its_own_is_left_out(asks: Any, writes: Any):
    details = [{"type": "reasoning.text", "text": "hm", "signature": "hw1.anthropic.c2ln", "index": 0}]
    sent = writes(asks.saying({"role": "assistant", "content": "a", "reasoning_details": details}))
    assert sent.body["messages"] == [{"role": "assistant", "content": "a"}]
    assert sent.dropped == ("messages[0].reasoning",)


def test_citations_of_other_dialects_stay_out_of_the_history(writes: Any):
    sent = writes(asked(said("assistant", Text("a", (Citation(url="u"),)))))
    assert sent.body["messages"] == [{"role": "assistant", "content": "a"}]


def test_functions_of_the_older_form_go_back_as_functions(asks: Any, writes: Any):
    body = {"functions": [{"name": "f", "parameters": {"type": "object"}}], "function_call": {"name": "f"}}
    sent = writes(asks(**body)).body
    assert {name: sent[name] for name in body} == body
    assert "tools" not in sent


def test_functions_of_the_older_form_are_tools_elsewhere(asks: Any, writes: Any):
    request = asks(functions=[{"name": "f"}], function_call="auto")
    sent = writes(msgspec.structs.replace(request, dialect="anthropic"))
    assert sent.body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert (sent.body["tool_choice"], sent.body["parallel_tool_calls"]) == ("auto", False)
    assert sent.dropped == ()


def test_a_refusal_in_the_history_of_another_dialect_is_text(writes: Any):
    sent = writes(asked(said("assistant", Refusal("No."))))
    assert sent.body["messages"] == [{"role": "assistant", "content": "No."}]


def test_files_go_by_their_address_where_the_server_takes_them_so(writes: Any):
    request = asked(said("user", File(Source(url="https://a/b.pdf"), "b.pdf")))
    content = writes(request, renames={"file": "document_url"}).body["messages"][0]["content"]
    assert content == [{"type": "document_url", "document_url": "https://a/b.pdf", "document_name": "b.pdf"}]


def test_a_model_that_takes_top_k_gets_it(writes: Any):
    assert writes(asked(top_k=3), renames={"top_k": "top_k"}).body["top_k"] == 3
