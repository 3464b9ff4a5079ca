"""Streams for clients of Converse: their messages, and what boto3 makes of them is in `test_sdk`."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire.converse.codec import CODEC
from headway.wire.eventstream import Message, decode
from headway.wire.form.assembly import events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Citation, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
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


def messages(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    frames, rest = CODEC.split(data)
    assert rest == b""
    found: list[tuple[str, dict[str, Any]]] = []
    for each in frames:
        told = decode(each)
        assert isinstance(told, Message)
        assert told.headers[":content-type"] == "application/json"
        name = told.headers.get(":event-type", told.headers.get(":exception-type"))
        found.append((str(name), json.loads(told.payload)))
    return found


def written(show: Show, *events: Event) -> list[tuple[str, dict[str, Any]]]:
    """The messages between the first and the two that end a stream."""
    writer = CODEC.writer(show)
    found = messages(writer.write([Began(), *events]) + writer.end())
    assert found[0] == ("messageStart", {"role": "assistant"})
    assert [name for name, _ in found[-2:]] == ["messageStop", "metadata"]
    return found[1:-2]


def test_a_text_then_its_stop_then_its_usage(show):
    writer = CODEC.writer(show)
    data = writer.write([Began(), TextDelta("Hel")])
    data += writer.write([TextDelta("lo"), TextDelta("")])
    data += writer.write([PartEnded(0), Finished(Stop.LENGTH), Counted(Usage(input_tokens=3, output_tokens=2))])
    assert messages(data + writer.end()) == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "max_tokens"}),
        (
            "metadata",
            {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 0}},
        ),
    ]


def test_parts_that_come_side_by_side_are_written_one_after_the_other(show):
    found = written(
        show,
        CallBegan(part=0, id="a", name="x"),
        CallBegan(part=1, id="b", name="y"),
        CallDelta("{", 1),
        CallDelta("{", 0),
        TextDelta("late", 2),
        CallDelta("}", 1),
        PartEnded(1),
        CallDelta("}", 0),
        PartEnded(0),
        TextDelta("r", 2),
        Finished(Stop.TOOLS),
    )
    assert [(name, words["contentBlockIndex"]) for name, words in found] == [
        ("contentBlockStart", 0),
        ("contentBlockDelta", 0),
        ("contentBlockDelta", 0),
        ("contentBlockStop", 0),
        ("contentBlockStart", 1),
        ("contentBlockDelta", 1),
        ("contentBlockDelta", 1),
        ("contentBlockStop", 1),
        ("contentBlockDelta", 2),
        ("contentBlockDelta", 2),
        ("contentBlockStop", 2),
    ]
    assert found[4][1]["start"] == {"toolUse": {"toolUseId": "b", "name": "y"}}


def test_parts_that_nobody_ended_are_ended_before_the_stop(show):
    found = written(show, TextDelta("a", 0), RefusalDelta("b", 1), TextDelta("c", 2), Finished(Stop.END))
    assert [name for name, _ in found] == ["contentBlockDelta", "contentBlockStop"] * 3


def test_a_thought_that_nobody_signed_is_marked_so_that_claude_is_not_sent_it(show):
    found = written(show, ReasoningDelta("a", 0), ReasoningDelta("b", 0), PartEnded(0))
    assert [words.get("delta") for _, words in found] == [
        {"reasoningContent": {"text": "a"}},
        {"reasoningContent": {"text": "b"}},
        {"reasoningContent": {"signature": "hw1.openai_chat."}},
        None,
    ]


def test_a_call_without_arguments_has_an_empty_object(show):
    found = written(show, CallBegan(part=0, id="a", name="x"), PartEnded(0))
    assert found[1][1] == {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}


def test_thoughts_with_signatures_and_redactions(show):
    found = written(
        show,
        ReasoningDelta("Hm.", 0),
        Signed(part=0, signature="s", origin="gemini"),
        PartEnded(0),
        Whole(Reasoning(redacted="EtkE", origin="anthropic"), 1),
        PartEnded(1),
        Signed(part=2, redacted="EtkF", origin="anthropic"),
        PartEnded(2),
    )
    deltas = [words["delta"]["reasoningContent"] for name, words in found if name == "contentBlockDelta"]
    assert deltas == [
        {"text": "Hm."},
        {"signature": seal("s", "gemini", "converse")},
        {"redactedContent": base64.b64encode(b"EtkE").decode()},
        {"redactedContent": base64.b64encode(b"EtkF").decode()},
    ]
    assert [words["contentBlockIndex"] for name, words in found if name == "contentBlockStop"] == [0, 1, 2]


def test_the_signature_of_a_call_rides_in_an_empty_thought_before_it(show):
    found = written(show, CallBegan(part=0, id="a", name="x", signature="g"), CallDelta("{}", 0), PartEnded(0))
    assert found[0][1]["delta"] == {"reasoningContent": {"signature": seal("g", "gemini", "converse")}}
    assert [name for name, _ in found[1:3]] == ["contentBlockStop", "contentBlockStart"]
    assert found[2][1]["contentBlockIndex"] == 1


def test_the_signature_of_a_text_has_no_place(show):
    found = written(show, TextDelta("a", 0), Signed(part=0, signature="g", origin="gemini"), PartEnded(0))
    assert [name for name, _ in found] == ["contentBlockDelta", "contentBlockStop"]


def test_citations_refusals_and_pictures(show):
    found = written(
        show,
        TextDelta("So.", 0),
        Cited(Citation(title="T"), 0),
        PartEnded(0),
        RefusalDelta("No.", 1),
        PartEnded(1),
        Whole(Image(Source(media_type="image/png", data="AAAA")), 2),
        PartEnded(2),
        Whole(Image(Source(url="https://a.b")), 3),
        PartEnded(3),
        Whole(Audio(Source(data="AAAA"), transcript="hi"), 4),
        PartEnded(4),
    )
    told = [words.get("delta") or words.get("start") for name, words in found if name != "contentBlockStop"]
    assert told == [
        {"text": "So."},
        {"citation": {"title": "T"}},
        {"text": "No."},
        {"image": {"format": "png"}},
        {"image": {"source": {"bytes": "AAAA"}}},
        {"text": "https://a.b"},
        {"text": "hi"},
    ]


def test_only_the_first_choice_is_shown(show):
    found = written(show, TextDelta("a", 0, 0), TextDelta("b", 0, 1), PartEnded(0, 1), Finished(Stop.END, 1))
    assert [words["delta"] for name, words in found if name == "contentBlockDelta"] == [{"text": "a"}]


def test_nothing_is_said_after_the_stop(show):
    assert written(show, Finished(Stop.END), TextDelta("late", 0)) == []


def test_a_stop_sequence_is_told_where_it_was_asked_for(show):
    paths = {"additionalModelResponseFieldPaths": msgspec.Raw(b'["/stop_sequence"]')}
    asking = msgspec.structs.replace(show, request=msgspec.structs.replace(show.request, aside=paths))
    for shown, more in ((show, {}), (asking, {"additionalModelResponseFields": {"stop_sequence": "X"}})):
        found = messages(CODEC.writer(shown).write([Began(), Finished(Stop.SEQUENCE, sequence="X")]))
        assert found[-1] == ("messageStop", {"stopReason": "stop_sequence"} | more)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "validationException"),
        (429, "throttlingException"),
        (500, "internalServerException"),
        (502, "modelStreamErrorException"),
        (503, "serviceUnavailableException"),
    ],
)
def test_an_error_is_an_exception_of_the_stream(status, kind, show):
    data = CODEC.writer(show).error("It broke.", status=status, code="x")
    assert messages(data) == [(kind, {"message": "It broke."})]


def test_what_was_written_is_read_as_it_was(show, events_of_stream):
    parts: list[Part] = [
        Reasoning(text="Hm.", signature="s", origin="converse"),
        Text("So."),
        ToolCall(id="a", name="x", arguments='{"y":1}'),
        Image(Source(media_type="image/png", data="AAAA")),
        Refusal("No."),
    ]
    usage = Usage(input_tokens=9, output_tokens=2, cached_input_tokens=3, cache_write_tokens=2)
    reply = Reply(choices=[Choice(parts=parts, stop=Stop.TOOLS)], usage=usage)
    events = list(events_of(reply))
    writer = CODEC.writer(show)
    again = events_of_stream(writer.write(events) + writer.end())
    assert again == [TextDelta(each.text, 4) if isinstance(each, RefusalDelta) else each for each in events]


def test_recorded_streams_come_out_as_they_went_in(recordings, show, events_of_stream):
    for recorded in recordings:
        if recorded.operation == "converse-stream" and recorded.status == 200:
            events = events_of_stream(recorded.body)
            writer = CODEC.writer(show)
            again = events_of_stream(b"".join(writer.write([event]) for event in events) + writer.end())
            assert [plain(event) for event in again] == [plain(event) for event in events], recorded.id


def plain(event: Event) -> Any:
    return msgspec.json.decode(msgspec.json.encode(event))
