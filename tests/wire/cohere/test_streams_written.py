"""Streams written for clients of Cohere: what the official client makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.cohere.codec import CODEC
from headway.wire.form.assembly import Assembly, events_of
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Citation, Image, Opaque, Reasoning, Source, Text, ToolCall
from headway.wire.form.reply import (
    Began,
    CallBegan,
    CallDelta,
    Choice,
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
from headway.wire.form.request import Request

SHOW = Show(
    request_id="req-1",
    created=1,
    model="m",
    request=Request(dialect="cohere", model="m", messages=()),
)

ANSWER: list[Event] = [
    Began(id="r1", model="other"),
    ReasoningDelta("hm, ", 0),
    ReasoningDelta("well", 0),
    Signed(part=0, signature="s", origin="anthropic"),
    PartEnded(0),
    TextDelta("It is ", 1),
    TextDelta('"späť"\n🌍.', 1),
    Cited(Citation(url="https://a.example", title="T", start=0, end=2, dialect="anthropic"), 1),
    PartEnded(1),
    CallBegan(part=2, id="c1", name="f"),
    CallBegan(part=3, id="c2", name="g"),
    CallDelta('{"b":', 3),
    CallDelta('{"a":', 2),
    CallDelta("2}", 3),
    PartEnded(3),
    CallDelta("1}", 2),
    PartEnded(2),
    Finished(Stop.TOOLS),
    Counted(Usage(input_tokens=9, output_tokens=5, cached_input_tokens=3)),
]
"""With two calls that overlap, the second of which ends first."""


def written(events: list[Event], size: int = 1) -> bytes:
    writer = CODEC.writer(SHOW)
    pieces = [writer.write(events[start : start + size]) for start in range(0, len(events), size)]
    return b"".join(pieces) + writer.end()


def said(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.partition(b"data: ")[2]) for frame in CODEC.split(data)[0]]


def client(data: bytes | Iterator[bytes], kind: str = "text/event-stream", status: int = 200) -> cohere.ClientV2:
    answer = httpx.MockTransport(lambda _: httpx.Response(status, headers={"content-type": kind}, content=data))
    return cohere.ClientV2(api_key="k", base_url="http://upstream", httpx_client=httpx.Client(transport=answer))


def received(data: bytes | Iterator[bytes]) -> list[Any]:
    """What the official client yields."""
    return list(client(data).v2.chat_stream(model="m", messages=[cohere.UserChatMessageV2(content="hi")]))


def test_events_come_in_cohere_s_order():
    assert [each["type"] for each in said(written(ANSWER))] == [
        "message-start",
        "content-start",
        "content-delta",
        "content-delta",
        "content-end",
        "content-start",
        "content-delta",
        "content-delta",
        "citation-start",
        "citation-end",
        "content-end",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-delta",
        "tool-call-end",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-delta",
        "tool-call-end",
        "message-end",
    ]


def test_blocks_and_calls_are_counted_apart():
    starts = [(each["type"], each.get("index")) for each in said(written(ANSWER)) if each["type"].endswith("-start")]
    assert starts == [
        ("message-start", None),
        ("content-start", 0),
        ("content-start", 1),
        ("citation-start", 0),
        ("tool-call-start", 0),
        ("tool-call-start", 1),
    ]


def test_the_event_is_named_as_its_type_says():
    for frame in CODEC.split(written(ANSWER))[0]:
        name, data = frame.split(b"\n")[:2]
        assert name == b"event: " + json.loads(data[6:])["type"].encode()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_however_events_are_gathered_the_bytes_are_the_same(size: int):
    assert written(ANSWER, size) == written(ANSWER)


@pytest.mark.sdk
def test_the_official_client_reads_every_event():
    events = received(written(ANSWER))
    kinds = [each["type"] for each in said(written(ANSWER))]
    assert [event.type for event in events] == kinds
    texts = [event.delta.message.content for event in events if event.type == "content-delta"]
    assert "".join(each.thinking or "" for each in texts) == "hm, well"
    assert "".join(each.text or "" for each in texts) == 'It is "späť"\n🌍.'
    (cited,) = [event.delta.message.citations for event in events if event.type == "citation-start"]
    assert (cited.start, cited.end, cited.sources[0].document) == (0, 2, {"title": "T", "url": "https://a.example"})
    calls: list[list[str]] = []
    for event in events:
        if event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls.append([call.id, call.function.name, call.function.arguments])
        elif event.type == "tool-call-delta":
            calls[-1][2] += event.delta.message.tool_calls.function.arguments
    assert calls == [["c1", "f", '{"a":1}'], ["c2", "g", '{"b":2}']]
    last = events[-1].delta
    assert (last.finish_reason, last.usage.tokens.input_tokens, last.usage.tokens.output_tokens) == ("TOOL_CALL", 9, 5)
    assert last.usage.cached_tokens == 3


@pytest.mark.sdk
def test_the_official_client_reads_a_whole_answer():
    assembly = Assembly()
    assembly.feed(ANSWER)
    body = CODEC.write_reply(assembly.reply, SHOW)
    reply = client(body, "application/json").v2.chat(model="m", messages=[cohere.UserChatMessageV2(content="hi")])
    assert reply.id == "r1"
    assert reply.finish_reason == "TOOL_CALL"
    assert reply.message.content is not None
    assert [block.type for block in reply.message.content] == ["thinking", "text"]
    assert reply.message.tool_calls is not None
    assert [call.function.arguments for call in reply.message.tool_calls if call.function] == ['{"a":1}', '{"b":2}']
    assert reply.usage is not None
    assert reply.usage.tokens is not None
    assert reply.usage.tokens.input_tokens == 9


@pytest.mark.sdk
def test_the_official_client_raises_its_own_error_with_our_message():
    body = CODEC.error_body("slow down", 429, "rate_limited", None)
    with pytest.raises(cohere.TooManyRequestsError) as caught:
        client(body, "application/json", 429).v2.chat(model="m", messages=[], request_options={"max_retries": 0})
    assert caught.value.body == {"message": "slow down"}


@pytest.mark.sdk
def test_an_answer_that_breaks_off_says_so_in_its_last_event():
    writer = CODEC.writer(SHOW)
    data = writer.write(ANSWER[:6]) + writer.error("the provider went away", status=502, code="upstream")
    last = received(data)[-1]
    assert last.type == "message-end"
    assert (last.delta.error, last.delta.finish_reason) == ("the provider went away", "ERROR")


@pytest.mark.sdk
def test_only_a_broken_connection_makes_the_official_client_raise():
    writer = CODEC.writer(SHOW)
    data = writer.write(ANSWER[:6]) + writer.error("the provider went away", status=502, code="upstream")

    def broken() -> Iterator[bytes]:
        yield data
        raise httpx.RemoteProtocolError("peer closed connection")

    with pytest.raises(httpx.RemoteProtocolError):
        received(broken())


def test_a_stream_that_says_nothing_is_still_a_message():
    assert [each["type"] for each in said(written([]))] == ["message-start", "message-end"]
    assert said(written([]))[0]["id"] == "req-1"


def test_why_it_stopped_is_made_up_for_no_other_reason_than_that_it_called():
    assert said(written([Began()]))[-1]["delta"] == {"finish_reason": "COMPLETE"}
    called: list[Event] = [Began(), CallBegan(part=0, id="c", name="f")]
    assert said(written(called))[-1]["delta"] == {"finish_reason": "TOOL_CALL"}


def test_what_cohere_has_no_place_for_is_left_out():
    events: list[Event] = [
        Began(id="r1"),
        Signed(part=0, redacted="xx", origin="anthropic"),
        PartEnded(0),
        Whole(Opaque("anthropic", "search", msgspec.Raw(b"{}")), 1),
        PartEnded(1),
        Whole(Image(Source(data="QQ==")), 2),
        PartEnded(2),
        TextDelta("other", 0, 1),
        Whole(Audio(Source(data="QQ=="), transcript="spoken"), 3),
        PartEnded(3),
        RefusalDelta("no", 4),
        PartEnded(4),
        Finished(Stop.END),
    ]
    found = said(written(events))
    texts = [each["delta"]["message"]["content"]["text"] for each in found if each["type"] == "content-delta"]
    assert texts == ["spoken", "no"]
    assert [each["index"] for each in found if each["type"] == "content-start"] == [0, 1]


def test_likelihoods_follow_their_text():
    raw = msgspec.Raw(b'{"content":[{"token":"Hi","logprob":-0.5,"bytes":null,"top_logprobs":[]}]}')
    likely = said(written([Began(), TextDelta("Hi"), Logprobs(raw), PartEnded(0), Finished(Stop.END)]))[3]
    assert likely["type"] == "content-delta"
    assert likely["logprobs"] == {"text": "Hi", "token_ids": [], "logprobs": [-0.5]}


PARTS = st.one_of(
    st.text(min_size=1).map(Text),
    st.text(min_size=1).map(lambda text: Reasoning(text=text)),
    st.tuples(st.text("abc", min_size=1), st.text()).map(
        lambda pair: ToolCall(id=pair[0], name="f", arguments=json.dumps({"x": pair[1]}))
    ),
)


@given(st.lists(PARTS, max_size=6))
def test_what_is_written_reads_back_the_same(parts: list[Any]):
    reply = Reply(id="r", choices=[Choice(parts=parts, stop=Stop.END)])
    found: list[Event] = []
    reader = CODEC.reader()
    for frame in CODEC.split(written(list(events_of(reply))))[0]:
        reader.read(frame, found)
    assembly = Assembly()
    assembly.feed(found)
    assert reader.complete
    assert [part for choice in assembly.reply.choices for part in choice.parts] == parts
