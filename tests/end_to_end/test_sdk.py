"""The official SDK with another base URL and nothing else: it gets the objects that the upstream itself gives it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream

if TYPE_CHECKING:
    from end_to_end.conftest import Provide, Start

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

CONFIG = """
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  fast: [alpha/fast]
resilience:
  timeouts: {{headers: 5s}}
"""


class Forecast(pydantic.BaseModel):
    city: str
    sky: Literal["clear", "cloudy"]
    degrees: int


HELLO: Any = [{"role": "user", "content": "hello — 你好 🌍"}]
PARALLEL: Any = [{"role": "user", "content": "call:weather call:clock"}]


def tool(name: str, **parameters: Any) -> Any:
    schema = {"type": "object", "properties": parameters, "required": list(parameters), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "parameters": schema, "strict": True}}


TOOLS: Any = [tool("weather", city={"type": "string"}), tool("clock", zone={"type": "string"})]
RESPONSE_TOOLS: Any = [{"type": "function", **each["function"]} for each in TOOLS]
SOUND: Any = ("speech.wav", b"RIFF" + bytes(2000), "audio/wav")

CALLS: dict[str, Callable[[Any], Any]] = {
    "chat": lambda c: c.chat.completions.create(model="fast", messages=HELLO, n=2, seed=7),
    "chat with logprobs": lambda c: c.chat.completions.create(
        model="fast", messages=HELLO, logprobs=True, top_logprobs=2
    ),
    "chat streamed": lambda c: c.chat.completions.create(model="fast", messages=HELLO, stream=True),
    "chat streamed with usage": lambda c: c.chat.completions.create(
        model="fast", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ),
    "chat streamed without usage": lambda c: c.chat.completions.create(
        model="fast", messages=HELLO, stream=True, stream_options={"include_usage": False}
    ),
    "parallel tool calls": lambda c: c.chat.completions.create(model="fast", messages=PARALLEL, tools=TOOLS),
    "parallel tool calls streamed": lambda c: c.chat.completions.create(
        model="fast", messages=PARALLEL, tools=TOOLS, stream=True
    ),
    "structured output": lambda c: c.chat.completions.parse(model="fast", messages=HELLO, response_format=Forecast),
    "structured output streamed": lambda c: c.chat.completions.create(
        model="fast",
        messages=HELLO,
        stream=True,
        response_format={"type": "json_schema", "json_schema": {"name": "f", "schema": Forecast.model_json_schema()}},
    ),
    "response": lambda c: c.responses.create(model="fast", input="hello", instructions="be kind"),
    "response streamed": lambda c: c.responses.create(model="fast", input="hello", stream=True),
    "response with tools": lambda c: c.responses.create(model="fast", input="call:*", tools=RESPONSE_TOOLS),
    "response with tools streamed": lambda c: c.responses.create(
        model="fast", input="call:*", tools=RESPONSE_TOOLS, stream=True
    ),
    "response parsed": lambda c: c.responses.parse(model="fast", input="hello", text_format=Forecast),
    "completion": lambda c: c.completions.create(model="fast", prompt=["hello", "you"], max_tokens=9),
    "completion streamed": lambda c: c.completions.create(model="fast", prompt="hello", stream=True),
    "embeddings as numbers": lambda c: c.embeddings.create(model="fast", input=["a", "b"], encoding_format="float"),
    "embeddings as base64": lambda c: c.embeddings.create(model="fast", input="a", encoding_format="base64"),
    "embeddings as the SDK prefers": lambda c: c.embeddings.create(model="fast", input="a", dimensions=64),
    "moderation": lambda c: c.moderations.create(model="fast", input="violence and harassment"),
    "image": lambda c: c.images.generate(model="fast", prompt="a cat", n=2, response_format="b64_json"),
    "image streamed": lambda c: c.images.generate(model="fast", prompt="a cat", stream=True),
    "speech": lambda c: c.audio.speech.create(model="fast", voice="alloy", input="hello", response_format="wav"),
    "speech as events": lambda c: c.audio.speech.create(model="fast", voice="alloy", input="hi", stream_format="sse"),
    "transcription": lambda c: c.audio.transcriptions.create(model="fast", file=SOUND),
    "transcription as text": lambda c: c.audio.transcriptions.create(model="fast", file=SOUND, response_format="text"),
    "transcription in detail": lambda c: c.audio.transcriptions.create(
        model="fast", file=SOUND, response_format="verbose_json", timestamp_granularities=["segment"]
    ),
    "transcription streamed": lambda c: c.audio.transcriptions.create(model="fast", file=SOUND, stream=True),
    "translation": lambda c: c.audio.translations.create(model="fast", file=SOUND, response_format="srt"),
}


def client(kind: type[Any], base_url: str) -> Any:
    return kind(base_url=base_url, api_key="sk-good", max_retries=0)


async def result(client: Any, call: Callable[[Any], Any]) -> Any:
    """What the application sees, as plain values."""
    if isinstance(client, OpenAI):
        return await asyncio.to_thread(lambda: plain(call(client)))
    async with client:
        got = await call(client)
        return [plain(event) async for event in got] if isinstance(got, AsyncStream) else plain(got)


def plain(got: Any) -> Any:
    if isinstance(got, Stream):
        return [plain(event) for event in got]
    if isinstance(got, pydantic.BaseModel):
        return type(got), got.model_dump(warnings=False)
    return got if isinstance(got, str) else got.read()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_the_sdk_gets_the_same_objects(gateway: Start, simulated: Provide, call: Callable[[Any], Any]):
    provider = await simulated()
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    direct = await result(client(AsyncOpenAI, provider.base_url), call)
    assert direct
    assert await result(client(AsyncOpenAI, running.url), call) == direct
    with client(OpenAI, running.url) as blocking:
        assert await result(blocking, call) == direct
    assert len(provider.requests) == 3


async def test_the_sdk_s_own_streaming_helper_gets_the_same_completion(gateway: Start, simulated: Provide):
    provider = await simulated()
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    finals: list[Any] = []
    for base_url in (provider.base_url, running.url):
        async with (
            client(AsyncOpenAI, base_url) as sdk,
            sdk.chat.completions.stream(model="fast", messages=PARALLEL, tools=TOOLS) as stream,
        ):
            finals.append((await stream.get_final_completion()).model_dump())
    assert finals[0] == finals[1]
    assert [call["function"]["name"] for call in finals[1]["choices"][0]["message"]["tool_calls"]] == [
        "weather",
        "clock",
    ]


async def test_images_are_edited_and_varied_through_a_form(
    gateway: Start, scripted: Any, reply_bytes: Callable[..., bytes]
):
    picture = ("cat.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png")
    scripted.answer = lambda _: [reply_bytes(200, b'{"created": 1, "data": [{"url": "http://x/y.png"}]}')]
    running = await gateway(CONFIG.format(base_url=scripted.base_url))
    async with client(AsyncOpenAI, running.url) as sdk:
        edited = await sdk.images.edit(model="fast", image=picture, prompt="a dog")
        varied = await sdk.images.create_variation(model="fast", image=picture)
    assert edited == varied
    assert [request.path for request in scripted.requests] == ["/v1/images/edits", "/v1/images/variations"]
    assert all(picture[1] in request.body for request in scripted.requests)
    assert all(request.body.count(b'name="model"\r\n\r\nfast\r\n') == 1 for request in scripted.requests)


async def test_models_are_those_of_the_configuration(gateway: Start, simulated: Provide):
    provider = await simulated()
    config = CONFIG.replace("keys: [sk-good]", "keys: [sk-good], models: [fast, org/large]")
    running = await gateway(config.format(base_url=provider.base_url))
    async with client(AsyncOpenAI, running.url) as sdk:
        listed = [model async for model in sdk.models.list()]
        assert [model.id for model in listed] == ["fast", "alpha/fast", "alpha/org/large"]
        assert [await sdk.models.retrieve(model.id) for model in listed] == listed
        with pytest.raises(openai.NotFoundError, match="there is no model 'none'"):
            await sdk.models.retrieve("none")


ERRORS = {
    "a value out of range": {"temperature": 99},
    "a missing parameter": {"messages": openai.omit},
    "a mistyped parameter": {"messages": "hello"},
}


@pytest.mark.parametrize("wrong", ERRORS.values(), ids=ERRORS)
async def test_a_mistake_of_the_client_raises_what_the_upstream_raises(
    gateway: Start, simulated: Provide, wrong: dict[str, Any]
):
    provider = await simulated()
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    asked = {"model": "fast", "messages": HELLO, "extra_body": {}, **wrong}
    if wrong.get("messages") is openai.omit:
        asked |= {"messages": openai.omit}
    direct, through = await raised(provider.base_url, asked), await raised(running.url, asked)
    assert through == direct
    assert direct[0] is openai.BadRequestError


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422, 429, 500, 502, 503, 529])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_error_of_the_only_upstream_raises_what_it_raises_there(
    gateway: Start, simulated: Provide, status: int, stream: bool
):
    provider = await simulated(fault=f"status={status},error.code=so_it_is,header.retry-after=3")
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    asked = {"model": "fast", "messages": HELLO, "stream": stream}
    direct, through = await raised(provider.base_url, asked), await raised(running.url, asked)
    assert through == direct
    assert through[2] == status


async def raised(base_url: str, asked: dict[str, Any]) -> tuple[Any, ...]:
    async with client(AsyncOpenAI, base_url) as sdk:
        with pytest.raises(openai.APIStatusError) as caught:
            await sdk.chat.completions.create(**asked)
    error = caught.value
    waits = error.response.headers.get("retry-after")
    return type(error), error.body, error.status_code, error.code, error.param, error.type, error.message, waits


async def test_an_error_in_the_middle_of_a_stream_is_raised(gateway: Start, simulated: Provide):
    provider = await simulated(fault="rst_at=3t")
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    async with client(AsyncOpenAI, running.url) as sdk:
        chunks = await sdk.chat.completions.create(model="fast", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError, match="the answer broke off"):
            [chunk async for chunk in chunks]


async def test_an_embedding_s_bytes_are_the_upstream_s(gateway: Start, simulated: Provide):
    """The SDK decodes base64 by itself unless told not to; this looks at what came."""
    provider = await simulated()
    running = await gateway(CONFIG.format(base_url=provider.base_url))
    reply = await running.ask("/v1/embeddings", {"model": "fast", "input": "a", "encoding_format": "base64"})
    assert len(base64.b64decode(reply.json()["data"][0]["embedding"])) == 4 * 1536
