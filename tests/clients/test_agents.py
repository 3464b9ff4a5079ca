"""What coding agents send, as it was recorded, and what they must read to go on: asked of targets of four dialects.

The recordings are cut down: tools but for a few, texts, and everything that names a person or a machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import httpx
import openai
import pytest
from anthropic.types.beta import BetaMessage

from headway.simulated.provider import SimulatedProvider

pytestmark = pytest.mark.sdk

RECORDED = Path(__file__).parent / "recorded"
SPOKEN_TO = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/fast:streamGenerateContent?alt=sse",
    "bedrock": "/model/fast/converse-stream",
}


class Sent(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def recorded(name: str, number: int) -> Sent:
    request = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["requests"][number]
    return Sent(request["path"], request["headers"], request["body"])


def claude_code(gateway: str, request: Sent, **changes: Any) -> tuple[BetaMessage, list[str]]:
    """What Anthropic's SDK, which it uses, makes of the answer, and the types of its events."""
    client = anthropic.Anthropic(base_url=f"{gateway}/anthropic", api_key="any", max_retries=0)
    body = {name: value for name, value in {**request.body, **changes}.items() if name != "stream"}
    with client, client.beta.messages.stream(**body, extra_headers=request.headers) as stream:
        types = [event.type for event in stream]
        return stream.get_final_message(), types


def codex(gateway: str, request: Sent, **changes: Any) -> list[dict[str, Any]]:
    """The events, as it reads them: by itself, from whatever their data says."""
    url = f"{gateway}{request.path}"
    with httpx.stream("POST", url, json={**request.body, **changes}, headers=request.headers, timeout=10) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in reply.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def ended(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items that Codex acts upon."""
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


# --- Claude Code ---


def asking(request: Sent, text: str) -> list[dict[str, Any]]:
    """Its first turn, with these words of the user's. The agent's own follow them, as a message of the system's."""
    said, *after = request.body["messages"]
    return [{**said, "content": [*said["content"][:-1], {"type": "text", "text": text}]}, *after]


def test_claude_code_is_answered_by_a_target_of_any_dialect(
    upstream: str, gateway: str, provider: SimulatedProvider
) -> None:
    request = recorded("claude-code", 0)
    answer, types = claude_code(gateway, request, model=upstream, messages=asking(request, "Hello!"))
    assert (types[0], types[-1]) == ("message_start", "message_stop")
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0
    assert answer.usage.input_tokens > 0
    assert [block.type for block in answer.content if block.type != "thinking"] == ["text"]
    assert provider.requests[-1].path == SPOKEN_TO[upstream]


def test_claude_code_is_given_several_calls_at_once(upstream: str, gateway: str) -> None:
    request = recorded("claude-code", 0)
    messages = asking(request, "call:Read call:TaskList please")[:1]
    answer, _ = claude_code(gateway, request, model=upstream, messages=messages)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [(call.name, type(call.input)) for call in calls] == [("Read", dict), ("TaskList", dict)]
    assert len({call.id for call in calls}) == 2
    assert answer.stop_reason == "tool_use"


def test_what_the_tools_of_claude_code_say_reaches_the_target(upstream: str, gateway: str) -> None:
    request = recorded("claude-code", 1)
    answer, _ = claude_code(gateway, request, model=upstream)
    (text,) = [block.text for block in answer.content if block.type == "text"]
    assert "The tool returned:" in text


def test_claude_code_recognises_a_model_that_is_not_there(gateway: str) -> None:
    with pytest.raises(anthropic.NotFoundError, match="nonsuch"):
        claude_code(gateway, recorded("claude-code", 0), model="nonsuch")


# --- Codex ---


def test_codex_is_given_several_calls_at_once_also_of_tools_in_groups(upstream: str, gateway: str) -> None:
    events = codex(gateway, recorded("codex", 0), model=upstream)
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    calls = [item for item in ended(events) if item["type"] == "function_call"]
    assert [(call.get("namespace"), call["name"]) for call in calls] == [
        (None, "get_goal"),
        ("multi_agent_v1", "close_agent"),
    ]
    assert all(isinstance(json.loads(call["arguments"]), dict) for call in calls)
    assert events[-1]["response"]["usage"]["total_tokens"] > 0


def test_what_the_tools_of_codex_say_reaches_the_target(upstream: str, gateway: str) -> None:
    items = ended(codex(gateway, recorded("codex", 1), model=upstream))
    (message,) = [item for item in items if item["type"] == "message"]
    assert "The tool returned:" in message["content"][0]["text"]


def test_a_tool_in_a_group_goes_by_one_name_elsewhere(gateway: str, provider: SimulatedProvider) -> None:
    codex(gateway, recorded("codex", 1), model="openai")
    sent = json.loads(provider.requests[-1].body)
    names = [tool["function"]["name"] for tool in sent["tools"]]
    assert names == ["exec_command", "multi_agent_v1__close_agent", "multi_agent_v1__resume_agent", "get_goal"]
    (called,) = [message["tool_calls"] for message in sent["messages"] if message["role"] == "assistant"]
    assert [call["function"]["name"] for call in called] == ["get_goal", "multi_agent_v1__close_agent"]


@pytest.mark.parametrize("model", ["openai", "anthropic", "bedrock"])
def test_codex_is_given_an_answer_that_follows_its_schema(model: str, gateway: str) -> None:
    items = ended(codex(gateway, recorded("codex", 2), model=model))
    (message,) = [item for item in items if item["type"] == "message"]
    assert set(json.loads(message["content"][0]["text"])) == {"name"}


def test_codex_reads_why_there_is_no_such_model(gateway: str) -> None:
    """It shows the message of the error."""
    request = recorded("codex", 0)
    client = openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0)
    with client, pytest.raises(openai.NotFoundError, match="nonsuch"):
        client.post("/responses", body={**request.body, "model": "nonsuch"}, cast_to=object)


def test_only_what_codex_does_without_is_left_out(gateway: str) -> None:
    request = recorded("codex", 0)
    reply = httpx.post(f"{gateway}{request.path}", json={**request.body, "stream": False}, timeout=10)
    assert sorted(reply.headers["x-headway-dropped"].split(",")) == ["reasoning.summary", "tools[].web_search"]
