"""Everything that real providers and their clients have said in this dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import Reasoning, Text, ToolCall
from headway.wire.form.reply import Counted, Event, Malformed, NoReply, Reply, Reported, Stop
from headway.wire.openai_chat.codec import CODEC


def test_a_request_read_and_written_again_keeps_everything(recorded: list[dict[str, Any]], asks: Any, writes: Any):
    for exchange in recorded:
        body = exchange["request"]["body"]
        if not isinstance(body, dict):
            continue
        sent = writes(asks(**body), model=body["model"])
        assert sent.dropped == (), exchange["id"]
        assert _normal(sent.body) == _normal(body), exchange["id"]


def _normal(body: dict[str, Any]) -> dict[str, Any]:
    """Nulls and what stands for the same: usage is always asked for, one text is as good as a list of it, `reasoning`
    is another name of `reasoning_content`, a call of a client needs no index, calls need no empty content, Mistral's
    `prefix` is off by itself.
    """
    body = {name: value for name, value in body.items() if value not in (None, [])}
    if not body.pop("stream", False):
        body.pop("stream_options", None)
    else:
        body["stream_options"] = {**body.get("stream_options", {}), "include_usage": True}
    body["tools"] = [{"type": "function", **tool} for tool in body.get("tools", [])]
    body["messages"] = [_normal_message(message) for message in body["messages"]]
    return body


def _normal_message(message: dict[str, Any]) -> dict[str, Any]:
    message = {name: value for name, value in message.items() if value not in (None, [], "", False)}
    if "reasoning" in message:
        message["reasoning_content"] = message.pop("reasoning")
    content = message.get("content")
    if isinstance(content, list):
        content = [{name: value for name, value in part.items() if value is not None} for part in content]
        is_text = len(content) == 1 and content[0].keys() == {"type", "text"}
        message["content"] = content[0]["text"] if is_text else content
    for call in message.get("tool_calls", []):
        call.pop("index", None)
    return message


def _answers(recorded: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in recorded if each["response"]["status"] == 200 and each["response"]["body_kind"] == kind]


def test_whole_replies_hold_what_they_said(recorded: list[dict[str, Any]]):
    for exchange in _answers(recorded, "json"):
        body = exchange["response"]["body"]
        reply = CODEC.read_reply(json.dumps(body).encode())
        assert isinstance(reply, Reply), exchange["id"]
        message, parts = body["choices"][0]["message"], reply.choices[0].parts
        content = message.get("content") or ""
        if isinstance(content, str):
            assert "".join(part.text for part in parts if isinstance(part, Text)) == content
        calls = [each for each in message.get("tool_calls") or () if each["function"]["name"]]
        found = [part for part in parts if isinstance(part, ToolCall)]
        assert [(part.name, part.arguments) for part in found] == [
            (each["function"]["name"], each["function"].get("arguments", "")) for each in calls
        ]
        assert all(part.id == (each["id"] or part.id) for part, each in zip(found, calls, strict=True))
        assert reply.usage is not None
        assert reply.usage.input_tokens == body["usage"]["prompt_tokens"]
        assert reply.usage.input_tokens + reply.usage.output_tokens == body["usage"]["total_tokens"]


def test_a_client_reads_the_same_from_a_reply_whole_or_in_pieces(
    recorded: list[dict[str, Any]], show: Callable[..., Show]
):
    asked = show(stream=True, stream_options={"include_usage": True})
    for exchange in _answers(recorded, "json"):
        reply = CODEC.read_reply(json.dumps(exchange["response"]["body"]).encode())
        assert isinstance(reply, Reply)
        again = CODEC.read_reply(CODEC.write_reply(reply, asked))
        assert isinstance(again, Reply)
        assert _told(again) == _told(reply), exchange["id"]
        assert _told(_through(list(events_of(reply)), asked)) == _told(reply), exchange["id"]


def test_streams_are_told_to_a_client_as_they_were(recorded: list[dict[str, Any]], show: Callable[..., Show]):
    asked = show(stream=True, stream_options={"include_usage": True})
    told = 0
    for exchange in _answers(recorded, "text"):
        events, complete = _read(exchange["response"]["body"].encode())
        assert not any(isinstance(event, Malformed) for event in events), exchange["id"]
        if any(isinstance(event, Reported) for event in events):
            continue
        assembly = Assembly()
        assembly.feed(events)
        assert complete, exchange["id"]
        assert any(isinstance(event, Counted) for event in events), exchange["id"]
        assert _told(_through(events, asked)) == _told(assembly.reply), exchange["id"]
        told += 1
    assert told > 50


def test_a_refused_request_is_no_reply(recorded: list[dict[str, Any]]):
    bodies = [each["response"]["body"] for each in recorded if each["response"]["status"] >= 400]
    assert bodies
    for body in bodies:
        assert isinstance(CODEC.read_reply(json.dumps(body).encode()), NoReply)


def _read(body: bytes) -> tuple[list[Event], bool]:
    reader, events = CODEC.reader(), list[Event]()
    for frame in CODEC.split(body)[0]:
        reader.read(frame, events)
    reader.end(events)
    return events, reader.complete


def _through(events: list[Event], show: Show) -> Reply:
    """What a reader makes of what the client is sent."""
    writer = CODEC.writer(show)
    body = b"".join([*(writer.write([event]) for event in events), writer.end()])
    again, complete = _read(body)
    assert complete
    assembly = Assembly()
    assembly.feed(again)
    return assembly.reply


def _told(reply: Reply) -> list[object]:
    """What a client can see of a reply: all but where one thought ends and the next begins. It is told a reason to be
    over where the provider gave none.
    """
    usage = reply.usage
    seen: list[object] = [usage and msgspec.structs.replace(usage, told_cost=None)]  # no client has a place for it
    for choice in reply.choices:
        thoughts = [part for part in choice.parts if isinstance(part, Reasoning)]
        seen.append("".join(thought.text for thought in thoughts))
        seen.append([(each.signature, each.redacted) for each in thoughts if each.signature or each.redacted])
        for part in choice.parts:
            if isinstance(part, ToolCall):
                seen.append(msgspec.structs.replace(part, arguments=part.arguments or "{}"))
            elif not isinstance(part, Reasoning):
                seen.append(part)
        calls = any(isinstance(part, ToolCall) for part in choice.parts)
        seen.append(choice.stop or (Stop.TOOLS if calls else Stop.END))
    return seen
