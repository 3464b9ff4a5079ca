"""A reply is read the same however its bytes are split, and whatever is wrong with it is noticed."""

from __future__ import annotations

import pytest

from headway.bench import payloads
from headway.bench.reply import ReplyReader

CHUNKS = 3
WHOLE = payloads.whole_reply(payloads.chat_reply(), payloads.OPENAI_HEADERS)
STREAM = (
    payloads.stream_head()
    + payloads.framed(payloads.event({"role": "assistant"}))
    + payloads.framed(payloads.content_event()) * CHUNKS
    + payloads.stream_end(CHUNKS, usage=True)
)
EVENTS = payloads.events_of(CHUNKS, usage=True)
CHUNKED_JSON = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + payloads.framed(b'{"a":1}') + b"0\r\n\r\n"


def read(data: bytes, expect: int | None = None, step: int | None = None) -> tuple[bool, ReplyReader]:
    reader = ReplyReader(expect)
    size = step or len(data)
    done = [reader.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert not any(done[:-1])
    return done[-1], reader


@pytest.mark.parametrize("step", [None, 1, 2, 7, 64])
@pytest.mark.parametrize(
    ("data", "expect"),
    [(WHOLE, len(payloads.chat_reply())), (STREAM, EVENTS), (CHUNKED_JSON, 7)],
    ids=["whole", "stream", "chunked"],
)
def test_a_right_reply_is_complete_at_its_last_byte(data: bytes, expect: int, step: int | None) -> None:
    done, reader = read(data, expect, step)
    assert done
    assert reader.fault == ""


@pytest.mark.parametrize("data", [WHOLE, STREAM, CHUNKED_JSON], ids=["whole", "stream", "chunked"])
def test_a_reply_that_lacks_its_last_byte_is_not_complete(data: bytes) -> None:
    done, _ = read(data[:-1])
    assert not done


@pytest.mark.parametrize("step", [None, 1, 5])
def test_events_are_counted_also_when_chunks_split_them(step: int | None) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = [b"data: 1\n", b"\ndata: 2\n\nda", b"ta: [DO", b"NE]\n\n"]
    _, reader = read(head + b"".join(map(payloads.framed, pieces)) + b"0\r\n\r\n", 3, step)
    assert (reader.events, reader.fault) == (3, "")


@pytest.mark.parametrize(
    ("data", "expect", "fault"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", None, "status 502"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", None, "neither content-length nor chunked"),
        (WHOLE, 1, "a body of"),
        (CHUNKED_JSON, 1, "a body of"),
        (WHOLE + b"HTTP", None, "bytes after the reply"),
        (STREAM + b"H", None, "bytes after the reply"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", None, "not the JSON"),
        (STREAM, EVENTS + 1, f"a stream of {EVENTS} events"),
        (STREAM.replace(b"[DONE]", b"[done]"), EVENTS, "without its terminal marker"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", None, "a chunk without a size"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", None, "longer than its size"),
    ],
)
def test_what_is_wrong_with_a_reply_is_said(data: bytes, expect: int | None, fault: str) -> None:
    done, reader = read(data, expect)
    assert done
    assert fault in reader.fault


def test_a_reader_starts_anew_after_a_reply() -> None:
    reader = ReplyReader(None)
    assert reader.feed(STREAM)
    reader.reset()
    assert reader.feed(WHOLE)
    assert (reader.events, reader.fault) == (0, "")
