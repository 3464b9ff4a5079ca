"""Whole answers: what is read from Cohere's, and what a client of Cohere's is given for those of others."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.cohere.codec import CODEC
from headway.wire.cohere.vocabulary import REASONS
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Citation, Opaque, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop


def read(**body: Any) -> Reply | NoReply:
    return CODEC.read_reply(json.dumps(body).encode())


def read_message(finish_reason: str = "COMPLETE", **message: Any) -> Reply:
    found = read(id="r1", finish_reason=finish_reason, message={"role": "assistant", **message})
    assert isinstance(found, Reply)
    return found


def written(reply: Reply, show: Show) -> Any:
    return json.loads(CODEC.write_reply(reply, show))


def test_thoughts_texts_and_calls_are_parts_in_their_order():
    reply = read_message(
        "TOOL_CALL",
        tool_plan="I will",
        content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}],
        tool_calls=[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
    )
    assert reply.id == "r1"
    assert reply.choices == [
        Choice(
            parts=[
                Reasoning(text="I will", summary=True, origin="cohere"),
                Reasoning(text="hm", origin="cohere"),
                Text("so"),
                ToolCall(id="c1", name="f", arguments='{"a":1}'),
            ],
            stop=Stop.TOOLS,
        )
    ]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("COMPLETE", Stop.END),
        ("STOP_SEQUENCE", Stop.SEQUENCE),
        ("MAX_TOKENS", Stop.LENGTH),
        ("TOOL_CALL", Stop.TOOLS),
        ("ERROR_TOXIC", Stop.FILTER),
        ("NEW_REASON", None),
    ],
)
def test_why_the_model_stopped(reason: str, stop: Stop | None):
    assert read_message(reason, content=[]).choices[0].stop == stop


@pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT"])
def test_an_answer_that_failed_is_none(reason: str):
    assert read(finish_reason=reason, message={"content": []}) == NoReply("the generation failed", is_error=True)


def test_an_error_is_no_answer():
    assert read(id="x", message="invalid api token") == NoReply("the reply is an error", is_error=True)
    assert read(id="x") == NoReply("the reply holds no message")


def test_tokens_are_counted_before_what_is_billed():
    usage = {
        "billed_units": {"input_tokens": 25.0, "output_tokens": 9.0, "search_units": 2},
        "tokens": {"input_tokens": 91.0, "output_tokens": 11.0},
        "cached_tokens": 64.0,
    }
    reply = read(finish_reason="COMPLETE", message={}, usage=usage)
    assert isinstance(reply, Reply)
    assert reply.usage == Usage(
        input_tokens=91,
        output_tokens=11,
        cached_input_tokens=64,
        searches=2,
        billed_input_tokens=25,
        billed_output_tokens=9,
    )
    billed = read(finish_reason="COMPLETE", message={}, usage={"billed_units": {"input_tokens": 25.0}})
    assert isinstance(billed, Reply)
    assert billed.usage == Usage(input_tokens=25)


def test_a_citation_belongs_to_the_block_that_it_names():
    blocks = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    cited: list[Any] = [
        {"start": 0, "end": 3, "text": "two", "content_index": 1, "sources": []},
        {"start": 0, "end": 1, "text": "o", "sources": [{"type": "tool", "id": "t:0"}]},
        {"start": 0, "end": 1, "type": "PLAN", "sources": [{"type": "tool", "id": "p"}]},
    ]
    first, second = read_message(content=blocks, citations=cited).choices[0].parts
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert [citation.title for citation in first.citations] == ["t:0"]
    assert [(citation.start, citation.end) for citation in second.citations] == [(0, 3)]


def test_likelihoods_are_in_the_words_of_chat_completions():
    logprobs = [{"text": "Hi", "token_ids": [1], "logprobs": [-0.5]}, {"text": " all", "logprobs": [-0.25, -0.5]}]
    reply = read(finish_reason="COMPLETE", message={}, logprobs=logprobs)
    assert isinstance(reply, Reply)
    assert msgspec.json.decode(reply.choices[0].logprobs) == {
        "content": [
            {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []},
            {"token": " all", "logprob": -0.75, "bytes": None, "top_logprobs": []},
        ]
    }


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "content", "tool_calls", "usage", "finish_reason", "citations", "text"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.binary(max_size=30) | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_that_a_provider_answers_raises(body: bytes):
    assert isinstance(CODEC.read_reply(body), Reply | NoReply)


def test_an_answer_of_another_dialect_is_shown_as_cohere_s(show: Show):
    parts: list[Part] = [
        Reasoning(text="hm", signature="s", origin="anthropic"),
        Reasoning(redacted="xx", origin="anthropic"),
        Text("Yes, it is.", (Citation(url="https://a.example", title="T", start=0, end=3, dialect="openai_chat"),)),
        Refusal("No."),
        Audio(Source(data="QQ=="), transcript="spoken"),
        Opaque("anthropic", "search", msgspec.Raw(b"{}")),
        ToolCall(id="c1", name="f", arguments=""),
    ]
    usage = Usage(input_tokens=10, output_tokens=5, cached_input_tokens=4, reasoning_tokens=2)
    assert written(Reply(id="r9", choices=[Choice(parts=parts, stop=Stop.TOOLS)], usage=usage), show) == {
        "id": "r9",
        "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "Yes, it is."},
                {"type": "text", "text": "No."},
                {"type": "text", "text": "spoken"},
            ],
            "tool_calls": [{"type": "function", "id": "c1", "function": {"name": "f", "arguments": "{}"}}],
            "citations": [
                {
                    "start": 0,
                    "end": 3,
                    "text": "Yes",
                    "sources": [
                        {"type": "document", "id": "doc:0", "document": {"title": "T", "url": "https://a.example"}}
                    ],
                    "content_index": 1,
                    "type": "TEXT_CONTENT",
                }
            ],
        },
        "usage": {
            "billed_units": {"input_tokens": 10, "output_tokens": 5},
            "tokens": {"input_tokens": 10, "output_tokens": 5},
            "cached_tokens": 4,
        },
    }


def test_an_answer_without_an_id_gets_that_of_the_request(show: Show):
    assert written(Reply(choices=[Choice(parts=[Text("a")])]), show)["id"] == "req-1"


def test_every_reason_has_a_word(show: Show):
    assert set(REASONS) == set(Stop)
    for stop in Stop:
        reason = written(Reply(choices=[Choice(parts=[], stop=stop)]), show)["finish_reason"]
        assert reason in ("COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "TIMEOUT")


def test_likelihoods_come_back(show: Show):
    raw = msgspec.Raw(b'{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[]}]}')
    reply = Reply(choices=[Choice(parts=[Text("Hi")], logprobs=raw)])
    assert written(reply, show)["logprobs"] == [{"text": "Hi", "token_ids": [], "logprobs": [-0.5]}]


def test_an_error_is_a_message():
    assert json.loads(CODEC.error_body("no such model", 404, "not_found", "model")) == {"message": "no such model"}


def test_recorded_answers_keep_what_they_say(recorded: list[dict[str, Any]], show: Show):
    """A client of Cohere's own gets them untouched; this is what one of another dialect sees."""
    for exchange in recorded:
        source = exchange["response"]["body"]
        reply = CODEC.read_reply(json.dumps(source).encode())
        assert isinstance(reply, Reply), exchange["id"]
        again = written(reply, show)
        plan = source["message"].pop("tool_plan", None)
        if plan is not None:
            source["message"]["content"] = [{"type": "thinking", "thinking": plan}]
        assert again["message"] == source["message"], exchange["id"]
        assert again["finish_reason"] == source["finish_reason"], exchange["id"]
        assert again["usage"]["tokens"] == source["usage"]["tokens"], exchange["id"]
