"""Providers that speak like Chat Completions but for some words, with Mistral as the example."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistralai.client.models.chatcompletionrequest import ChatCompletionRequest

from headway.providers.catalogue import find
from headway.types import Quirks
from headway.wire.form.codec import Said
from headway.wire.form.parts import Audio, File, Message, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.form.request import Request, Tool, Toward, Written
from headway.wire.openai_chat.codec import CODEC
from headway.wire.openai_chat.departures import concern, short_id


@pytest.fixture
def mistral() -> Quirks:
    entry = find("mistral")
    assert entry is not None
    return entry.quirks


def written(request: Request, quirks: Quirks) -> tuple[Any, tuple[str, ...]]:
    found = CODEC.write_request(request, Toward(model="m", renames=quirks.renames, lacks=quirks.lacks))
    assert isinstance(found, Written), found
    return json.loads(found.body), found.dropped


def own(**body: Any) -> Request:
    raw = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], **body})
    found = CODEC.read_request(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), Said(model="m", stream=False))
    assert isinstance(found, Request), found
    return found


HISTORY = (
    Message("user", (Text("hi"), Audio(Source(media_type="audio/ogg", data="AAAA"))), name="bob"),
    Message("assistant", (ToolCall(id="toolu_01AbCdEf", name="f", arguments="{}"),)),
    Message("tool", (ToolResult(call_id="toolu_01AbCdEf", parts=(Text("x"),)),)),
    Message("user", (File(Source(media_type="application/pdf", url="https://a.test/b.pdf")),)),
)


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_request_of_another_dialect_is_one_that_mistrals_client_might_send(mistral: Quirks):
    request = Request(
        dialect="anthropic",
        model="m",
        messages=HISTORY,
        tools=(Tool(name="f", parameters=msgspec.Raw(b'{"type":"object"}')),),
        seed=7,
        top_k=3,
        user="u",
        stream=True,
    )
    sent, dropped = written(request, mistral)
    assert set(sent) <= {field.alias or name for name, field in ChatCompletionRequest.model_fields.items()}
    ChatCompletionRequest.model_validate(sent)
    assert (sent["random_seed"], sent["top_k"]) == (7, 3)
    assert set(dropped) == {"messages[0].name", "user"}


def test_sounds_are_base64_alone(mistral: Quirks):
    sent, _ = written(Request(dialect="gemini", model="m", messages=HISTORY[:1]), mistral)
    assert sent["messages"][0]["content"][1] == {"type": "input_audio", "input_audio": "AAAA"}


def test_a_call_and_its_result_keep_the_same_id(mistral: Quirks):
    sent, _ = written(Request(dialect="anthropic", model="m", messages=HISTORY[1:3]), mistral)
    [call] = sent["messages"][0]["tool_calls"]
    assert call["id"] == sent["messages"][1]["tool_call_id"] == short_id("toolu_01AbCdEf")


def test_unsigned_thoughts_of_its_own_go_back_as_parts_of_content(mistral: Quirks):
    sent, dropped = written(own(messages=[{"role": "assistant", "content": "a", "reasoning_content": "hm"}]), mistral)
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert sent["messages"][0]["content"] == [thought, {"type": "text", "text": "a"}]
    assert dropped == ()


def test_thoughts_of_others_are_named(mistral: Quirks):
    thought = Reasoning(text="hm", signature="s", origin="anthropic")
    messages = (Message("assistant", (thought, Text("a"))),)
    assert written(Request(dialect="anthropic", model="m", messages=messages), mistral) == (
        {"model": "m", "messages": [{"role": "assistant", "content": "a"}]},
        ("messages[0].reasoning",),
    )


def test_what_it_does_by_itself_is_left_out_without_a_word(mistral: Quirks):
    sent, dropped = written(own(stream=True, stream_options={"include_usage": True}), mistral)
    assert "stream_options" not in sent
    assert dropped == ()


@given(st.text(max_size=60))
def test_a_short_id_is_nine_letters_and_digits_and_stays_what_it_is(call_id: str):
    short = short_id(call_id)
    assert len(short) == 9
    assert short.isascii()
    assert short.isalnum()
    assert short_id(short) == short


@pytest.mark.parametrize(
    ("body", "concerned"),
    [
        ({"messages": []}, False),
        ({"messages": [], "temperature": 1}, False),
        ({"messages": [], "seed": 1}, True),
        ({"messages": [], "user": "u"}, True),
        ({"messages": [{"role": "tool", "tool_call_id": "x"}]}, True),
        ({"messages": [], "top_k": 1}, False),
    ],
)
def test_only_what_holds_such_a_thing_is_written_anew(mistral: Quirks, body: dict[str, Any], concerned: bool):
    raw = msgspec.json.encode(body)
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    assert concern(fields, raw, mistral.renames, mistral.lacks) is concerned
