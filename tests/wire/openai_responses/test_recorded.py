"""Recorded exchanges with providers of the Responses API: read, written again, and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.parts import Opaque, Part, Reasoning, Text, ToolCall
from headway.wire.form.reply import Event, Malformed, NoReply, Reply, Reported
from headway.wire.form.request import Request
from headway.wire.openai_responses.codec import CODEC

if TYPE_CHECKING:
    from wire.openai_responses.conftest import Exchange

openai_responses = pytest.importorskip("openai.types.responses")

Sent = Callable[..., tuple[dict[str, Any], tuple[str, ...]]]
WITHOUT_OUTPUT = {"queued", "in_progress"}


# --- requests ---


def settled(body: dict[str, Any]) -> dict[str, Any]:
    """A request with all that means the same said in one way: nulls and defaults are not said, a text is a list of one
    text, the type of a message is named, an old name of a setting is the new one.
    """
    kept = {name: value for name, value in body.items() if value is not None and (name, value) != ("stream", False)}
    given = kept.get("input", [])
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    kept["input"] = [settled_item(item) for item in items]
    kept["tools"] = [
        {name: value for name, value in tool.items() if value is not None} for tool in body.get("tools", [])
    ]
    if "reasoning" in kept:
        reasoning = {name: value for name, value in kept["reasoning"].items() if value is not None}
        if "generate_summary" in reasoning:
            reasoning["summary"] = reasoning.pop("generate_summary")
        kept["reasoning"] = reasoning
    if kept.get("text", {}).get("format") == {"type": "text"}:
        del kept["text"]
    return kept


def settled_item(item: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in item.items() if value is not None}
    if "role" in kept:
        kept.setdefault("type", "message")
    for field in ("content", "output"):
        if isinstance(kept.get(field), str):
            kept[field] = [{"type": "text", "text": kept[field]}]
        elif isinstance(kept.get(field), list):
            kept[field] = [settled_content(content) for content in kept[field]]
    if kept["type"] == "reasoning" and not kept.get("content"):
        kept.pop("content", None)
    return kept


def settled_content(content: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in content.items() if (name, value) != ("annotations", [])}
    return {**kept, "type": "text"} if kept["type"] in ("input_text", "output_text") else kept


def test_reading_and_writing_a_request_keeps_everything(
    recorded: list[Exchange], asked: Callable[..., Request], sent: Sent
):
    wrong: list[str] = []
    for exchange in recorded:
        request = msgspec.structs.replace(asked(exchange.request), model="m")
        body, dropped = sent(request)
        if dropped or settled({**body, "model": exchange.request["model"]}) != settled(exchange.request):
            wrong.append(exchange.id)
    assert len(recorded) > 150
    assert not wrong


# --- answers ---


def heard(parts: list[Part]) -> list[object]:
    """What of an answer can be compared: secrets differ each time that they are told."""
    found: list[object] = []
    for part in parts:
        match part:
            case Text():
                found.append((part.text, [json.loads(bytes(each.raw)) for each in part.citations]))
            case Opaque():
                found.append({**json.loads(bytes(part.raw)), "encrypted_content": None})
            case Reasoning():
                found.append(("reasoning", part.text, part.summary, part.origin))
            case _:
                found.append(part)
    return found


def follow(exchange: Exchange, step: int | None = None) -> tuple[list[Event], bool]:
    reader, events, rest = CODEC.reader(), list[Event](), b""
    for start in range(0, len(exchange.body), step or len(exchange.body)):
        frames, rest = CODEC.split(rest + exchange.body[start : start + (step or len(exchange.body))])
        for frame in frames:
            reader.read(frame, events)
    reader.end(events)
    return events, reader.complete


def final(exchange: Exchange) -> dict[str, Any]:
    """The response that the last event of a stream tells."""
    lines = [line for line in exchange.body.decode().split("\n") if line.startswith("data: {")]
    return json.loads(lines[-1][6:])["response"]


def replies(recorded: list[Exchange]) -> list[tuple[Exchange, dict[str, Any], Reply]]:
    found: list[tuple[Exchange, dict[str, Any], Reply]] = []
    for exchange in recorded:
        body = final(exchange) if exchange.streamed else json.loads(exchange.body)
        reply = CODEC.read_reply(json.dumps(body).encode())
        if isinstance(reply, NoReply):
            assert body["status"] in WITHOUT_OUTPUT
        else:
            found.append((exchange, body, reply))
    return found


def test_every_answer_is_read(recorded: list[Exchange]):
    for _, body, reply in replies(recorded):
        (choice,) = reply.choices
        texts = [content["text"] for item in body["output"] if item["type"] == "message" for content in item["content"]]
        calls = [item["call_id"] for item in body["output"] if item["type"] == "function_call"]
        assert [part.text for part in choice.parts if isinstance(part, Text)] == texts
        assert [part.id for part in choice.parts if isinstance(part, ToolCall)] == calls
        assert (reply.id, reply.model) == (body["id"], body["model"])
        assert reply.usage is not None
        assert reply.usage.input_tokens == body["usage"]["input_tokens"]
        assert reply.usage.reasoning_tokens == body["usage"]["output_tokens_details"]["reasoning_tokens"]


def test_a_stream_amounts_to_the_response_that_it_ends_with(recorded: list[Exchange]):
    streams = [each for each in replies(recorded) if each[0].streamed]
    assert len(streams) > 20
    for exchange, _, whole in streams:
        events, complete = follow(exchange)
        assembly = Assembly()
        assembly.feed(events)
        reply = assembly.reply
        assert complete, exchange.id
        assert sorted(map(str, heard(reply.choices[0].parts))) == sorted(map(str, heard(whole.choices[0].parts)))
        assert (reply.usage, reply.choices[0].stop) == (whole.usage, whole.choices[0].stop)
        assert (reply.id, reply.model) == (whole.id, whole.model)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_it_does_not_matter_where_a_stream_is_cut(recorded: list[Exchange], step: int):
    streams = [exchange for exchange in recorded if exchange.streamed and len(exchange.body) < 40_000]
    assert streams
    for exchange in streams:
        assert told(follow(exchange, step)[0]) == told(follow(exchange)[0])


def told(events: list[Event]) -> list[tuple[str, bytes]]:
    return [(type(event).__name__, msgspec.json.encode(event)) for event in events]


def test_a_stream_that_is_cut_off_is_never_complete(recorded: list[Exchange]):
    for exchange in (each for each in recorded if each.streamed):
        frames, _ = CODEC.split(exchange.body)
        last = max(number for number, frame in enumerate(frames) if b"response.completed" in frame)
        reader, events = CODEC.reader(), list[Event]()
        for frame in frames[:last]:
            reader.read(frame, events)
        reader.end(events)
        assert not reader.complete
        assert not any(isinstance(event, Malformed | Reported) for event in events)


# --- what the SDK makes of it ---


KNOWN_TO_THE_SDK = {"message", "function_call", "custom_tool_call", "reasoning", "mcp_list_tools", "file_search_call"}


@pytest.mark.sdk
def test_answers_are_responses_in_the_sdks_eyes(
    recorded: list[Exchange], asked: Callable[..., Request], show: Callable[..., Any]
):
    for exchange, body, reply in replies(recorded):
        response = json.loads(CODEC.write_reply(reply, show(asked(exchange.request))))
        assert response["model"] == body["model"]
        if {item["type"] for item in response["output"]} <= KNOWN_TO_THE_SDK:
            valid = openai_responses.Response.model_validate(response)
            assert valid.status == ("incomplete" if body["status"] == "incomplete" else "completed")
            assert valid.output_text == "".join(
                content["text"] for item in body["output"] if item["type"] == "message" for content in item["content"]
            )


@pytest.mark.sdk
def test_streams_are_put_together_by_the_sdk(
    recorded: list[Exchange], asked: Callable[..., Request], show: Callable[..., Any], gathered: Callable[..., Any]
):
    for exchange, _, reply in replies(recorded):
        if any(isinstance(part, Opaque) for part in reply.choices[0].parts):
            continue
        shown = show(asked(exchange.request))
        events = follow(exchange)[0] if exchange.streamed else list(events_of(reply))
        writer = CODEC.writer(shown)
        response = gathered(b"".join([*(writer.write([event]) for event in events), writer.end()]))
        whole = json.loads(CODEC.write_reply(reply, shown))
        assert response.output_text == openai_responses.Response.model_validate(whole).output_text
        assert [item.type for item in response.output] == [item["type"] for item in whole["output"]]
        assert response.usage.total_tokens == whole["usage"]["total_tokens"]
