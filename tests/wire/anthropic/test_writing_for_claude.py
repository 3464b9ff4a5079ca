"""Requests of other dialects, put so that Claude takes them, and what is listed as missing."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

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
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import HostedTool, Output, Tool, ToolChoice

if TYPE_CHECKING:
    from wire.anthropic.conftest import Ask, Cannot, Write

USER = Message("user", (Text("Hello?"),))
TOOL = Tool(name="f", description="does", parameters=msgspec.Raw(b'{"type":"object","properties":{}}'))
OTHER = Tool(name="g")
CALL = ToolCall(id="call_1", name="f", arguments='{"a": 1}')


def _schema(schema: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(schema).encode())


def test_a_question_is_written_with_the_bound_that_the_api_wants(ask: Ask, write: Write):
    assert write(ask()) == (
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": "Hello?"}],
        },
        (),
    )


def test_the_bound_is_the_models_own_where_it_is_known(ask: Ask, write: Write):
    assert write(ask(), most_output=64000).body["max_tokens"] == 64000
    assert write(ask(max_output=100), most_output=64000).body["max_tokens"] == 100
    body, dropped = write(ask(max_output=100_000), most_output=64000)
    assert (body["max_tokens"], dropped) == (64000, ("max_output",))


def test_leading_instructions_are_the_system_text(ask: Ask, write: Write):
    request = ask(
        Message("system", (Text("One"),)), Message("developer", (Text("Two", cache=Cache("1h")), Text(" "))), USER
    )
    body, dropped = write(request)
    assert body["system"] == [
        {"type": "text", "text": "One"},
        {"type": "text", "text": "Two", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]
    assert dropped == ()


def test_later_instructions_stay_in_place_as_words_of_the_user(ask: Ask, write: Write):
    body, dropped = write(
        ask(USER, Message("assistant", (Text("Hi"),)), Message("developer", (Text("Now in French"),)))
    )
    assert body["messages"][2] == {"role": "user", "content": "Now in French"}
    assert dropped == ("messages[2].role",)


def test_instructions_alone_are_a_question(ask: Ask, write: Write):
    body, dropped = write(ask(Message("system", (Text("Write a poem"),))))
    assert body["messages"] == [{"role": "user", "content": "Write a poem"}]
    assert "system" not in body
    assert dropped == ("messages[0].role",)


def test_neighbours_of_one_role_are_one_turn_with_results_first(ask: Ask, write: Write):
    request = ask(
        USER,
        Message("assistant", (Text("Let me see"),)),
        Message("assistant", (CALL,)),
        Message("user", (Text("Quick"),)),
        Message("tool", (ToolResult(call_id="call_1", parts=(Text("18"),)),)),
        Message("tool", (ToolResult(call_id="call_2", parts=(), is_error=True),)),
    )
    assert write(request).body["messages"] == [
        {"role": "user", "content": "Hello?"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see"},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "18"},
                {"type": "tool_result", "tool_use_id": "call_2", "is_error": True},
                {"type": "text", "text": "Quick"},
            ],
        },
    ]


def test_blank_texts_are_not_sent(ask: Ask, write: Write):
    request = ask(USER, Message("assistant", (Text(""), CALL)), Message("user", (Text(" \n"),)), USER)
    assert [message["role"] for message in write(request).body["messages"]] == ["user", "assistant", "user"]


def test_an_answer_begun_by_the_client_ends_without_white_space(ask: Ask, write: Write):
    body, dropped = write(ask(USER, Message("assistant", (Text("The answer is "),))))
    assert body["messages"][1]["content"] == "The answer is"
    assert dropped == ("messages[1].text",)


@pytest.mark.parametrize(
    ("arguments", "expected", "dropped"),
    [
        ("", {}, ()),
        (' {"a": [1]}', {"a": [1]}, ()),
        ('{"a": ', {"input": '{"a": '}, ("messages[0].arguments",)),
        ("[1]", {"input": "[1]"}, ("messages[0].arguments",)),
    ],
)
def test_arguments_are_an_object_whatever_they_were(
    ask: Ask, write: Write, arguments: str, expected: object, dropped: tuple[str, ...]
):
    call = ToolCall(id="c", name="f", arguments=arguments)
    found = write(ask(Message("assistant", (call,)), USER))
    assert (found.body["messages"][0]["content"][0]["input"], found.dropped) == (expected, dropped)


def test_ids_that_the_api_refuses_are_changed_alike_in_call_and_result(ask: Ask, write: Write):
    call, result = ToolCall(id="a|b.1", name="f", arguments=""), ToolResult(call_id="a|b.1", parts=())
    body = write(ask(Message("assistant", (call,)), Message("tool", (result,)))).body
    assert body["messages"][0]["content"][0]["id"] == body["messages"][1]["content"][0]["tool_use_id"] == "a_b_1"


def test_only_thoughts_that_claude_signed_are_sent(ask: Ask, write: Write):
    parts = (
        Reasoning(text="a", signature="s", origin="anthropic"),
        Reasoning(redacted="r", origin="converse"),
        Reasoning(text="b", signature="g", origin="gemini"),
        Reasoning(text="c"),
        Text("Hi"),
    )
    body, dropped = write(ask(Message("assistant", parts), USER))
    assert body["messages"][0]["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "Hi"},
    ]
    assert dropped == ("messages[0].reasoning",)


def test_pictures_are_named_by_what_they_are(ask: Ask, write: Write):
    request = ask(
        Message(
            "user",
            (
                Image(Source(data="iVBORw0KGgo=")),
                Image(Source(media_type="image/jpg", data="aGk="), detail="high"),
                Image(Source(url="https://x/y.png"), detail="auto"),
            ),
        )
    )
    body, dropped = write(request)
    assert [block["source"] for block in body["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
        {"type": "base64", "media_type": "image/jpeg", "data": "aGk="},
        {"type": "url", "url": "https://x/y.png"},
    ]
    assert dropped == ("messages[0].detail",)


def test_documents_go_as_pdf_or_as_text(ask: Ask, write: Write):
    plain = base64.b64encode("Grüße".encode()).decode()
    request = ask(
        Message(
            "user",
            (
                File(Source(media_type="application/pdf", data="JVBERi0="), name="a.pdf", citations=True),
                File(Source(media_type="text/markdown", data=plain), context="notes"),
                File(Source(text="words")),
                File(Source(url="https://x/y.pdf")),
            ),
        )
    )
    assert write(request).body["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
            "citations": {"enabled": True},
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"},
            "context": "notes",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
    ]


@pytest.mark.parametrize(
    ("part", "feature"),
    [
        (Audio(Source(media_type="audio/wav", data="aGk=")), "audio"),
        (Video(Source(url="https://x/y.mp4")), "video"),
        (Image(Source(media_type="image/tiff", data="aGk=")), "images"),
        (Image(Source(url="gs://bucket/x.png")), "images"),
        (Image(Source(file_id="file-1")), "images"),
        (File(Source(media_type="application/msword", data="aGk=")), "files"),
        (File(Source(media_type="text/plain", data="/w==")), "files"),
        (File(Source(file_id="file-1")), "files"),
        (File(Source(media_type="text/csv", url="https://x/y.csv")), "files"),
    ],
)
def test_what_claude_cannot_read_is_refused(ask: Ask, cannot: Cannot, part: Any, feature: str):
    assert cannot(ask(Message("user", (part,)))).feature == feature
    inside = Message("tool", (ToolResult(call_id="c", parts=(part,)),))
    assert cannot(ask(inside)).feature == feature


def test_what_the_model_lacks_is_refused(ask: Ask, cannot: Cannot):
    assert cannot(ask(tools=(TOOL,)), lacks=frozenset({"tools"})).message == "takes no tools"
    assert cannot(ask(needs=("previous_response_id",))).feature == "previous_response_id"
    assert cannot(ask(n=2)).feature == "n"
    assert (
        cannot(ask(tools=(HostedTool("openai_responses", "web_search", msgspec.Raw(b"{}")),))).feature == "web_search"
    )
    assert cannot(ask(tools=(Tool(name="x", custom=True),))).feature == "custom_tools"
    schema = Output(schema=_schema({"type": "object"}))
    assert cannot(ask(output=schema), "claude-sonnet-4-0").feature == "json_schema"


def test_what_has_no_words_here_is_listed(ask: Ask, write: Write):
    request = ask(
        Message("user", (Text("Hello?"),), name="ann"),
        Message("assistant", (Refusal("No"), Opaque("openai_responses", "web_search_call", msgspec.Raw(b"{}")))),
        Message("user", (Text("Why?", citations=(Citation(url="https://x"),)),)),
        seed=1,
        frequency_penalty=0.5,
        presence_penalty=0.0,
        logprobs=True,
        top_logprobs=2,
        logit_bias=msgspec.Raw(b'{"1":2}'),
        n=1,
        metadata=msgspec.Raw(b'{"a":"b"}'),
        verbosity="low",
        cache_key="k",
        service_tier="flex",
        stop=("END", " \n"),
        user="u" * 300,
        extra={"prediction": msgspec.Raw(b"{}")},
    )
    body, dropped = write(request)
    assert set(dropped) == {
        "prediction",
        "messages[0].name",
        "messages[1].web_search_call",
        "messages[2].citations",
        "seed",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "metadata",
        "verbosity",
        "cache_key",
        "service_tier",
        "stop",
        "user",
    }
    assert body["stop_sequences"] == ["END"]
    assert body["messages"][1]["content"] == "No"


def test_the_user_and_the_tier_have_words_of_their_own(ask: Ask, write: Write):
    body = write(ask(user="ann", service_tier="default", stream=True)).body
    assert (body["metadata"], body["service_tier"], body["stream"]) == ({"user_id": "ann"}, "standard_only", True)


def test_parameters_that_the_model_refuses_are_left_out(ask: Ask, write: Write):
    body, dropped = write(ask(temperature=0.5, stop=("x",), top_k=4), lacks=frozenset({"temperature", "stop", "seed"}))
    assert ("temperature" in body, "stop_sequences" in body, body["top_k"]) == (False, False, 4)
    assert dropped == ("stop", "temperature")


def test_parameters_may_have_other_names(ask: Ask, write: Write):
    assert write(ask(max_output=5), renames={"max_tokens": "max_len"}).body["max_len"] == 5


@pytest.mark.parametrize(
    ("model", "said", "expected", "dropped"),
    [
        ("claude-sonnet-4-5", {"temperature": 1.7}, {"temperature": 1.0}, ("temperature",)),
        ("claude-sonnet-4-5", {"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3}, ("top_p",)),
        ("claude-sonnet-4-5", {"temperature": 0.3, "top_p": 1.0}, {"temperature": 0.3}, ()),
        ("claude-3-7-sonnet-latest", {"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3, "top_p": 0.9}, ()),
        ("claude-opus-4-7", {"temperature": 0.3, "top_p": 0.9, "top_k": 2}, {}, ("temperature", "top_k", "top_p")),
        ("claude-opus-5-5", {"temperature": 1.0, "top_p": 1.0}, {}, ()),
        ("kimi-k3", {"temperature": 0.3, "top_p": 0.9}, {"temperature": 0.3, "top_p": 0.9}, ()),
    ],
)
def test_sampling_within_what_the_model_takes(
    *, ask: Ask, write: Write, model: str, said: dict[str, Any], expected: dict[str, Any], dropped: tuple[str, ...]
):
    found = write(ask(**said), model)
    assert {name: found.body[name] for name in ("temperature", "top_p", "top_k") if name in found.body} == expected
    assert found.dropped == dropped


def test_tools_are_told_as_objects(ask: Ask, write: Write):
    bare = Tool(name="h", parameters=msgspec.Raw(b'{"properties":{"a":{"type":"string"}}}'), cache=Cache())
    body, dropped = write(ask(tools=(TOOL, OTHER, bare)))
    assert body["tools"] == [
        {"name": "f", "description": "does", "input_schema": {"type": "object", "properties": {}}},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {
            "name": "h",
            "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
            "cache_control": {"type": "ephemeral"},
        },
    ]
    assert dropped == ()


@pytest.mark.parametrize(
    ("said", "choice", "names"),
    [
        ({}, None, ["f", "g"]),
        ({"tool_choice": ToolChoice("auto")}, {"type": "auto"}, ["f", "g"]),
        ({"tool_choice": ToolChoice("none")}, {"type": "none"}, ["f", "g"]),
        ({"tool_choice": ToolChoice("required")}, {"type": "any"}, ["f", "g"]),
        ({"tool_choice": ToolChoice("required", ("g",))}, {"type": "tool", "name": "g"}, ["f", "g"]),
        ({"tool_choice": ToolChoice("auto", ("g",))}, {"type": "auto"}, ["g"]),
        ({"parallel_tool_calls": True}, None, ["f", "g"]),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}, ["f", "g"]),
        (
            {"parallel_tool_calls": False, "tool_choice": ToolChoice("required")},
            {"type": "any", "disable_parallel_tool_use": True},
            ["f", "g"],
        ),
    ],
)
def test_which_tools_may_be_used(ask: Ask, write: Write, said: dict[str, Any], choice: object, names: list[str]):
    body, dropped = write(ask(tools=(TOOL, OTHER), **said))
    assert (body.get("tool_choice"), [tool["name"] for tool in body["tools"]], dropped) == (choice, names, ())


def test_a_choice_without_tools_is_not_sent(ask: Ask, write: Write):
    assert "tool_choice" not in write(ask(tool_choice=ToolChoice("auto"))).body
    assert write(ask(tool_choice=ToolChoice("required"))).dropped == ("tool_choice",)
    none_left = write(ask(tools=(TOOL,), tool_choice=ToolChoice("required", ("x", "y"))))
    assert ("tools" in none_left.body, none_left.dropped) == (False, ("tool_choice",))


def test_a_schema_that_the_api_takes_is_sent_as_it_is(ask: Ask, write: Write):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    body, dropped = write(ask(output=Output(schema=_schema(schema), name="x", strict=True)))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert dropped == ()


def test_a_schema_is_closed_and_its_constraints_are_told_in_words(ask: Ask, write: Write):
    schema = {
        "$schema": "draft",
        "type": "object",
        "properties": {
            "a": {"type": "integer", "minimum": 1, "description": "A number"},
            "b": {
                "type": ["object", "null"],
                "properties": {"oneOf": {"oneOf": [{"type": "string", "format": "uri"}]}},
            },
            "c": {"type": "array", "items": {"$ref": "#/$defs/d"}, "minItems": 3},
        },
        "$defs": {"d": {"type": "object", "properties": {}, "additionalProperties": True}},
    }
    body, dropped = write(ask(output=Output(schema=_schema(schema), description="d")))
    assert body["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": 'A number\n\n{"minimum":1}'},
            "b": {
                "type": ["object", "null"],
                "properties": {"oneOf": {"anyOf": [{"type": "string", "format": "uri"}]}},
                "additionalProperties": False,
            },
            "c": {"type": "array", "items": {"$ref": "#/$defs/d"}, "description": '{"minItems":3}'},
        },
        "$defs": {"d": {"type": "object", "properties": {}, "additionalProperties": False}},
        "additionalProperties": False,
    }
    assert dropped == ("output.schema", "output.description")


def test_a_strict_tool_is_strict_where_the_model_can_be(ask: Ask, write: Write):
    strict = Tool(name="f", parameters=_schema({"type": "object", "properties": {}}), strict=True)
    body, dropped = write(ask(tools=(strict,)))
    assert body["tools"][0]["strict"] is True
    assert body["tools"][0]["input_schema"]["additionalProperties"] is False
    assert dropped == ("tools[0].parameters",)
    body, dropped = write(ask(tools=(strict,)), "claude-3-7-sonnet-latest")
    assert ("strict" in body["tools"][0], dropped) == (False, ("tools[0].strict",))
    loose = msgspec.structs.replace(strict, strict=False)
    assert "strict" not in write(ask(tools=(loose,))).body["tools"][0]


def test_any_json_as_the_answer_is_left_to_the_prompt_and_listed(ask: Ask, write: Write):
    """OpenAI demands that the prompt asks for it."""
    body, dropped = write(ask(output=Output()))
    assert ("output_config" in body, dropped) == (False, ("output",))
