"""What a client's Chat Completions request amounts to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headway.wire.form.codec import Said
from headway.wire.form.parts import (
    Audio,
    Cache,
    File,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Thinking, ToolChoice
from headway.wire.malformed import Malformed
from headway.wire.openai_chat.codec import CODEC

PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def test_text_is_read_from_a_string_and_from_a_list_of_parts(asks: Any):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = asks.saying({"role": "system", "content": "Be brief"}, {"role": "user", "content": parts, "name": "Ann"})
    system, user = request.messages
    assert (system.role, system.parts) == ("system", (Text("Be brief"),))
    assert (user.parts, user.name) == ((Text("a"), Text("b")), "Ann")


def test_pictures_sounds_and_documents_are_read(asks: Any):
    content = [
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "document_url", "document_url": "https://example.com/a.pdf"},
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ]
    assert asks.saying({"role": "user", "content": content}).messages[0].parts == (
        Image(Source(media_type="image/png", data="iVBORw0KGgo="), "low"),
        Image(Source(url="https://example.com/a.png")),
        Audio(Source(media_type="audio/mpeg", data="UklG")),
        File(Source(media_type="application/pdf", data="JVBE"), "a.pdf"),
        File(Source(file_id="file-1")),
        File(Source(url="https://example.com/a.pdf")),
        Video(Source(url="https://example.com/a.mp4")),
    )


def test_calls_and_their_results_are_read(asks: Any):
    custom = {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    request = asks.saying(
        {"role": "assistant", "content": "", "tool_calls": [CALL, custom]},
        {"role": "tool", "tool_call_id": "call_1", "content": "3"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "a.txt"}]},
    )
    asked, *results = request.messages
    assert asked.parts == (
        ToolCall(id="call_1", name="add", arguments='{"a":1}'),
        ToolCall(id="call_2", name="sh", arguments="ls", custom=True),
    )
    assert [each.parts for each in results] == [
        (ToolResult(call_id="call_1", parts=(Text("3"),)),),
        (ToolResult(call_id="call_2", parts=(Text("a.txt"),), custom=True),),
    ]


def test_functions_of_the_older_form_are_tools(asks: Any):
    request = asks.saying(
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
        {"role": "function", "name": "add", "content": "3"},
        functions=[{"name": "add", "parameters": {"type": "object"}}],
        function_call={"name": "add"},
    )
    call, result = request.messages[0].parts[0], request.messages[1].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert result.call_id == call.id
    assert [tool.name for tool in request.tools] == ["add"]
    assert request.tool_choice == ToolChoice("required", ("add",))
    assert request.parallel_tool_calls is False
    assert not request.extra


def test_what_was_thought_is_read_under_each_of_its_names(asks: Any):
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "hw1.anthropic.cmVk", "index": 1},
    ]
    said = [
        {"role": "assistant", "content": "a", "reasoning_content": "hm"},
        {"role": "assistant", "content": "a", "reasoning": "hm"},
        {"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": details},
    ]
    first, second, third = (message.parts[:-1] for message in asks.saying(*said).messages)
    assert first == second == (Reasoning(text="hm"),)
    assert third == (
        Reasoning(text="hm", signature="anthropic-claude-v1:c2ln", origin="openai_chat"),
        Reasoning(redacted="cmVk", origin="anthropic"),
    )


def test_a_signature_of_gemini_belongs_to_the_first_call(asks: Any):
    extra = {"google": {"thought_signature": "c2ln"}}
    on_call = {"role": "assistant", "tool_calls": [{**CALL, "extra_content": extra}]}
    on_message = {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}], "extra_content": extra}
    on_text = {"role": "assistant", "content": "a", "extra_content": extra}
    messages = asks.saying(on_call, on_message, on_text).messages
    assert [[part.signature for part in message.parts] for message in messages] == [["c2ln"], ["c2ln", None], ["c2ln"]]


def test_marks_of_what_is_to_be_cached_are_read(asks: Any):
    parts = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
        {"type": "text", "text": "c", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]
    read = asks.saying({"role": "user", "content": parts}).messages[0].parts
    assert [part.cache for part in read] == [Cache("1h"), Cache("1h"), Cache()]


def test_what_only_this_dialect_knows_stays_with_its_message(asks: Any):
    part = {"type": "hologram", "url": "x"}
    message = asks.saying({"role": "assistant", "content": [part], "prefix": True, "audio": {"id": "a"}}).messages[0]
    assert [(each.dialect, each.kind) for each in message.parts if isinstance(each, Opaque)] == [
        ("openai_chat", "hologram"),
        ("openai_chat", "audio"),
        ("openai_chat", "prefix"),
    ]


def test_unknown_fields_deep_in_a_message_are_kept_by_their_path(asks: Any):
    part = {"type": "image_url", "image_url": {"url": PNG, "uuid": "u"}, "note": 1}
    request = asks.saying({"role": "user", "content": [part]}, tools=[{**ADD, "defer": True}])
    assert {name: bytes(raw) for name, raw in request.extra.items()} == {
        "messages[0].content[0].image_url.uuid": b'"u"',
        "messages[0].content[0].note": b"1",
        "tools[0].defer": b"true",
    }
    assert request.messages[0].parts == (Image(Source(media_type="image/png", data="iVBORw0KGgo=")),)


def test_a_refusal_is_read_from_its_field_and_from_content(asks: Any):
    first, second = asks.saying(
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ).messages
    assert first.parts == second.parts == (Refusal("No."),)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "add"}}, ToolChoice("required", ("add",))),
        ({"type": "custom", "custom": {"name": "sh"}}, ToolChoice("required", ("sh",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [ADD]}},
            ToolChoice("auto", ("add",)),
        ),
    ],
)
def test_every_choice_of_tools_is_read(asks: Any, said: object, read: ToolChoice):
    assert asks(tools=[ADD], tool_choice=said).tool_choice == read


def test_tools_are_functions_custom_or_the_providers_own(asks: Any):
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    tools = [
        {"function": {"name": "add", "description": "adds", "parameters": {"b": 1, "a": 2}, "strict": True}},
        {"type": "custom", "custom": {"name": "sh", "format": grammar}},
        {"type": "browser", "depth": 2},
    ]
    add, shell, browser = asks(tools=tools).tools
    assert (add.name, add.description, bytes(add.parameters), add.strict) == ("add", "adds", b'{"b": 1, "a": 2}', True)
    assert shell.custom
    assert msgspec.json.decode(shell.format) == grammar
    assert isinstance(browser, HostedTool)
    assert (browser.dialect, browser.kind) == ("openai_chat", "browser")


def test_settings_have_their_place(asks: Any):
    request = asks(
        max_completion_tokens=9,
        max_tokens=7,
        temperature=1,
        stop="end",
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": True}},
        prompt_cache_key="k",
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        seed=None,
    )
    assert (request.max_output, request.temperature, request.stop, request.seed) == (9, 1.0, ("end",), None)
    assert request.thinking == Thinking(effort="low")
    assert request.output == Output(schema=msgspec.Raw(b"{}"), name="x", strict=True)
    assert (request.cache_key, request.stream, request.stream_usage) == ("k", True, True)
    assert not request.extra


def test_usage_of_a_stream_is_told_only_where_it_was_asked_for(asks: Any):
    assert not asks(stream=True).stream_usage


@pytest.mark.parametrize(
    ("said", "thinking"),
    [
        ({"reasoning": {"effort": "high"}}, Thinking(effort="high", show=True)),
        ({"reasoning": {"max_tokens": 100, "exclude": True}}, Thinking(budget=100, show=False)),
        ({"reasoning": {"enabled": False}}, Thinking(budget=0, show=True)),
        ({"reasoning": {"enabled": True}, "reasoning_effort": "low"}, Thinking(effort="low", show=True)),
        ({"reasoning_effort": "low", "reasoning": {"enabled": True}}, Thinking(effort="low", show=True)),
        ({"thinking": {"type": "disabled"}}, Thinking(budget=0)),
        ({"thinking": {"type": "enabled"}}, Thinking(budget=-1)),
    ],
)
def test_how_much_to_think_is_read_in_the_words_of_each_provider(asks: Any, said: dict[str, Any], thinking: Thinking):
    request = asks(**said)
    assert request.thinking == thinking
    assert not request.extra


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("web_search_options", {"search_context_size": "low"}),
        ("modalities", ["text", "audio"]),
        ("guided_json", {"type": "object"}),
        ("response_format", {"type": "grammar", "grammar": "x"}),
    ],
)
def test_what_changes_the_answer_is_needed(asks: Any, name: str, value: object):
    request = asks(**{name: value})
    assert request.needs == (name,)
    assert msgspec.json.decode(request.extra[name]) == value


def test_other_settings_are_kept_without_being_needed(asks: Any):
    request = asks(store=True, prediction={"type": "content", "content": "x"}, repetition_penalty=1.1)
    assert set(request.extra) == {"store", "prediction", "repetition_penalty"}
    assert request.needs == ()


USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"messages": "Hi"}, "messages", "must be a list"),
        ({"messages": [USER, 3]}, "messages[1]", "must be an object"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role", "is missing"),
        ({"messages": [{"role": "god", "content": "Hi"}]}, "messages[0].role", "must be one of"),
        ({"messages": [{"role": 3}]}, "messages[0].role", "must be a string"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "must be a string or a list"),
        ({"messages": [{"role": "user", "content": [3]}]}, "messages[0].content[0]", "must be an object"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type", "must be a string"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "is missing",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
            "is missing",
        ),
        ({"messages": [{"role": "tool", "content": "3"}]}, "messages[0].tool_call_id", "is missing"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}]},
            "messages[0].tool_calls[0].function",
            "is missing",
        ),
        ({"tools": {}}, "tools", "must be a list"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "is missing"),
        ({"tools": [{"function": {}}]}, "tools[0].function.name", "is missing"),
        ({"tool_choice": "maybe"}, "tool_choice", "must be one of"),
        ({"temperature": "hot"}, "temperature", "must be a number"),
        ({"max_tokens": 1.5}, "max_tokens", "must be a whole number"),
        ({"stop": [1]}, "stop[0]", "must be a string"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "is missing"),
        ({"stream_options": 1}, "stream_options", "must be an object"),
    ],
)
def test_a_wrong_field_is_named_in_plain_words(asks: Any, body: dict[str, Any], param: str, words: str):
    found = asks.wrongly(**body)
    assert found.param == param
    assert found.message.startswith(f"{param} {words}")


def test_complaints_quote_nothing_of_what_was_said():
    for raw in (
        b'[{"role":"user","content":[{"type":"text","text":{"secret":1}}]}]',
        b'[{"role":{"secret":1}}]',
        b'"secret',
    ):
        fields = {"model": msgspec.Raw(b'"m"'), "messages": msgspec.Raw(raw)}
        found = CODEC.read_request(fields, Said(model="m", stream=False))
        assert isinstance(found, Malformed)
        assert "secret" not in found.message


@pytest.mark.parametrize("name", ["messages", "tools", "tool_choice", "response_format", "reasoning", "seed", "stop"])
@pytest.mark.parametrize(
    "raw",
    [b"3", b'"x"', b"[[[]]]", b'{"type":{}}', b'[{"type":[]}]', b'"\\ud83d"', b"[" * 5000, b"{", b"\xff", b"1e999"],
)
def test_no_field_can_make_the_reader_fall(name: str, raw: bytes):
    fields = {"messages": msgspec.Raw(b'[{"role":"user","content":"Hi"}]'), name: msgspec.Raw(raw)}
    found = CODEC.read_request(fields, Said(model="m", stream=False))
    assert not isinstance(found, Malformed) or found.param is not None


def test_a_request_without_messages_is_malformed():
    found = CODEC.read_request({"model": msgspec.Raw(b'"m"')}, Said(model="m", stream=False))
    assert found == Malformed("messages is missing", "messages")
