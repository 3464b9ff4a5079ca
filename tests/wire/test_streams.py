"""What is read from a stream without reading all of it: fillers, its usage chunk, its usage, errors, its ending."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire import sse
from headway.wire.openai import stream
from headway.wire.openai.stream import Ending

if TYPE_CHECKING:
    from wire.conftest import FullParse, Recording

CHUNK = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DEEP = b"[" * 200_000 + b"]" * 200_000

TERMINALS = (b"\ndata: [DONE]", b"\ndata:[DONE]")
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"overloaded"}}\n\n'

# --- fillers ---


@pytest.mark.parametrize(
    "filler",
    [
        b": OPENROUTER PROCESSING\n\n",
        b": keep-alive\n\n",
        b":\n\n",
        b": keep-al",
        b"\n",
        b"\n\n",
        b"",
        b": ping\n\n: ping\n\n",
        b"event: ping\ndata: {}\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b'event: ping\ndata: {"type":"ping","cost":"0"}\n\n',
        b"event:ping\n\n",
        b'event: keepalive\ndata: {"type":"keepalive","sequence_number":7}\n\n',
        b'data: {"type":"keepalive","sequence_number":7}\nevent: keepalive\n\n',
        b'data: {"sequence_number":7,"type":"keepalive"}\n\n',
        b'data:{"type" : "ping"}\n\n',
        b"data:\n\n",
        b"id: 7\nretry: 1000\n\n",
    ],
)
def test_comments_blank_lines_and_pings_are_fillers(filler: bytes):
    assert stream.is_filler(filler)
    assert stream.is_filler(filler.replace(b"\n", b"\r\n"))
    assert stream.is_filler(filler.rstrip(b"\n") + b"\n\n" + filler)
    assert not stream.is_filler(filler.rstrip(b"\n") + b"\n\n" + CHUNK)


@pytest.mark.parametrize(
    "piece",
    [
        CHUNK,
        USAGE,
        DONE,
        CHUNK[:20],
        CHUNK[20:],
        b"data: : not a comment\n\n",
        b'data: {"choices":[{"delta":{"content":": ping"}}]}\n\n',
        b'data: {"choices":[{"delta":{"type":"ping"}}]}\n\n',
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"ping"}\n\n',
        b"event: pinged\ndata: {}\n\n",
        b"data: ping\n\n",
        b'"type":"ping"}\n\n',
    ],
)
def test_anything_else_is_none(piece: bytes):
    assert not stream.is_filler(piece)
    assert not stream.is_filler(b": hold on\n\n" + piece)


def test_of_a_recorded_stream_only_its_comments_are_fillers(streams: list[Recording]):
    comments = 0
    for each in streams:
        for event in sse.split(each.body)[0]:
            comments += event.startswith(b":")
            assert stream.is_filler(event) == event.startswith(b":"), (each.id, event)
    assert comments > 10


def test_a_long_run_of_pings_is_read_once():
    assert not stream.is_filler(b"event: ping\ndata:\n" * 50_000 + b"x")


# --- endings ---


@pytest.mark.parametrize(
    ("tail", "ending"),
    [
        (CHUNK + DONE, Ending.COMPLETE),
        (CHUNK + FINISH, Ending.COMPLETE),
        (CHUNK + FINISH + USAGE, Ending.COMPLETE),
        (CHUNK, Ending.CUT),
        (b"", Ending.CUT),
        (CHUNK + b"data: {\n\n", Ending.CUT),
        (CHUNK + ERROR, Ending.ERROR),
        (CHUNK + b'event: error\ndata: {"message":"x"}\n\n', Ending.ERROR),
        (b'data: {"type":"response.failed","response":{}}\n\n', Ending.ERROR),
        (CHUNK.replace(b"}}]", b'},"finish_reason":""}]'), Ending.CUT),
    ],
)
def test_an_ending_is_complete_only_if_the_stream_says_so(tail: bytes, ending: Ending):
    assert stream.ending(tail, TERMINALS, finishes=1) is ending


# --- errors ---


def test_the_first_error_is_found_among_whole_events():
    found = stream.error_in(CHUNK + ERROR + ERROR + DONE)
    assert found == (len(CHUNK), len(CHUNK + ERROR), sse.data_of(ERROR))


@pytest.mark.parametrize(
    "event",
    [
        CHUNK.replace(b"Hi", b'an \\"error\\": {'),
        CHUNK.replace(b'{"choices"', b'{"error":null,"choices"'),
        CHUNK.replace(b'{"choices"', b'{"error":{},"choices"'),
        b'data: {"type":"response.output_item.done","item":{"error":{"message":"x"}}}\n\n',
        b'data: {"type":"response.completed","response":{"error":{"code":"x"}}}\n\n',
        b": error\n\n",
        b"data: error\n\n",
        b"event: errors\ndata: {}\n\n",
    ],
)
def test_what_only_speaks_of_errors_is_none(event: bytes):
    assert stream.error_in(CHUNK + event) is None


def test_the_errors_of_recorded_streams_are_those_that_a_full_parse_finds(streams: list[Recording]):
    found = 0
    for each in streams:
        for event in sse.split(each.body)[0]:
            data = sse.data_of(event) or b""
            is_error = data.startswith(b"{") and "error" in json.loads(data)
            assert (stream.error_in(event) is not None) == is_error, (each.id, event)
            found += is_error
    assert found >= 2


@given(st.binary(max_size=80))
def test_any_bytes_can_be_judged(data: bytes):
    for given_data in (data, b"data: " + data + b"\n\n", b'data: {"usage":' + data + b"\n\n"):
        stream.is_filler(given_data)
        stream.error_in(given_data)
        stream.ending(given_data, TERMINALS, finishes=1)
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
