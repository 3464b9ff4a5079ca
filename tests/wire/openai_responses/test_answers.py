"""Whole answers: a provider's as they are read, and a client's as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.types import Usage
from headway.wire.form.parts import (
    Audio,
    Citation,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
)
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.openai_responses.codec import CODEC

Shown = Callable[..., dict[str, Any]]
TEXT = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [TEXT]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}


def read(*output: dict[str, Any], **fields: Any) -> Reply:
    body = {"id": "resp_1", "object": "response", "created_at": 5, "model": "gpt", "status": "completed"}
    reply = CODEC.read_reply(json.dumps({**body, "output": output, **fields}).encode())
    assert isinstance(reply, Reply), reply
    return reply


def stop_of(*output: dict[str, Any], **fields: Any) -> Stop | None:
    return read(*output, **fields).choices[0].stop


def answer(*parts: Part, stop: Stop | None = Stop.END, **fields: Any) -> Reply:
    return Reply(choices=[Choice(parts=list(parts), stop=stop)], **fields)


# --- a provider's ---


def test_items_are_read_as_parts_in_their_order():
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    custom = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "p", "input": "x"}
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    parts = read(reasoning, search, MESSAGE, CALL, custom).choices[0].parts
    assert isinstance(parts[1], Opaque)
    assert (parts[1].kind, json.loads(bytes(parts[1].raw))) == ("web_search_call", search)
    del parts[1]
    assert parts == [
        Reasoning(redacted="gAAA", id="rs_1", origin="openai_responses"),
        Text("Hello"),
        ToolCall(id="c1", name="f", arguments='{"a":1}', item="fc_1"),
        ToolCall(id="c2", name="p", arguments="x", custom=True, item="ctc_1"),
    ]


def test_reasoning_that_shows_and_holds_nothing_is_left_out():
    assert read({"type": "reasoning", "id": "rs_1", "summary": []}, MESSAGE).choices[0].parts == [Text("Hello")]


def test_citations_are_read_with_the_text():
    cited = {"type": "url_citation", "url": "https://e.com", "title": "E", "start_index": 0, "end_index": 5}
    (part,) = read({**MESSAGE, "content": [{**TEXT, "annotations": [cited]}]}).choices[0].parts
    assert isinstance(part, Text)
    (citation,) = part.citations
    assert (citation.url, citation.title, citation.start, citation.end) == ("https://e.com", "E", 0, 5)
    assert json.loads(bytes(citation.raw)) == cited


def test_usage_counts_every_kind_of_token():
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 20, "audio_tokens": 3, "image_tokens": 2},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 1, "image_tokens": 4},
        "total_tokens": 130,
    }
    counted = read(MESSAGE, usage=usage, tool_usage={"web_search": {"num_requests": 2}}).usage
    assert counted == Usage(
        input_tokens=100,
        output_tokens=30,
        cached_input_tokens=40,
        reasoning_tokens=10,
        cache_write_tokens=20,
        audio_input_tokens=3,
        audio_output_tokens=1,
        image_input_tokens=2,
        image_output_tokens=4,
        searches=2,
    )


def test_searches_are_counted_where_the_provider_does_not():
    search = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "a"}}
    opened = {**search, "action": {"type": "open_page", "url": "https://e.com"}}
    counted = read(search, opened, search, MESSAGE, usage={"input_tokens": 1, "output_tokens": 1}).usage
    assert counted is not None
    assert counted.searches == 2


def test_what_is_no_count_is_none():
    assert read(MESSAGE, usage=None).usage is None
    assert read(MESSAGE, usage={"input_tokens": -5, "output_tokens": 3}).usage == Usage(0, 3)
    assert read(MESSAGE, usage={"input_tokens": 2**70, "output_tokens": 3}).usage == Usage(0, 3)
    assert read(MESSAGE, created_at=1e300).created is None


def test_why_an_answer_ended():
    assert stop_of(MESSAGE) is Stop.END
    assert stop_of(MESSAGE, CALL) is Stop.TOOLS
    assert stop_of({**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]}) is Stop.REFUSAL
    assert stop_of(MESSAGE, status="incomplete", incomplete_details={"reason": "max_output_tokens"}) is Stop.LENGTH
    assert stop_of(CALL, status="incomplete", incomplete_details={"reason": "content_filter"}) is Stop.FILTER
    assert stop_of(MESSAGE, status="incomplete") is Stop.PAUSE


def test_log_probabilities_are_told_as_chat_completions_does():
    entry = {"token": "Hello", "bytes": [72], "logprob": -0.1, "top_logprobs": []}
    reply = read({**MESSAGE, "content": [{**TEXT, "logprobs": [entry]}]})
    assert json.loads(bytes(reply.choices[0].logprobs)) == {"content": [entry], "refusal": None}
    assert not read(MESSAGE).choices[0].logprobs


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        (b"", False),
        (b"[]", False),
        (b"{", False),
        (b'{"output": 5}', False),
        (b'{"output": [{"type": "message", "content": 5}]}', False),
        (b'{"output": [{"content": []}]}', False),
        (b'{"id": "resp_1"}', False),
        (b'{"output": [], "status": "queued"}', False),
        (b'{"output": [], "status": "failed", "error": {"code": "server_error", "message": "x"}}', True),
        (b'{"error": {"message": "x"}}', True),
        (b"[" * 100_000, False),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(body: bytes, is_error: bool):
    reply = CODEC.read_reply(body)
    assert isinstance(reply, NoReply)
    assert reply.is_error is is_error


# --- a client's ---


def test_an_answer_is_told_with_what_was_asked(shown: Shown):
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True, "description": "d"}
    response = shown(
        answer(Text("Hi"), id="chatcmpl-1", model="other", created=9, service_tier="flex"),
        instructions="Be brief.",
        temperature=0.5,
        tools=[tool],
        tool_choice={"type": "function", "name": "f"},
        metadata={"a": "b"},
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
        parallel_tool_calls=False,
        max_output_tokens=50,
        truncation="auto",
        safety_identifier="s",
    )
    assert response["id"] == "resp_chatcmpl-1"
    assert (response["model"], response["created_at"], response["service_tier"]) == ("other", 9, "flex")
    assert (response["status"], response["error"], response["incomplete_details"]) == ("completed", None, None)
    assert (response["instructions"], response["temperature"], response["max_output_tokens"]) == ("Be brief.", 0.5, 50)
    assert (response["tools"], response["tool_choice"]) == ([tool], {"type": "function", "name": "f"})
    assert (response["metadata"], response["reasoning"]) == ({"a": "b"}, {"effort": "low", "summary": None})
    assert (response["parallel_tool_calls"], response["truncation"]) == (False, "auto")
    assert (response["safety_identifier"], response["user"]) == ("s", None)
    assert response["text"]["format"]["schema"] == {"type": "object"}


def test_what_the_provider_did_not_say_is_filled_in(shown: Shown):
    response = shown(answer(Text("Hi"), service_tier="standard"))
    assert (response["id"], response["model"], response["created_at"]) == ("resp_req-1", "shown", 1700000000)
    assert (response["usage"], response["service_tier"]) == (None, "default")


def test_an_id_of_this_dialect_stays(shown: Shown):
    assert shown(answer(Text("Hi"), id="resp_abc"))["id"] == "resp_abc"


def test_texts_in_a_run_are_one_text_of_one_message(shown: Shown):
    cited = Text("is red", (Citation(url="https://e.com", title="E"),))
    (message,) = shown(answer(Text("It "), cited, Text(".")))["output"]
    (content,) = message["content"]
    assert content["text"] == "It is red."
    assert content["annotations"] == [
        {"type": "url_citation", "start_index": 3, "end_index": 9, "title": "E", "url": "https://e.com"}
    ]


def test_a_citation_of_a_document_names_it(shown: Shown):
    ((message),) = shown(answer(Text("Red", (Citation(title="a.pdf"), Citation(quoted="nothing else")))))["output"]
    assert message["content"][0]["annotations"] == [
        {"type": "file_citation", "file_id": "", "filename": "a.pdf", "index": 3}
    ]


def test_all_kinds_of_parts_are_items(shown: Shown):
    output = shown(
        answer(
            Reasoning(text="Hm."),
            Reasoning(text="In short.", summary=True),
            Refusal("No."),
            ToolCall(id="c1", name="f", arguments=""),
            ToolCall(id="c2", name="p", arguments="x", custom=True),
            Image(Source(data="QUJD")),
            Audio(Source(data="QUJD"), transcript="Spoken."),
            Opaque("anthropic", "server_tool_use", msgspec.Raw(b"{}")),
        )
    )["output"]
    kinds = [
        "reasoning",
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
        "image_generation_call",
        "message",
    ]
    assert [item["type"] for item in output] == kinds
    assert output[0]["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert output[1]["summary"] == [{"type": "summary_text", "text": "In short."}]
    assert output[2]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert (output[3]["call_id"], output[3]["arguments"]) == ("c1", "{}")
    assert (output[4]["call_id"], output[4]["input"]) == ("c2", "x")
    assert output[5]["result"] == "QUJD"
    assert output[6]["content"][0]["text"] == "Spoken."
    assert len({item["id"] for item in output}) == len(output)


def test_who_asks_for_summaries_is_shown_reasoning_as_one(shown: Shown):
    (item,) = shown(answer(Reasoning(text="Hm.")), reasoning={"summary": "auto"})["output"]
    assert item["summary"] == [{"type": "summary_text", "text": "Hm."}]


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (Stop.END, "completed", None),
        (Stop.SEQUENCE, "completed", None),
        (Stop.TOOLS, "completed", None),
        (None, "completed", None),
        (Stop.LENGTH, "incomplete", "max_output_tokens"),
        (Stop.CONTEXT, "incomplete", "max_output_tokens"),
        (Stop.FILTER, "incomplete", "content_filter"),
        (Stop.REFUSAL, "incomplete", "content_filter"),
        (Stop.FAULT, "failed", None),
    ],
)
def test_how_an_answer_ended(shown: Shown, stop: Stop | None, status: str, reason: str | None):
    response = shown(answer(Text("Hi"), stop=stop))
    assert response["status"] == status
    assert response["incomplete_details"] == (None if reason is None else {"reason": reason})
    assert (response["error"] is None) is (status != "failed")
    assert response["output"][0]["status"] == ("incomplete" if status == "incomplete" else "completed")


def test_a_refusal_in_words_is_complete(shown: Shown):
    assert shown(answer(Refusal("No."), stop=Stop.REFUSAL))["status"] == "completed"


def test_usage_is_told_with_its_details(shown: Shown):
    usage = Usage(100, 30, cached_input_tokens=40, reasoning_tokens=10, cache_write_tokens=20)
    assert shown(answer(Text("Hi"), usage=usage))["usage"] == {
        "input_tokens": 100,
        "input_tokens_details": {"cache_write_tokens": 20, "cached_tokens": 40},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 10},
        "total_tokens": 130,
    }


def test_log_probabilities_stand_with_the_text(shown: Shown):
    entry = {"token": "Hi", "bytes": [72, 105], "logprob": -0.1, "top_logprobs": []}
    raw = msgspec.Raw(json.dumps({"content": [entry], "refusal": None}).encode())
    reply = Reply(choices=[Choice(parts=[Text("Hi")], stop=Stop.END, logprobs=raw)])
    assert shown(reply)["output"][0]["content"][0]["logprobs"] == [entry]


def test_an_error_has_openais_form():
    body = json.loads(CODEC.error_body("no such model", 404, "model_not_found", "model"))
    assert body == {
        "error": {
            "message": "no such model",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }
