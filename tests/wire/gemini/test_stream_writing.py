"""Streams for a Gemini client, and what the official SDK makes of them."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from google import genai
from google.genai import errors, types

from headway.types import Usage
from headway.wire.form.parts import Citation, Image, Reasoning, Source, Text
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Cited,
    Counted,
    Event,
    Finished,
    Logprobs,
    PartEnded,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Signed,
    Stop,
    TextDelta,
    Whole,
)
from headway.wire.gemini import array, counting
from headway.wire.gemini.codec import CODEC

if TYPE_CHECKING:
    from wire.gemini.conftest import Speak

SKIP = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
BEGAN = Began(id="r1", model="claude")
EVENTS: list[Event] = [
    BEGAN,
    Counted(Usage(input_tokens=10)),
    ReasoningDelta("h", 0),
    ReasoningDelta("m", 0),
    Signed(part=0, signature="Eq==", origin="anthropic"),
    PartEnded(0),
    TextDelta("Hel", 1),
    TextDelta("lo é", 1),
    PartEnded(1),
    CallBegan(part=2, id="t1", name="f"),
    CallBegan(part=3, id="t2", name="g"),
    CallDelta('{"a":', 2),
    CallDelta('{"b": ', 3),
    CallDelta("1}", 2),
    PartEnded(2),
    CallDelta("\n2}", 3),
    PartEnded(3),
    Finished(Stop.TOOLS),
    Counted(Usage(input_tokens=10, output_tokens=20, reasoning_tokens=5, cached_input_tokens=4)),
]


def parts(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]


def test_each_event_is_an_answer_with_what_is_new_in_it(gemini: Speak):
    chunks = gemini.chunks(EVENTS)
    sealed = "aHcxLmFudGhyb3BpYy5FcT09"
    assert parts(chunks) == [
        {"text": "h", "thought": True},
        {"text": "m", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": sealed},
        {"text": "Hel"},
        {"text": "lo é"},
        {"functionCall": {"id": "t1", "name": "f", "args": {"a": 1}}, "thoughtSignature": SKIP},
        {"functionCall": {"id": "t2", "name": "g", "args": {"b": 2}}},
        {"text": ""},
    ]
    assert {(chunk["modelVersion"], chunk["responseId"]) for chunk in chunks} == {("claude", "r1")}
    assert all("finishReason" not in chunk["candidates"][0] for chunk in chunks[:-1])
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"] == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 15,
        "totalTokenCount": 30,
        "cachedContentTokenCount": 4,
        "thoughtsTokenCount": 5,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
    }


def test_events_that_come_together_are_one_frame(gemini: Speak):
    writer = CODEC.writer(gemini.show)
    frames, rest = CODEC.split(writer.write(EVENTS) + writer.end())
    assert rest == b""
    assert len(frames) == 2
    assert all(frame.startswith(b"data: {") and frame.endswith(b"}\r\n\r\n") for frame in frames)
    assert all(frame.count(b"\n") == 2 for frame in frames)


def test_what_a_client_keeps_of_a_stream_comes_back_as_it_was_said(gemini: Speak):
    from headway.wire.form.assembly import Assembly

    assembly = Assembly()
    assembly.feed(EVENTS)
    history = [chunk["candidates"][0]["content"] for chunk in gemini.chunks(EVENTS)]
    request = gemini.read(
        {"contents": [{"role": "model", "parts": [part for each in history for part in each["parts"]]}]}
    )
    said = assembly.reply.choices[0].parts
    back = [msgspec.structs.replace(part, arguments="") if hasattr(part, "arguments") else part for part in said]
    kept = [
        msgspec.structs.replace(part, arguments="") if hasattr(part, "arguments") else part
        for part in request.messages[0].parts
    ]
    assert kept[: len(back)] == back


def test_nothing_within_a_frame_ends_a_line_for_any_client(gemini: Speak):
    words = "a\u2028b\u2029c\x85d\ne\rf"
    writer = CODEC.writer(gemini.show)
    together: list[list[Event]] = [[TextDelta(words)], [TextDelta(words), TextDelta("", 0)]]
    for events in together:
        frame = writer.write(events)
        assert len(frame.decode().splitlines()) == 2
        assert json.loads(frame[6:])["candidates"][0]["content"]["parts"][0]["text"] == words


def test_redacted_reasoning_is_a_thought_with_nothing_but_a_signature(gemini: Speak):
    chunks = gemini.chunks(
        [BEGAN, Signed(part=0, redacted="AAAA", origin="anthropic"), PartEnded(0), TextDelta("a", 1)]
    )
    history = {"contents": [{"role": "model", "parts": [part]} for part in parts(chunks)]}
    assert gemini.read(history).messages[0].parts == (Reasoning(redacted="AAAA", origin="anthropic"), Text("a"))


def test_several_answers_share_frames_and_end_together(gemini: Speak):
    writer = CODEC.writer(gemini.show)
    body = writer.write([BEGAN, TextDelta("a", 0, 0), TextDelta("b", 0, 1)])
    body += writer.write([TextDelta("c", 0, 1), Finished(Stop.END, 0), Finished(Stop.LENGTH, 1)]) + writer.end()
    first, second, last = [json.loads(frame[6:]) for frame in CODEC.split(body)[0]]
    assert [candidate["index"] for candidate in first["candidates"]] == [0, 1]
    assert [candidate["index"] for candidate in second["candidates"]] == [1]
    assert [candidate["finishReason"] for candidate in last["candidates"]] == ["STOP", "MAX_TOKENS"]


def test_sources_log_probabilities_pictures_and_refusals(gemini: Speak):
    logprobs = msgspec.Raw(b'{"content":[{"token":"a","logprob":-1.0,"top_logprobs":[]}]}')
    chunks = gemini.chunks(
        [
            BEGAN,
            TextDelta("a"),
            Logprobs(logprobs),
            Cited(Citation(url="https://a", title="A", quoted="a"), 0),
            PartEnded(0),
            Whole(Image(Source(media_type="image/png", data="AAAA")), 1),
            RefusalDelta("no", 2),
            Finished(Stop.REFUSAL),
        ]
    )
    assert chunks[1]["candidates"][0]["logprobsResult"] == {
        "chosenCandidates": [{"token": "a", "logProbability": -1.0}]
    }
    assert parts(chunks)[2:4] == [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"text": "no"}]
    last = chunks[-1]["candidates"][0]
    assert last["finishReason"] == "SAFETY"
    assert last["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [{"segment": {"text": "a"}, "groundingChunkIndices": [0]}],
    }


def test_a_call_whose_end_was_not_told_goes_out_with_the_last_event(gemini: Speak):
    chunks = gemini.chunks([BEGAN, CallBegan(part=0, id="1", name="f"), CallDelta('{"a":1}', 0), Finished(Stop.TOOLS)])
    call = {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": SKIP}
    assert parts(chunks) == [call]


def test_an_array_holds_the_same_answers(gemini: Speak):
    writer, plain = array.ArrayWriter(gemini.show), CODEC.writer(gemini.show)
    body = b"".join(writer.write([event]) for event in EVENTS) + writer.end()
    events = b"".join(plain.write([event]) for event in EVENTS) + plain.end()
    assert json.loads(body) == [json.loads(frame[6:]) for frame in CODEC.split(events)[0]]
    assert body.startswith(b"[{")
    assert b"},\r\n{" in body
    assert len(array.split(body)[0]) == len(json.loads(body)) + 1


def test_an_array_that_breaks_off_ends_with_the_error(gemini: Speak):
    writer = array.ArrayWriter(gemini.show)
    body = writer.write([BEGAN, TextDelta("a")]) + writer.error("gone", status=502, code="upstream_error")
    assert json.loads(body)[-1]["error"]["status"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (599, "INTERNAL"),
    ],
)
def test_errors_have_googles_form(status: int, name: str):
    error = json.loads(CODEC.error_body("no", status, "bad_thing", "contents"))["error"]
    assert (error["code"], error["status"], error["message"]) == (status, name, "no")
    assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == ["ErrorInfo", "BadRequest"]
    assert error["details"][0]["reason"] == "BAD_THING"


def test_counting_asks_with_contents_or_with_a_whole_request(gemini: Speak):
    from headway.wire.form.codec import Said
    from headway.wire.form.request import Request, Toward, Written
    from headway.wire.malformed import Malformed

    said = Said(model="gemini-3-flash", stream=False)
    document = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": [{"googleSearch": {}}]}
    alone = counting.read_count(gemini.fields(document), said)
    whole = counting.read_count(gemini.fields({"generate_content_request": {"model": "models/x", **document}}), said)
    assert isinstance(alone, Request)
    assert alone == whole
    toward = Toward(model="gemini-3-flash")
    written = counting.write_count(alone, toward)
    assert isinstance(written, Written)
    assert json.loads(written.body) == {"generateContentRequest": {"model": "models/gemini-3-flash", **document}}
    vertex = counting.write_count(alone, toward, whole=False)
    assert isinstance(vertex, Written)
    assert json.loads(vertex.body) == document
    refused = counting.read_count(gemini.fields({"generateContentRequest": []}), said)
    assert refused == Malformed("generateContentRequest must be an object", "generateContentRequest")


def test_counts_are_told_and_read():
    assert json.loads(counting.write_counted(5)) == {"totalTokens": 5}
    assert counting.read_counted(b'{"totalTokens": 5, "promptTokensDetails": []}') == 5
    assert not isinstance(counting.read_counted(b"{}"), int)


# --- the official SDK ---


@contextmanager
def client_of(body: bytes, media_type: str, status: int = 200) -> Generator[genai.Client]:
    """The official client, answered with this body."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": media_type}, content=body)

    options = types.HttpOptions(base_url="http://gateway", client_args={"transport": httpx.MockTransport(answer)})
    client = genai.Client(api_key="k", http_options=options)
    try:
        yield client
    finally:
        client.close()


