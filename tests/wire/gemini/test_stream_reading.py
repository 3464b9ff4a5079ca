"""Streams of a provider's, read into events."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from headway.types import Usage
from headway.wire.form.assembly import Assembly
from headway.wire.form.parts import Citation, Image, Opaque, Reasoning, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    Malformed,
    PartEnded,
    ReasoningDelta,
    Reported,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.gemini import array
from headway.wire.gemini.codec import CODEC

if TYPE_CHECKING:
    from wire.gemini.conftest import Recorded, Speak


def chunk(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    told = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **candidate}
    return {"candidates": [told], "responseId": "r1", "modelVersion": "gemini-2.5-flash"}


def text(words: str) -> dict[str, Any]:
    return {"text": words}


BEGAN = Began(id="r1", model="gemini-2.5-flash")


def test_a_text_in_pieces(gemini: Speak):
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2}
    events, complete = gemini.events(
        {**chunk(text("He")), "usageMetadata": {"promptTokenCount": 3}},
        {**chunk(text("llo")), "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}},
        {**chunk(text("!"), finishReason="STOP"), "usageMetadata": usage},
    )
    assert complete
    assert events == [
        BEGAN,
        Counted(Usage(input_tokens=3)),
        TextDelta("He"),
        TextDelta("llo"),
        TextDelta("!"),
        Counted(Usage(input_tokens=3, output_tokens=2)),
        PartEnded(0),
        Finished(Stop.END),
    ]


def test_thoughts_then_text_then_calls(gemini: Speak):
    events, complete = gemini.events(
        chunk({"text": "h", "thought": True}),
        chunk({"text": "m", "thought": True}, {"text": "", "thought": True, "thoughtSignature": "YQ=="}),
        chunk(text("Let me see.")),
        chunk(
            {"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "Yg=="},
            {"functionCall": {"name": "g", "args": {}}},
        ),
        chunk(text(""), finishReason="STOP"),
    )
    assert complete
    assert events == [
        BEGAN,
        ReasoningDelta("h", 0, summary=True),
        ReasoningDelta("m", 0, summary=True),
        Signed(part=0, signature="YQ==", origin="gemini"),
        PartEnded(0),
        TextDelta("Let me see.", 1),
        PartEnded(1),
        CallBegan(part=2, id="x", name="f", signature="Yg=="),
        CallDelta('{"a": 1}', 2),
        PartEnded(2),
        CallBegan(part=3, id="call_1_r1", name="g"),
        CallDelta("{}", 3),
        PartEnded(3),
        Finished(Stop.TOOLS),
    ]


def test_a_signature_at_the_end_signs_the_text(gemini: Speak):
    events, _ = gemini.events(chunk(text("hi")), chunk({"text": "", "thoughtSignature": "YQ=="}, finishReason="STOP"))
    assembly = Assembly()
    assembly.feed(events)
    assert assembly.reply.choices[0].parts == [Text("hi", signature="YQ==")]


def test_a_signature_alone_is_an_empty_text_and_text_after_one_is_another_part(gemini: Speak):
    events, _ = gemini.events(
        chunk({"thoughtSignature": "YQ=="}), chunk(text("a")), chunk(text("b"), finishReason="STOP")
    )
    assembly = Assembly()
    assembly.feed(events)
    assert assembly.reply.choices[0].parts == [Text("", signature="YQ=="), Text("ab")]


def test_a_stream_says_what_the_same_answer_says_as_a_whole(gemini: Speak):
    parts = [
        {"text": "hm", "thought": True, "thoughtSignature": "YQ=="},
        {"text": "see"},
        {"executableCode": {"code": "1"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"functionCall": {"name": "f", "args": {"a": [1, "x"]}}, "thoughtSignature": "Yg=="},
        {"functionCall": {"name": "f", "args": {}}},
        {"text": "done", "thoughtSignature": "Yw=="},
    ]
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}
    whole = {**chunk(*parts, finishReason="MAX_TOKENS"), "usageMetadata": usage}
    pieces = [chunk(part) for part in parts]
    pieces[-1] = {**chunk(parts[-1], finishReason="MAX_TOKENS"), "usageMetadata": usage}
    events, complete = gemini.events(*pieces)
    assembly = Assembly()
    assembly.feed(events)
    assert complete
    assert assembly.reply == gemini.reply(whole)
    kinds = [type(part) for part in assembly.reply.choices[0].parts]
    assert kinds == [Reasoning, Text, Opaque, Image, ToolCall, ToolCall, Text]


def test_parts_that_come_at_once(gemini: Speak):
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    events, _ = gemini.events(chunk(text("a")), chunk(picture), chunk(text("b"), finishReason="STOP"))
    assert events[1:-1] == [
        TextDelta("a", 0),
        PartEnded(0),
        Whole(Image(Source(media_type="image/png", data="AAAA")), 1),
        PartEnded(1),
        TextDelta("b", 2),
        PartEnded(2),
    ]


def test_sources_come_with_the_end(gemini: Speak):
    metadata = {
        "groundingChunks": [{"web": {"uri": "https://a"}}],
        "groundingSupports": [{"segment": {"endIndex": 2, "text": "hi"}, "groundingChunkIndices": [0]}],
        "webSearchQueries": ["q"],
    }
    last = {**chunk(text("i"), finishReason="STOP", groundingMetadata=metadata), "usageMetadata": {}}
    events, _ = gemini.events(chunk(text("h")), last)
    (cited,) = [event for event in events if isinstance(event, Cited)]
    assert isinstance(cited.citation, Citation)
    assert (cited.part, cited.citation.url, cited.citation.start, cited.citation.end) == (0, "https://a", 0, 2)
    assert Counted(Usage(searches=1)) in events
    assert events.index(cited) < events.index(PartEnded(0))


def test_places_in_a_text_that_is_not_ascii_are_not_known(gemini: Speak):
    metadata = {
        "groundingChunks": [{"web": {"uri": "https://a"}}],
        "groundingSupports": [{"segment": {"endIndex": 3, "text": "hé"}, "groundingChunkIndices": [0]}],
    }
    events, _ = gemini.events(chunk(text("hé")), chunk(text(""), finishReason="STOP", groundingMetadata=metadata))
    (cited,) = [event.citation for event in events if isinstance(event, Cited)]
    assert (cited.quoted, cited.start, cited.end) == ("hé", None, None)


def test_log_probabilities(gemini: Speak):
    result = {"chosenCandidates": [{"token": "h", "logProbability": -1.0}]}
    events, _ = gemini.events(chunk(text("h"), finishReason="STOP", logprobsResult=result))
    (told,) = [event for event in events if isinstance(event, Logprobs)]
    assert json.loads(bytes(told.raw))["content"][0]["token"] == "h"


def test_an_end_that_is_said_early_or_twice_is_told_once_and_at_the_end(gemini: Speak):
    events, complete = gemini.events(
        chunk(text("a"), finishReason="STOP"),
        chunk({"functionCall": {"name": "f", "args": {}, "id": "x"}}, finishReason="STOP"),
    )
    assert complete
    assert [event for event in events if isinstance(event, Finished)] == [Finished(Stop.TOOLS)]
    assert events[-1] == Finished(Stop.TOOLS)


def test_an_end_without_content_is_not_lost(gemini: Speak):
    events, complete = gemini.events(
        chunk(text("a")), {"candidates": [{"finishReason": "MAX_TOKENS"}], "usageMetadata": {"promptTokenCount": 1}}
    )
    assert complete
    assert events[-1] == Finished(Stop.LENGTH)


def test_a_stream_without_an_end_is_not_complete_and_makes_none_up(gemini: Speak):
    events, complete = gemini.events(chunk(text("a")), chunk(text("b"), finishReason="FINISH_REASON_UNSPECIFIED"))
    assert not complete
    assert events == [BEGAN, TextDelta("a"), TextDelta("b")]


def test_what_a_broken_stream_has_used_is_told(gemini: Speak):
    events, complete = gemini.events(
        chunk(text("a")), {**chunk(text("b")), "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}}
    )
    assert not complete
    assert events[-1] == Counted(Usage(input_tokens=5, output_tokens=2))


def test_a_blocked_prompt_is_an_empty_answer(gemini: Speak):
    events, complete = gemini.events({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r1"})
    assert complete
    assert events == [Began(id="r1"), Finished(Stop.FILTER)]


def test_several_answers_are_complete_when_each_has_ended(gemini: Speak):
    def both(first: Any, second: Any) -> dict[str, Any]:
        return {"candidates": [{"index": 0, **first}, {"index": 1, **second}]}

    def said(words: str) -> dict[str, Any]:
        return {"content": {"parts": [{"text": words}]}}

    begun = both(said("a"), said("b")), both({"finishReason": "STOP"}, said("c"))
    events, complete = gemini.events(*begun)
    assert not complete
    events, complete = gemini.events(*begun, {"candidates": [{"index": 1, "finishReason": "SAFETY"}]})
    assert complete
    assert events[1:] == [
        TextDelta("a", 0, 0),
        TextDelta("b", 0, 1),
        TextDelta("c", 0, 1),
        PartEnded(0, 0),
        Finished(Stop.END, 0),
        PartEnded(0, 1),
        Finished(Stop.FILTER, 1),
    ]


def test_an_error_in_the_midst_is_reported_and_nothing_follows(gemini: Speak):
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    events, complete = gemini.events(chunk(text("a"), finishReason="STOP"), error, chunk(text("b")))
    assert not complete
    assert events[-1] == Reported(json.dumps(error).encode())


def test_an_error_that_comes_as_bare_json_is_reported_too(gemini: Speak):
    events, complete = gemini.streamed(b'data: {"candidates": []}\n\n[{\n  "error": {"code": 503}\n}\n]\n\n')
    assert not complete
    assert events == [Began(), Reported(b'{\n  "error": {"code": 503}\n}')]


@pytest.mark.parametrize("payload", [b"<html>", b"[]", b'{"candidates": {}}', b"[" * 3000, b'{"responseId": "\xff"}'])
def test_what_is_no_event_is_malformed_and_nothing_follows(gemini: Speak, payload: bytes):
    events, complete = gemini.streamed(b"data: " + payload + b"\n\n" + b"data: {}\n\n")
    assert not complete
    assert events == [Malformed("an event that is no answer of generateContent")]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_comments_names_and_broken_lines_are_server_sent_events_as_usual(gemini: Speak, newline: bytes):
    lines = [
        b": ping",
        b"",
        b"event: x",
        b'data: {"candidates": [{"content":',
        b'data: {"parts": [{"text": "a"}]}}]}',
        b"",
        b"",
    ]
    events, _ = gemini.streamed(newline.join(lines))
    assert events == [Began(), TextDelta("a")]


def test_an_array_is_cut_at_its_elements_wherever_it_arrives_in_pieces():
    body = b'[{"a": "}],{[\\"", "b": [{"c": 1}]}\n,\r\n{"a": "\\\\"}\n]'
    for size in range(1, len(body)):
        found: list[bytes] = []
        rest = b""
        for start in range(0, len(body), size):
            frames, rest = array.split(rest + body[start : start + size])
            found.extend(frames)
        assert rest == b""
        assert b"".join(found) == body
        assert len(found) == 3


def test_an_error_ends_an_array_too():
    reader, events = array.ArrayReader(), list[Event]()
    for frame in array.split(b'[{"candidates": []}\n,\r\n{"error": {"code": 500}}\n]')[0]:
        reader.read(frame, events)
    reader.end(events)
    assert events == [Began(), Reported(b'{"error": {"code": 500}}')]


WEIRD = [None, True, -1, 10**30, "", [], {}, [None], {"a": 1}, "aHcxLnhh", {"text": {}}]


def bent(value: Any, random: random.Random) -> Any:
    if random.random() < 0.02:
        return random.choice(WEIRD)
    if isinstance(value, dict):
        return {name: bent(each, random) for name, each in value.items()}
    return [bent(each, random) for each in value] if isinstance(value, list) else value


def test_nothing_that_a_provider_sends_raises_and_what_is_read_can_be_shown(gemini: Speak, recorded: list[Recorded]):
    chance = random.Random(3)
    streams = [each.reply for each in recorded if ":streamGenerateContent" in each.url and len(each.reply) < 20_000]
    bodies = [[json.loads(frame.removeprefix("data: ")) for frame in body.split("\r\n\r\n")[:-1]] for body in streams]
    bodies += [[each.reply] for each in recorded if isinstance(each.reply, dict)]
    outcomes: set[bool] = set()
    for _ in range(1000):
        events, complete = gemini.events(*(bent(each, chance) for each in chance.choice(bodies)))
        outcomes.add(complete)
        shown: list[Event] = [event for event in events if not isinstance(event, Malformed | Reported)]
        assert gemini.chunks(shown)
        CODEC.read_reply(json.dumps(bent(chance.choice(bodies)[0], chance)).encode())
    assert outcomes == {True, False}
