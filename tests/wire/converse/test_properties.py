"""Whatever the form holds is written so that the SDK takes it, and streams in any order keep what they say."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway.wire.converse.codec import CODEC
from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import (
    Audio,
    Cache,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.reply import Began, Choice, Event, Finished, PartEnded, Reply, Stop
from headway.wire.form.request import Output, Request, Thinking, Tool, ToolChoice, Toward, Unsupported

RAW = msgspec.Raw(b'{"a": [1, "b"]}')
WORDS = st.text(max_size=6)
NAMES = st.sampled_from(["weather", "time", "x"])
IDS = st.sampled_from(["t1", "call|2", "y" * 80])
CACHES = st.none() | st.builds(Cache, st.sampled_from([None, "5m", "1h"]))
ORIGINS = st.sampled_from([None, "anthropic", "converse", "gemini", "openai_responses"])
SOURCES = st.one_of(
    st.builds(
        Source,
        data=st.just("iVBORw0KGgo="),
        media_type=st.sampled_from([None, "image/png", "image/tiff", "audio/wav", "video/mp4", "application/pdf"]),
    ),
    st.builds(Source, text=WORDS, media_type=st.sampled_from([None, "text/plain", "text/csv"])),
    st.builds(Source, url=st.sampled_from(["https://a.b/c.png", "s3://bucket/key"]), media_type=st.just("image/png")),
    st.builds(Source, file_id=st.just("file-1")),
)
CITATIONS = st.builds(Citation, url=st.none() | WORDS, title=st.none() | WORDS, quoted=st.none() | WORDS)
TEXTS = st.builds(Text, WORDS, st.lists(CITATIONS, max_size=1).map(tuple), CACHES, st.none() | WORDS)
THOUGHTS = st.builds(
    Reasoning, text=WORDS, signature=st.none() | WORDS, redacted=st.none() | st.just("EtkE"), origin=ORIGINS
)
CALLS = st.builds(
    ToolCall,
    id=IDS,
    name=NAMES,
    arguments=st.sampled_from(["", "{}", '{"a":1}', "[1]", "free text"]),
    signature=st.none() | WORDS,
    cache=CACHES,
)
MEDIA = st.one_of(
    st.builds(Image, SOURCES, st.sampled_from([None, "low"]), CACHES),
    st.builds(Audio, SOURCES),
    st.builds(Video, SOURCES, CACHES),
    st.builds(File, SOURCES, st.none() | WORDS, st.none() | WORDS, st.booleans(), CACHES),
)
OPAQUE = st.just(Opaque("anthropic", "container_upload", RAW))
RESULTS = st.builds(
    ToolResult,
    call_id=IDS,
    parts=st.lists(TEXTS | MEDIA | OPAQUE, max_size=3).map(tuple),
    is_error=st.booleans(),
    json=st.booleans(),
    cache=CACHES,
)
MESSAGES = st.one_of(
    st.builds(Message, st.sampled_from(["system", "developer"]), st.lists(TEXTS, max_size=2).map(tuple)),
    st.builds(Message, st.just("user"), st.lists(TEXTS | TEXTS | MEDIA | OPAQUE, max_size=3).map(tuple)),
    st.builds(
        Message,
        st.just("assistant"),
        st.lists(TEXTS | THOUGHTS | CALLS | st.builds(Refusal, WORDS) | OPAQUE, max_size=4).map(tuple),
    ),
    st.builds(Message, st.just("tool"), st.lists(RESULTS, max_size=2).map(tuple)),
)
TOOLS = st.builds(
    Tool,
    name=NAMES,
    description=st.none() | WORDS,
    parameters=st.sampled_from([msgspec.Raw(), msgspec.Raw(b"{}"), RAW]),
    strict=st.none() | st.booleans(),
    cache=CACHES,
)
REQUESTS = st.builds(
    Request,
    dialect=st.just("openai_chat"),
    model=st.just("m"),
    messages=st.lists(MESSAGES, max_size=5).map(tuple),
    tools=st.lists(TOOLS, max_size=2).map(tuple),
    tool_choice=st.none()
    | st.builds(
        ToolChoice, st.sampled_from(["auto", "none", "required"]), st.sampled_from([(), ("time",), ("time", "x")])
    ),
    parallel_tool_calls=st.none() | st.booleans(),
    output=st.none() | st.builds(Output, schema=st.just(RAW), name=st.none() | WORDS),
    thinking=st.none()
    | st.builds(
        Thinking,
        effort=st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        budget=st.none() | st.integers(-1, 40000),
        show=st.none() | st.booleans(),
    ),
    max_output=st.none() | st.integers(1, 2**70),
    temperature=st.none() | st.floats(-1, 3),
    top_p=st.none() | st.floats(-1, 3),
    top_k=st.none() | st.integers(0, 2**70),
    seed=st.none() | st.integers(),
    stop=st.lists(WORDS, max_size=2).map(tuple),
    metadata=st.sampled_from([msgspec.Raw(), msgspec.Raw(b"{}"), msgspec.Raw(b'{"k":"v"}'), RAW]),
    service_tier=st.none() | st.sampled_from(["auto", "default", "flex", "scale"]),
    extra=st.sampled_from([{}, {"store": RAW}]),
)
MODELS = st.sampled_from(
    [
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-6",
        "anthropic.claude-opus-4-7-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        "openai.gpt-oss-120b-1:0",
        "meta.llama3-1-8b-instruct-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
    ]
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(request=REQUESTS, model=MODELS)
def test_whatever_is_written_is_as_the_sdk_has_it(request, model, validate):
    written = CODEC.write_request(request, Toward(model=model))
    if isinstance(written, Unsupported):
        assert written.feature
        assert written.message[0].islower()
        return
    body = json.loads(written.body)
    validate("Converse", {"modelId": model} | body)
    roles = [message["role"] for message in body["messages"]]
    assert all(before != after for before, after in pairwise(roles))
    assert all(message["content"] for message in body["messages"])
    assert len(written.dropped) == len(set(written.dropped))
    if any("toolUse" in block or "toolResult" in block for message in body["messages"] for block in message["content"]):
        assert body["toolConfig"]["tools"]


ANSWERED = st.lists(
    st.one_of(
        st.builds(Text, st.text(min_size=1, max_size=6)),
        st.builds(Reasoning, text=st.text(min_size=1, max_size=6)),
        st.builds(
            Reasoning,
            text=st.text(max_size=6),
            signature=st.text(min_size=1, max_size=6),
            origin=st.sampled_from(["converse", "gemini", "openai_responses"]),
        ),
        st.builds(Reasoning, redacted=st.just("EtkE"), origin=st.just("anthropic")),
        st.builds(ToolCall, id=st.just("t"), name=NAMES, arguments=st.just('{"a":1}')),
        st.just(Image(Source(media_type="image/png", data="AAAA"))),
    ),
    max_size=5,
)


@given(ANSWERED, st.data())
def test_parts_in_any_order_of_events_are_what_they_were(parts: list[Part], data: st.DataObject):
    queues: dict[int, list[Event]] = {}
    for number, part in enumerate(parts):
        alone = events_of(Reply(choices=[Choice(parts=[part])]))
        queues[number] = [
            msgspec.structs.replace(event, part=number) for event in alone if not isinstance(event, Began)
        ]
    shuffled: list[Event] = [Began()]
    begun = 0
    while queues:
        number = data.draw(st.sampled_from([number for number in sorted(queues) if number <= begun]))
        begun = max(begun, number + 1)
        shuffled.append(queues[number].pop(0))
        if not queues[number]:
            del queues[number]
    shuffled.append(Finished(Stop.END))
    assert answered(shuffled) == parts


def answered(events: list[Event]) -> list[Any]:
    """What a reader makes of these events, written one at a time."""
    asked = Request(dialect="converse", model="m", messages=())
    writer = CODEC.writer(Show(request_id="r", created=1, model="m", request=asked))
    frames, rest = CODEC.split(b"".join(writer.write([event]) for event in events) + writer.end())
    assert rest == b""
    reader, into = CODEC.reader(), list[Event]()
    for each in frames:
        reader.read(each, into)
    assert reader.complete
    assert sum(isinstance(event, PartEnded) for event in into) == sum(isinstance(event, PartEnded) for event in events)
    assembly = Assembly()
    assembly.feed(into)
    return assembly.reply.choices[0].parts if assembly.reply.choices else []
