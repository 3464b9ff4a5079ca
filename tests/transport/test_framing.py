"""Where a reply ends: by length, by chunks, by the end of the connection; and what may come before it."""

from __future__ import annotations

import pytest

from headway.failures import FailureKind

OK = b"HTTP/1.1 200 OK\r\n"
EOF_DELIMITED = OK + b"content-type: audio/mpeg\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (OK + b"content-length: 5\r\n\r\nhello", b"hello"),
        (OK + b"Content-Length:5\r\n\r\nhello", b"hello"),
        (OK + b"content-length: 0\r\n\r\n", b""),
        (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
        (OK + b'transfer-encoding: chunked\r\n\r\n5;a;b=1;c="x y"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
        (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-checksum: 1\r\nx-more: 2\r\n\r\n", b"hello"),
        (OK + b"transfer-encoding: chunked\r\n\r\n00005\r\nhello\r\n000\r\n\r\n", b"hello"),
        (OK + b"transfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
        (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", b"ok"),
        (OK + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    ],
)
def test_a_reply_that_ends_by_its_own_framing_frees_the_connection(reply, body, wire_up):
    for cut in range(len(reply)):
        wired = wire_up()
        ear = wired.ask()
        wired.says(reply[:cut], reply[cut:])
        assert (ear.status, ear.body, ear.complete) == (200, body, True)
        assert wired.pooled


def test_a_reply_may_come_byte_by_byte(wired):
    ear = wired.ask()
    reply = OK + b"x-a: b\r\ntransfer-encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nt: 1\r\n\r\n"
    wired.says(*[reply[i : i + 1] for i in range(len(reply))])
    assert (ear.status, ear.body, ear.complete, ear.field("x-a")) == (200, b"hello", True, b"b")
    assert wired.pooled


def test_body_bytes_are_passed_on_as_they_arrive(wired):
    ear = wired.ask()
    wired.says(OK + b"content-length: 9\r\n\r\nabc")
    assert (ear.body, ear.complete) == (b"abc", False)
    wired.says(b"def")
    assert (ear.body, ear.pieces) == (b"abcdef", 2)
    wired.says(b"ghi")
    assert (ear.body, ear.complete) == (b"abcdefghi", True)


def test_chunks_of_one_read_are_passed_on_together(wired):
    ear = wired.ask()
    wired.says(OK + b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n")
    assert (ear.body, ear.pieces) == (b"abc", 2)


def test_the_head_keeps_its_bytes_and_ends_with_its_last_field(wired):
    ear = wired.ask()
    wired.says(OK + b"X-Mixed:  Case \r\ncontent-length: 0\r\n\r\n")
    assert ear.field("x-mixed") == b"Case"
    assert ear.field("content-length") == b"0"
    assert ear.field("x-absent") is None


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_ends_with_its_head(status, wired):
    ear = wired.ask()
    wired.says(b"HTTP/1.1 %d Nothing\r\netag: x\r\n\r\n" % status)
    assert (ear.status, ear.body, ear.complete) == (status, b"", True)
    assert wired.pooled


def test_a_304_may_tell_the_length_of_what_it_does_not_send(wired):
    ear = wired.ask()
    wired.says(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n")
    assert (ear.status, ear.complete) == (304, True)
    assert wired.pooled


@pytest.mark.parametrize("announced", [b"content-length: 5", b"content-length: 0", b"transfer-encoding: chunked"])
def test_a_204_that_announces_a_body_costs_the_connection(announced, wired):
    ear = wired.ask()
    wired.says(b"HTTP/1.1 204 No Content\r\n" + announced + b"\r\n\r\n")
    assert (ear.status, ear.body, ear.complete) == (204, b"", True)
    assert not wired.pooled
    assert wired.socket.closed


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_without_framing_the_end_of_the_connection_ends_the_body(version, wired):
    ear = wired.ask()
    wired.says(b"HTTP/" + version + b" 200 OK\r\ncontent-type: audio/mpeg\r\n\r\nabc", b"def")
    assert (ear.body, ear.complete) == (b"abcdef", False)
    wired.ends()
    assert (ear.body, ear.complete) == (b"abcdef", True)
    assert not wired.pooled
    assert wired.home.open == 0


def test_a_reset_is_no_end_of_a_body(wired):
    ear = wired.ask()
    wired.says(EOF_DELIMITED + b"abc")
    wired.ends(ConnectionResetError())
    assert ear.failure.kind is FailureKind.BAD_REPLY


@pytest.mark.parametrize("framing", [b"content-length: 5", b"transfer-encoding: chunked"])
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_a_framed_body_that_is_cut_short_is_lost(framing, error, wired):
    ear = wired.ask()
    wired.says(OK + framing + b"\r\n\r\n")
    wired.ends(error)
    assert ear.status == 200
    assert ear.failure.kind is FailureKind.BAD_REPLY
    assert ear.failure.message == "http://upstream.test broke off in the middle of its answer"
    assert not ear.failure.stale_connection


# What comes before the reply.

INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nx-a: early\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\nlink: </y>\r\n\r\n",
]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_interim_replies_are_passed_over_wherever_they_are_split(count, wire_up):
    reply = b"".join(INTERIM[:count]) + OK + b"x-a: final\r\ncontent-length: 2\r\n\r\nok"
    for cut in range(len(reply)):
        wired = wire_up()
        ear = wired.ask()
        wired.says(reply[:cut], reply[cut:])
        assert (ear.status, ear.body, ear.complete, ear.field("x-a")) == (200, b"ok", True, b"final")
        assert ear.field("link") is None
        assert wired.pooled


def test_an_interim_reply_alone_is_no_answer(wired):
    ear = wired.ask()
    wired.says(INTERIM[0])
    assert ear.ends == 0
    assert not ear.heard.is_set()
    wired.ends()
    assert ear.failure.kind is FailureKind.TRANSPORT


def test_what_an_interim_reply_says_about_a_body_means_nothing(wired):
    ear = wired.ask()
    wired.says(b"HTTP/1.1 100 Continue\r\ncontent-length: 5\r\n\r\n", OK + b"content-length: 2\r\n\r\nok")
    assert (ear.status, ear.body, ear.complete) == (200, b"ok", True)


def test_interim_replies_have_a_limit_in_all(wired):
    ear = wired.ask()
    for _ in range(3000):
        wired.says(INTERIM[1])
    assert ear.failure.kind is FailureKind.BAD_REPLY
    assert "head of more than 65536 bytes" in ear.failure.message
    assert wired.socket.closed


def test_a_head_just_within_the_limit_is_read_and_a_large_body_may_follow_in_the_same_read(wired):
    fields = b"x-filler: " + b"f" * 65000 + b"\r\n"
    ear = wired.ask()
    wired.says(OK + fields + b"content-length: 200000\r\n\r\n" + b"b" * 200_000)
    assert (ear.status, len(ear.body), ear.complete) == (200, 200_000, True)
