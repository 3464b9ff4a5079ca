"""Cohere's API: its own client as the witness, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cohere
import pytest
from cohere.core.api_error import ApiError

from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Quota

HELLO: Any = [{"role": "user", "content": "hello"}]
CALL_ALL: Any = [{"role": "user", "content": "call:*"}]


def tool(name: str, **properties: Any) -> Any:
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [tool("weather", city={"type": "string"}), tool("clock")]


@pytest.fixture(scope="module")
def client(alpha: SimulatedProvider) -> Iterator[cohere.ClientV2]:
    with cohere.ClientV2("good", base_url=alpha.root_url) as client:
        yield client


def gathered(events: Any) -> tuple[str, str, list[tuple[str, str, str]], Any]:
    """Thoughts, text, calls, and the end."""
    thoughts, text, end = "", "", None
    calls: dict[int, list[str]] = {}
    for event in events:
        match event.type:
            case "content-delta":
                thoughts += event.delta.message.content.thinking or ""
                text += event.delta.message.content.text or ""
            case "tool-call-start":
                call = event.delta.message.tool_calls
                calls[event.index] = [call.id, call.function.name, ""]
            case "tool-call-delta":
                calls[event.index][2] += event.delta.message.tool_calls.function.arguments
            case "message-end":
                end = event.delta
            case _:
                pass
    return thoughts, text, [(a, b, c) for a, b, c in calls.values()], end


@pytest.mark.sdk
def test_a_stream_builds_the_message_that_comes_whole(client: cohere.ClientV2):
    asked: Any = {"model": "command", "messages": HELLO, "thinking": {"type": "enabled"}}
    whole: Any = client.chat(**asked)
    thoughts, text, _, end = gathered(client.chat_stream(**asked))
    assert [block.type for block in whole.message.content] == ["thinking", "text"]
    assert (thoughts, text) == (whole.message.content[0].thinking, whole.message.content[1].text)
    assert (end.finish_reason, end.usage) == ("COMPLETE", whole.usage)


@pytest.mark.sdk
def test_parallel_calls_and_their_results(client: cohere.ClientV2):
    asked: Any = {"model": "command", "tools": TOOLS}
    whole: Any = client.chat(messages=CALL_ALL, **asked)
    _, _, calls, end = gathered(client.chat_stream(messages=CALL_ALL, **asked))
    assert calls == [(c.id, c.function.name, c.function.arguments) for c in whole.message.tool_calls]
    assert (end.finish_reason, whole.message.tool_plan) == ("TOOL_CALL", "I will use the tools.")
    results = [{"role": "tool", "tool_call_id": call[0], "content": f"{call[1]} says nine"} for call in calls]
    history: Any = [*CALL_ALL, whole.message, *results]
    again: Any = client.chat(messages=history, **asked)
    assert again.message.content[0].text.endswith("The tool returned: weather says nine\nclock says nine")


@pytest.mark.sdk
def test_structured_output_stops_and_limits(client: cohere.ClientV2):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    format_: Any = {"type": "json_object", "json_schema": schema}
    wanted: Any = client.chat(model="command", messages=HELLO, response_format=format_)
    assert list(json.loads(wanted.message.content[0].text)) == ["n"]
    said: Any = [{"role": "user", "content": "say: one two three"}]
    assert client.chat(model="command", messages=said, stop_sequences=["two"]).finish_reason == "STOP_SEQUENCE"
    assert client.chat(model="command", messages=said, max_tokens=1).finish_reason == "MAX_TOKENS"


@pytest.mark.sdk
def test_embeddings_of_every_type(client: cohere.ClientV2):
    kinds: Any = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    asked: Any = {"model": "command", "input_type": "search_query", "texts": ["a", "b"], "output_dimension": 256}
    embedded: Any = client.embed(embedding_types=kinds, **asked).embeddings
    assert len(embedded.float_) == 2
    assert {len(embedded.float_[0]), len(embedded.int8[0]), len(embedded.uint8[0])} == {256}
    assert {len(embedded.binary[0]), len(embedded.ubinary[0])} == {32}
    assert len(embedded.base64[0]) == 4 * -(-4 * 256 // 3)


@pytest.mark.sdk
def test_a_ranking(client: cohere.ClientV2):
    ranked = client.rerank(model="command", query="red fox", documents=["a dog", "the red fox", "a fox"], top_n=2)
    assert [place.index for place in ranked.results] == [1, 2]


@pytest.mark.sdk
@pytest.mark.parametrize("status", [429, 500, 503])
def test_faults_are_messages(client: cohere.ClientV2, status: int):
    with pytest.raises(ApiError) as raised:
        client.chat(
            model=f"command!status={status},error.message=no", messages=HELLO, request_options={"max_retries": 0}
        )
    body: Any = raised.value.body
    assert (raised.value.status_code, body["message"]) == (status, "no")


@pytest.mark.sdk
def test_a_stream_that_fails_ends_with_an_error(client: cohere.ClientV2):
    _, text, _, end = gathered(client.chat_stream(model="command!error_event_at=2t", messages=HELLO))
    assert (text, end.finish_reason) == ("This is", "ERROR")


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        ({"messages": HELLO}, 400, "model is required"),
        ({"model": "command"}, 400, "messages is required"),
        ({"model": "command", "messages": HELLO, "foo": 1}, 422, "unknown field: parameter 'foo' is not a valid field"),
        ({"model": "command", "messages": HELLO, "p": 1.0}, 400, "p must be at most 0.99"),
        ({"model": "command", "messages": [{"role": "user", "content": ""}]}, 400, "content must be non-empty"),
        ({"model": "command", "messages": HELLO, "tool_choice": "REQUIRED"}, 400, "tool_choice requires tools"),
        (
            {"model": "command", "messages": [*HELLO, {"role": "tool", "tool_call_id": "x", "content": "y"}]},
            400,
            "tool call id 'x' not found in previous tool calls",
        ),
        ({"model": "other", "messages": HELLO}, 404, "model 'other' not found"),
    ],
)
def test_what_is_wrong_is_refused_in_coheres_form(ask: Any, body: Any, status: int, complaint: str):
    said = ask("/v2/chat", body)
    assert said.status == status
    assert complaint in said.document["message"]


def test_keys_and_quotas_are_heeded(ask: Any):
    body = {"model": "command", "messages": HELLO}
    assert ask("/v2/chat", body, headers=()).status == 401
    assert ask("/v2/chat", body, headers=(("authorization", "Bearer bad"),)).status == 401
    replies = [ask("/v2/chat", body, quota=Quota(rpm=1)) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 429]
    assert replies[0].headers["x-trial-endpoint-call-remaining"] == "0"