@pytest.mark.sdk
def test_the_official_sdk_collects_a_stream(gemini: Speak):
    writer = CODEC.writer(gemini.show)
    body = b"".join(writer.write([event]) for event in EVENTS) + writer.end()
    with client_of(body, "text/event-stream") as client:
        chunks = list(client.models.generate_content_stream(model="m", contents="hi"))
    parts = [part for chunk in chunks for part in chunk.parts or []]
    assert "".join(part.text for part in parts if part.text and part.thought) == "hm"
    assert "".join(part.text for part in parts if part.text and not part.thought) == "Hello é"
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [(call.id, call.name, call.args) for call in calls] == [("t1", "f", {"a": 1}), ("t2", "g", {"b": 2})]
    last = chunks[-1]
    assert last.candidates
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata
    assert (last.usage_metadata.total_token_count, last.usage_metadata.thoughts_token_count) == (30, 5)
    assert (last.model_version, last.response_id) == ("claude", "r1")


@pytest.mark.sdk
def test_the_official_chat_sends_back_what_it_was_given(gemini: Speak):
    """The signature of another dialect included, which the SDK decodes and encodes again."""
    writer = CODEC.writer(gemini.show)
    body = b"".join(writer.write([event]) for event in EVENTS) + writer.end()
    with client_of(body, "text/event-stream") as client:
        chat = client.chats.create(model="m")
        list(chat.send_message_stream("hi"))
        history = [content.model_dump(mode="json", by_alias=True, exclude_none=True) for content in chat.get_history()]
    request = gemini.read({"contents": history})
    thoughts = [part for message in request.messages for part in message.parts if hasattr(part, "origin")]
    assert [(part.text, part.signature, part.origin) for part in thoughts] == [("hm", "Eq==", "anthropic")]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.sdk
