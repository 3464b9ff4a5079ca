"""Anthropic's API: its own client as the witness, and what it refuses."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.lib.vertex import AnthropicVertex
from anthropic.types import Message, ToolUseBlock

from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Quota

WEATHER: Any = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK: Any = {"name": "clock", "input_schema": {"type": "object"}}
HELLO: Any = [{"role": "user", "content": "hello"}]
CALL_ALL: Any = [{"role": "user", "content": "call:*"}]
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}
PNG = base64.b64encode(b"\x89PNG").decode()


@pytest.fixture(scope="module")
def client(alpha: SimulatedProvider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=alpha.root_url, api_key="good", max_retries=0) as client:
        yield client


def strict(message: Any) -> Any:
    """The same object, validated: the client itself lets wrong types pass."""
    return type(message).model_validate_json(message.model_dump_json(by_alias=True))


def results(message: Message) -> list[Any]:
    calls = [block for block in message.content if isinstance(block, ToolUseBlock)]
    return [{"type": "tool_result", "tool_use_id": call.id, "content": f"{call.name} says nine"} for call in calls]


@pytest.mark.sdk
def test_a_message(client: anthropic.Anthropic):
    message = strict(client.messages.create(model="claude", max_tokens=200, messages=HELLO))
    assert message.content[0].text.startswith("This is claude at alpha")
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens == 8
    assert message.usage.output_tokens > 10


@pytest.mark.sdk
def test_a_stream_builds_the_message_that_comes_whole(client: anthropic.Anthropic):
    asked: Any = {
        "model": "claude",
        "max_tokens": 3000,
        "messages": CALL_ALL,
        "tools": [WEATHER, CLOCK],
        "thinking": THINKING,
    }
    whole = strict(client.messages.create(**asked))
    with client.messages.stream(**asked) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "tool_use", "tool_use"]
    assert final.content == whole.content
    assert (final.id, final.stop_reason) == (whole.id, "tool_use")
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert whole.usage.output_tokens_details.thinking_tokens > 5
    assert kinds[-1] == "message_stop"


@pytest.mark.sdk
def test_what_was_thought_is_recognized_when_it_comes_back(client: anthropic.Anthropic):
    asked: Any = {"model": "claude", "max_tokens": 3000, "tools": [WEATHER, CLOCK], "thinking": THINKING}
    first = client.messages.create(messages=CALL_ALL, **asked)
    history: list[Any] = [
        *CALL_ALL,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results(first)},
    ]
    second = client.messages.create(messages=history, **asked)
    assert second.content[-1].type == "text"
    assert second.content[-1].text.endswith("The tool returned: weather says nine\nclock says nine")
    signature: Any = first.content[0]
    signature.signature = base64.b64encode(b"somebody else's").decode()
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        client.messages.create(messages=history, **asked)


@pytest.mark.sdk
def test_a_thought_can_be_kept_back_and_its_signature_is_good_all_the_same(client: anthropic.Anthropic):
    asked: Any = {"model": "claude", "max_tokens": 3000, "thinking": {"type": "adaptive", "display": "omitted"}}
    with client.messages.stream(messages=HELLO, **asked) as stream:
        first = stream.get_final_message()
    thought: Any = first.content[0]
    assert (thought.thinking, bool(thought.signature)) == ("", True)
    again: Any = [*HELLO, {"role": "assistant", "content": first.content}, *HELLO]
    assert client.messages.create(messages=again, **asked).content


@pytest.mark.sdk
def test_structured_output_satisfies_its_schema(client: anthropic.Anthropic):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    wanted: Any = {"format": {"type": "json_schema", "schema": schema}}
    message: Any = client.messages.create(model="claude", max_tokens=100, messages=HELLO, output_config=wanted)
    assert message.content[0].text.startswith('{"n":')


@pytest.mark.sdk
def test_stops_limits_and_filters_are_told_apart(client: anthropic.Anthropic):
    def reason(said: str, **also: Any) -> tuple[str | None, str | None]:
        asked: Any = {"max_tokens": 200, "messages": [{"role": "user", "content": said}], **also}
        message = client.messages.create(model="claude", **asked)
        return message.stop_reason, message.stop_sequence

    assert reason("say: one two three", stop_sequences=["two"]) == ("stop_sequence", "two")
    assert reason("tokens:50", max_tokens=5) == ("max_tokens", None)
    assert reason("block:answer") == ("refusal", None)


@pytest.mark.sdk
def test_models_and_tokens(client: anthropic.Anthropic):
    assert "claude" in [model.id for model in client.models.list()]
    assert client.models.retrieve("claude").type == "model"
    assert client.messages.count_tokens(model="claude", messages=HELLO).input_tokens == 8


@pytest.mark.sdk
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("status=529", "overloaded_error"),
        ("status=429,header.retry-after=3", "rate_limit_error"),
        ("status=500", "api_error"),
        ("status=401", "authentication_error"),
        ("status=400,error.message=no,error.type=billing_error", "billing_error"),
    ],
)
def test_faults_are_told_in_anthropics_words(client: anthropic.Anthropic, fault: str, error: str):
    with pytest.raises(anthropic.APIStatusError) as raised:
        client.messages.create(model=f"claude!{fault}", max_tokens=9, messages=HELLO)
    body: Any = raised.value.body
    assert (body["type"], body["error"]["type"]) == ("error", error)
    assert body["request_id"] == raised.value.response.headers["request-id"]


@pytest.mark.sdk
def test_an_error_in_the_midst_of_a_stream_raises(client: anthropic.Anthropic):
    with client.messages.stream(model="claude!error_event_at=3t", max_tokens=99, messages=HELLO) as stream:
        texts = iter(stream.text_stream)
        assert [next(texts) for _ in range(3)] == ["This", " is", " claude"]
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            next(texts)


@pytest.mark.sdk
def test_claude_at_vertex(alpha: SimulatedProvider):
    place = f"{alpha.root_url}/v1"
    with AnthropicVertex(base_url=place, region="eu", project_id="p", access_token="good", max_retries=0) as client:
        whole = client.messages.create(model="claude", max_tokens=99, messages=HELLO)
        with client.messages.stream(model="claude", max_tokens=99, messages=HELLO) as stream:
            assert stream.get_final_text() == getattr(whole.content[0], "text", None)
        assert client.messages.count_tokens(model="claude", messages=HELLO).input_tokens == 8
        with pytest.raises(anthropic.NotFoundError) as raised:
            client.messages.create(model="other", max_tokens=99, messages=HELLO)
    body: Any = raised.value.body
    assert body["error"]["status"] == "NOT_FOUND"


def message(**body: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 100, "messages": HELLO, **body}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


CALL = {"type": "tool_use", "id": "toolu_1", "name": "clock", "input": {}}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"model": "claude", "messages": HELLO}, "max_tokens: Field required"),
        (message(temperature=1.5), "temperature: Input should be less than or equal to 1"),
        (message(foo=1), "foo: Extra inputs are not permitted"),
        (message(n=2), "n: Extra inputs are not permitted"),
        (message(messages=[]), "messages: at least one message is required"),
        (
            message(messages=[{"role": "tool", "content": "x"}]),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (message(messages=[user({"type": "text", "text": ""})]), "messages.0: text content blocks must be non-empty"),
        (message(messages=[user({"type": "text"})]), "messages.0.content.0.text.text: Field required"),
        (
            message(messages=[user({"type": "text", "text": "x", "id": "1"})]),
            "messages.0.content.0.text.id: Extra inputs are not permitted",
        ),
        (message(messages=[user({"type": "cat"})]), "messages.0.content.0: Input tag 'cat' found"),
        (
            message(messages=[user({"type": "tool_result", "tool_use_id": "toolu_9", "content": "x"})]),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9",
        ),
        (
            message(messages=[*HELLO, {"role": "assistant", "content": [CALL]}, *HELLO]),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
        ),
        (
            message(messages=[user({"type": "image", "source": {"type": "base64", "media_type": "a", "data": PNG}})]),
            "messages.0.content.0.image.source.base64.media_type: Input should be",
        ),
        (
            message(messages=[*HELLO, {"role": "assistant", "content": "so "}]),
            "messages: final assistant content cannot end with trailing whitespace",
        ),
        (message(tools=[{"name": "a b", "input_schema": {"type": "object"}}]), "tools.0.custom.name: String should"),
        (message(tools=[{"name": "a", "input_schema": {}}]), "tools.0.custom.input_schema.type"),
        (message(tool_choice={"type": "any"}), "tool_choice may only be specified while providing tools"),
        (message(thinking={"type": "enabled", "budget_tokens": 100}), "greater than or equal to 1024"),
        (message(thinking=THINKING), "`max_tokens` must be greater than `thinking.budget_tokens`"),
        (
            message(thinking=THINKING, max_tokens=2000, temperature=0.5),
            "`temperature` may only be set to 1 when thinking is enabled",
        ),
        (
            message(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}),
            "'additionalProperties' must be explicitly set to false",
        ),
        (b"{", "The request body is not valid JSON"),
    ],
)
def test_what_is_wrong_is_refused_in_anthropics_form(ask: Any, body: Any, complaint: str):
    said = ask("/v1/messages", body)
    assert said.status == 400
    assert said.document["error"]["type"] == "invalid_request_error"
    assert complaint in said.document["error"]["message"]


def test_turns_need_not_alternate_and_images_are_taken(ask: Any):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    body = message(messages=[*HELLO, user(image), *HELLO], system=[{"type": "text", "text": "be brief"}])
    said = ask("/v1/messages", body)
    assert said.status == 200
    assert said.document["usage"]["input_tokens"] > 85


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ((("anthropic-version", "1"),), 401, "authentication_error"),
        ((("anthropic-version", "1"), ("x-api-key", "bad")), 401, "authentication_error"),
        ((("x-api-key", "good"),), 400, "invalid_request_error"),
        ((("anthropic-version", "1"), ("authorization", "Bearer good")), 200, None),
    ],
)
def test_a_key_and_a_version_are_required(ask: Any, headers: Any, status: int, error: str | None):
    said = ask("/v1/messages", message(), headers=headers)
    assert (said.status, said.document.get("error", {}).get("type")) == (status, error)


def test_a_quota_is_told_in_anthropics_headers(ask: Any):
    quota = Quota(rpm=1, tpm=1000)
    first = ask("/v1/messages", message(), quota=quota)
    assert first.headers["anthropic-ratelimit-requests-limit"] == "1"
    assert first.headers["anthropic-ratelimit-input-tokens-remaining"] == "900"
    assert first.headers["anthropic-ratelimit-requests-reset"] == "2027-01-15T08:01:00Z"
    second = ask("/v1/messages", message(), quota=quota)
    assert (second.status, second.headers["retry-after"]) == (429, "60")
    assert second.document["error"]["type"] == "rate_limit_error"
