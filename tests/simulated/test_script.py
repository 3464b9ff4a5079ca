"""What goes over the wire, step by step, with and without a fault. No socket and no clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from headway.simulated.faults import parse_fault
from headway.simulated.notation import Latency
from headway.simulated.openai.wording import DONE, EVENTS, VOICE
from headway.simulated.reply import Piece, Reply, stream
from headway.simulated.script import Action, Speed, script
from headway.simulated.stages import End, Wait

OPENING = b'data: {"role":1}\n\n'
TOKENS = tuple(f'data: {{"t":"{word}"}}\n\n'.encode() for word in ("one", "two ü", "three", "four"))
FINISH = b'data: {"finish":"stop"}\n\n'
BODY = b'{"text":"0123456789"}'


def streamed() -> Reply:
    pieces = (Piece(OPENING), *(Piece(t, 1) for t in TOKENS), Piece(FINISH), Piece(DONE, terminal=True))
    return replace(stream(pieces, EVENTS), voice=VOICE)


def whole() -> Reply:
    return Reply(pieces=(Piece(BODY, 7),), tokens=7, voice=VOICE)


def actions(reply: Reply, fault: str = "", speed: Speed | None = None, *, close: bool = False) -> Iterator[Action]:
    return script(reply, parse_fault(fault), speed or Speed(), Random(1), close=close)


class Sent:
    """A script played to its end, or for so many steps: the head, the body without chunks, the waits, the end."""

    def __init__(self, steps: Iterator[Action], limit: int = 1000) -> None:
        played: list[Action] = []
        for step in islice(steps, limit):
            played.append(step)
            if step == Wait(math.inf):
                break
        self.end = played[-1] if isinstance(played[-1], End) else None
        self.waits = [step.seconds for step in played if isinstance(step, Wait)]
        self.writes = [step for step in played if isinstance(step, bytes)]
        raw = b"".join(self.writes)
        self.head, _, self.raw_body = raw.partition(b"\r\n\r\n")
        chunked = b"transfer-encoding: chunked" in self.head
        self.chunks = list(dechunked(self.raw_body)) if chunked else [self.raw_body]
        self.complete = self.raw_body.endswith(b"0\r\n\r\n") if chunked else True
        self.body = b"".join(self.chunks)


def dechunked(raw: bytes) -> Iterator[bytes]:
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        data, raw = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        if data:
            yield data


def test_a_whole_reply_declares_its_length_and_keeps_the_connection():
    sent = Sent(actions(whole()))
    assert sent.head == b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21"
    assert (sent.body, sent.end, sent.waits) == (BODY, End.KEEP, [])


def test_a_stream_is_one_chunk_an_event():
    sent = Sent(actions(streamed()))
    assert sent.chunks == [OPENING, *TOKENS, FINISH, DONE]
    assert sent.complete
    assert sent.end is End.KEEP


def test_a_client_that_wants_to_close_is_told_so():
    sent = Sent(actions(whole(), close=True))
    assert b"connection: close" in sent.head
    assert sent.end is End.CLOSE


def test_a_stream_waits_before_each_token_and_a_whole_reply_for_all_of_them():
    speed = Speed(Latency(0.5), token_delay=0.25)
    assert Sent(actions(streamed(), speed=speed)).waits == [0.5, 0.25, 0.25, 0.25, 0.25]
    assert Sent(actions(whole(), speed=speed)).waits == [0.5 + 7 * 0.25]


def test_a_fault_sets_its_own_pace():
    speed = Speed(Latency(9.0), token_delay=9.0)
    sent = Sent(actions(streamed(), "latency=1s,delay_headers=2s,delay_first_token=3s,delay_token=500ms", speed))
    assert sent.waits == [3.0, 3.5, 0.5, 0.5, 0.5]


@given(st.integers(0, 1000))
def test_jitter_stays_in_its_bounds(seed: int):
    steps = script(whole(), parse_fault("latency=50ms±20ms"), Speed(), Random(seed))
    first = next(steps)
    assert isinstance(first, Wait)
    assert 0.03 <= first.seconds <= 0.07


def test_a_status_replaces_the_answer_by_an_error_of_openais_form():
    sent = Sent(actions(streamed(), "status=429,header.retry-after=5,error.message=slow down"))
    assert sent.head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"retry-after: 5" in sent.head
    assert sent.body == (
        b'{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}'
    )


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "start"),
    [
        ("html", b"200 OK", b"text/html", b"<!DOCTYPE html>"),
        ("status=502,body=html", b"502 Bad Gateway", b"text/html", b"<!DOCTYPE html>"),
        ("status=529,body=text", b"529 Unknown", b"text/plain", b"Overloaded."),
        ("status=500,body=empty", b"500 Internal Server Error", b"application/json", b""),
        ("json_error_200", b"200 OK", b"application/json", b'{"error":{'),
        ("status=418", b"418 I'm a Teapot", b"application/json", b'{"error":{"message":"The request is invalid."'),
    ],
)
def test_bodies_of_other_kinds(fault: str, status: bytes, content_type: bytes, start: bytes):
    sent = Sent(actions(streamed(), fault))
    assert sent.head.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: " + content_type in sent.head
    assert sent.body.startswith(start)
    assert f"content-length: {len(sent.body)}".encode() in sent.head


def test_headers_are_set_replaced_and_removed():
    sent = Sent(actions(whole(), "header.content-type=text/x,header.content-length=,header.x-new=1"))
    assert sent.head.splitlines()[1:] == [b"content-type: text/x", b"x-new: 1"]


def test_a_connection_header_of_close_is_kept_to():
    assert Sent(actions(whole(), "header.connection=close")).end is End.CLOSE


@pytest.mark.parametrize(
    ("at", "events"),
    [("0t", [OPENING]), ("1t", [OPENING, *TOKENS[:1]]), ("4t", [OPENING, *TOKENS]), ("0b", []), ("18b", [OPENING])],
)
def test_a_position_lies_right_after_what_it_counts(at: str, events: list[bytes]):
    assert Sent(actions(streamed(), f"eof_at={at}")).chunks == events


@pytest.mark.parametrize("option", ["eof_at", "rst_at", "end_at", "error_event_at", "malformed_json_at", "stall_after"])
@pytest.mark.parametrize("position", ["5t", "9999b"])
def test_a_position_beyond_the_end_changes_nothing(option: str, position: str):
    assert Sent(actions(streamed(), f"{option}={position}")).raw_body == Sent(actions(streamed())).raw_body


@given(st.integers(0, len(BODY)))
def test_any_byte_can_be_the_last(at: int):
    sent = Sent(actions(whole(), f"eof_at={at}b"))
    assert sent.body == BODY[:at]
    assert b"content-length: 21" in sent.head
    assert sent.end is End.CLOSE


def test_a_token_of_a_whole_reply_lies_at_its_share_of_the_bytes():
    assert Sent(actions(whole(), "rst_at=1t")).body == BODY[:3]


def test_an_early_end_is_framed_correctly():
    sent = Sent(actions(streamed(), "end_at=2t"))
    assert (sent.chunks, sent.complete, sent.end) == ([OPENING, *TOKENS[:2]], True, End.KEEP)
    short = Sent(actions(whole(), "end_at=5b"))
    assert (short.body, b"content-length: 5" in short.head) == (BODY[:5], True)


def test_a_broken_stream_is_not_framed_to_its_end():
    assert not Sent(actions(streamed(), "eof_at=2t")).complete
    assert Sent(actions(streamed(), "rst_at=2t")).end is End.RESET


def test_an_error_event_is_the_last():
    sent = Sent(actions(streamed(), "error_event_at=2t"))
    assert sent.chunks[:-1] == [OPENING, *TOKENS[:2]]
    assert sent.chunks[-1].startswith(b'data: {"error":{')
    assert sent.complete


def test_an_error_event_is_worded_by_the_error_s_fields():
    sent = Sent(actions(streamed(), "error_event_at=2t,error.code=rate_limit_exceeded,error.message=wait"))
    assert sent.chunks[:-1] == [OPENING, *TOKENS[:2]]
    assert sent.chunks[-1] == (
        b'data: {"error":{"message":"wait","type":"server_error","param":null,"code":"rate_limit_exceeded"}}\n\n'
    )


def test_what_is_omitted_leaves_the_end_as_it_was():
    assert Sent(actions(streamed(), "omit_after=2t")).chunks == [OPENING, *TOKENS[:2], FINISH, DONE]
    assert Sent(actions(streamed(), "omit_after=0t")).chunks == [OPENING, FINISH, DONE]
    assert Sent(actions(whole(), "omit_after=2t")).body == BODY


def test_an_error_event_does_not_befall_what_is_no_stream_of_events():
    assert Sent(actions(whole(), "error_event_at=0t")).body == BODY


def test_malformed_json_stands_between_good_events():
    sent = Sent(actions(streamed(), "malformed_json_at=2t"))
    assert [*sent.chunks[:3], *sent.chunks[4:]] == [OPENING, *TOKENS, FINISH, DONE]
    assert sent.chunks[3].startswith(b"data: {")
    assert sent.chunks[3].count(b"{") > sent.chunks[3].count(b"}")


def test_malformed_json_in_a_whole_reply_is_counted_in_its_length():
    sent = Sent(actions(whole(), "malformed_json_at=5b"))
    assert sent.body == BODY[:5] + b"\0" + BODY[5:]
    assert b"content-length: 22" in sent.head


def test_the_end_mark_can_be_missing_or_doubled():
    assert Sent(actions(streamed(), "no_done")).chunks[-1] == FINISH
    assert Sent(actions(streamed(), "double_done")).chunks[-3:] == [FINISH, DONE, DONE]


def test_a_huge_event_is_still_json():
    sent = Sent(actions(streamed(), "huge_event=1MB"))
    assert len(sent.chunks[1]) > 1024 * 1024
    assert sent.chunks[1].startswith(TOKENS[0][:-3])
    assert sent.chunks[1].endswith(b'x"}\n\n')


def test_a_stall_never_ends():
    sent = Sent(actions(streamed(), "stall_after=2"))
    assert sent.chunks == [OPENING, *TOKENS[:2]]
    assert sent.waits == [math.inf]


def test_comments_are_sent_only_while_nothing_else_is():
    sent = Sent(actions(streamed(), "stall_after=1,comments=1s"), limit=20)
    assert set(sent.chunks[2:]) == {b": keep-alive\n\n"}
    assert set(sent.waits) == {1.0}
    waiting = Sent(actions(streamed(), "delay_first_token=2500ms,comments=1s"))
    assert waiting.waits == [1.0, 1.0, 0.5]
    assert waiting.body.count(b": keep-alive") == 2


def test_pings_take_the_place_of_comments():
    sent = Sent(actions(streamed(), "stall_after=1,comments=1s,pings=2s"), limit=20)
    assert set(sent.chunks[2:]) == {b'event: ping\ndata: {"type":"ping"}\n\n'}
    assert set(sent.waits) == {2.0}


def test_a_whole_reply_has_no_place_for_comments():
    sent = Sent(actions(whole(), "delay_first_token=5s,comments=1s"))
    assert (sent.waits, sent.body) == ([5.0], BODY)


def test_nothing_is_said_before_a_close_or_a_reset():
    assert list(actions(whole(), "close_before_headers")) == [End.CLOSE]
    assert list(actions(whole(), "delay_headers=1s,rst_before_headers")) == [Wait(1.0), End.RESET]


def test_an_informational_reply_comes_before_the_wait():
    steps = list(actions(whole(), "informational=103,delay_headers=1s"))
    assert steps[:2] == [b"HTTP/1.1 103 Early Hints\r\n\r\n", Wait(1.0)]


@given(st.integers(1, 50))
def test_rechunked_the_body_is_the_same(size: int):
    for reply in (whole, streamed):
        sent = Sent(actions(reply(), f"chunk_bytes={size}"))
        assert sent.body == Sent(actions(reply())).body
        assert all(len(chunk) <= size for chunk in sent.chunks[:-1] if reply is streamed)


def test_letters_of_several_bytes_are_taken_apart():
    sent = Sent(actions(streamed(), "split_utf8"))
    before, after = TOKENS[1].split("ü".encode())
    assert sent.chunks[2:6] == [before, b"\xc3", b"\xbc", after]
    assert sent.chunks[1] == TOKENS[0]


def test_a_wrong_content_type_leaves_the_body_alone():
    sent = Sent(actions(streamed(), "wrong_content_type"))
    assert b"content-type: application/json\r\n" in sent.head
    assert sent.chunks == [OPENING, *TOKENS, FINISH, DONE]
    assert b"content-type: text/plain" in Sent(actions(whole(), "wrong_content_type")).head


def test_framing_by_chunks_or_by_the_end_of_the_connection():
    chunked = Sent(actions(whole(), "framing=chunked"))
    assert (chunked.chunks, chunked.end) == ([BODY], End.KEEP)
    assert b"content-length" not in chunked.head
    for reply in (whole, streamed):
        closed = Sent(actions(reply(), "framing=close"))
        assert b"content-length" not in closed.head
        assert b"chunked" not in closed.head
        assert b"connection: close" in closed.head
        assert closed.end is End.CLOSE


def test_http_1_0_knows_no_chunks():
    sent = Sent(actions(streamed(), "http10"))
    assert sent.head.startswith(b"HTTP/1.0 200 OK")
    assert sent.body == OPENING + b"".join(TOKENS) + FINISH + DONE
    assert sent.end is End.CLOSE


def test_a_head_with_bare_line_feeds():
    raw = b"".join(step for step in actions(whole(), "bare_lf") if isinstance(step, bytes))
    assert raw.startswith(b"HTTP/1.1 200 OK\ncontent-type")
    assert b"\r" not in raw
    assert raw.endswith(b"\n\n" + BODY)


def test_ambiguous_framing_declares_both():
    for reply, length in ((whole, b"21"), (streamed, b"7")):
        sent = Sent(actions(reply(), "cl_te"))
        assert b"transfer-encoding: chunked" in sent.head
        assert b"content-length: " + length in sent.head
        assert sent.complete


def test_faults_compose():
    sent = Sent(
        actions(streamed(), "delay_token=1s,huge_event=10b,malformed_json_at=2t,no_done,rst_at=3t,chunk_bytes=9")
    )
    assert sent.end is End.RESET
    assert sent.waits.count(1.0) == 3
    assert b'"padding":"xxxxxxxxxx"' in sent.body
    assert b"three" in sent.body
    assert b"four" not in sent.body
