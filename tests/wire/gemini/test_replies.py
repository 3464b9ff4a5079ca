"""Whole answers, read from a provider and shown to a client."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire.form.parts import (
    Audio,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
)
from headway.wire.form.reply import Began, Choice, NoReply, Reply, Stop
from headway.wire.gemini.codec import CODEC

if TYPE_CHECKING:
    from wire.gemini.conftest import Speak


def answer(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    content = {"parts": list(parts), "role": "model"}
    return {"candidates": [{"content": content, "finishReason": "STOP", **candidate}], "responseId": "r1"}


def one(reply: Reply) -> Choice:
    (choice,) = reply.choices
    return choice


def test_who_answered_and_when(gemini: Speak):
    reply = gemini.reply(
        {
            **answer({"text": "hi"}),
            "modelVersion": "gemini-2.5-flash",
            "createTime": "2025-06-27T08:48:22.055757Z",
            "usageMetadata": {"serviceTier": "standard"},
        }
    )
    assert (reply.id, reply.model, reply.created, reply.service_tier) == (
        "r1",
        "gemini-2.5-flash",
        1751014102,
        "default",
    )
    assert gemini.shown(reply)["createTime"] == "2025-06-27T08:48:22Z"


def test_where_the_provider_gave_no_name_ours_stands_in(gemini: Speak):
    shown = gemini.shown(Reply(choices=[Choice(parts=[Text("hi")], stop=Stop.END)]))
    assert shown == {
        "candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "modelVersion": "gemini-x",
        "responseId": "req_1",
    }


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", Stop.END),
        ("MAX_TOKENS", Stop.LENGTH),
        ("SAFETY", Stop.FILTER),
        ("RECITATION", Stop.FILTER),
        ("LANGUAGE", Stop.FILTER),
        ("BLOCKLIST", Stop.FILTER),
        ("PROHIBITED_CONTENT", Stop.FILTER),
        ("SPII", Stop.FILTER),
        ("MODEL_ARMOR", Stop.FILTER),
        ("MALFORMED_FUNCTION_CALL", Stop.FAULT),
        ("UNEXPECTED_TOOL_CALL", Stop.FAULT),
        ("OTHER", Stop.FAULT),
        ("SOMETHING_NEW", Stop.FAULT),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_reasons_to_stop(gemini: Speak, reason: str, stop: Stop | None):
    assert one(gemini.reply(answer({"text": "x"}, finishReason=reason))).stop is stop


def test_a_stop_with_calls_is_for_the_tools_but_a_cut_is_a_cut(gemini: Speak):
    call = {"functionCall": {"name": "f", "args": {}}}
    assert one(gemini.reply(answer(call))).stop is Stop.TOOLS
    assert one(gemini.reply(answer(call, finishReason="MAX_TOKENS"))).stop is Stop.LENGTH


@pytest.mark.parametrize("stop", list(Stop))
def test_every_stop_has_a_reason_that_the_official_types_know(gemini: Speak, stop: Stop):
    shown = gemini.shown(Reply(choices=[Choice(parts=[], stop=stop)]))
    assert shown["candidates"][0]["finishReason"] in {
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
    }


def test_a_prompt_that_was_blocked_is_an_empty_answer(gemini: Speak):
    reply = gemini.reply({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}})
    assert reply.choices == [Choice(parts=[], stop=Stop.FILTER)]
    assert reply.usage == Usage(input_tokens=3)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": {"code": 503}}', NoReply("it is an error", is_error=True)),
        (b'{"candidates": []}', NoReply("it holds no candidate")),
        (b"{}", NoReply("it holds no candidate")),
        (b"<html>", NoReply("it is no answer of generateContent")),
        (b'{"candidates": [{"content": {"parts": [{"text": 5}]}}]}', NoReply("it is no answer of generateContent")),
        (b"[" * 3000, NoReply("it is no answer of generateContent")),
        (b'{"responseId": "\xff"}', NoReply("it is no answer of generateContent")),
    ],
)
def test_what_is_no_answer(gemini: Speak, body: bytes, expected: NoReply):
    assert gemini.no_reply(body) == expected


def test_thoughts_texts_and_their_signatures(gemini: Speak):
    parts = [
        {"text": "hm", "thought": True, "thoughtSignature": "YQ=="},
        {"text": "yes"},
        {"text": "", "thoughtSignature": "Yg=="},
    ]
    reply = gemini.reply(answer(*parts))
    assert one(reply).parts == [
        Reasoning(text="hm", signature="YQ==", origin="gemini", summary=True),
        Text("yes", signature="Yg=="),
    ]
    assert gemini.shown(reply)["candidates"][0]["content"]["parts"] == [
        parts[0],
        {"text": "yes", "thoughtSignature": "Yg=="},
    ]


def test_a_signature_without_a_text_signs_the_one_before_it(gemini: Speak):
    reply = gemini.reply(answer({"text": "yes"}, {"thoughtSignature": "Yg=="}))
    assert one(reply).parts == [Text("yes", signature="Yg==")]


def test_calls_keep_their_words_and_those_without_ids_are_given_some(gemini: Speak):
    body = (
        b'{"responseId":"r-1","candidates":[{"content":{"parts":['
        b'{"functionCall":{"name":"f","args":{"b": 1, "a":[]},"id":"x"},"thoughtSignature":"YQ=="},'
        b'{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]}'
    )
    reply = CODEC.read_reply(body)
    assert isinstance(reply, Reply)
    assert one(reply).parts == [
        ToolCall(id="x", name="f", arguments='{"b": 1, "a":[]}', signature="YQ=="),
        ToolCall(id="call_1_r-1", name="f", arguments="{}"),
    ]


def test_ids_of_calls_differ_by_answer_even_where_answers_have_no_id(gemini: Speak):
    def id_of(args: dict[str, Any]) -> str:
        call = {"functionCall": {"name": "f", "args": args}}
        (part,) = one(gemini.reply({**answer(call), "responseId": None})).parts
        assert isinstance(part, ToolCall)
        return part.id

    assert id_of({"a": 1}) == id_of({"a": 1})
    assert id_of({"a": 1}) != id_of({"a": 2})


def test_pictures_are_pictures_and_what_only_gemini_knows_stays_as_it_is(gemini: Speak):
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "YQ=="}
    sketch = {"inlineData": {"mimeType": "image/png", "data": "BBBB"}, "thought": True}
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "Yg=="}
    reply = gemini.reply(answer(code, sketch, picture))
    first, second, third = one(reply).parts
    assert isinstance(first, Opaque)
    assert isinstance(second, Opaque)
    assert (first.kind, second.kind) == ("executableCode", "inlineData")
    assert json.loads(bytes(first.raw)) == code
    assert third == Image(Source(media_type="image/png", data="AAAA"), signature="Yg==")


def test_usage_is_told_in_all_its_parts_and_shown_again(gemini: Speak):
    told = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 157,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 50},
            {"modality": "AUDIO", "tokenCount": 40},
            {"modality": "IMAGE", "tokenCount": 10},
        ],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 6}],
    }
    reply = gemini.reply({**answer({"text": "x"}), "usageMetadata": told})
    assert reply.usage == Usage(
        input_tokens=107,
        output_tokens=50,
        cached_input_tokens=60,
        reasoning_tokens=30,
        audio_input_tokens=40,
        audio_output_tokens=6,
        cached_audio_input_tokens=30,
        image_input_tokens=10,
        image_output_tokens=5,
    )
    shown = gemini.shown(reply)["usageMetadata"]
    assert shown["totalTokenCount"] == 157
    assert gemini.reply({**answer({"text": "x"}), "usageMetadata": shown}).usage == reply.usage


@pytest.mark.parametrize(("model", "searches"), [("gemini-2.5-flash", 1), ("gemini-3-flash-preview", 2)])
def test_searches_are_counted_as_they_are_charged(gemini: Speak, model: str, searches: int):
    document = answer({"text": "x"}, groundingMetadata={"webSearchQueries": ["", "a", "b"]})
    reply = gemini.reply({**document, "modelVersion": model, "usageMetadata": {}})
    assert reply.usage == Usage(searches=searches)


def test_sources_are_citations_with_characters_instead_of_bytes(gemini: Speak):
    metadata = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"retrievedContext": {"title": "B"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 9, "text": "café"}, "groundingChunkIndices": [0, 1, 7]}
        ],
    }
    reply = gemini.reply(answer({"text": "né café."}, groundingMetadata=metadata))
    (text,) = one(reply).parts
    assert isinstance(text, Text)
    assert [(each.url, each.title, each.start, each.end, each.quoted) for each in text.citations] == [
        ("https://a", "A", 3, 7, "café"),
        (None, "B", 3, 7, "café"),
    ]
    shown = gemini.shown(reply)["candidates"][0]["groundingMetadata"]
    assert shown["groundingChunks"] == [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"title": "B"}}]
    assert shown["groundingSupports"][0] == {
        "segment": {"startIndex": 4, "endIndex": 9, "text": "café"},
        "groundingChunkIndices": [0],
    }


def test_recited_sources_are_citations(gemini: Speak):
    metadata = {"citations": [{"startIndex": 1, "endIndex": 3, "uri": "https://a", "license": "mit"}]}
    (text,) = one(gemini.reply(answer({"text": "abcd"}, citationMetadata=metadata))).parts
    assert isinstance(text, Text)
    assert [(each.url, each.start, each.end) for each in text.citations] == [("https://a", 1, 3)]


def test_log_probabilities_there_and_back(gemini: Speak):
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -2.0}]}
        ],
    }
    reply = gemini.reply(answer({"text": "é"}, logprobsResult=result))
    assert json.loads(bytes(one(reply).logprobs)) == {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [
                    {"token": "é", "logprob": -0.5, "bytes": [195, 169]},
                    {"token": "e", "logprob": -2.0, "bytes": [101]},
                ],
            }
        ],
        "refusal": None,
    }
    assert gemini.shown(reply)["candidates"][0]["logprobsResult"] == result


def test_the_first_call_that_no_gemini_made_is_marked_so_that_gemini_3_takes_it_back(gemini: Speak):
    calls: list[Part] = [ToolCall(id="1", name="f", arguments="{}"), ToolCall(id="2", name="f", arguments="{}")]
    marks: dict[str, list[Any]] = {}
    for model in ("claude-x", "gemini-2.5-flash"):
        shown = gemini.shown(Reply(model=model, choices=[Choice(parts=calls, stop=Stop.TOOLS)]))
        content = shown["candidates"][0]["content"]
        marks[model] = [part.get("thoughtSignature") for part in content["parts"]]
        request = gemini.read({"contents": [content]})
        assert request.messages[0].parts == tuple(calls)
        assert gemini.write(request) == ({"contents": [{"role": "model", "parts": content["parts"]}]}, ())
    mark = base64.b64encode(b"skip_thought_signature_validator").decode()
    assert marks == {"claude-x": [mark, None], "gemini-2.5-flash": [None, None]}


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({"serviceTier": "priority"}, "priority"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "ON_DEMAND"}, None),
    ],
)
def test_the_service_tier_that_an_answer_was_given_in(gemini: Speak, usage: dict[str, Any], tier: str | None):
    document = {**answer({"text": "x"}), "usageMetadata": usage}
    assert gemini.reply(document).service_tier == tier
    assert gemini.events(document)[0][0] == Began(id="r1", service_tier=tier)


def test_several_answers(gemini: Speak):
    reply = gemini.reply(
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}, "index": 1}]}
    )
    assert [(choice.index, choice.parts) for choice in reply.choices] == [(0, [Text("a")]), (1, [Text("b")])]


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Refusal("no"), {"text": "no"}),
        (Reasoning(text="hm"), {"text": "hm", "thought": True}),
        (Image(Source(media_type="image/png", data="AA==")), {"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        (
            Image(Source(media_type="image/png", data="AA=="), signature="YQ=="),
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "YQ=="},
        ),
        (Audio(Source(), transcript="la"), {"text": "la"}),
        (
            ToolCall(id="1", name="f", arguments="oops"),
            {"functionCall": {"id": "1", "name": "f", "args": {"input": "oops"}}},
        ),
        (Opaque("anthropic", "server_tool_use", msgspec.Raw(b"{}")), {"text": ""}),
    ],
)
def test_what_other_dialects_answer_is_shown(gemini: Speak, part: Part, shown: dict[str, Any]):
    document = gemini.shown(Reply(choices=[Choice(parts=[part], stop=Stop.END)]))
    assert document["candidates"][0]["content"]["parts"] == [shown]


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning(text="hm", signature="EqQB+/=", origin="anthropic"),
        Reasoning(redacted="AAAA", origin="anthropic"),
        Reasoning(text="sum", redacted="gAAA", id="rs_1", origin="openai_responses"),
    ],
)
def test_reasoning_of_others_comes_back_from_a_client_as_it_was(gemini: Speak, thought: Reasoning):
    shown = gemini.shown(Reply(choices=[Choice(parts=[thought, Text("hi")], stop=Stop.END)]))
    request = gemini.read({"contents": [shown["candidates"][0]["content"]]})
    assert request.messages[0].parts == (thought, Text("hi"))
