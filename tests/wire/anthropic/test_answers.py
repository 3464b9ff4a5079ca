"""Whole answers of Claude's, and answers of others as Claude would have given them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.anthropic.codec import CODEC
from headway.wire.form.parts import Citation, Image, Opaque, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.form.seals import may_hold_seals, unseal

if TYPE_CHECKING:
    from headway.wire.form.codec import Show
    from wire.anthropic.conftest import Body, Read, Recording


def _read(body: Body) -> Reply:
    found = CODEC.read_reply(json.dumps(body).encode())
    assert isinstance(found, Reply)
    return found


def _written(show: Show, *parts: Part, **fields: Any) -> Body:
    choice = Choice(parts=list(parts), stop=fields.pop("stop", Stop.END), sequence=fields.pop("sequence", None))
    return json.loads(CODEC.write_reply(Reply(choices=[choice], **fields), show))


def _message(*content: Any, **fields: Any) -> Body:
    return {"type": "message", "role": "assistant", "content": list(content), "stop_reason": "end_turn", **fields}


def test_every_recorded_answer_is_shown_as_it_was(messages: list[Recording], show: Show):
    seen = 0
    for recording in messages:
        if recording.streamed:
            continue
        body = json.loads(recording.answer)
        shown = json.loads(CODEC.write_reply(_read(body), show))
        for block in body["content"]:
            if block["type"] == "tool_use":
                block.pop("caller", None)  # the model itself, in all of them
            if block["type"] == "text" and block.get("citations") is None:
                block.pop("citations", None)
        for name in ("id", "type", "role", "model", "content", "stop_reason", "stop_sequence"):
            assert shown[name] == body[name], (recording.id, name)
        for name in (
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "service_tier",
        ):
            assert shown["usage"][name] == body["usage"][name], (recording.id, name)
        thought = (body["usage"].get("output_tokens_details") or {}).get("thinking_tokens", 0)
        assert shown["usage"].get("output_tokens_details", {}).get("thinking_tokens", 0) == thought
        seen += 1
    assert seen > 150


def test_usage_counts_the_cache_beside_the_input():
    wire = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 2000,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 20},
        "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 0},
        "service_tier": "standard",
    }
    reply = _read(_message(usage=wire))
    assert reply.usage == Usage(
        input_tokens=2310,
        output_tokens=50,
        cached_input_tokens=2000,
        reasoning_tokens=20,
        cache_write_tokens=300,
        cache_write_1h_tokens=200,
        searches=3,
    )
    assert reply.service_tier == "default"


def test_usage_is_written_as_it_was_read(show: Show):
    usage = Usage(
        input_tokens=2310,
        output_tokens=50,
        cached_input_tokens=2000,
        reasoning_tokens=20,
        cache_write_tokens=300,
        cache_write_1h_tokens=200,
        searches=3,
    )
    shown = _written(show, Text("Hi"), usage=usage, service_tier="default")["usage"]
    assert shown["input_tokens"] == 10
    assert shown["cache_creation"] == {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}
    assert shown["service_tier"] == "standard"
    assert _read(_message(usage=shown)).usage == usage


def test_a_cache_larger_than_its_input_leaves_no_less_than_nothing(show: Show):
    assert _written(show, usage=Usage(input_tokens=5, cached_input_tokens=9))["usage"]["input_tokens"] == 0


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("tool_use", Stop.TOOLS),
        ("pause_turn", Stop.PAUSE),
        ("refusal", Stop.REFUSAL),
        ("model_context_window_exceeded", Stop.CONTEXT),
    ],
)
def test_the_reason_of_the_end_is_the_same_both_ways(show: Show, reason: str, stop: Stop):
    reply = _read(_message(stop_reason=reason, stop_sequence="END"))
    assert (reply.choices[0].stop, reply.choices[0].sequence) == (stop, "END")
    assert _written(show, stop=stop)["stop_reason"] == reason


def test_an_answer_that_a_filter_withheld_is_a_refusal(show: Show):
    assert _written(show, stop=Stop.FILTER)["stop_reason"] == "refusal"


def test_a_complete_answer_has_a_reason_for_its_end_also_where_none_was_told(show: Show):
    assert _read(_message(stop_reason=None)).choices[0].stop is None
    assert _written(show, stop=None)["stop_reason"] == "end_turn"


def test_blocks_of_an_answer():
    reply = _read(
        _message(
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "r"},
            {"type": "text", "text": ""},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
            id="msg_1",
            model="claude",
        )
    )
    assert (reply.id, reply.model) == ("msg_1", "claude")
    assert reply.choices[0].parts == [
        Reasoning(text="hm", signature="s", origin="anthropic"),
        Reasoning(redacted="r", origin="anthropic"),
        ToolCall(id="t", name="f", arguments='{"a": 1}'),
    ]


def test_a_search_that_anthropic_ran_is_kept_whole(show: Show):
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    reply = _read(_message(search, {"type": "text", "text": "Found"}))
    (opaque, text) = reply.choices[0].parts
    assert isinstance(opaque, Opaque)
    assert (opaque.kind, text) == ("server_tool_use", Text("Found"))
    assert json.loads(CODEC.write_reply(reply, show))["content"][0] == search


def test_an_answer_of_anothers_is_a_message(show: Show):
    shown = _written(
        show,
        Reasoning(text="hm"),
        Text("Hi", citations=(Citation(url="https://x", title="X", quoted="q"), Citation(title="a file"))),
        Refusal("Not that"),
        ToolCall(id="c1", name="f", arguments=' {"a":1}'),
        ToolCall(id="c2", name="g", arguments=""),
        ToolCall(id="c3", name="h", arguments='{"a":'),
        ToolCall(id="c4", name="i", arguments="free", custom=True),
        Image(Source(media_type="image/png", data="aGk=")),
        Opaque("gemini", "executableCode", msgspec.Raw(b"{}")),
        stop=Stop.TOOLS,
        usage=Usage(input_tokens=3, output_tokens=4),
    )
    assert (shown["id"], shown["model"], shown["stop_reason"]) == ("req_7", "house", "tool_use")
    assert shown["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "hw1.openai_chat."},
        {
            "type": "text",
            "text": "Hi",
            "citations": [
                {
                    "type": "web_search_result_location",
                    "url": "https://x",
                    "title": "X",
                    "cited_text": "q",
                    "encrypted_index": "",
                }
            ],
        },
        {"type": "text", "text": "Not that"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
        {"type": "tool_use", "id": "c3", "name": "h", "input": {"input": '{"a":'}},
        {"type": "tool_use", "id": "c4", "name": "i", "input": {"input": "free"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Reasoning(text="hm", signature="abc=", origin="gemini"),
        Reasoning(signature="abc=", origin="openai_chat"),
        Reasoning(redacted="enc", id="rs_1", origin="openai_responses"),
        Reasoning(text="sum", redacted="enc", id="rs_1", origin="openai_responses", summary=True),
        Reasoning(id="rs_1", text="sum", origin="openai_responses", summary=True),
        Reasoning(text="hm", signature="abc=", origin="anthropic"),
        Reasoning(redacted="enc", origin="anthropic"),
        Reasoning(text="hm"),
        ToolCall(id="c", name="f", arguments='{"a": 1}', signature="g1"),
        Text("Hi"),
    ],
)
def test_what_a_client_sends_back_is_what_it_was_given(show: Show, read: Read, part: Part):
    content = _written(show, part)["content"]
    request = read({"messages": [{"role": "assistant", "content": content}]})
    assert request.messages[0].parts == (part,)


def test_thoughts_that_nobody_signed_are_known_again(show: Show):
    body = CODEC.write_reply(Reply(choices=[Choice(parts=[Reasoning(text="hm")], stop=Stop.END)]), show)
    assert may_hold_seals(body, "anthropic")


def test_a_signature_of_another_dialect_is_sealed(show: Show):
    (block,) = _written(show, Reasoning(text="hm", signature="abc=", origin="gemini"))["content"]
    assert unseal(block["signature"], "anthropic") == ("abc=", "gemini")


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (b"", False),
        (b"<html>", False),
        (b"[]", False),
        (b"{}", False),
        (b'{"content": 3}', False),
        (b'{"content": [{"type": "text"}]}', False),
        (b'{"content": [3]}', False),
        (b'{"content": ' + b"[" * 9000 + b"]" * 9000 + b"}", False),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}', True),
        (b'{"error": {"message": "x"}}', True),
    ],
)
def test_what_is_no_answer_is_told(body: bytes, is_error: bool):
    found = CODEC.read_reply(body)
    assert isinstance(found, NoReply)
    assert found.is_error is is_error


@given(st.binary(max_size=200))
def test_no_body_is_a_crash(body: bytes):
    assert isinstance(CODEC.read_reply(b'{"content":[' + body + b"]}"), (Reply, NoReply))
