"""What could be read in two ways is refused, and its connection is never used again."""

from __future__ import annotations

import pytest

from headway.failures import FailureKind

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"

AMBIGUOUS = {
    "both framings": OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "both framings, the other way round": OK + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok!",
    "the same length twice": OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\nok",
    "a list of lengths": OK + b"content-length: 2, 2\r\n\r\nok",
    "a signed length": OK + b"content-length: +2\r\n\r\nok",
    "a hexadecimal length": OK + b"content-length: 0x2\r\n\r\nok",
    "an empty length": OK + b"content-length:\r\n\r\nok",
    "two numbers": OK + b"content-length: 2 3\r\n\r\nok",
    "a length beyond 64 bits": OK + b"content-length: 18446744073709551616\r\n\r\nok",
    "a coding that is not chunked": OK + b"transfer-encoding: gzip\r\n\r\nok",
    "a coding below chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": OK + b"transfer-encoding: identity\r\n\r\nok",
    "chunked that is not the last": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
    "a coding in another line": OK + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked with a parameter": OK + b"transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "almost chunked": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an empty coding": OK + b"transfer-encoding:\r\n\r\nok",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0 that is kept alive": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a folded line": OK + b"a: b\r\n c\r\ncontent-length: 0\r\n\r\n",
    "a folded line by a tab": OK + b"a: b\r\n\tc\r\ncontent-length: 0\r\n\r\n",
    "a first line that is folded": OK + b" a: b\r\ncontent-length: 0\r\n\r\n",
    "a space before the colon": OK + b"content-length : 0\r\n\r\n",
    "a bare LF after a field": OK + b"a: b\ncontent-length: 0\r\n\r\n",
    "a bare LF after the status line": b"HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n",
    "a bare LF at the end of the head": OK + b"content-length: 0\r\n\n",
    "a bare CR": OK + b"a: b\rcontent-length: 5\r\ncontent-length: 0\r\n\r\n",
    "a NUL in a value": OK + b"a: b\x00\r\ncontent-length: 0\r\n\r\n",
    "a NUL in the reason": b"HTTP/1.1 200 O\x00K\r\ncontent-length: 0\r\n\r\n",
    "a NUL in a name": OK + b"a\x00: b\r\ncontent-length: 0\r\n\r\n",
    "a field without a name": OK + b": b\r\ncontent-length: 0\r\n\r\n",
    "a field without a colon": OK + b"nonsense\r\ncontent-length: 0\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "an empty head first": b"\r\n\r\nHTTP/1.1 103 Hints\r\nx-a: b\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
    "an empty line after an interim reply": b"HTTP/1.1 100 Continue\r\n\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
    "a body in an interim reply": b"HTTP/1.1 100 Continue\r\ncontent-length: 2\r\n\r\nok" + OK + b"\r\n",
    "another protocol": b"RTSP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "yet another": b"ICE/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/2": b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "an unknown version": b"HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "status 0": b"HTTP/1.1 000 None\r\ncontent-length: 2\r\n\r\nok",
    "status 99": b"HTTP/1.1 099 None\r\ncontent-length: 2\r\n\r\nok",
    "status 600": b"HTTP/1.1 600 None\r\ncontent-length: 2\r\n\r\nok",
    "status 999": b"HTTP/1.1 999 None\r\ncontent-length: 2\r\n\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nok",
    "garbage": b"\x15\x03\x01\x00\x02\x02",
    "HTML": b"<!DOCTYPE html><html></html>",
    "JSON": b'{"error": "sorry"}',
}


@pytest.mark.parametrize("reply", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_it_is_refused_wherever_it_is_split(reply, wire_up):
    for cut in range(len(reply)):
        wired = wire_up()
        ear = wired.ask()
        wired.says(reply[:cut], reply[cut:])
        assert ear.status is None, "no part of it is passed on"
        assert ear.failure.kind is FailureKind.BAD_REPLY
        assert not ear.failure.stale_connection
        assert wired.socket.closed
        assert not wired.pooled
        assert wired.home.open == 0


BROKEN_CHUNKS = {
    "a size that is no number": b"x\r\n",
    "no size": b"\r\nhello\r\n",
    "a signed size": b"-1\r\n",
    "a prefixed size": b"0x5\r\nhello\r\n",
    "a space before the size": b" 5\r\nhello\r\n",
    "a space after the size": b"5 \r\nhello\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\nhello\r\n",
    "a bare LF after the size": b"5\nhello\r\n",
    "a bare LF in an extension": b"5;a\nhello\r\n",
    "more data than announced": b"5\r\nhello!\r\n",
    "a bare LF after the data": b"5\r\nhello\n",
    "a trailer that is none": b"0\r\nnonsense\r\n\r\n",
    "a length among the trailers": b"0\r\ncontent-length: 3\r\n\r\n",
    "a folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
}


@pytest.mark.parametrize("chunks", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
def test_broken_chunks_end_a_reply_that_has_begun(chunks, wire_up):
    for cut in range(len(chunks)):
        wired = wire_up()
        ear = wired.ask()
        wired.says(CHUNKED, b"2\r\nhi\r\n", chunks[:cut], chunks[cut:])
        assert (ear.status, ear.complete) == (200, False)
        assert ear.failure.kind is FailureKind.BAD_REPLY
        assert wired.socket.closed
        assert wired.home.open == 0


def test_a_refusal_says_which_rule_was_broken(wired):
    ear = wired.ask()
    wired.says(AMBIGUOUS["both framings"])
    assert ear.failure.message.startswith(
        "http://upstream.test broke the rules of HTTP: Transfer-Encoding can't be present"
    )
    assert ear.failure.source == "upstream"


def test_our_own_rules_are_told_as_well(wired):
    ear = wired.ask()
    wired.says(AMBIGUOUS["chunked twice"])
    assert ear.failure.message == (
        "http://upstream.test broke the rules of HTTP: transfer-encoding is not chunked, once, in HTTP/1.1"
    )


@pytest.mark.parametrize("fields", [b"", b"upgrade: websocket\r\nconnection: upgrade\r\n"])
@pytest.mark.parametrize("rest", [b"", b"\x81\x05hello", OK + b"content-length: 0\r\n\r\n"])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_switch_of_protocols_is_refused(fields, rest, before, wired):
    ear = wired.ask()
    wired.says(before + b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n" + rest)
    assert ear.status is None
    assert ear.failure.kind is FailureKind.BAD_REPLY
    assert wired.socket.closed


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_head_without_end_is_refused_once_it_is_too_long(pieces, wired):
    ear = wired.ask()
    endless = OK + b"x-filler: " + b"f" * 70_000
    size = len(endless) // pieces + 1
    wired.says(*[endless[start : start + size] for start in range(0, len(endless), size)])
    assert ear.failure.kind is FailureKind.BAD_REPLY
    assert ear.failure.message == "http://upstream.test sent a head of more than 65536 bytes"
    assert wired.socket.closed


def test_a_head_that_ends_beyond_the_limit_is_refused_even_if_it_comes_in_one_read(wired):
    ear = wired.ask()
    wired.says(OK + b"x-filler: " + b"f" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n")
    assert ear.status is None
    assert ear.failure.kind is FailureKind.BAD_REPLY


# What follows a complete reply.

COMPLETE = {
    "length": OK + b"content-length: 2\r\n\r\nok",
    "chunks": CHUNKED + b"2\r\nok\r\n0\r\n\r\n",
    "close": OK + b"connection: close\r\ncontent-length: 2\r\n\r\nok",
}
SURPLUS = {
    "a byte": b"x",
    "the beginning of a reply": b"HTTP",
    "a forged reply": b"HTTP/1.1 500 Forged\r\ncontent-length: 4\r\n\r\nevil",
    "a forged interim reply": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxxx",
    "garbage": b"\x00\xff\x00\xff",
}


@pytest.mark.parametrize("reply", COMPLETE.values(), ids=COMPLETE)
@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
def test_bytes_after_a_reply_do_not_change_it_but_cost_the_connection(reply, surplus, wired):
    ear = wired.ask()
    wired.says(reply + surplus)
    assert (ear.status, ear.body, ear.complete) == (200, b"ok", True)
    assert wired.socket.closed
    assert not wired.pooled
    assert wired.home.open == 0


@pytest.mark.parametrize("surplus", [*SURPLUS.values(), b"\r\n"], ids=[*SURPLUS, "an empty line"])
def test_bytes_on_an_idle_connection_close_it(surplus, wired):
    ear = wired.ask()
    wired.says(COMPLETE["length"])
    assert wired.pooled
    wired.says(surplus)
    assert (ear.body, ear.complete) == (b"ok", True)
    assert wired.socket.closed
    assert not wired.pooled
    assert wired.home.open == 0


def test_bytes_before_the_first_request_close_the_connection(wired):
    wired.says(COMPLETE["length"])
    assert wired.socket.closed
    assert wired.home.open == 0


@pytest.mark.parametrize("reply", [COMPLETE["length"], COMPLETE["chunks"]])
def test_an_empty_line_that_arrives_with_a_reply_does_not_disturb_the_next(reply, wired):
    # The parser skips it, as RFC 9112 §2.2 has servers do: there is no other way to read it.
    wired.ask()
    wired.says(reply + b"\r\n")
    ear = wired.ask()
    wired.says(OK + b"x-a: second\r\ncontent-length: 3\r\n\r\ntwo")
    assert (ear.status, ear.field("x-a"), ear.body, ear.complete) == (200, b"second", b"two", True)


@pytest.mark.parametrize("status", [204, 304])
def test_a_body_after_a_status_that_has_none_costs_the_connection(status, wired):
    ear = wired.ask()
    wired.says(b"HTTP/1.1 %d Nothing\r\ncontent-length: 2\r\n\r\nok" % status)
    assert (ear.status, ear.body, ear.complete) == (status, b"", True)
    assert wired.socket.closed
