"""OpenAI's own SDK reads what we write: whole answers, streams put together by its helper, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from headway.types import Usage
from headway.wire.form.assembly import events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import (
    Citation,
    File,
    Image,
    Message,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from headway.wire.form.reply import Choice, Reply, Stop
from headway.wire.form.request import Output, Request, Thinking, Tool, ToolChoice, Toward, Written
from headway.wire.openai_chat.codec import CODEC

pytestmark = pytest.mark.sdk

USAGE = Usage(10, 8, 4, 3)
REPLIES = {
    "text": Reply(choices=[Choice(parts=[Text("Hello"), Text(" there")], stop=Stop.END)], usage=USAGE),
    "calls": Reply(
        choices=[
            Choice(
                parts=[
                    Reasoning(text="hm", signature="c2ln", origin="anthropic"),
                    Reasoning(text="so", signature="c2ln", origin="anthropic"),
                    Text("Let me see."),
                    ToolCall(id="1", name="f", arguments='{"a":1}'),
                    ToolCall(id="2", name="g", arguments="", signature="s"),
                ],
                stop=Stop.TOOLS,
            )
        ],
        usage=USAGE,
    ),
    "refusal": Reply(choices=[Choice(parts=[Refusal("No.")], stop=Stop.REFUSAL)]),
    "cited": Reply(
        choices=[
            Choice(
                parts=[
                    Text("a", (Citation(url="https://a", title="A"), Citation(url="https://b", title="B"))),
                    Text("b", (Citation(url="https://c", title="C"),)),
                ],
                stop=Stop.END,
            )
        ],
    ),
    "two": Reply(
        choices=[
            Choice(index=0, parts=[Text("a")], stop=Stop.END),
            Choice(index=1, parts=[Text("b")], stop=Stop.SEQUENCE),
        ]
    ),
}


def client(body: bytes, media_type: str) -> openai.OpenAI:
    """Its server gives this body, whatever it is asked."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers={"content-type": media_type}))
    return openai.OpenAI(
        api_key="sk-test", base_url="http://gateway/v1", http_client=httpx2.Client(transport=transport), max_retries=0
    )


def seen(completion: ChatCompletion) -> list[object]:
    return [
        [
            choice.index,
            choice.finish_reason,
            choice.message.content or None,
            choice.message.refusal,
            [
                (call.id, call.function.name, call.function.arguments)
                for call in choice.message.tool_calls or ()
                if call.type == "function"
            ],
            (choice.message.model_extra or {}).get("reasoning_content"),
            (choice.message.model_extra or {}).get("reasoning_details"),
        ]
        for choice in completion.choices
    ]


@pytest.mark.parametrize("name", REPLIES)
def test_the_sdk_reads_a_whole_answer(name: str, show: Callable[..., Show]):
    reply = REPLIES[name]
    body = CODEC.write_reply(reply, show())
    with client(body, "application/json") as sdk:
        completion = sdk.chat.completions.create(model="m", messages=[])
    assert ChatCompletion.model_validate_json(body, strict=True) == completion
    assert [choice.finish_reason for choice in completion.choices] == [
        "tool_calls" if choice.stop is Stop.TOOLS else "stop" for choice in reply.choices
    ]
    if reply.usage is not None:
        assert completion.usage is not None
        assert completion.usage.prompt_tokens_details is not None
        assert (completion.usage.total_tokens, completion.usage.prompt_tokens_details.cached_tokens) == (18, 4)


@pytest.mark.parametrize("name", REPLIES)
def test_the_sdk_puts_a_stream_together_to_the_same_answer(name: str, show: Callable[..., Show]):
    reply = REPLIES[name]
    writer = CODEC.writer(show(stream=True, stream_options={"include_usage": True}))
    body = b"".join([*(writer.write([event]) for event in events_of(reply)), writer.end()])
    with (
        client(body, "text/event-stream") as sdk,
        sdk.chat.completions.stream(model="m", messages=[], stream_options={"include_usage": True}) as stream,
    ):
        final = stream.get_final_completion()
    whole = ChatCompletion.model_validate_json(CODEC.write_reply(reply, show()))
    assert seen(final) == seen(whole)
    assert final.usage == whole.usage


def test_the_sdk_raises_its_own_error_where_a_stream_breaks_off(show: Callable[..., Show]):
    writer = CODEC.writer(show(stream=True))
    body = b"".join(writer.write([event]) for event in list(events_of(REPLIES["text"]))[:3])
    body += writer.error("The provider stopped.", status=502, code="upstream_error")
    with client(body, "text/event-stream") as sdk, pytest.raises(openai.APIError, match="The provider stopped"):
        for _ in sdk.chat.completions.create(model="m", messages=[], stream=True):
            pass


def test_requests_of_other_dialects_have_the_types_of_the_sdk():
    request = Request(
        dialect="anthropic",
        model="m",
        messages=(
            Message("system", (Text("Be brief"),)),
            Message("user", (Text("Look"), Image(Source(url="https://a/b.png"), "low"))),
            Message("user", (File(Source(media_type="application/pdf", data="JVBE"), "a.pdf"),)),
            Message("assistant", (Text("I will."), ToolCall(id="1", name="f", arguments="{}"))),
            Message("tool", (ToolResult(call_id="1", parts=(Text("3"), Image(Source(url="https://a/c.png")))),)),
        ),
        tools=(Tool(name="f"), Tool(name="sh", custom=True)),
        tool_choice=ToolChoice("required", ("sh",)),
        parallel_tool_calls=True,
        output=Output(),
        thinking=Thinking(budget=5000),
        max_output=5,
        temperature=0.5,
        stop=("a",),
        user="u",
        service_tier="standard_only",
    )
    written = CODEC.write_request(request, Toward(model="m"))
    assert isinstance(written, Written)
    TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(json.loads(written.body))


def test_a_message_that_the_sdk_gave_back_is_read(asks: Any, show: Callable[..., Show]):
    completion = ChatCompletion.model_validate_json(CODEC.write_reply(REPLIES["calls"], show()))
    message = completion.choices[0].message
    for dumped in (message.model_dump(), message.model_dump(exclude_none=True)):
        parts = asks.saying(dumped).messages[0].parts
        assert [part for part in parts if isinstance(part, Reasoning)] == [
            Reasoning(text="hm", signature="c2ln", origin="anthropic"),
            Reasoning(text="so", signature="c2ln", origin="anthropic"),
        ]
        assert [part.signature for part in parts if isinstance(part, ToolCall)] == [None, "s"]
        assert all(type(part) in (Reasoning, Text, ToolCall) for part in parts)
