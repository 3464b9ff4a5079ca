"""Streams of Claude's, as events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.anthropic.codec import CODEC
from headway.wire.form.parts import Opaque, Reasoning, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Counted,
    Event,
    Finished,
    Malformed,
    PartEnded,
    Reported,
    Stop,
    TextDelta,
)

if TYPE_CHECKING:
    from wire.anthropic.conftest import Body, Recording, Replay


def _frame(event: str, **fields: Any) -> bytes:
    return f"event: {event}\ndata: {json.dumps({'type': event, **fields})}\n\n".encode()


def _start(index: int, block: Body) -> bytes:
    return _frame("content_block_start", index=index, content_block=block)


def _delta(index: int, kind: str, **fields: Any) -> bytes:
    return _frame("content_block_delta", index=index, delta={"type": kind, **fields})


def _stop(index: int) -> bytes:
    return _frame("content_block_stop", index=index)


TEXT = {"type": "text", "text": ""}
CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
BEGIN = _frame("message_start", message={"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5}})
ENDING = _frame("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 7})
END = _frame("message_stop")


def _assembled(stream: bytes) -> tuple[list[Body], Body]:
    """The blocks of a recorded stream and its last delta, put together without the codec."""
    blocks: list[Body] = []
    pieces: dict[int, str] = {}
    last: Body = {}
    for frame in stream.split(b"\n\n"):
        if b"data: " not in frame:
            continue
        event = json.loads(frame.split(b"data: ", 1)[1])
        match event["type"]:
            case "content_block_start":
                blocks.append(event["content_block"])
            case "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case "input_json_delta":
                        pieces[event["index"]] = pieces.get(event["index"], "") + delta["partial_json"]
                    case "citations_delta":
                        block.setdefault("citations", []).append(delta["citation"])
                    case other:
                        raise AssertionError(other)
            case "message_delta":
                last = event
            case _:
                pass
    for index, text in pieces.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return blocks, last


def test_every_recorded_stream_amounts_to_its_pieces(messages: list[Recording], replay: Replay):
    streams = [each for each in messages if each.streamed]
    assert len(streams) == 9
    for recording in streams:
        frames, rest = CODEC.split(recording.answer)
        reply, events, complete = replay(frames)
        assert (rest, complete) == (b"", True)
        assert isinstance(events[0], Began)
        assert sum(isinstance(event, Finished) for event in events) == 1
        blocks, last = _assembled(recording.answer)
        for part, block in zip(reply.choices[0].parts, blocks, strict=True):
            match part:
                case Text():
                    assert part.text == block["text"]
                    assert [json.loads(bytes(each.raw)) for each in part.citations] == block.get("citations", [])
                case ToolCall():
                    assert (part.id, part.name, json.loads(part.arguments)) == (
                        block["id"],
                        block["name"],
                        block["input"],
                    )
                case Reasoning():
                    assert part.text == block.get("thinking", "")
                    assert (part.signature, part.redacted) == (block.get("signature"), block.get("data"))
                case Opaque():
                    assert json.loads(bytes(part.raw)) == block
                case _:
                    raise AssertionError(part)
        assert reply.usage is not None
        assert reply.usage.output_tokens == last["usage"]["output_tokens"]
        assert reply.usage.input_tokens == last["usage"]["input_tokens"]


def test_a_recorded_stream_reads_the_same_however_it_is_cut(messages: list[Recording], replay: Replay):
    recording = min((each for each in messages if each.streamed), key=lambda each: len(each.answer))
    frames, _ = CODEC.split(recording.answer)
    expected = replay(frames)[1]
    for cut in range(len(recording.answer)):
        first, rest = CODEC.split(recording.answer[:cut])
        second, rest = CODEC.split(rest + recording.answer[cut:])
        assert rest == b""
        assert replay([*first, *second])[1] == expected


def test_a_stream_of_text():
    reader, events = CODEC.reader(), list[Event]()
    frames = (BEGIN, _start(0, TEXT), _frame("ping"), _delta(0, "text_delta", text="Hi"), _stop(0), ENDING)
    for frame in frames:
        reader.read(frame, events)
    assert reader.complete is False
    reader.read(END, events)
    reader.end(events)
    assert reader.complete is True
    assert events == [
        Began(id="msg_1", model="claude"),
        Counted(Usage(input_tokens=5)),
        TextDelta("Hi", 0),
        PartEnded(0),
        Counted(Usage(input_tokens=5, output_tokens=7)),
        Finished(Stop.END),
    ]


def test_lines_may_end_with_carriage_returns(replay: Replay):
    frames = [BEGIN, _start(0, TEXT), _delta(0, "text_delta", text="Hi"), _stop(0), ENDING, END]
    assert replay([each.replace(b"\n", b"\r\n") for each in frames]) == replay(frames)


def test_blocks_may_interleave(replay: Replay):
    _, events, complete = replay(
        [
            BEGIN,
            _start(0, CALL),
            _start(1, {**CALL, "id": "u"}),
            _delta(1, "input_json_delta", partial_json='{"b":'),
            _delta(0, "input_json_delta", partial_json='{"a":1}'),
            _delta(1, "input_json_delta", partial_json="2}"),
            _stop(1),
            _stop(0),
            ENDING,
            END,
        ]
    )
    assert complete
    assert [event for event in events if isinstance(event, (CallBegan, CallDelta, PartEnded))] == [
        CallBegan(part=0, id="t", name="f"),
        CallBegan(part=1, id="u", name="f"),
        CallDelta('{"b":', 1),
        CallDelta('{"a":1}', 0),
        CallDelta("2}", 1),
        PartEnded(1),
        PartEnded(0),
    ]


def test_arguments_may_come_with_the_call(replay: Replay):
    for deltas in ([], [_delta(0, "input_json_delta", partial_json="")]):
        reply, _, _ = replay([BEGIN, _start(0, {**CALL, "input": {"a": 1}}), *deltas, _stop(0), ENDING, END])
        assert reply.choices[0].parts == [ToolCall(id="t", name="f", arguments='{"a": 1}')]


def test_blocks_of_anthropics_own_come_whole(replay: Replay):
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    frames = [
        BEGIN,
        _start(0, search),
        _delta(0, "input_json_delta", partial_json='{"query":'),
        _delta(0, "input_json_delta", partial_json='"x"}'),
        _stop(0),
        _start(1, {"type": "compaction", "content": None}),
        _delta(1, "compaction_delta", content="summary"),
        _stop(1),
        _start(2, {"type": "redacted_thinking", "data": "r"}),
        _stop(2),
        ENDING,
        END,
    ]
    first, second, third = replay(frames)[0].choices[0].parts
    assert isinstance(first, Opaque)
    assert isinstance(second, Opaque)
    assert json.loads(bytes(first.raw)) == {**search, "input": {"query": "x"}}
    assert json.loads(bytes(second.raw)) == {"type": "compaction", "content": "summary"}
    assert third == Reasoning(redacted="r", origin="anthropic")


def test_a_block_that_was_never_closed_ends_with_the_message(replay: Replay):
    _, events, complete = replay([BEGIN, _start(0, TEXT), _delta(0, "text_delta", text="Hi"), ENDING, END])
    assert complete
    assert events.index(PartEnded(0)) < events.index(Finished(Stop.END))


def test_events_and_pieces_of_new_kinds_say_nothing(replay: Replay):
    plain = [BEGIN, _start(0, TEXT), _delta(0, "text_delta", text="Hi"), _stop(0), ENDING, END]
    new = [_frame("weather_report", sky="blue"), _delta(0, "sparkle_delta", glitter=1), b": comment\n\n"]
    assert replay([*plain[:2], *new, *plain[2:]]) == replay(plain)


@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_a_stream_that_breaks_off_is_not_complete(replay: Replay, kept: int):
    frames = [BEGIN, _start(0, TEXT), _delta(0, "text_delta", text="Hi"), _stop(0), ENDING, END]
    assert replay(frames[:kept])[2] is False


def test_an_end_without_a_reason_is_no_end(replay: Replay):
    reply, _, complete = replay([BEGIN, _start(0, TEXT), _stop(0), END])
    assert complete is False
    assert reply.choices == []


@pytest.mark.parametrize("named", [{"type": "error"}, {}])
def test_an_error_is_reported_and_nothing_after_it(replay: Replay, named: Body):
    told = {**named, "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error = f"event: error\ndata: {json.dumps(told)}\n\n".encode()
    _, events, complete = replay([BEGIN, error, _start(0, TEXT), ENDING, END])
    assert complete is False
    assert isinstance(events[-1], Reported)
    assert json.loads(events[-1].payload)["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize(
    "frames",
    [
        [_start(0, TEXT)],
        [END],
        [BEGIN, b"event: x\ndata: {\n\n"],
        [BEGIN, b'data: "text"\n\n'],
        [BEGIN, b"data: " + b"[" * 9000 + b"\n\n"],
        [BEGIN, _frame("content_block_start", index=0)],
        [BEGIN, _start(0, {"type": "text", "text": 3})],
        [BEGIN, _start(0, TEXT), _start(0, TEXT)],
        [BEGIN, _delta(0, "text_delta", text="Hi")],
        [BEGIN, _start(0, TEXT), _delta(0, "text_delta", text=3)],
        [BEGIN, _start(0, CALL), _delta(0, "text_delta", text="Hi")],
        [BEGIN, _start(0, TEXT), _delta(0, "input_json_delta", partial_json="{}")],
        [BEGIN, _frame("message_delta", delta=3)],
        [b"data: \xff\n\n"],
    ],
)
def test_what_is_no_event_is_malformed_and_ends_the_reading(replay: Replay, frames: list[bytes]):
    _, events, complete = replay([*frames, ENDING, END])
    assert isinstance(events[-1], Malformed)
    assert complete is False


def test_a_message_begins_once(replay: Replay):
    _, events, _ = replay([BEGIN, BEGIN, ENDING, ENDING, END])
    assert sum(isinstance(event, Began) for event in events) == 1
    assert sum(isinstance(event, Finished) for event in events) == 1


FRAMES = [
    BEGIN,
    _start(0, TEXT),
    _start(1, CALL),
    _start(2, {"type": "server_tool_use", "id": "s", "name": "w", "input": {}}),
    _delta(0, "text_delta", text="Hi"),
    _delta(1, "input_json_delta", partial_json='{"'),
    _delta(2, "input_json_delta", partial_json='{"'),
    _delta(2, "compaction_delta", type_="x"),
    _stop(0),
    _stop(1),
    _stop(2),
    ENDING,
    END,
    b"data: {}\n\n",
]


@given(st.lists(st.sampled_from(FRAMES), max_size=12))
def test_no_order_of_events_is_a_crash(frames: list[bytes]):
    reader, events = CODEC.reader(), list[Event]()
    for frame in frames:
        reader.read(frame, events)
    reader.end(events)
    for number, event in enumerate(events):
        if isinstance(event, (Malformed, Reported)):
            assert number == len(events) - 1
    if reader.complete:
        assert any(isinstance(event, Finished) for event in events)


@given(st.binary(max_size=80))
def test_no_bytes_are_a_crash(data: bytes):
    reader, events = CODEC.reader(), list[Event]()
    reader.read(BEGIN, events)
    reader.read(b"event: content_block_delta\ndata: " + data + b"\n\n", events)
    reader.read(data, events)
    assert isinstance(events[0], Began)
