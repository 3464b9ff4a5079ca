"""Whole answers, from Bedrock and to clients of Converse."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.converse.codec import CODEC
from headway.wire.form.codec import Show
from headway.wire.form.parts import (
    Audio,
    Citation,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
)
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.form.seals import seal


def told(*content, **more) -> bytes:
    words = {"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": "end_turn"}
    return json.dumps(words | more).encode()


def read(body: bytes) -> Reply:
    reply = CODEC.read_reply(body)
    assert isinstance(reply, Reply), reply
    return reply


def shown(show: Show, *parts, **more):
    choice = Choice(parts=list(parts), stop=more.pop("stop", Stop.END), sequence=more.pop("sequence", None))
    return json.loads(CODEC.write_reply(Reply(choices=[choice], **more), show))


def test_all_recorded_answers_are_shown_as_they_were(recordings, show):
    seen = 0
    for recorded in recordings:
        if recorded.operation != "converse" or recorded.status != 200:
            continue
        seen += 1
        answer = json.loads(recorded.body)
        again = json.loads(CODEC.write_reply(read(recorded.body), show))
        content = [block for block in answer["output"]["message"]["content"] if block != {"text": ""}]
        for block in content:
            if block.get("toolUse", {}).get("type") == "tool_use":
                del block["toolUse"]["type"]
            if "reasoningText" in block.get("reasoningContent", {}):
                block["reasoningContent"]["reasoningText"].setdefault("signature", "hw1.openai_chat.")
        assert again["output"]["message"] == {"role": "assistant", "content": content}, recorded.id
        assert again["stopReason"] == answer["stopReason"]
        for name in ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens"):
            assert again["usage"].get(name, 0) == answer["usage"].get(name, 0), recorded.id
    assert seen > 100


def test_an_answer_with_thoughts_and_a_call():
    reply = read(
        told(
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"reasoningText": {"text": "Unsigned."}}},
            {"text": ""},
            {"text": "Let me see."},
            {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Paris"}}},
            stopReason="tool_use",
            serviceTier={"type": "flex"},
        )
    )
    assert reply.choices == [
        Choice(
            parts=[
                Reasoning(text="Hm.", signature="c2ln", origin="converse"),
                Reasoning(text="Unsigned."),
                Text("Let me see."),
                ToolCall(id="t1", name="weather", arguments='{"city": "Paris"}'),
            ],
            stop=Stop.TOOLS,
            logprobs=reply.choices[0].logprobs,
        )
    ]
    assert reply.service_tier == "flex"


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("tool_use", Stop.TOOLS),
        ("max_tokens", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("guardrail_intervened", Stop.FILTER),
        ("content_filtered", Stop.FILTER),
        ("malformed_model_output", Stop.FAULT),
        ("malformed_tool_use", Stop.FAULT),
        ("model_context_window_exceeded", Stop.CONTEXT),
        ("something_new", Stop.END),
    ],
)
def test_stop_reasons(reason, stop):
    assert read(told({"text": "a"}, stopReason=reason)).choices[0].stop is stop


def test_every_reason_that_the_sdk_knows_is_known_and_every_stop_has_one(service_model, show):
    reasons = service_model.shape_for("StopReason").enum
    for reason in reasons:
        assert reason == "end_turn" or read(told(stopReason=reason)).choices[0].stop is not Stop.END
    for stop in Stop:
        assert shown(show, stop=stop)["stopReason"] in reasons


def test_what_was_read_from_a_cache_or_written_to_it_counts_as_input(show):
    usage = {
        "inputTokens": 10,
        "outputTokens": 5,
        "totalTokens": 165,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 50,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 30}, {"ttl": "5m", "inputTokens": 20}],
    }
    reply = read(told({"text": "a"}, usage=usage))
    assert reply.usage == Usage(
        input_tokens=160,
        output_tokens=5,
        cached_input_tokens=100,
        cache_write_tokens=50,
        cache_write_1h_tokens=30,
    )
    assert shown(show, usage=reply.usage)["usage"] == usage


def test_no_more_is_kept_for_an_hour_than_was_written_at_all():
    usage = {"cacheWriteInputTokens": 5, "cacheDetails": [{"ttl": "1h", "inputTokens": 30}]}
    found = read(told({"text": "a"}, usage=usage)).usage
    assert found == Usage(input_tokens=5, cache_write_tokens=5, cache_write_1h_tokens=5)


@pytest.mark.parametrize("usage", [None, [], {"inputTokens": "many"}, {"inputTokens": 10**40}])
def test_odd_usage_does_not_spoil_an_answer(usage, show):
    reply = read(told({"text": "a"}, usage=usage))
    assert reply.usage is None
    assert shown(show, usage=None)["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


def test_more_tokens_than_aws_can_count_are_the_most_that_it_can(show):
    assert shown(show, usage=Usage(input_tokens=10**40))["usage"]["inputTokens"] == 2**31 - 1


def test_citations_belong_to_their_text():
    citation = {"title": "T", "sourceContent": [{"text": "it is"}], "location": {"web": {"url": "https://a.b"}}}
    text = read(told({"citationsContent": {"content": [{"text": "So "}, {"text": "it is."}], "citations": [citation]}}))
    part = text.choices[0].parts[0]
    assert isinstance(part, Text)
    assert part.text == "So it is."
    assert [(c.url, c.title, c.quoted, c.dialect) for c in part.citations] == [
        ("https://a.b", "T", "it is", "converse"),
    ]
    assert json.loads(bytes(part.citations[0].raw)) == citation


def test_the_stop_sequence_is_told_where_it_was_asked_for(show):
    body = told({"text": "a"}, stopReason="stop_sequence", additionalModelResponseFields={"stop_sequence": "X"})
    assert read(body).choices[0].sequence == "X"
    assert "additionalModelResponseFields" not in shown(show, Text("a"), stop=Stop.SEQUENCE, sequence="X")
    paths = {"additionalModelResponseFieldPaths": msgspec.Raw(b'["/stop_sequence"]')}
    for place in ("aside", "extra"):
        asking = msgspec.structs.replace(show, request=msgspec.structs.replace(show.request, **{place: paths}))
        answer = shown(asking, Text("a"), stop=Stop.SEQUENCE, sequence="X")
        assert answer["additionalModelResponseFields"] == {"stop_sequence": "X"}


def test_a_picture_that_could_not_be_made_does_not_spoil_the_rest():
    reply = read(told({"image": {"format": "png", "source": {}, "error": {"message": "no"}}}, {"text": "Sorry."}))
    first, second = reply.choices[0].parts
    assert isinstance(first, Opaque)
    assert second == Text("Sorry.")


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (b"", False),
        (b"[]", False),
        (b'{"output":{}}', False),
        (b'{"output":{"message":{"content":[{"text":5}]}}}', False),
        (b'{"message":"The provided model identifier is invalid."}', True),
        (b'{"Output":{"__type":"x"},"Version":"1.0"}', False),
    ],
)
def test_what_is_no_answer(body, is_error):
    found = CODEC.read_reply(body)
    assert isinstance(found, NoReply)
    assert found.is_error is is_error


@given(st.binary(max_size=200))
def test_nothing_that_a_provider_sends_raises(noise):
    for body in (noise, b'{"output":{"message":{"content":[' + noise + b"]}}}"):
        assert isinstance(CODEC.read_reply(body), Reply | NoReply)


def test_parts_of_other_dialects_are_shown_as_far_as_converse_has_words(show):
    picture = Image(Source(media_type="image/png", data="iVBORw0KGgo="))
    content = shown(
        show,
        Text("So.", (Citation(url="https://a.b", title="T", quoted="q"),)),
        Refusal("No."),
        picture,
        Image(Source(url="https://a.b/c.png")),
        Audio(Source(media_type="audio/wav", data="AAAA"), transcript="hi"),
        Audio(Source(file_id="f"), transcript="hi"),
        Opaque("anthropic", "x", msgspec.Raw(b"{}")),
        Text(""),
        ToolCall(id="t", name="a", arguments=""),
    )["output"]["message"]["content"]
    assert content == [
        {
            "citationsContent": {
                "content": [{"text": "So."}],
                "citations": [
                    {
                        "title": "T",
                        "sourceContent": [{"text": "q"}],
                        "source": "https://a.b",
                        "location": {"web": {"url": "https://a.b"}},
                    }
                ],
            }
        },
        {"text": "No."},
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"text": "https://a.b/c.png"},
        {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}},
        {"text": "hi"},
        {"toolUse": {"toolUseId": "t", "name": "a", "input": {}}},
    ]


def test_signatures_of_others_are_shown_sealed_and_claudes_as_they_are(show):
    content = shown(
        show,
        Reasoning(text="A", signature="s", origin="anthropic"),
        Reasoning(text="B", signature="s", origin="gemini"),
        ToolCall(id="t", name="a", arguments="{}", signature="g"),
    )["output"]["message"]["content"]
    signatures = [block["reasoningContent"]["reasoningText"] for block in content[:3]]
    assert signatures == [
        {"text": "A", "signature": "s"},
        {"text": "B", "signature": seal("s", "gemini", "converse")},
        {"text": "", "signature": seal("g", "gemini", "converse")},
    ]
    assert "toolUse" in content[3]


def test_a_redaction_comes_back_as_it_was_given(show, read_again):
    for thought in (
        Reasoning(redacted="EtkECkgI", origin="anthropic"),
        Reasoning(redacted="/////w==", origin="converse"),
        Reasoning(redacted="abc", origin="openai_responses"),
    ):
        blocks = shown(show, thought)["output"]["message"]["content"]
        assert read_again(blocks) == (thought,)


@pytest.fixture
def read_again(read):
    """What a client's next request holds, which repeats these blocks of the answer."""
    user = {"role": "user", "content": [{"text": "Hi"}]}
    return lambda blocks: read({"messages": [user, {"role": "assistant", "content": blocks}]}).messages[1].parts
