"""Streams of Bedrock's, read message by message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.converse.codec import CODEC
from headway.wire.eventstream import HeaderValue, frame, header_block
from headway.wire.form.assembly import Assembly
from headway.wire.form.parts import Image, Opaque, Reasoning, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Malformed,
    PartEnded,
    Reported,
    Stop,
    TextDelta,
)


def message(name: str, payload: Any) -> bytes:
    headers: dict[str, HeaderValue] = {":event-type": name, ":message-type": "event"}
    return frame(header_block(headers), payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def delta(index: int, **words: Any) -> bytes:
    return message("contentBlockDelta", {"contentBlockIndex": index, "delta": words})


def start(index: int, **words: Any) -> bytes:
    return message("contentBlockStart", {"contentBlockIndex": index, "start": words})


def ended(index: int) -> bytes:
    return message("contentBlockStop", {"contentBlockIndex": index})


def call(index: int, identifier: str, **more: str) -> bytes:
    return start(index, toolUse={"toolUseId": identifier, "name": "weather"} | more)


def stop(reason: str = "end_turn", **more: Any) -> bytes:
    return message("messageStop", {"stopReason": reason} | more)


BEGAN = message("messageStart", {"role": "assistant"})
USAGE = message("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {"latencyMs": 1}})


def read(*frames: bytes) -> tuple[list[Event], bool]:
    reader, events = CODEC.reader(), list[Event]()
    for each in frames:
        reader.read(each, events)
    reader.end(events)
    return events, reader.complete


def parts(*frames: bytes) -> list[Any]:
    events, complete = read(*frames)
    assert complete, events
    assembly = Assembly()
    assembly.feed(events)
    return assembly.reply.choices[0].parts


def test_a_text_and_its_usage():
    events, complete = read(
        BEGAN, delta(0, text="Hel"), delta(0, text=""), delta(0, text="lo"), ended(0), stop(), USAGE
    )
    assert events == [
        Began(),
        TextDelta("Hel"),
        TextDelta("lo"),
        PartEnded(0),
        Finished(Stop.END),
        Counted(Usage(input_tokens=3, output_tokens=2)),
    ]
    assert complete


def test_all_recorded_streams_are_complete_and_say_the_same_in_any_pieces(recordings):
    seen = 0
    for recorded in recordings:
        if recorded.operation != "converse-stream" or recorded.status != 200:
            continue
        seen += 1
        whole, _ = CODEC.split(recorded.body)
        events, complete = read(*whole)
        assert complete
        assert isinstance(events[0], Began)
        assert isinstance(events[-1], Counted)
        pieced: list[bytes] = []
        rest = b""
        for place in range(0, len(recorded.body), 61):
            found, rest = CODEC.split(rest + recorded.body[place : place + 61])
            pieced += found
        assert (pieced, rest) == (whole, b"")
        for cut in range(len(whole) - 2):  # the last two end it
            assert read(*whole[:cut])[1] is False
    assert seen == 8


def test_a_recorded_stream_tells_thoughts_and_their_signature(recordings):
    body = next(r.body for r in recordings if r.operation == "converse-stream" and b'"signature"' in r.body)
    thought, text = parts(*CODEC.split(body)[0])
    assert isinstance(thought, Reasoning)
    assert thought.text.startswith("The user has greeted me")
    assert thought.signature is not None
    assert (thought.signature[:4], thought.origin) == ("Eu0C", "converse")
    assert isinstance(text, Text)


def test_a_recorded_stream_tells_what_a_tool_of_bedrocks_did(recordings):
    body = next(r.body for r in recordings if r.operation == "converse-stream" and b"server_tool_use" in r.body)
    used, answered, called = parts(*CODEC.split(body)[0])
    assert isinstance(used, Opaque)
    assert json.loads(bytes(used.raw))["toolUse"]["input"] == {"snippet": "1234 * 5678"}
    assert isinstance(answered, Opaque)
    assert json.loads(bytes(answered.raw))["toolResult"]["content"][0]["json"]["stdOut"] == "7006652"
    assert called == ToolCall(
        id="tooluse_ptgCcZ0uQu-UUMz0abqoWw", name="final_result", arguments='{"result":7006652.0}'
    )


def test_calls_side_by_side_have_parts_of_their_own():
    events, _ = read(
        BEGAN,
        delta(0, text="So."),
        call(1, "a"),
        call(2, "b"),
        delta(2, toolUse={"input": "{}"}),
        delta(1, toolUse={"input": '{"x"'}),
        delta(1, toolUse={"input": ""}),
        delta(1, toolUse={"input": ":1}"}),
        ended(2),
        ended(1),
        stop("tool_use"),
    )
    assert events[2:] == [
        CallBegan(part=1, id="a", name="weather"),
        CallBegan(part=2, id="b", name="weather"),
        CallDelta("{}", 2),
        CallDelta('{"x"', 1),
        CallDelta(":1}", 1),
        PartEnded(2),
        PartEnded(1),
        PartEnded(0),
        Finished(Stop.TOOLS),
    ]


def test_redacted_thoughts_are_claudes_own():
    found = parts(delta(0, reasoningContent={"redactedContent": "RXRrRQ=="}), ended(0), delta(1, text="a"), stop())
    assert found == [Reasoning(redacted="EtkE", origin="anthropic"), Text("a")]


def test_a_citation_belongs_to_the_text_under_way():
    events, _ = read(delta(0, text="So."), delta(0, citation={"title": "T"}), ended(0), stop())
    cited = next(event for event in events if isinstance(event, Cited))
    assert (cited.part, cited.citation.title, bytes(cited.citation.raw)) == (0, "T", b'{"title": "T"}')


def test_a_picture_is_whole_when_its_block_ends():
    found = parts(
        start(0, image={"format": "png"}),
        delta(0, image={"source": {"bytes": "AQ=="}}),
        delta(0, image={"source": {"bytes": "Ag=="}}),
        ended(0),
        stop(),
    )
    assert found == [Image(Source(media_type="image/png", data="AQI="))]


def test_a_block_that_changes_its_kind_is_two_parts():
    found = parts(delta(0, reasoningContent={"text": "Hm."}), delta(0, text="So."), stop())
    assert found == [Reasoning(text="Hm."), Text("So.")]


def test_the_stop_sequence_that_was_asked_for():
    events, _ = read(stop("stop_sequence", additionalModelResponseFields={"stop_sequence": "X"}))
    assert events[-1] == Finished(Stop.SEQUENCE, sequence="X")


def test_without_its_last_messages_a_stream_is_cut_short():
    assert read(BEGAN, delta(0, text="a"), ended(0))[1] is False
    assert read(BEGAN, delta(0, text="a"), ended(0), stop())[1] is True
    assert read()[1] is False


def test_events_that_nobody_knows_say_nothing():
    events, complete = read(BEGAN, message("somethingNew", {"a": 1}), delta(0, hologram={}), start(1, other={}), stop())
    assert events == [Began(), Finished(Stop.END)]
    assert complete


def exception(headers: dict[str, HeaderValue], payload: bytes) -> bytes:
    return frame(header_block(headers), payload)


@pytest.mark.parametrize(
    ("headers", "payload", "told"),
    [
        (
            {":message-type": "exception", ":exception-type": "throttlingException"},
            b'{"message":"slow down"}',
            {"__type": "throttlingException", "message": "slow down"},
        ),
        (
            {":message-type": "exception", ":exception-type": "modelStreamErrorException"},
            b'{"message":"m","originalStatusCode":529,"__type":"other"}',
            {"__type": "modelStreamErrorException", "message": "m", "originalStatusCode": 529},
        ),
        (
            {":message-type": "error", ":error-code": "InternalError", ":error-message": "broke"},
            b"",
            {"__type": "InternalError", "message": "broke"},
        ),
        ({":message-type": "exception"}, b"not json", {"__type": "unknown", "message": "not json"}),
    ],
)
def test_an_exception_ends_the_stream(headers, payload, told):
    events, complete = read(BEGAN, exception(headers, payload), delta(0, text="late"), stop())
    assert not complete
    assert isinstance(events[-1], Reported)
    assert json.loads(events[-1].payload) == told
    assert len(events) == 2


def test_an_exception_after_the_stop_undoes_it():
    headers: dict[str, HeaderValue] = {":message-type": "exception", ":exception-type": "internalServerException"}
    assert read(BEGAN, stop(), exception(headers, b"{}"))[1] is False


@pytest.mark.parametrize(
    "broken",
    [
        b"\x00" * 40,
        BEGAN[:-1] + b"\x00",
        message("contentBlockDelta", b"{"),
        message("contentBlockDelta", b'{"delta":5}'),
        message("contentBlockDelta", b'{"delta":{"text":5}}'),
        message("contentBlockStart", b'{"start":{"toolUse":{}}}'),
        message("messageStop", b"{}"),
        message("metadata", b"[]"),
        delta(4, toolUse={"input": "{}"}),
        message("contentBlockDelta", b'{"delta":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"),
    ],
)
def test_what_cannot_be_read_ends_it_as_malformed(broken):
    events, complete = read(BEGAN, broken, stop())
    assert isinstance(events[-1], Malformed)
    assert not complete


def test_blocks_without_end_are_too_many():
    events, complete = read(BEGAN, *(call(index, "a") for index in range(1100)), stop())
    assert events[-1] == Malformed("a contentBlockStart event cannot be read")
    assert not complete


def test_a_block_that_is_held_back_is_not_held_without_end():
    piece = delta(0, toolUse={"input": "x" * (9 * 1024 * 1024)})
    events, complete = read(BEGAN, call(0, "a", type="server_tool_use"), piece, piece, stop())
    assert events == [Began(), Malformed("a contentBlockDelta event cannot be read")]
    assert not complete


@given(st.lists(st.tuples(st.sampled_from(["contentBlockStart", "contentBlockDelta", "metadata"]), st.binary())))
def test_nothing_that_arrives_raises(messages: list[tuple[str, bytes]]):
    read(*(message(name, payload) for name, payload in messages))
    read(*(payload for _, payload in messages))
