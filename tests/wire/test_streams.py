"""What is read from a stream without reading all of it: its first event, its usage chunk, its usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire import sse
from headway.wire.openai import stream
from headway.wire.openai.stream import FirstEvent

if TYPE_CHECKING:
    from wire.conftest import FullParse, Recording

CHUNK = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DEEP = b"[" * 200_000 + b"]" * 200_000

# --- the first event ---


def test_a_stream_is_judged_by_its_first_event_as_soon_as_that_is_whole():
    for at in range(len(CHUNK)):
        assert stream.first_event(CHUNK[:at]) is None
    assert stream.first_event(CHUNK) == FirstEvent()


@pytest.mark.parametrize(
    "error",
    [
        b'{"error":{"message":"overloaded","code":529}}',
        b'{"error":"overloaded"}',
        b'{"choices":[],"error":{"message":"overloaded"}}',
        b'{"type":"error","error":{"type":"overloaded_error"}}',
        b'{"type":"error","code":"server_error","message":"overloaded","param":null}',
    ],
)
@pytest.mark.parametrize("before", [b"", b": hold on\n\n", b"event: error\n", b"event:error\n", b": hold on\nid: 1\n"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream_may_begin_with_an_error(error: bytes, before: bytes, line_end: bytes):
    data = (before + b"data: " + error + b"\n\n").replace(b"\n", line_end)
    assert stream.first_event(data + CHUNK) == FirstEvent(error=error)


def test_an_event_named_error_is_one_whatever_it_says():
    assert stream.first_event(b'event: error\ndata: {"message":"x"}\n\n') == FirstEvent(error=b'{"message":"x"}')


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices":[]}',
        b'{"error":null,"choices":[]}',
        b'{"type":"response.created","response":{"error":null}}',
        b'{"type":"response.created","response":{},"error":{"code":"x"}}',
        b"{}",
    ],
)
def test_what_is_no_error_is_an_answer(payload: bytes):
    assert stream.first_event(b"data: " + payload + b"\n\n") == FirstEvent()


@pytest.mark.parametrize("payload", [b"[DONE]", b" [DONE] ", b"", b"<html>", b'{"a"', b"[]", b"7", b'{"a":%b}' % DEEP])
def test_what_is_no_event_of_this_dialect_is_malformed(payload: bytes):
    assert stream.first_event(b"data: " + payload + b"\n\n") == FirstEvent(malformed=True)


def test_recorded_streams_begin_well_wherever_they_are_cut(streams: list[Recording]):
    for each in streams:
        first = next(event for event in sse.split(each.body)[0] if sse.data_of(event) is not None)
        begin = each.body.index(first) + len(first)
        for at in {1, begin // 2, begin - 1}:
            assert stream.first_event(each.body[:at]) is None, (each.id, at)
        assert stream.first_event(each.body[:begin]) == FirstEvent(), each.id


def test_the_recorded_errors_are_recognised_as_the_first_event_too(streams: list[Recording]):
    found = 0
    for each in streams:
        for event in sse.split(each.body)[0]:
            if event.startswith((b'data: {"error"', b"event: error")):
                first = stream.first_event(event)
                assert first is not None
                assert first.error == sse.data_of(event)
                found += 1
    assert found >= 2


@given(st.binary(max_size=80))
def test_any_bytes_can_be_judged(data: bytes):
    for given_data in (data, b"data: " + data + b"\n\n", b'data: {"usage":' + data + b"\n\n"):
        stream.first_event(given_data)
        stream.usage_in(given_data)
        stream.is_usage_chunk(given_data)
        assert stream.without_usage_chunk(given_data) in (given_data, b"")


# --- the usage chunk ---


@pytest.mark.parametrize(
    ("payload", "hidden"),
    [
        (b'{"choices":[],"usage":{"prompt_tokens":1}}', True),
        (b'{ "usage" : {} , "choices" : [ ] }', True),
        (b'{"choices":[],"usage":null}', False),
        (b'{"choices":[]}', False),
        (b'{"usage":{"prompt_tokens":1}}', False),
        (b'{"choices":[{}],"usage":{"prompt_tokens":1}}', False),
        (b'{"choices":null,"usage":{"prompt_tokens":1}}', False),
        (b"[DONE]", False),
        (b'{"choices":[],"usage":%b}' % DEEP, False),
    ],
)
def test_the_usage_chunk_has_no_choices_and_usage(payload: bytes, hidden: bool):
    assert stream.is_usage_chunk(payload) is hidden


def test_taking_the_usage_chunk_out_leaves_all_else():
    assert stream.without_usage_chunk(CHUNK + USAGE + b"data: [DONE]\n\nda") == CHUNK + b"data: [DONE]\n\nda"


def test_it_is_what_a_full_parse_takes_out_of_recorded_streams(
    streams: list[Recording], full_parse: Callable[..., FullParse]
):
    for each in streams:
        wanted = full_parse(each.body, each.endpoint).without_usage_chunk
        assert stream.without_usage_chunk(each.body) == wanted, each.id


# --- usage ---


def test_usage_in_a_recorded_stream_is_what_a_full_parse_finds(
    streams: list[Recording], full_parse: Callable[..., FullParse]
):
    found = 0
    for each in streams:
        wanted = full_parse(each.body, each.endpoint).usage
        found += wanted is not None
        assert stream.usage_in(each.body) == wanted, each.id
    assert found > 40


def test_usage_is_found_in_an_ending_that_begins_anywhere_before_it():
    data = CHUNK + USAGE + b"data: [DONE]\n\n"
    for at in range(len(data)):
        expected = Usage(3, 5) if at <= len(CHUNK) else None
        assert stream.usage_in(data[at:]) == expected, at


@pytest.mark.parametrize(
    ("tail", "usage"),
    [
        (b"", None),
        (b'"usage"', None),
        (b'data: {"usage":null}\n\n', None),
        (USAGE + b'data: {"choices":[],"usage":null}\n\n', Usage(3, 5)),
        (b'data: {"usage":{"prompt_tokens":1}}\n\n' + USAGE, Usage(3, 5)),
        (USAGE.replace(b"\n", b"\r\n"), Usage(3, 5)),
        (USAGE.replace(b"data: ", b"data:"), Usage(3, 5)),
        (b'data: {"text":"\\"usage\\": data: ","usage":{"prompt_tokens":2}}\n\n', Usage(2, 0)),
        (b'data: {"response":{"usage":{"input_tokens":4,"output_tokens":6}}}\n\n', Usage(4, 6)),
        (b'data: {"response":null,"usage":{"prompt_tokens":4}}\n\n', Usage(4, 0)),
        (b'data: {"x_groq":{"usage":{"prompt_tokens":4}}}\n\n', None),
        (b'data: {"usage":{"prompt_tokens":"four"}}\n\n', None),
        (b'data: {"usage":{}}\n\n', None),
        (b': "usage"\n\n', None),
    ],
)
def test_usage_is_the_last_that_is_reported(tail: bytes, usage: Usage | None):
    assert stream.usage_in(tail) == usage
