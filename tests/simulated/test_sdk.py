"""The official SDK as the client: whatever it cannot parse is not OpenAI's wire."""

from __future__ import annotations

import base64
import io
import struct
import warnings
import wave
import zlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Quota, Simulation
from headway.simulated.threaded import in_thread

pytestmark = pytest.mark.real

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO: Any = [{"role": "user", "content": "hello"}]
SIMULATION = Simulation(name="alpha", models=("fast", "smart"), keys=("good",), quota=Quota(rpm=1000, tpm=1_000_000))


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        SimulatedProvider(SIMULATION) as provider,
        openai.AsyncOpenAI(base_url=provider.base_url, api_key="good", max_retries=0) as client,
    ):
        yield client


def strict(model: Any) -> Any:
    """The same object, validated: the SDK itself lets wrong types pass."""
    return type(model).model_validate_json(model.model_dump_json(by_alias=True))


async def test_a_chat_completion(client: openai.AsyncOpenAI):
    raw = await client.chat.completions.with_raw_response.create(model="fast", messages=HELLO)
    completion: ChatCompletion = strict(raw.parse())
    assert completion.model == "fast"
    assert "fast at alpha" in str(completion.choices[0].message.content)
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["openai-organization"] == "org-alpha"
    assert raw.headers["x-ratelimit-remaining-requests"] == "999"


async def test_a_streamed_chat_completion_is_the_whole_one(client: openai.AsyncOpenAI):
    whole = await client.chat.completions.create(model="fast", messages=HELLO, n=2)
    async with client.chat.completions.stream(
        model="fast", messages=HELLO, n=2, stream_options={"include_usage": True}
    ) as stream:
        final = await stream.get_final_completion()
    assert final.id == whole.id
    assert final.usage == whole.usage
    assert [c.message.content for c in final.choices] == [c.message.content for c in whole.choices]


async def test_streamed_tool_calls_are_the_whole_ones(client: openai.AsyncOpenAI):
    asked: Any = {"model": "fast", "messages": HELLO, "tools": [WEATHER], "tool_choice": "required"}
    whole = strict(await client.chat.completions.create(**asked))
    async with client.chat.completions.stream(**asked) as stream:
        final = await stream.get_final_completion()
    expected, got = whole.choices[0].message.tool_calls, final.choices[0].message.tool_calls
    assert [(c.id, c.function.name, c.function.arguments) for c in got or []] == [
        (c.id, c.function.name, c.function.arguments) for c in expected
    ]
    assert final.choices[0].finish_reason == "tool_calls"


async def test_structured_output(client: openai.AsyncOpenAI):
    wanted: Any = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}},
    }
    completion = await client.chat.completions.create(model="fast", messages=HELLO, response_format=wanted)
    assert isinstance(msgspec.json.decode(str(completion.choices[0].message.content))["ok"], bool)


async def test_a_legacy_completion(client: openai.AsyncOpenAI):
    whole = strict(await client.completions.create(model="fast", prompt="hello", max_tokens=9))
    chunks = await client.completions.create(model="fast", prompt="hello", max_tokens=9, stream=True)
    text = [chunk.choices[0].text async for chunk in chunks]
    assert "".join(text) == whole.choices[0].text
    assert len([piece for piece in text if piece]) == whole.usage.completion_tokens == 9


