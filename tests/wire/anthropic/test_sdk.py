"""Anthropic's own SDK reads what the codec writes, and is told errors that it knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from headway.types import Usage
from headway.wire.anthropic.codec import CODEC
from headway.wire.form.assembly import events_of
from headway.wire.form.parts import Citation, Reasoning, Text, ToolCall
from headway.wire.form.reply import Began, Choice, Reply, Stop, TextDelta

anthropic = pytest.importorskip("anthropic")
httpx = pytest.importorskip(anthropic.DefaultHttpxClient.__mro__[1].__module__.split(".")[0])
pytestmark = pytest.mark.sdk

if TYPE_CHECKING:
    from headway.wire.form.codec import Show
    from wire.anthropic.conftest import Recording

QUESTION: Any = {"model": "house", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
ANSWER = Reply(
    id="resp_1",
    model="gpt-5",
    choices=[
        Choice(
            parts=[
                Reasoning(text="hm", signature="g", origin="gemini"),
                Text("Hi", citations=(Citation(url="https://x", title="X", quoted="q"),)),
                ToolCall(id="c1", name="f", arguments='{"a":1}', signature="s"),
                ToolCall(id="c2", name="g", arguments=""),
            ],
            stop=Stop.TOOLS,
        )
    ],
    usage=Usage(input_tokens=9, output_tokens=4, cached_input_tokens=2, reasoning_tokens=1, searches=1),
    service_tier="default",
)

Client = Callable[[int, bytes, str], Any]


@pytest.fixture
def client() -> Client:
    """An SDK client that gets one answer, whatever it asks."""

    def client(status: int, body: bytes, kind: str) -> Any:
        def answer(request: Any) -> Any:
            return httpx.Response(status, content=body, headers={"content-type": kind}, request=request)

        http = anthropic.DefaultHttpxClient(transport=httpx.MockTransport(answer))
        return anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1", max_retries=0, http_client=http)

    return client


def _stream(reply: Reply, show: Show) -> bytes:
    writer = CODEC.writer(show)
    return b"".join(writer.write([event]) for event in events_of(reply)) + writer.end()


def _plain(message: Any) -> Any:
    found = json.loads(message.to_json())
    for block in found["content"]:
        block.pop("citations", None) if not block.get("citations") else None
    return found


def test_a_whole_answer_and_its_stream_are_the_same_message(client: Client, show: Show):
    whole = client(200, CODEC.write_reply(ANSWER, show), "application/json").messages.create(**QUESTION)
    with client(200, _stream(ANSWER, show), "text/event-stream").messages.stream(**QUESTION) as stream:
        streamed = stream.get_final_message()
    told, expected = _plain(streamed), _plain(whole)
    for name in ("id", "model", "role", "content", "stop_reason", "stop_sequence"):
        assert told[name] == expected[name], name
    for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        assert told["usage"][name] == expected["usage"][name], name
    assert told["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert told["usage"]["output_tokens_details"]["thinking_tokens"] == 1
    assert [block["type"] for block in told["content"]] == ["thinking", "text", "thinking", "tool_use", "tool_use"]
    assert told["content"][3]["input"] == {"a": 1}
    assert told["content"][1]["citations"][0]["url"] == "https://x"


def test_every_recorded_answer_is_the_same_to_the_sdk(client: Client, show: Show, messages: list[Recording]):
    seen = 0
    for recording in messages:
        if recording.streamed:
            continue
        reply = CODEC.read_reply(recording.answer)
        assert isinstance(reply, Reply)
        expected = client(200, recording.answer, "application/json").beta.messages.create(**QUESTION)
        with client(200, _stream(reply, show), "text/event-stream").beta.messages.stream(**QUESTION) as stream:
            told = stream.get_final_message()
        shown = json.loads(told.to_json())["content"]
        wanted = json.loads(expected.to_json())["content"]
        for block in (*shown, *wanted):
            for name in ("citations", "caller", "parsed_output"):
                if name != "citations" or not block.get(name):
                    block.pop(name, None)
        assert _without_none(shown) == _without_none(wanted), recording.id
        assert (told.id, told.model, told.stop_reason) == (expected.id, expected.model, expected.stop_reason)
        assert told.usage.output_tokens == expected.usage.output_tokens
        assert told.usage.input_tokens == expected.usage.input_tokens
        seen += 1
    assert seen > 150


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
    ],
)
def test_each_error_is_the_sdks_own(client: Client, status: int, error: str):
    with pytest.raises(getattr(anthropic, error)) as raised:
        client(status, CODEC.error_body("It failed", status, "code", None), "application/json").messages.create(
            **QUESTION
        )
    assert raised.value.body["error"]["message"] == "It failed"


def test_an_answer_that_breaks_off_raises(client: Client, show: Show):
    writer = CODEC.writer(show)
    body = writer.write([Began(), TextDelta("Hi", 0)]) + writer.error("It broke off", status=502, code="interrupted")
    with (
        pytest.raises(anthropic.APIStatusError, match="It broke off"),
        client(200, body, "text/event-stream").messages.stream(**QUESTION) as stream,
    ):
        stream.get_final_message()
