"""boto3 on the client's side: what it sends is read, and what we write it accepts."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import Usage
from headway.wire.converse.codec import CODEC
from headway.wire.converse.errors import error_type
from headway.wire.converse.invoke import read_count_request, write_count
from headway.wire.form.codec import Said, Show
from headway.wire.form.parts import File, Image, Part, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Choice,
    Counted,
    Finished,
    PartEnded,
    ReasoningDelta,
    Reply,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.form.request import Request, Tool

EventStreamError = pytest.importorskip("botocore.exceptions").EventStreamError
pytestmark = pytest.mark.sdk
MODEL = "gpt-5.1"
ASKED: list[dict[str, Any]] = [{"role": "user", "content": [{"text": "Hi"}]}]
DONE = Usage(input_tokens=9, output_tokens=2, cached_input_tokens=4)


def test_what_boto3_asks_is_read(bedrock, read, show):
    bedrock.answers(CODEC.write_reply(Reply(choices=[Choice(parts=[Text("a")])]), show))
    bedrock.client.converse(
        modelId=MODEL,
        system=[{"text": "Be short."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"text": "See:"},
                    {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
                    {"document": {"format": "pdf", "name": "d", "source": {"bytes": b"%PDF"}}},
                ],
            },
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "a", "input": {"b": 1}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"c": 2}}]}}]},
        ],
        toolConfig={"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}}}]},
        inferenceConfig={"maxTokens": 5, "temperature": 0.5},
        additionalModelRequestFields={"top_k": 3},
    )
    request = read(bedrock.asked, bedrock.model)
    assert request.model == MODEL
    assert request.messages[1].parts == (
        Text("See:"),
        Image(Source(media_type="image/png", data="iVBORw==")),
        File(Source(media_type="application/pdf", data="JVBERg=="), name="d"),
    )
    assert isinstance(request.messages[2].parts[0], ToolCall)
    assert isinstance(request.messages[3].parts[0], ToolResult)
    assert isinstance(request.tools[0], Tool)
    assert (request.max_output, request.temperature, request.top_k) == (5, 0.5, 3)


def test_a_whole_answer(bedrock, show):
    parts: list[Part] = [
        Reasoning(text="Hm.", signature="c2ln", origin="anthropic"),
        Reasoning(redacted="EtkE", origin="anthropic"),
        Text("So."),
        ToolCall(id="t", name="a", arguments='{"b":1}'),
        Image(Source(media_type="image/png", data="iVBORw==")),
    ]
    bedrock.answers(CODEC.write_reply(Reply(choices=[Choice(parts=parts, stop=Stop.TOOLS)], usage=DONE), show))
    answer = bedrock.client.converse(modelId=MODEL, messages=ASKED)
    assert answer["output"]["message"] == {
        "role": "assistant",
        "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": b"EtkE"}},
            {"text": "So."},
            {"toolUse": {"toolUseId": "t", "name": "a", "input": {"b": 1}}},
            {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
        ],
    }
    assert answer["stopReason"] == "tool_use"
    assert answer["usage"] == {
        "inputTokens": 5,
        "outputTokens": 2,
        "totalTokens": 11,
        "cacheReadInputTokens": 4,
        "cacheWriteInputTokens": 0,
    }
    assert answer["metrics"] == {"latencyMs": 0}


def accumulated(stream: Any) -> tuple[list[dict[tuple[str, str], Any]], dict[str, Any]]:
    """The blocks of a stream as its reader puts them together, and what ended it."""
    blocks: dict[int, dict[tuple[str, str], Any]] = {}
    ending: dict[str, Any] = {}
    under_way: int | None = None
    for event in stream:
        name, words = next(iter(event.items()))
        match name:
            case "contentBlockStart" | "contentBlockDelta":
                index = words["contentBlockIndex"]
                assert under_way in (None, index)
                under_way = index
                told: dict[str, Any] = words.get("start") or words["delta"]
                blocks.setdefault(index, {})
                for kind, value in told.items():
                    fields: dict[str, Any] = value if isinstance(value, dict) else {"": value}
                    for field, piece in fields.items():
                        before = blocks[index].get((kind, field))
                        blocks[index][kind, field] = piece if before is None else before + piece
            case "contentBlockStop":
                assert words["contentBlockIndex"] == under_way
                under_way = None
            case _:
                ending |= words
    assert under_way is None
    assert list(blocks) == list(range(len(blocks)))
    return list(blocks.values()), ending


def stream_of(bedrock: Any, data: bytes) -> Any:
    bedrock.answers(data, content_type="application/vnd.amazon.eventstream")
    return bedrock.client.converse_stream(modelId=MODEL, messages=ASKED)["stream"]


def test_a_stream(bedrock, show):
    writer = CODEC.writer(show)
    data = writer.write([Began(), ReasoningDelta("H", 0), ReasoningDelta("m.", 0)])
    data += writer.write([Signed(part=0, signature="s", origin="anthropic"), PartEnded(0)])
    data += writer.write([Whole(Reasoning(redacted="EtkE", origin="anthropic"), 1), PartEnded(1)])
    data += writer.write([TextDelta("S", 2), TextDelta("ö", 2), PartEnded(2)])
    data += writer.write([CallBegan(part=3, id="t", name="a"), CallBegan(part=4, id="u", name="b")])
    data += writer.write([CallDelta('{"x"', 3), CallDelta("{}", 4), CallDelta(":1}", 3), PartEnded(4), PartEnded(3)])
    data += writer.write([Finished(Stop.TOOLS), Counted(DONE)]) + writer.end()
    blocks, ending = accumulated(stream_of(bedrock, data))
    assert blocks == [
        {("reasoningContent", "text"): "Hm.", ("reasoningContent", "signature"): "s"},
        {("reasoningContent", "redactedContent"): b"EtkE"},
        {("text", ""): "Sö"},
        {("toolUse", "toolUseId"): "t", ("toolUse", "name"): "a", ("toolUse", "input"): '{"x":1}'},
        {("toolUse", "toolUseId"): "u", ("toolUse", "name"): "b", ("toolUse", "input"): "{}"},
    ]
    assert ending["role"] == "assistant"
    assert ending["stopReason"] == "tool_use"
    assert ending["usage"]["totalTokens"] == 11


def test_every_recorded_stream_written_anew_says_the_same_to_boto3(recordings, bedrock, show, events_of_stream):
    for recorded in recordings:
        if recorded.operation == "converse-stream" and recorded.status == 200:
            writer = CODEC.writer(show)
            again = writer.write(events_of_stream(recorded.body)) + writer.end()
            before, ending = accumulated(stream_of(bedrock, recorded.body))
            after, ending_after = accumulated(stream_of(bedrock, again))
            for block in before:
                if ("reasoningContent", "text") in block:
                    block.setdefault(("reasoningContent", "signature"), "hw1.openai_chat.")
            assert after == [without_type(block) for block in before if block != {("text", ""): ""}], recorded.id
            assert ending_after["stopReason"] == ending["stopReason"]
            assert ending_after["usage"] == ending["usage"]


def without_type(block: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in block.items() if (key, value) != (("toolUse", "type"), "tool_use")}


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "throttlingException"), (500, "internalServerException"), (502, "modelStreamErrorException")],
)
def test_an_answer_that_breaks_off_makes_boto3_raise(status, code, bedrock, show: Show):
    writer = CODEC.writer(show)
    data = writer.write([Began(), TextDelta("a")]) + writer.error("It broke.", status=status, code="x")
    stream = iter(stream_of(bedrock, data))
    assert [next(iter(next(stream))) for _ in range(2)] == ["messageStart", "contentBlockDelta"]
    with pytest.raises(EventStreamError) as raised:
        next(stream)
    assert raised.value.response["Error"] == {"Code": code, "Message": "It broke."}


@pytest.mark.parametrize("status", [400, 403, 404, 408, 424, 429, 500, 503])
def test_an_error_makes_boto3_raise_its_own_type(status, bedrock):
    bedrock.answers(CODEC.error_body("No.", status, "x", None), status, x_amzn_errortype=error_type(status))
    with pytest.raises(getattr(bedrock.client.exceptions, error_type(status))) as raised:
        bedrock.client.converse(modelId=MODEL, messages=ASKED)
    assert raised.value.response["Error"]["Message"] == "No."
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_counting_tokens(bedrock, fields):
    bedrock.answers(write_count(12))
    counted = bedrock.client.count_tokens(modelId=MODEL, input={"converse": {"messages": ASKED}})
    assert counted["inputTokens"] == 12
    request = read_count_request(fields(bedrock.asked), Said(model=bedrock.model, stream=False))
    assert isinstance(request, Request)
    assert request.messages[0].parts == (Text("Hi"),)
