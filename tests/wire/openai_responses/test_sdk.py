"""OpenAI's own SDK as the client: what it makes of answers, streams and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headway.types import Usage
from headway.wire.form.assembly import events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import Citation, Image, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Began, Choice, Reply, Stop, TextDelta
from headway.wire.openai_responses.codec import CODEC

openai = pytest.importorskip("openai")
httpx2 = pytest.importorskip("httpx2")
pytestmark = pytest.mark.sdk

ANSWER = Reply(
    id="msg_01",
    model="claude",
    choices=[
        Choice(
            parts=[
                Reasoning(text="Hm.", signature="sig", origin="anthropic"),
                Reasoning(redacted="data", origin="anthropic"),
                Text("It is ", citations=(Citation(url="https://e.com", title="E"), Citation(title="a.pdf"))),
                Text("red."),
                Refusal("No more."),
                Image(Source(data="QUJD")),
                ToolCall(id="c1", name="f", arguments='{"a":1}', signature="sig-1"),
                ToolCall(id="c2", name="p", arguments="x", custom=True),
            ],
            stop=Stop.TOOLS,
        )
    ],
    usage=Usage(100, 30, cached_input_tokens=40, reasoning_tokens=10),
)


def client_of(body: bytes, status: int = 200, kind: str = "application/json") -> Any:
    def answer(request: Any) -> Any:
        return httpx2.Response(status, content=body, headers={"content-type": kind}, request=request)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://127.0.0.1/v1", max_retries=0, http_client=http)


def frames(show: Show) -> bytes:
    writer = CODEC.writer(show)
    return b"".join([*(writer.write([event]) for event in events_of(ANSWER)), writer.end()])


def look_at(response: Any) -> None:
    assert response.output_text == "It is red."
    assert [item.type for item in response.output] == [
        "reasoning",
        "reasoning",
        "message",
        "image_generation_call",
        "reasoning",
        "function_call",
        "custom_tool_call",
    ]
    thought, redacted, message, image, _, call, custom = response.output
    assert (thought.content[0].text, thought.encrypted_content) == ("Hm.", "hw1.anthropic.sig")
    assert redacted.encrypted_content is not None
    assert [each.type for each in message.content[0].annotations] == ["url_citation", "file_citation"]
    assert message.content[1].refusal == "No more."
    assert image.result == "QUJD"
    assert (call.name, call.arguments, custom.name, custom.input) == ("f", '{"a":1}', "p", "x")
    assert response.usage.input_tokens_details.cached_tokens == 40
    assert response.usage.total_tokens == 130
    assert (response.status, response.model) == ("completed", "claude")


def test_a_whole_answer(show: Callable[..., Show]):
    with client_of(CODEC.write_reply(ANSWER, show())) as client:
        look_at(client.responses.create(model="m", input="Hi"))


def test_a_stream_put_together(show: Callable[..., Show]):
    with (
        client_of(frames(show()), kind="text/event-stream") as client,
        client.responses.stream(model="m", input="Hi") as stream,
    ):
        look_at(stream.get_final_response())


def test_every_event_is_one_that_the_sdk_knows(show: Callable[..., Show]):
    with client_of(frames(show()), kind="text/event-stream") as client:
        events = list(client.responses.create(model="m", input="Hi", stream=True))
    for event in events:
        type(event).model_validate(event.model_dump(by_alias=True, exclude_unset=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "It is red."


def test_a_stream_that_breaks_off_raises(show: Callable[..., Show]):
    writer = CODEC.writer(show())
    body = writer.write([Began(id="a"), TextDelta("It")])
    body += writer.error("the provider broke off", status=502, code="upstream_error")
    with (
        client_of(body, kind="text/event-stream") as client,
        pytest.raises(openai.APIError, match="broke off"),
    ):
        list(client.responses.create(model="m", input="Hi", stream=True))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (503, "InternalServerError"),
    ],
)
def test_errors_raise_what_the_sdk_has_for_them(status: int, error: str):
    with (
        client_of(CODEC.error_body("no", status, "code", None), status) as client,
        pytest.raises(getattr(openai, error)),
    ):
        client.responses.create(model="m", input="Hi")
