"""Requests of clients of other dialects, as a provider of the Responses API is sent them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import ConfigDict, TypeAdapter, with_config

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
)
from headway.wire.form.request import (
    HostedTool,
    Output,
    Request,
    Thinking,
    Tool,
    ToolChoice,
    Toward,
    Unsupported,
)
from headway.wire.openai_responses.codec import CODEC

Sent = Callable[..., tuple[dict[str, Any], tuple[str, ...]]]
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"b":{},"a":{}}}')
HI = Message("user", (Text("Hi"),))


def foreign(*messages: Message, **fields: Any) -> Request:
    return Request(dialect=fields.pop("dialect", "anthropic"), model="m", messages=messages or (HI,), **fields)


def refused(request: Request, **toward: Any) -> str:
    answer = CODEC.write_request(request, Toward(model="m", **toward))
    assert isinstance(answer, Unsupported)
    return answer.feature


def test_the_first_system_message_becomes_the_instructions(sent: Sent):
    system = Message("system", (Text("Be brief."),))
    body, dropped = sent(foreign(system, HI, Message("developer", (Text("In verse."),))))
    assert body["instructions"] == "Be brief."
    assert body["input"] == [{"role": "user", "content": "Hi"}, {"role": "developer", "content": "In verse."}]
    assert dropped == ()


def test_nothing_is_stored_for_clients_that_know_no_storage(sent: Sent):
    body, _ = sent(foreign())
    assert body["store"] is False
    assert "include" not in body


@pytest.mark.parametrize(
    "request_",
    [
        foreign(thinking=Thinking(effort="low")),
        foreign(HI, Message("assistant", (Reasoning(redacted="gAAA", origin="openai_responses"), Text("a"))), HI),
    ],
)
def test_models_that_think_are_asked_for_what_lets_them_go_on(sent: Sent, request_: Request):
    body, _ = sent(request_)
    assert body["include"] == ["reasoning.encrypted_content"]


def test_contents_are_written_in_the_dialects_words(sent: Sent):
    parts = (
        Text("What?", cache=Cache()),
        Image(Source(media_type="image/png", data="QUJD")),
        Image(Source(url="https://example.com/a.png"), "low"),
        File(Source(media_type="application/pdf", data="QUJD"), "a.pdf"),
        File(Source(url="https://example.com/a.pdf")),
        File(Source(text="plain", media_type="text/plain")),
    )
    body, dropped = sent(foreign(Message("user", parts)))
    assert body["input"][0]["content"] == [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,QUJD"},
        {"type": "input_image", "detail": "low", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_text", "text": "plain"},
    ]
    assert dropped == ()


def test_calls_and_their_outputs_are_items_of_their_own(sent: Sent):
    call = ToolCall(id="toolu_1", name="look", arguments="")
    custom = ToolCall(id="toolu_2", name="patch", arguments="*** Begin", custom=True)
    results = (
        ToolResult(call_id="toolu_1", parts=(Text("seen"),), is_error=True),
        ToolResult(call_id="toolu_2", parts=(Text("a"), Image(Source(url="https://e.com/a.png")))),
    )
    body, dropped = sent(foreign(HI, Message("assistant", (Text("I look."), call, custom)), Message("tool", results)))
    assert body["input"][1:] == [
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "toolu_1", "name": "look", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "toolu_2", "name": "patch", "input": "*** Begin"},
        {"type": "function_call_output", "call_id": "toolu_1", "output": "seen"},
        {
            "type": "custom_tool_call_output",
            "call_id": "toolu_2",
            "output": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "detail": "auto", "image_url": "https://e.com/a.png"},
            ],
        },
    ]
    assert dropped == ("messages[2].is_error",)


def test_ids_of_calls_that_are_too_long_are_shortened_alike(sent: Sent):
    long = "call_" + "x" * 100
    call = Message("assistant", (ToolCall(id=long, name="f", arguments="{}"),))
    body, _ = sent(foreign(HI, call, Message("tool", (ToolResult(call_id=long, parts=(Text("a"),)),))))
    ids = {item["call_id"] for item in body["input"][1:]}
    assert len(ids) == 1
    assert len(ids.pop()) <= 64


def test_reasoning_goes_only_to_who_signed_it(sent: Sent):
    turn = Message(
        "assistant",
        (
            Reasoning(text="Hm.", signature="sig", origin="anthropic"),
            Reasoning(text="Plain."),
            Reasoning(text="Mine.", signature="gAAA", origin="openai_responses", id="rs_1", summary=True),
            Text("So."),
        ),
    )
    body, dropped = sent(foreign(HI, turn, HI))
    assert body["input"][1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Mine."}],
        "encrypted_content": "gAAA",
    }
    assert dropped == ("messages[1].reasoning",)


def test_settings_are_written_under_the_dialects_names(sent: Sent):
    body, dropped = sent(
        foreign(
            max_output=100,
            temperature=0.5,
            top_p=0.9,
            logprobs=True,
            top_logprobs=2,
            parallel_tool_calls=False,
            cache_key="k",
            service_tier="flex",
            user="u",
            metadata=msgspec.Raw(b'{"a":"b"}'),
            thinking=Thinking(effort="high", show=True),
            verbosity="low",
            output=Output(schema=SCHEMA, name="city", strict=True),
            stream=True,
        )
    )
    del body["input"]
    assert body == {
        "model": "m",
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 2,
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "user": "u",
        "metadata": {"a": "b"},
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "city", "schema": json.loads(bytes(SCHEMA)), "strict": True},
        },
        "store": False,
        "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
        "stream": True,
    }
    assert dropped == ()


def test_what_the_dialect_has_no_words_for_is_listed(sent: Sent):
    turn = Message("assistant", (Text("a", (Citation(url="https://e.com"),)), Image(Source(data="QUJD"))))
    body, dropped = sent(
        foreign(
            Message("user", (Text("Hi"), Opaque("anthropic", "thing", SCHEMA)), name="Bo"),
            turn,
            top_k=5,
            seed=1,
            stop=("x",),
            frequency_penalty=0.1,
            presence_penalty=0.1,
            logit_bias=msgspec.Raw(b"{}"),
            service_tier="standard_only",
            user="u" * 100,
            thinking=Thinking(budget=4000),
            extra={"container": msgspec.Raw(b'"c"')},
        )
    )
    assert set(dropped) == {
        "messages[0].name",
        "messages[0].thing",
        "messages[1].citations",
        "messages[1].image",
        "top_k",
        "seed",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "service_tier",
        "user",
        "thinking.budget",
        "container",
    }
    assert body["reasoning"] == {"effort": "medium"}


@pytest.mark.parametrize(
    ("fields", "toward", "name", "value"),
    [
        ({"temperature": 3.0}, {}, "temperature", 2.0),
        ({"max_output": 1}, {}, "max_output_tokens", 16),
        ({"max_output": 9000}, {"most_output": 4096}, "max_output_tokens", 4096),
    ],
)
def test_values_out_of_range_are_brought_into_it(
    sent: Sent, fields: dict[str, Any], toward: dict[str, Any], name: str, value: float
):
    body, dropped = sent(foreign(**fields), **toward)
    assert body[name] == value
    assert dropped == tuple(fields)


def test_what_the_model_refuses_is_left_out(sent: Sent):
    lacks = frozenset({"temperature", "thinking", "verbosity"})
    request = foreign(temperature=1.0, thinking=Thinking(effort="low"), verbosity="low")
    body, dropped = sent(request, lacks=lacks)
    assert not {"temperature", "reasoning", "text"} & set(body)
    assert set(dropped) == lacks


def test_parameters_are_renamed_for_models_that_want_it(sent: Sent):
    body, _ = sent(foreign(max_output=50), renames={"max_output_tokens": "max_tokens"})
    assert body["max_tokens"] == 50
    assert "max_output_tokens" not in body


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (foreign(n=2), "n"),
        (foreign(needs=("mcp_servers",)), "mcp_servers"),
        (foreign(Message("user", (Audio(Source(data="QUJD")),))), "audio"),
        (foreign(tools=(HostedTool("anthropic", "web_search_20250305", SCHEMA),)), "web_search_20250305"),
        (foreign(Message("user", (Image(Source(file_id="file_1")),))), "file_id"),
    ],
)
def test_what_would_change_the_meaning_is_refused(request_: Request, feature: str):
    assert refused(request_) == feature


def test_a_model_without_tools_is_not_asked_to_use_any():
    assert refused(foreign(tools=(Tool(name="f"),)), lacks=frozenset({"tools"})) == "tools"


def test_files_at_openai_are_known_to_both_of_its_dialects(sent: Sent):
    body, _ = sent(foreign(Message("user", (Image(Source(file_id="file-1")),)), dialect="openai_chat"))
    assert body["input"][0]["content"][0]["file_id"] == "file-1"


def test_tools_are_not_strict_unless_the_client_says_so(sent: Sent):
    """The API takes what is unsaid for true, all other dialects for false."""
    body, _ = sent(foreign(tools=(Tool(name="f", parameters=SCHEMA), Tool(name="g", strict=True))))
    assert body["tools"] == [
        {"type": "function", "name": "f", "parameters": json.loads(bytes(SCHEMA)), "strict": False},
        {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": True},
    ]


def test_a_grammar_of_chat_completions_is_written_flat(sent: Sent):
    nested = msgspec.Raw(b'{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}')
    body, _ = sent(foreign(tools=(Tool(name="p", custom=True, format=nested),)))
    assert body["tools"][0]["format"] == {"type": "grammar", "syntax": "lark", "definition": "d"}


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ("f",)), {"type": "function", "name": "f"}),
        (ToolChoice("required", ("p",)), {"type": "custom", "name": "p"}),
        (
            ToolChoice("auto", ("f", "p")),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
            },
        ),
    ],
)
def test_choices_among_tools(sent: Sent, choice: ToolChoice, written: object):
    body, _ = sent(foreign(tools=(Tool(name="f"), Tool(name="p", custom=True)), tool_choice=choice))
    assert body["tool_choice"] == written


@pytest.mark.sdk
def test_a_conversation_of_everything_is_what_the_sdk_would_send(sent: Sent):
    turn = (
        Text("One."),
        Text("Two."),
        Refusal("But no."),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="p", arguments="x", custom=True),
    )
    results = (ToolResult(call_id="c1", parts=(Text("a"), Text("b"))), ToolResult(call_id="c2", parts=(Text("c"),)))
    body, _ = sent(
        foreign(
            Message("system", (Text("S"),)),
            Message("user", (Text("Hi"), Image(Source(url="https://e.com/a.png")), File(Source(data="QUJD")))),
            Message("assistant", turn),
            Message("tool", results),
            Message("assistant", (Text("Done."),)),
            tools=(Tool(name="f", parameters=SCHEMA), Tool(name="p", custom=True)),
            tool_choice=ToolChoice("auto", ("f", "p")),
            output=Output(schema=SCHEMA, name="a"),
            thinking=Thinking(effort="minimal", summary="detailed"),
            max_output=100,
            metadata=msgspec.Raw(b'{"a":"b"}'),
        )
    )
    sent_by_sdk = with_config(ConfigDict(extra="forbid"))(ResponseCreateParamsNonStreaming)
    TypeAdapter(sent_by_sdk).validate_python(body)