async def test_a_response(client: openai.AsyncOpenAI):
    whole: Response = strict(await client.responses.create(model="fast", input="hello", instructions="be kind"))
    assert "fast at alpha" in whole.output_text
    assert whole.status == "completed"
    async with client.responses.stream(model="fast", input="hello", instructions="be kind") as stream:
        seen = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == whole.output_text
    assert seen[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert seen[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert set(seen[4:-4]) == {"response.output_text.delta"}


async def test_function_calls_of_a_response(client: openai.AsyncOpenAI):
    tool: Any = {"type": "function", "strict": True, **WEATHER["function"]}
    other: Any = {**tool, "name": "other"}
    asked: Any = {"model": "fast", "input": "call:* please", "tools": [tool, other]}
    whole: Response = strict(await client.responses.create(**asked))
    assert [item.name for item in whole.output if item.type == "function_call"] == ["weather", "other"]
    async with client.responses.stream(**asked) as stream:
        final = await stream.get_final_response()
    expected, got = ([item for item in each.output if item.type == "function_call"] for each in (whole, final))
    assert [(item.id, item.call_id, item.arguments, item.status) for item in got] == [
        (item.id, item.call_id, item.arguments, item.status) for item in expected
    ]
    followed: Any = [{"type": "function_call_output", "call_id": "c", "output": "sunny"}]
    after = await client.responses.create(model="fast", input=followed)
    assert after.output_text.endswith("The tool returned: sunny")


async def test_structured_responses(client: openai.AsyncOpenAI):
    format_: Any = {"type": "json_schema", "name": "x", "schema": {"type": "object", "properties": {"a": {"const": 7}}}}
    response = await client.responses.create(model="fast", input="hello", text={"format": format_})
    assert msgspec.json.decode(response.output_text) == {"a": 7}


async def test_embeddings_are_the_same_as_numbers_and_as_base64(client: openai.AsyncOpenAI):
    numbers = strict(await client.embeddings.create(model="fast", input="hello", encoding_format="float"))
    decoded = await client.embeddings.create(model="fast", input=["hello", "you"])
    assert numbers.data[0].embedding == pytest.approx(decoded.data[0].embedding)
    assert [len(entry.embedding) for entry in decoded.data] == [1536, 1536]
    short = await client.embeddings.create(model="fast", input="hello", dimensions=16)
    assert len(short.data[0].embedding) == 16


async def test_moderations(client: openai.AsyncOpenAI):
    judged = strict(await client.moderations.create(input=["a fine day", "pure violence"]))
    assert [result.flagged for result in judged.results] == [False, True]
    assert judged.results[1].categories.violence
    assert judged.results[1].category_scores.violence > 0.8


async def test_images(client: openai.AsyncOpenAI):
    made = strict(await client.images.generate(model="fast", prompt="a fox", n=2, response_format="b64_json"))
    first, second = (base64.b64decode(image.b64_json) for image in made.data)
    assert first != second
    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    at = first.index(b"IDAT")
    (length,) = struct.unpack(">I", first[at - 4 : at])
    assert len(zlib.decompress(first[at + 4 : at + 4 + length])) == 8 * (1 + 3 * 8)
    linked = await client.images.generate(model="fast", prompt="a fox", response_format="url")
    assert str((linked.data or [])[0].url).startswith("https://images.invalid/")
    streamed = await client.images.generate(model="fast", prompt="a fox", stream=True)
    assert [event.type async for event in streamed] == ["image_generation.completed"]


async def test_speech(client: openai.AsyncOpenAI):
    spoken = await client.audio.speech.create(model="fast", input="one two three", voice="alloy", response_format="wav")
    with wave.open(io.BytesIO(spoken.content)) as recording:
        assert (recording.getframerate(), recording.getnframes()) == (24_000, 3 * 600)
    async with client.audio.speech.with_streaming_response.create(
        model="fast", input="one two three", voice="alloy"
    ) as reply:
        assert reply.headers["content-type"] == "audio/mpeg"
        frames = b"".join([chunk async for chunk in reply.iter_bytes()])
    assert len(frames) == 3 * 417
    assert frames.startswith(b"\xff\xfb")


async def test_transcriptions_in_every_format(client: openai.AsyncOpenAI):
    recording = ("a.wav", b"x" * 64_000 + b"\r\n--", "audio/wav")
    made = strict(await client.audio.transcriptions.create(model="fast", file=recording))
    assert "fast at alpha" in made.text
    verbose = await client.audio.transcriptions.create(model="fast", file=recording, response_format="verbose_json")
    assert (strict(verbose).text, verbose.duration) == (made.text, 2.0)
    plain: Any = await client.audio.transcriptions.create(model="fast", file=recording, response_format="text")
    assert plain.strip() == made.text
    subtitles: Any = await client.audio.transcriptions.create(model="fast", file=recording, response_format="srt")
    assert subtitles.startswith("1\n00:00:00,000 --> 00:00:02,000\n")
    streamed = await client.audio.transcriptions.create(model="fast", file=recording, stream=True)
    events: list[Any] = [event async for event in streamed]
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == made.text


async def test_translations(client: openai.AsyncOpenAI):
    translations: Any = client.audio.translations
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer SDKs advise against these models
        made = strict(await translations.create(model="fast", file=("a.wav", b"RIFF", "audio/wav")))
    assert "fast at alpha" in made.text


async def test_models(client: openai.AsyncOpenAI):
    assert [model.id async for model in client.models.list()] == ["fast", "smart"]
    assert strict(await client.models.retrieve("smart")).owned_by == "alpha"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("slow")


async def test_errors_are_those_that_the_sdk_knows(client: openai.AsyncOpenAI):
    create = client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as unknown:
        await create(model="slow", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as empty:
        await create(model="fast", messages=[])
    assert empty.value.param == "messages"
    with pytest.raises(openai.AuthenticationError) as stranger:
        await client.with_options(api_key="bad").models.list()
    assert stranger.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("status=429,header.retry-after=5", openai.RateLimitError),
        ("status=503,body=html", openai.InternalServerError),
        ("close_before_headers", openai.APIConnectionError),
        ("rst_before_headers", openai.APIConnectionError),
    ],
)
async def test_faults_are_the_errors_that_the_sdk_knows(client: openai.AsyncOpenAI, fault: str, error: type[Exception]):
    with pytest.raises(error):
        await client.chat.completions.create(model=f"fast!{fault}", messages=HELLO)


async def test_an_error_event_raises_in_the_midst_of_a_stream(client: openai.AsyncOpenAI):
    async def read() -> None:
        stream = await client.chat.completions.create(model="fast!error_event_at=3t", messages=HELLO, stream=True)
        async for chunk in stream:
            seen.append(chunk.choices[0].delta.content)  # noqa: PERF401 - a comprehension would lose them

    seen: list[str | None] = []
    with pytest.raises(openai.APIError, match="server had an error"):
        await read()
    assert len(seen) == 1 + 3


async def test_an_error_event_is_the_last_of_a_response(client: openai.AsyncOpenAI):
    response = await client.responses.create(model="fast!error_event_at=3t", input="hello", stream=True)
    events = [event async for event in response]
    assert [event.sequence_number for event in events] == list(range(4 + 3 + 1))
    assert strict(events[-1]).type == "error"


async def test_faults_that_a_client_should_not_notice(client: openai.AsyncOpenAI):
    said: Any = [{"role": "user", "content": "say: naïve — café"}]
    for fault in ("chunk_bytes=1", "split_utf8", "informational=103", "http10", "huge_event=100KB", "framing=close"):
        stream = await client.chat.completions.create(model=f"fast!{fault}", messages=said, stream=True)
        text = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(text) == "naïve — café"


def test_a_client_that_blocks_is_served_from_a_thread():
    with (
        in_thread(SIMULATION) as provider,
        openai.OpenAI(base_url=provider.base_url, api_key="good", max_retries=0) as client,
    ):
        completion = client.chat.completions.create(model="fast", messages=HELLO)
        stream = client.chat.completions.create(model="fast", messages=HELLO, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == completion.choices[0].message.content
        assert [request.path for request in provider.requests] == ["/v1/chat/completions"] * 2
