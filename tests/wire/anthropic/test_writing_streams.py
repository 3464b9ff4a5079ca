"""Streams for clients of this dialect: one block after the other, whatever the order in which they came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire import sse
from headway.wire.anthropic.codec import CODEC
from headway.wire.form.assembly import events_of
from headway.wire.form.parts import Citation, Image, Opaque, Reasoning, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Choice,
    Cited,
    Counted,
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.form.seals import seal

if TYPE_CHECKING:
    from headway.wire.form.codec import Show
    from wire.anthropic.conftest import Body, Recording, Replay


def _stream(show: Show, *events: Event, at_once: bool = False) -> list[Body]:
    writer = CODEC.writer(show)
    out = writer.write(list(events)) if at_once else b"".join(writer.write([event]) for event in events)
    frames, rest = sse.split(out + writer.end())
    assert rest == b""
    found: list[Body] = []
    for frame in frames:
        name, data = frame.decode().strip().split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def _content(events: list[Body]) -> list[Body]:
    """The blocks, put together as clients do; in strict order, each closed before the next."""
    blocks: list[Body] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(blocks)
                blocks.append(event["content_block"])
                is_open = True
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(blocks) - 1
                delta = dict(event["delta"])
                match delta.pop("type"):
                    case "input_json_delta":
                        blocks[-1]["pieces"] = blocks[-1].get("pieces", "") + delta["partial_json"]
                    case "citations_delta":
                        blocks[-1].setdefault("citations", []).append(delta["citation"])
                    case _:
                        for name, value in delta.items():
                            blocks[-1][name] += value
            case "content_block_stop":
                assert is_open
                assert event["index"] == len(blocks) - 1
                is_open = False
            case _:
                pass
    assert not is_open
    return blocks


def test_a_stream_of_text(show: Show):
    events = _stream(
        show,
        Began(id="chatcmpl-1", model="gpt-5", service_tier="default"),
        TextDelta("Hel", 0),
        TextDelta("lo", 0),
        PartEnded(0),
        Finished(Stop.END),
        Counted(Usage(input_tokens=5, output_tokens=2, cached_input_tokens=1)),
    )
    assert events == [
        {
            "type": "message_start",
            "message": {
                "id": "chatcmpl-1",
                "type": "message",
                "role": "assistant",
                "model": "gpt-5",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 0,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 0,
                    "service_tier": "standard",
                },
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 4,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 1,
                "output_tokens": 2,
            },
        },
        {"type": "message_stop"},
    ]


def test_nothing_is_said_before_there_is_something_to_say(show: Show):
    writer = CODEC.writer(show)
    assert writer.write([Began()]) == b""
    assert writer.write([Counted(Usage(input_tokens=9))]) == b""
    began = sse.data_of(sse.split(writer.write([TextDelta("Hi", 0)]))[0][0])
    assert began is not None
    message = json.loads(began)["message"]
    assert (message["id"], message["model"], message["usage"]["input_tokens"]) == ("req_7", "house", 9)


@pytest.mark.parametrize("at_once", [False, True])
def test_calls_that_interleave_come_one_after_the_other(show: Show, at_once: bool):
    events = _stream(
        show,
        Began(),
        TextDelta("Two", 0),
        PartEnded(0),
        CallBegan(part=1, id="a", name="f"),
        CallBegan(part=2, id="b", name="g"),
        CallDelta('{"x":', 1),
        CallDelta('{"y"', 2),
        CallBegan(part=3, id="c", name="h"),
        CallDelta("1}", 1),
        CallDelta(":2}", 2),
        PartEnded(2),
        PartEnded(1),
        PartEnded(3),
        Finished(Stop.TOOLS),
        at_once=at_once,
    )
    assert _content(events) == [
        {"type": "text", "text": "Two"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}, "pieces": '{"x":1}'},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}, "pieces": '{"y":2}'},
        {"type": "tool_use", "id": "c", "name": "h", "input": {}},
    ]


def test_a_part_that_had_to_wait_goes_on_live_once_it_may(show: Show):
    writer = CODEC.writer(show)
    writer.write([Began(), CallBegan(part=0, id="a", name="f"), CallBegan(part=1, id="b", name="g")])
    assert writer.write([CallDelta("{", 1)]) == b""
    caught_up = writer.write([PartEnded(0)])
    assert caught_up.count(b"input_json_delta") == 1
    assert b'"}"' in writer.write([CallDelta("}", 1)])


def test_parts_that_no_end_was_told_of_are_closed_at_the_end(show: Show):
    events = _stream(show, Began(), CallBegan(part=0, id="a", name="f"), CallBegan(part=1, id="b", name="g"))
    assert [block["id"] for block in _content(events)] == ["a", "b"]


def test_thoughts_and_their_signatures(show: Show):
    events = _stream(
        show,
        Began(),
        ReasoningDelta("hm", 0),
        Signed(part=0, signature="g", origin="gemini"),
        PartEnded(0),
        Signed(part=1, signature="c", origin="anthropic"),
        PartEnded(1),
        Signed(part=2, redacted="enc", id="rs_1", origin="openai_responses"),
        PartEnded(2),
        Whole(Reasoning(redacted="r", origin="anthropic"), 3),
        PartEnded(3),
        ReasoningDelta("unsigned", 4),
        PartEnded(4),
        Finished(Stop.END),
    )
    packed = seal('{"redacted":"enc","id":"rs_1"}', "openai_responses", "anthropic")
    assert _content(events) == [
        {"type": "thinking", "thinking": "hm", "signature": seal("g", "gemini", "anthropic")},
        {"type": "thinking", "thinking": "", "signature": "c"},
        {"type": "redacted_thinking", "data": packed},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "thinking", "thinking": "unsigned", "signature": "hw1.openai_chat."},
    ]


def test_a_signed_call_has_its_signature_before_it(show: Show):
    events = _stream(
        show, Began(), CallBegan(part=0, id="a", name="f", signature="g"), CallDelta("{}", 0), PartEnded(0)
    )
    assert _content(events) == [
        {"type": "thinking", "thinking": "", "signature": seal("g", "gemini", "anthropic")},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}, "pieces": "{}"},
    ]


def test_a_signed_text_goes_without_its_signature(show: Show):
    signed = Signed(part=0, signature="g", origin="gemini")
    assert _content(_stream(show, Began(), TextDelta("Hi", 0), signed, PartEnded(0))) == [
        {"type": "text", "text": "Hi"}
    ]
    assert _content(_stream(show, Began(), TextDelta("", 0), signed, PartEnded(0))) == []


def test_citations_come_with_their_text(show: Show):
    location = {"type": "char_location", "cited_text": "q", "document_index": 0}
    own = Citation(raw=msgspec.Raw(json.dumps(location).encode()), dialect="anthropic")
    web = Citation(url="https://x", title="X")
    events = _stream(
        show, Began(), TextDelta("Hi", 0), Cited(own, 0), Cited(web, 0), Cited(Citation(title="file"), 0), PartEnded(0)
    )
    (block,) = _content(events)
    assert block["citations"][0] == location
    assert block["citations"][1]["url"] == "https://x"
    assert len(block["citations"]) == 2


def test_a_refusal_is_a_text(show: Show):
    assert _content(_stream(show, Began(), RefusalDelta("No", 0), PartEnded(0))) == [{"type": "text", "text": "No"}]


def test_what_has_no_block_is_not_shown(show: Show):
    events = _stream(
        show,
        Began(),
        Whole(Image(Source(media_type="image/png", data="aGk=")), 0),
        PartEnded(0),
        Whole(Opaque("gemini", "executableCode", msgspec.Raw(b"{}")), 1),
        PartEnded(1),
        TextDelta("Hi", 2),
        PartEnded(2),
        TextDelta("another answer", 0, choice=1),
        PartEnded(0, choice=1),
        Finished(Stop.LENGTH, choice=1),
        Finished(Stop.SEQUENCE, sequence="END"),
    )
    assert _content(events) == [{"type": "text", "text": "Hi"}]
    assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_an_answer_without_content_is_a_message_all_the_same(show: Show):
    events = _stream(show, Began(), Finished(Stop.FILTER))
    assert [event["type"] for event in events] == ["message_start", "message_delta", "message_stop"]
    assert events[1]["delta"]["stop_reason"] == "refusal"


def test_an_error_leaves_the_block_open(show: Show):
    writer = CODEC.writer(show)
    writer.write([Began(), TextDelta("Hi", 0)])
    frame = writer.error("It broke off", status=529, code="stream_interrupted")
    assert frame.startswith(b"event: error\n")
    data = sse.data_of(frame)
    assert data is not None
    assert json.loads(data) == {"type": "error", "error": {"type": "overloaded_error", "message": "It broke off"}}


def test_every_recorded_answer_survives_being_streamed(messages: list[Recording], show: Show, replay: Replay):
    for recording in messages:
        if recording.streamed:
            continue
        reply = CODEC.read_reply(recording.answer)
        assert isinstance(reply, Reply)
        writer = CODEC.writer(show)
        frames, _ = CODEC.split(writer.write(list(events_of(reply))) + writer.end())
        again, _, complete = replay(frames)
        assert complete is (reply.choices[0].stop is not None)
        assert _comparable(again) == _comparable(reply), recording.id


def _comparable(reply: Reply) -> Any:
    """JSON apart from its spacing, since objects of raw bytes are never equal; no usage that a stream has not."""
    (choice,) = reply.choices or [Choice(parts=[])]
    parts: list[Any] = []
    for part in choice.parts:
        match part:
            case Opaque():
                parts.append(json.loads(bytes(part.raw)))
            case Text():
                parts.append((part.text, [json.loads(bytes(each.raw)) for each in part.citations]))
            case ToolCall():
                parts.append((part.id, part.name, json.loads(part.arguments)))
            case _:
                parts.append(part)
    assert reply.usage is not None
    return reply.id, reply.model, choice.stop, choice.sequence, parts, reply.usage.output_tokens
