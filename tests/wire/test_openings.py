"""When a stream may be shown: what the events that it begins with say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire import sse
from headway.wire.endpoints import ENDPOINTS
from headway.wire.openai.opening import ENDED, MALFORMED, MEANINGFUL, Opening, created_in, judge

if TYPE_CHECKING:
    from wire.conftest import Recording

CHAT, COMPLETIONS, RESPONSES = ENDPOINTS[:3]
IMAGES = next(endpoint for endpoint in ENDPOINTS if endpoint.name == "images.generations")
DEEP = b"[" * 200_000 + b"]" * 200_000

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
DONE = b"data: [DONE]\n\n"
CREATED = b'{"type":"response.created","response":{"id":"resp_1","output":[]},"sequence_number":0}'


def event(payload: Any, line_end: bytes = b"\n") -> bytes:
    return b"data: " + json.dumps(payload).encode() + line_end * 2


def chunk(delta: Any, reason: Any = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


# --- recorded streams ---


def is_word(delta: dict[str, Any]) -> bool:
    """Does a delta, as recorded providers have them, hold a word of the model?"""
    told = [delta.get(name) for name in ("content", "reasoning", "reasoning_content", "refusal", "tool_calls")]
    details = [part.get("text") or part.get("data") for part in delta.get("reasoning_details", ())]
    return any((*told, *details, delta.get("annotations")))


def shows_something(document: Any) -> bool:
    """Has the model said something in this event, as one sees who looks at all of it?"""
    if "choices" in document:
        return any(choice.get("finish_reason") or is_word(choice["delta"]) for choice in document["choices"])
    kind = document["type"]
    if kind == "response.output_item.added":
        return document["item"]["type"] not in ("message", "reasoning")
    quiet = ("created", "in_progress", "queued", "content_part.added", "reasoning_summary_part.added")
    return kind.removeprefix("response.") not in quiet


def test_a_recorded_stream_may_be_shown_from_the_first_event_that_says_something(streams: list[Recording]):
    late = 0
    for each in streams:
        held = 0
        for whole in sse.split(each.body)[0]:
            data = sse.data_of(whole)
            expected = None if data is None or not shows_something(json.loads(data)) else MEANINGFUL
            assert judge(each.endpoint, whole) == expected, (each.id, whole)
            if expected is not None:
                break
            held += 1
        late += held > 0
        assert judge(each.endpoint, each.body) is MEANINGFUL, each.id
    assert late > 40


def test_no_event_of_a_recorded_stream_is_taken_for_an_error_that_is_none(streams: list[Recording]):
    kinds: dict[str, int] = {}
    for each in streams:
        for whole in sse.split(each.body)[0]:
            opening = judge(each.endpoint, whole)
            data = sse.data_of(whole)
            kind = None if opening is None else opening.kind
            kinds[str(kind)] = kinds.get(str(kind), 0) + 1
            if kind == "error":
                assert opening == Opening("error", data)
                assert isinstance(json.loads(data or b"")["error"], dict), each.id
            else:
                assert kind in (None, "meaningful", "ended"), (each.id, whole)
                assert (kind == "ended") == (data == b"[DONE]"), (each.id, whole)
    assert kinds["error"] >= 2


def test_a_recorded_answer_of_which_only_the_lifecycle_came_stays_open(streams: list[Recording]):
    for each in streams:
        if each.endpoint.name == "responses":
            begun = each.body[: each.body.index(b"output_index")]
            assert judge(each.endpoint, begun[: begun.rindex(b"\n\n") + 2]) is None, each.id


# --- chat and completions ---


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "Hi"},
        {"content": "\n"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
        {"content": [{"type": "text", "text": "Hi"}]},
        {"reasoning": "Hm"},
        {"reasoning_content": "Hm"},
        {"thinking": "Hm"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "a2V5", "index": 0}]},
        {"refusal": "No."},
        {"role": "assistant", "content": None, "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]},
        {"tool_calls": [{"index": 0}]},
        {"function_call": {"name": "f", "arguments": ""}},
        {"audio": {"id": "audio_1"}},
        {"images": [{"type": "image_url", "image_url": {"url": "data:"}}]},
        {"something_new": "x"},
        {"something_new": [[[[[[[[[[[0]]]]]]]]]]]},
    ],
)
def test_a_chat_has_begun_with_any_word_of_the_model(delta: dict[str, Any]):
    assert judge(CHAT, chunk(delta)) is MEANINGFUL
    assert judge(CHAT, ROLE + chunk({}) + chunk(delta)) is MEANINGFUL
    assert judge(CHAT, event({"choices": [{"message": delta}]})) is MEANINGFUL


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
        {"choices": [], "usage": {"prompt_tokens": 1}},
        {"choices": None},
        {"id": "chatcmpl-1", "object": "chat.completion.chunk"},
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}}]},
        {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [], "audio": {}}}]},
        {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": ""}]}}]},
        {"choices": [{"index": 0, "delta": {"content": "", "reasoning_details": [{"type": "reasoning.text"}]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": ""}]},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "", "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": ""}, "content_filter_results": {"hate": {"severity": "safe"}}}]},
        {"choices": [], "error": None},
        {"type": "ping"},
    ],
)
@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS], ids=["chat", "completions"])
def test_a_chunk_that_says_nothing_leaves_a_stream_open(endpoint: Any, document: dict[str, Any]):
    assert judge(endpoint, event(document)) is None
    assert judge(endpoint, b": hold on\n\n" + event(document) + b"\n\nid: 1\n\n") is None


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "something_new"])
def test_a_model_that_has_finished_has_said_what_it_had_to_say(reason: str):
    assert judge(CHAT, chunk({}, reason)) is MEANINGFUL
    assert judge(COMPLETIONS, event({"choices": [{"text": "", "finish_reason": reason}]})) is MEANINGFUL


def test_a_completion_has_begun_with_its_text():
    assert judge(COMPLETIONS, event({"choices": [{"index": 0, "text": "Hi", "finish_reason": None}]})) is MEANINGFUL


@pytest.mark.parametrize(
    "reason",
    [
        "function_call_filter: MALFORMED_FUNCTION_CALL",
        "function_call_filter: UNEXPECTED_TOOL_CALL",
        "MALFORMED_FUNCTION_CALL",
        "malformed_function_call",
    ],
)
def test_a_model_that_wrote_what_its_provider_rejects_is_at_fault(reason: str):
    data = chunk({"role": "assistant"}, reason)
    assert judge(CHAT, ROLE + data) == Opening("fault", sse.data_of(data))
    assert judge(CHAT, chunk({"content": "Hi"}, reason)) == Opening(
        "fault", sse.data_of(chunk({"content": "Hi"}, reason))
    )
    assert judge(CHAT, WORD + data) is MEANINGFUL


def test_one_choice_at_fault_does_not_hide_the_word_of_another():
    two = {"choices": [{"delta": {}, "finish_reason": "MALFORMED_FUNCTION_CALL"}, {"delta": {"content": "Hi"}}]}
    assert judge(CHAT, event(two)) is MEANINGFUL


def test_a_choice_that_finished_with_an_error_is_one():
    data = chunk({"content": ""}, "error")
    assert judge(CHAT, data) == Opening("error", sse.data_of(data))


def test_what_clients_read_is_read_though_a_strict_decoder_refuses_it():
    assert judge(CHAT, b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n') is MEANINGFUL
    assert judge(CHAT, b'data: {"choices":[{"delta":{"content":"x"},"logprob":NaN}]}\n\n') is MEANINGFUL
    lone = b'{"error":{"message":"\\ud83d"}}'
    assert judge(CHAT, b"data: " + lone + b"\n\n") == Opening("error", lone)


def test_a_chunk_of_an_unknown_form_is_not_held():
    for document in ({"choices": {}}, {"choices": ["x"]}, {"choices": [{"delta": "Hi"}]}):
        assert judge(CHAT, event(document)) is MEANINGFUL


# --- responses ---


@pytest.mark.parametrize(
    "told",
    [
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.reasoning_text.delta", "delta": "Hm"},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm"},
        {"type": "response.refusal.delta", "delta": "No"},
        {"type": "response.function_call_arguments.delta", "delta": "{"},
        {"type": "response.audio.delta", "delta": "a2V5"},
        {"type": "response.output_item.added", "item": {"type": "function_call"}},
        {"type": "response.output_item.added", "item": {"type": "custom_tool_call"}},
        {"type": "response.output_item.added", "item": {"type": "web_search_call"}},
        {"type": "response.output_item.added", "item": None},
        {"type": "response.output_item.done", "item": {"type": "reasoning"}},
        {"type": "response.incomplete", "response": {"output": []}},
        {"type": "response.completed", "response": {"output": [{"type": "message", "content": []}]}},
        {"type": "response.completed", "response": {}},
        {"type": "response.completed"},
        {"type": "response.something_new"},
        {"type": 7},
        {},
    ],
)
def test_a_response_has_begun_with_its_output_and_with_what_nobody_knows(told: dict[str, Any]):
    assert judge(RESPONSES, event(told)) is MEANINGFUL
    named = b"event: %b\n%b" % (str(told.get("type")).encode(), event(told))
    assert judge(RESPONSES, b"data: " + CREATED + b"\n\n" + named) is MEANINGFUL


@pytest.mark.parametrize(
    "told",
    [
        {"type": "response.created", "response": {"error": None, "output": []}},
        {"type": "response.in_progress", "response": {}},
        {"type": "response.queued", "response": {}},
        {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
        {"type": "response.output_item.added", "item": {"type": "reasoning", "summary": []}},
        {"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}},
        {"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}},
        {"type": "response.output_text.delta", "delta": ""},
        {"type": "keepalive", "sequence_number": 3},
    ],
)
def test_the_lifecycle_of_a_response_leaves_it_open(told: dict[str, Any]):
    for line_end in (b"\n", b"\r\n"):
        name = b"event: " + told["type"].encode() + line_end
        assert judge(RESPONSES, event(told, line_end)) is None
        assert judge(RESPONSES, name + event(told, line_end)) is None
        assert judge(RESPONSES, event(told, line_end).rstrip() + line_end + name + line_end) is None


def test_a_response_that_failed_is_an_error():
    failed = b'{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}'
    assert judge(RESPONSES, b"event: response.failed\ndata: " + failed + b"\n\n") == Opening("error", failed)


def test_a_response_that_began_and_holds_an_error_field_has_not_failed():
    assert judge(RESPONSES, event({"type": "response.created", "response": {}, "error": {"code": "x"}})) is None


# --- any ---


@pytest.mark.parametrize(
    "error",
    [
        b'{"error":{"message":"overloaded","code":529}}',
        b'{"error":"overloaded"}',
        b'{"choices":[],"error":{"message":"overloaded"}}',
        b'{"choices":[{"delta":{"content":"Hi"},"finish_reason":"error"}],"error":{"message":"overloaded"}}',
        b'{"type":"error","error":{"type":"overloaded_error"}}',
        b'{"type":"error","code":"server_error","message":"overloaded","param":null}',
        b'{"object":"error","message":"overloaded","code":503}',
    ],
)
@pytest.mark.parametrize("before", [b"", b": hold on\n\n", b"event: error\n", b"event:error\n", b": hold on\nid: 1\n"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS, IMAGES], ids=["chat", "completions", "images"])
def test_a_stream_may_begin_with_an_error(endpoint: Any, error: bytes, before: bytes, line_end: bytes):
    data = (before + b"data: " + error + b"\n\n").replace(b"\n", line_end)
    assert judge(endpoint, data + WORD) == Opening("error", error)
    if b"object" not in error:
        assert judge(RESPONSES, data) == Opening("error", error)


@pytest.mark.parametrize("payload", [b'{"message":"x"}', b"upstream connect error"])
@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES, IMAGES], ids=["chat", "responses", "images"])
def test_an_event_named_error_is_one_whatever_it_says(endpoint: Any, payload: bytes):
    assert judge(endpoint, b"event: error\ndata: " + payload + b"\n\n") == Opening("error", payload)


@pytest.mark.parametrize("payload", [b"", b"<html>", b'{"a"', b"[]", b"7", b'{"a":%b}' % DEEP])
@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS, RESPONSES, IMAGES], ids=lambda endpoint: endpoint.name)
def test_data_that_is_no_object_is_malformed(endpoint: Any, payload: bytes):
    assert judge(endpoint, b"data: " + payload + b"\n\n") is MALFORMED


@pytest.mark.parametrize("done", [DONE, b"data:[DONE]\n\n", b"data: [DONE]\r\n\r\n", b"data:  [DONE] \n\n"])
@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS, RESPONSES, IMAGES], ids=lambda endpoint: endpoint.name)
def test_a_stream_that_is_over_before_anything_was_said_has_ended(endpoint: Any, done: bytes):
    assert judge(endpoint, b": hold on\n\n" + done) is ENDED


def test_a_response_that_completes_without_output_has_ended():
    assert judge(RESPONSES, event({"type": "response.completed", "response": {"output": []}})) is ENDED


def test_elsewhere_any_event_with_data_says_something():
    assert judge(IMAGES, event({"type": "image_generation.partial_image", "b64_json": "a2V5"})) is MEANINGFUL
    assert judge(IMAGES, event({})) is MEANINGFUL
    assert judge(IMAGES, b": hold on\n\nid: 1\n\nevent: ping\ndata: {}\n\n" + event({"type": "ping"})) is None


@pytest.mark.parametrize("name", [b"ping", b"keepalive"])
@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES, IMAGES], ids=lambda endpoint: endpoint.name)
def test_a_ping_says_nothing_whatever_its_data(endpoint: Any, name: bytes):
    for data in (b"", b"{}", b'{"choices":[{"delta":{"content":"Hi"}}]}'):
        assert judge(endpoint, b"event: " + name + b"\ndata: " + data + b"\n\n") is None


def test_an_unfinished_event_is_not_looked_at():
    for at in range(len(WORD)):
        assert judge(CHAT, ROLE + WORD[:at]) is None


def test_data_may_come_in_several_lines():
    assert judge(CHAT, b'data: {"choices":\ndata: [{"delta":{"content":"Hi"}}]}\n\n') is MEANINGFUL


@given(st.binary(max_size=80))
def test_any_bytes_can_be_judged(data: bytes):
    for endpoint in (CHAT, RESPONSES, IMAGES):
        judge(endpoint, data)
        judge(endpoint, b"data: " + data + b"\n\n")
    created_in(data)
    created_in(b'data: {"type":"response.created","response":' + data + b"}\n\n")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "type", "x"]), inner),
    max_leaves=6,
)
fields = st.sampled_from(["content", "tool_calls", "role", "error", "type", "delta", "message", "finish_reason", "x"])


@given(st.dictionaries(fields, values))
def test_any_json_can_be_judged(document: dict[str, Any]):
    for endpoint in (CHAT, RESPONSES, IMAGES):
        judge(endpoint, event(document))
        judge(endpoint, event({"choices": [document]}))
        judge(endpoint, event({"choices": [{"delta": document}]}))
        judge(endpoint, event({"type": "response.output_item.added", "item": document, "response": document}))


# --- the response that began ---


def test_the_response_that_began_is_found_in_every_recorded_stream(streams: list[Recording]):
    found = 0
    for each in streams:
        created = created_in(each.body)
        assert (created is not None) == (each.endpoint.name == "responses"), each.id
        if created is not None:
            told = json.loads(created)
            assert told["type"] == "response.created"
            assert told["response"]["id"]
            found += 1
    assert found > 20


def test_a_response_that_began_without_saying_so_is_found_in_progress():
    begun = CREATED.replace(b"created", b"in_progress")
    assert created_in(b": hi\n\nevent: x\r\ndata: " + begun + b"\r\n\r\n" + WORD) == begun


@pytest.mark.parametrize(
    "events",
    [
        b"",
        b"data: " + CREATED,
        WORD,
        b'data: {"type":"response.created"}\n\n',
        b'data: {"type":"response.created","response":null}\n\n',
        b'data: {"type":"response.output_text.delta","delta":"x","response":{}}\n\n',
    ],
)
def test_where_no_response_began_there_is_none(events: bytes):
    assert created_in(events) is None