def test_the_official_sdk_reads_a_whole_answer(gemini: Speak):
    from headway.wire.form.assembly import Assembly

    assembly = Assembly()
    assembly.feed(EVENTS)
    reply: Reply = assembly.reply
    with client_of(CODEC.write_reply(reply, gemini.show), "application/json") as client:
        answer = client.models.generate_content(model="m", contents="hi")
    assert [part.text for part in answer.parts or [] if part.text] == ["hm", "Hello é"]
    assert [(call.id, call.args) for call in answer.function_calls or []] == [("t1", {"a": 1}), ("t2", {"b": 2})]


@pytest.mark.sdk
def test_the_official_sdk_raises_its_error_when_a_stream_breaks_off(gemini: Speak):
    writer = CODEC.writer(gemini.show)
    body = writer.write([BEGAN, TextDelta("a")]) + writer.error("gone", status=502, code="upstream_error")
    said: list[str | None] = []
    with client_of(body, "text/event-stream") as client, pytest.raises(errors.ServerError) as raised:
        said.extend(chunk.text for chunk in client.models.generate_content_stream(model="m", contents="hi"))
    assert said == ["a"]
    assert (raised.value.code, raised.value.status, raised.value.message) == (502, "UNAVAILABLE", "gone")


@pytest.mark.sdk
@pytest.mark.parametrize(
    ("status", "kind"), [(400, errors.ClientError), (429, errors.ClientError), (503, errors.ServerError)]
)
def test_the_official_sdk_raises_its_error_for_an_error(status: int, kind: type[errors.APIError]):
    body = CODEC.error_body("no", status, "some_code", None)
    with client_of(body, "application/json", status) as client, pytest.raises(kind) as raised:
        client.models.generate_content(model="m", contents="hi")
    assert (raised.value.code, raised.value.message) == (status, "no")


@pytest.mark.sdk
def test_the_official_sdk_counts_tokens():
    with client_of(counting.write_counted(7), "application/json") as client:
        assert client.models.count_tokens(model="m", contents="hi").total_tokens == 7
