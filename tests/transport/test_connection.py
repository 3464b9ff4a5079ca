"""The life of one connection: reuse, loss, and what its user may do with it at any time."""

from __future__ import annotations

import pytest

from headway.failures import FailureKind

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"


# Sending and reuse.


def test_a_small_request_goes_out_in_one_write(wired):
    wired.ask(b"{}")
    assert len(wired.socket.sent) == 1
    assert wired.socket.sent[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("size", [32767, 32768, 1_000_000])
def test_a_large_body_arrives_after_its_head(size, wired):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    wired.ask(body)
    head, _, rest = b"".join(wired.socket.sent).partition(b"\r\n\r\n")
    assert head.startswith(b"POST ")
    assert rest == body


def test_a_connection_serves_one_request_after_the_other(wired):
    for number in range(5):
        ear = wired.ask()
        wired.says(b"HTTP/1.1 24%d OK\r\nx-n: %d\r\ncontent-length: 2\r\n\r\n" % (number, number), b"%02d" % number)
        assert (ear.status, ear.field("x-n"), ear.body) == (240 + number, b"%d" % number, b"%02d" % number)
        assert wired.pooled
    assert wired.connection.requests == 5


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_the_upstream_means_to_close_is_not_used_again(reply, wired):
    ear = wired.ask()
    wired.says(reply)
    assert (ear.body, ear.complete) == (b"ok", True)
    assert wired.socket.closed
    assert wired.home.open == 0


def test_a_reply_to_a_request_that_is_still_being_written_costs_the_connection(wired):
    ear = wired.ask(b"x" * 100_000)
    wired.socket.unsent = 60_000
    wired.says(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
    assert (ear.status, ear.body, ear.complete) == (413, b"no", True)
    assert wired.socket.closed
    assert not wired.pooled


def test_below_tls_the_wire_says_what_is_still_being_written(wire_up):
    wired, cover = wire_up(), wire_up().socket
    wired.connection.secured(cover)
    ear = wired.ask(b"x" * 100_000)
    assert cover.sent, "what is sent goes through TLS"
    wired.socket.unsent = 60_000
    wired.says(REPLY)
    assert ear.complete
    assert cover.closed
    assert not wired.pooled


def test_a_connection_that_is_closing_when_its_reply_ends_is_not_used_again(wired):
    ear = wired.ask()
    wired.socket.closed = True
    wired.connection.data_received(REPLY)
    assert ear.complete
    assert not wired.pooled


def test_a_reply_may_be_heard_to_its_end_by_another_listener(wired, make_ear):
    first, second = wired.ask(), make_ear()
    first.then = lambda: wired.connection.hand_over(second)
    second.status = 200
    wired.says(HEAD + b"abc", b"de", b"f")
    assert first.body == b"abc"
    assert (second.body, second.complete) == (b"def", True)
    assert wired.pooled


# Loss.


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_a_reused_connection_that_closes_without_a_byte_was_stale(error, wired):
    wired.ask()
    wired.says(REPLY)
    ear = wired.ask()
    wired.ends(error)
    assert ear.failure.kind is FailureKind.TRANSPORT
    assert ear.failure.stale_connection
    assert wired.home.open == 0


def test_a_reused_connection_that_is_closed_already_was_stale(wired):
    wired.ask()
    wired.says(REPLY)
    wired.socket.closed = True
    ear = wired.ask()
    assert ear.failure.kind is FailureKind.TRANSPORT
    assert ear.failure.stale_connection
    wired.ends()
    assert ear.ends == 1
    assert wired.home.open == 0


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
def test_a_fresh_connection_that_closes_without_a_byte_was_not_stale(error, wired):
    ear = wired.ask()
    wired.ends(error)
    assert ear.failure.kind is FailureKind.TRANSPORT
    assert not ear.failure.stale_connection
    assert ear.failure.message == "http://upstream.test closed the connection before it answered"


def test_a_fresh_connection_that_is_closed_before_it_is_used_was_not_stale(wired):
    wired.socket.closed = True
    ear = wired.ask()
    assert ear.failure.kind is FailureKind.TRANSPORT
    assert not ear.failure.stale_connection


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_connection_that_closes_after_a_byte_was_not_stale(begun, wired):
    wired.ask()
    wired.says(REPLY)
    ear = wired.ask()
    wired.says(begun)
    wired.ends()
    assert ear.status is None
    assert ear.failure.kind is FailureKind.TRANSPORT
    assert not ear.failure.stale_connection


def test_a_connection_that_closes_while_idle_leaves_its_pool(wired):
    ear = wired.ask()
    wired.says(REPLY)
    wired.ends()
    assert ear.ends == 1
    assert wired.home.idle == []
    assert wired.home.open == 0


# Abort.


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", HEAD, HEAD + b"abc"])
def test_after_an_abort_nothing_is_heard_and_the_socket_is_closed_at_once(said, wired):
    ear = wired.ask()
    wired.says(said)
    heard = ear.pieces
    wired.connection.abort()
    assert wired.socket.closed
    assert wired.home.open == 0
    wired.connection.data_received(b"def")  # what was under way already
    wired.ends()
    assert (ear.pieces, ear.ends) == (heard, 0)
    assert wired.home.open == 0


def test_a_second_abort_changes_nothing(wired):
    wired.ask()
    wired.connection.abort()
    wired.connection.abort()
    assert wired.home.open == 0


@pytest.mark.parametrize("reply", [HEAD, HEAD + b"abc", REPLY, REPLY + b"surplus"])
def test_a_listener_may_abort_from_within_the_head(reply, wired):
    ear = wired.ask()
    ear.then = wired.connection.abort
    wired.says(reply, b"more")
    wired.ends()
    assert ear.pieces == 1
    assert wired.home.idle == []
    assert wired.home.open == 0


def test_a_listener_may_abort_from_within_a_piece_of_the_body(wired):
    ear = wired.ask()
    wired.says(HEAD)
    ear.then = wired.connection.abort
    wired.says(b"abc", b"def")
    wired.ends()
    assert (ear.body, ear.ends) == (b"abc", 0)
    assert wired.home.open == 0


def test_a_connection_is_in_its_pool_once_its_last_callback_has_returned(wired):
    pooled: list[bool] = []
    ear = wired.ask()
    ear.then = lambda: pooled.append(wired.pooled)
    wired.says(REPLY)
    assert pooled == [False]
    assert wired.pooled


# Back-pressure.


def test_a_paused_connection_reads_nothing_until_it_is_resumed(wired):
    wired.ask()
    wired.says(HEAD)
    wired.connection.pause()
    wired.connection.pause()
    assert not wired.socket.reading
    wired.connection.resume()
    wired.connection.resume()
    assert wired.socket.reading


def test_a_connection_returns_to_its_pool_reading(wired):
    ear = wired.ask()
    wired.says(HEAD + b"abc")
    wired.connection.pause()
    wired.says(b"def")  # what the loop had read before the pause
    assert ear.complete
    assert wired.pooled
    assert wired.socket.reading


@pytest.mark.parametrize("close", ["abort", "closing"])
def test_pausing_and_resuming_a_closed_connection_is_harmless(close, wired):
    wired.ask()
    wired.says(HEAD)
    if close == "abort":
        wired.connection.abort()
    wired.socket.closed = True
    wired.connection.pause()
    wired.connection.resume()


def test_resuming_after_the_socket_has_closed_is_harmless(wired):
    wired.ask()
    wired.says(HEAD)
    wired.connection.pause()
    wired.socket.closed = True
    wired.connection.resume()
    wired.ends()
    wired.connection.resume()
