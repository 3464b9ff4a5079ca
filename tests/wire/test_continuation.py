"""Which streams another model may continue, by their request and by what was told; and what it is asked."""

from __future__ import annotations

import json
import math
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Prefill
from headway.wire import sse
from headway.wire.openai.continuation import body, comment, may_ever
from headway.wire.openai.peek import JsonRequest, peek_json
from headway.wire.openai.told import MAX_CHARS, Told, tokens_in

MODEL = msgspec.Raw(b'"the/other"')
ASKED: dict[str, Any] = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
PREFILLS: tuple[Prefill, ...] = ("plain", "prefix", "continue")

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**25) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def fields_of(request: dict[str, Any]) -> dict[str, msgspec.Raw]:
    found = peek_json(json.dumps(request).encode())
    assert isinstance(found, JsonRequest)
    return found.fields


def asked(request: dict[str, Any], text: str = "One,", prefill: Prefill = "plain") -> dict[str, Any] | None:
    sent = body(fields_of(request), MODEL, text, prefill, None)
    return None if sent is None else json.loads(sent)


def chunk(delta: Any = None, *, envelope: dict[str, Any] | None = None, **more: Any) -> bytes:
    """One event of a stream; `more` are fields of its choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": None} | more
    return sse.encode(json.dumps((envelope or {"id": "a"}) | {"choices": [choice]}).encode())


def says(text: str) -> bytes:
    return chunk({"content": text})


def told(*events: bytes) -> Told:
    told = Told()
    for event in events:
        told.feed(event)
    return told


# --- the request ---


def test_a_stream_of_plain_text_may_be_continued():
    assert may_ever(fields_of(ASKED))


@pytest.mark.parametrize(
    "more",
    [
        {"n": 1, "logprobs": False, "top_logprobs": 0, "store": False},
        {"response_format": {"type": "text"}, "modalities": ["text"]},
        dict.fromkeys(("n", "logprobs", "response_format", "modalities", "tools", "prediction", "store", "audio")),
        {"temperature": 0, "stop": ["\n"], "seed": 1, "tool_choice": "none", "metadata": {"a": "b"}},
    ],
)
def test_what_asks_for_nothing_but_text_rules_nothing_out(more: dict[str, Any]):
    assert may_ever(fields_of(ASKED | more))


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"response_format": "text"},
        {"guided_json": {}},
        {"grammar": "root ::= [a-z]"},
        {"modalities": ["text", "audio"]},
        {"audio": {"voice": "alloy", "format": "wav"}},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": []},
        {"functions": [{"name": "f"}]},
        {"prediction": {"type": "content", "content": "x"}},
        {"store": True},
        {"web_search_options": {}},
        {"stream": False},
        {"stream": None},
        {"stream": "true"},
        {"messages": []},
        {"messages": "Count."},
        {"messages": ["Count."]},
        {"messages": [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One"}]},
    ],
    ids=json.dumps,
)
def test_a_request_for_anything_else_rules_continuation_out(more: dict[str, Any]):
    assert not may_ever(fields_of(ASKED | more))


def test_a_request_without_stream_or_messages_rules_continuation_out():
    assert not may_ever(fields_of({"model": "m", "messages": ASKED["messages"]}))
    assert not may_ever(fields_of({"model": "m", "stream": True}))


@given(
    st.dictionaries(st.sampled_from([*ASKED, "n", "tools", "response_format", "modalities", "max_tokens"]), ANY_JSON)
)
def test_no_request_is_too_strange_to_be_judged(request: dict[str, Any]):
    fields = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in (ASKED | request).items()}
    assert may_ever(fields) in (True, False)
    for prefill in PREFILLS:
        sent = body(fields, MODEL, "One,", prefill, None)
        assert sent is None or json.loads(sent)["messages"][-1]["content"] == "One,"


# --- what the continuing model is asked ---


def test_the_text_so_far_becomes_the_last_message():
    sent = asked(ASKED | {"temperature": 0.5})
    begun = {"role": "assistant", "content": "One,"}
    assert sent == ASKED | {"model": "the/other", "temperature": 0.5, "messages": [*ASKED["messages"], begun]}


def test_a_prefix_is_marked_in_its_message():
    sent = asked(ASKED, prefill="prefix")
    assert sent is not None
    assert sent["messages"][-1] == {"role": "assistant", "content": "One,", "prefix": True}
    assert "continue_final_message" not in sent


def test_going_on_with_the_last_message_is_asked_for_beside_the_messages():
    sent = asked(ASKED, prefill="continue")
    assert sent is not None
    assert sent["messages"][-1] == {"role": "assistant", "content": "One,"}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


def test_white_space_at_the_end_of_the_text_is_not_sent():
    sent = asked(ASKED, " One,\n two \u3000\n")
    assert sent is not None
    assert sent["messages"][-1]["content"] == " One,\n two"


def test_a_target_without_prefill_and_a_text_without_words_cannot_be_continued():
    assert asked(ASKED, prefill="none") is None
    assert asked(ASKED, " \n") is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_is_lowered_by_what_was_written(name: str):
    text = "né" * 10  # 30 bytes
    assert (asked(ASKED | {name: 100}, text) or {})[name] == 92
    assert (asked(ASKED | {name: 9}, text) or {})[name] == 1
    assert asked(ASKED | {name: 8}, text) is None
    assert asked(ASKED | {name: 1}, "x") is None


def test_both_limits_are_lowered():
    sent = asked(ASKED | {"max_tokens": 10, "max_completion_tokens": 20}, "12345")
    assert sent is not None
    assert (sent["max_tokens"], sent["max_completion_tokens"]) == (8, 18)


@pytest.mark.parametrize("limit", [10.0, "10", True, -10, 10**30])
def test_with_a_limit_that_is_no_whole_number_nothing_is_continued(limit: Any):
    assert asked(ASKED | {"max_tokens": limit}) is None


def test_a_limit_of_null_is_none():
    assert (asked(ASKED | {"max_tokens": None}) or {})["max_tokens"] is None


def test_stream_options_are_those_given():
    fields = fields_of(ASKED | {"stream_options": {"x": 1}})
    given_options = body(fields, MODEL, "One,", "plain", msgspec.Raw(b'{"include_usage":true}'))
    assert given_options is not None
    assert json.loads(given_options)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in (asked(ASKED | {"stream_options": {"x": 1}}) or {})


def test_the_clients_request_is_left_as_it_was():
    fields = fields_of(ASKED | {"max_tokens": 100, "stream_options": {}})
    before = dict(fields)
    assert body(fields, MODEL, "One,", "continue", None) is not None
    assert fields == before


def test_nested_values_stay_the_bytes_they_were():
    message = b'{ "role":"user", "content" : "caf\\u00e9", "big":1e400, "content":"twice" }'
    found = peek_json(b'{"model":"m","x":{ "y" : 1.0 },"messages":[ %b ,{"role":"user"}]}' % message)
    assert isinstance(found, JsonRequest)
    sent = body(found.fields, MODEL, "é\n1", "prefix", None)
    begun = '{"role":"assistant","content":"é\\n1","prefix":true}'.encode()
    assert sent == b'{"model":"the/other","x":{ "y" : 1.0 },"messages":[%b,{"role":"user"},%b]}' % (message, begun)


@given(st.text(min_size=1), st.integers(-3, 60))
def test_both_legs_together_stay_within_the_clients_limit(text: str, limit: int):
    sent = asked(ASKED | {"max_tokens": limit}, text)
    used = max(1, math.ceil(len(text.encode()) / 4))
    assert tokens_in(text) == used
    if text.strip() and limit > used:
        assert sent is not None
        assert sent["max_tokens"] + used == limit
    else:
        assert sent is None


# --- what was told ---


def test_the_text_and_the_envelope_of_a_stream_are_kept():
    envelope = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": None}
    opening = chunk({"role": "assistant", "content": ""}, envelope=envelope | {"service_tier": "default"})
    kept = told(opening, says("One,"), b": wait\n\n", says(" two\n") + chunk({"content": None}) + says("é"))
    assert kept.continuable
    assert kept.text == "One, two\né"
    assert {name: json.loads(bytes(raw)) for name, raw in kept.envelope.items()} == envelope


def test_the_envelope_is_not_taken_from_a_chunk_without_a_choice():
    """Azure sends its verdict on the prompt first, with an empty id."""
    verdict = b'data: {"id":"","model":"","created":0,"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n'
    assert told(verdict, says("One")).envelope == {"id": msgspec.Raw(b'"a"')}


def test_without_a_word_there_is_nothing_to_continue():
    assert not told().continuable
    assert not told(chunk({"role": "assistant", "content": ""}), says(" \n")).continuable
    assert told(says(" \n"), says("x")).continuable


def test_what_providers_add_without_saying_anything_does_not_matter():
    empty = {"refusal": None, "tool_calls": [], "reasoning": "", "reasoning_details": [], "audio": {}, "token_id": 17}
    logged = {"content": None, "refusal": None}
    assert told(chunk({"content": "One", "role": "assistant"} | empty, logprobs=logged, stop_reason=7)).continuable


@pytest.mark.parametrize(
    "event",
    [
        chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}),
        chunk({"function_call": {"name": "f"}}),
        chunk({"refusal": "I can't."}),
        chunk({"reasoning_content": "Hm"}),
        chunk({"reasoning": "Hm"}),
        chunk({"reasoning_details": [{"type": "reasoning.text"}]}),
        chunk({"content": [{"type": "thinking", "thinking": []}]}),
        chunk({"annotations": [{"type": "url_citation"}]}),
        chunk({"audio": {"id": "audio_1"}}),
        chunk({"images": [{"type": "image_url"}]}),
        chunk({"some_new_field": "that says something"}),
        chunk({"content": "x"}, logprobs={"content": [{"token": "x", "logprob": -1}]}),
        chunk({"content": "x"}, index=1),
        chunk({"content": "x"}, finish_reason="stop"),
        chunk(finish_reason="stop"),
        b'data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}\n\n',
        b'data: {"choices":[],"citations":["http://localhost/"]}\n\n',
        b'data: {"error":{"message":"overloaded"},"choices":[]}\n\n',
        b'event: error\ndata: {"message":"overloaded"}\n\n',
        b"data: [DONE]\n\n",
        b"data: {\n\n",
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n',
        b"data: []\n\n",
        says("x")[:-2],
    ],
    ids=lambda event: event.decode()[:90],
)
def test_after_anything_else_a_text_cannot_be_continued_any_more(event: bytes):
    before = says("One")
    for kept in (told(before, event), told(before + event), told(before, event, says("more")), told(event, before)):
        assert not kept.continuable
        assert kept.text == ""


def test_a_text_too_long_to_keep_cannot_be_continued():
    kept = told(*[says("x" * 1000)] * (MAX_CHARS // 1000))
    assert kept.continuable
    kept.feed(says("x"))
    assert not kept.continuable
    assert kept.text == ""


def test_json_in_a_code_block_is_not_continued_halfway():
    kept = told(says("Here:\n\n```json\n"), says('{"a": 1'))
    assert not kept.continuable
    kept.feed(says("}\n```\n"))
    assert kept.continuable
    assert told(says("````python\n```json\n")).continuable
    assert not told(says("```json\n```python\n")).continuable
    assert not told(says("```JSON5\n~~~\n``\n")).continuable


def test_output_is_estimated_until_it_is_reported():
    assert told(says("12345")).output_tokens == 2
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7}}\n\n'
    assert told(says("12345"), usage).output_tokens == 7
    assert told(usage, says("12345")).output_tokens == 2
    running = chunk({"content": "12345"}, envelope={"usage": {"completion_tokens": 4}})
    assert told(says("1"), running).output_tokens == 4


@given(
    st.lists(st.binary(max_size=60) | ANY_JSON.map(lambda value: sse.encode(json.dumps(value).encode())), max_size=4)
)
def test_no_bytes_are_too_strange_to_have_been_told(pieces: list[bytes]):
    kept = told(says("One"), *pieces)
    assert kept.text.startswith("One") == kept.continuable


CHUNK_FIELDS = st.sampled_from(["choices", "usage", "error", "id", "citations"])
CHOICE_FIELDS = st.sampled_from(["index", "delta", "finish_reason", "logprobs"])


@given(st.dictionaries(CHUNK_FIELDS, ANY_JSON), st.dictionaries(CHOICE_FIELDS, ANY_JSON), ANY_JSON)
def test_no_chunk_is_too_strange_to_have_been_told(of_chunk: dict[str, Any], of_choice: dict[str, Any], content: Any):
    choice = {"index": 0, "delta": {"content": content}} | of_choice
    kept = told(says("One"), sse.encode(json.dumps({"choices": [choice]} | of_chunk).encode()))
    assert kept.text.startswith("One") == kept.continuable
    assert cast(Any, kept.output_tokens) >= 0


# --- the mark ---


def test_the_seam_is_marked_by_a_comment():
    assert comment("deepseek/deepseek-chat") == b": continued by deepseek/deepseek-chat\n\n"


@given(st.text())
def test_no_name_can_make_the_mark_more_than_a_comment(name: str):
    marked = comment(name)
    assert sse.split(marked) == ([marked], b"")
    assert sse.data_of(marked) is None
    assert marked.startswith(b":")
    assert b"\r" not in marked
