"""Arbitrary bytes from an upstream, in arbitrary reads, over one connection and several requests.

Promises: no exception escapes; a listener hears exactly one ending and nothing after it; what returns to the pool is a
whole reply, to h11 as well; everything is counted out in the end.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import h11
from harness import CUT, check, fuzz, instrumented

with instrumented():
    from headway.failures import Failure
    from headway.transport.connection import UpstreamConnection
    from headway.wire.http_head import Head

NEXT = b"\x1f"
"""At the beginning of a read: send the next request first, if the connection is in its pool."""
ODD_REASON = re.compile(rb"HTTP/1\.[01] [0-9]{3} [^\r\n]*[\x00-\x08\x0b-\x1f\x7f]")
"""h11 refuses control characters there; we only refuse NUL, and pass no reason on."""
RESET, REUSED, ABORTS, UNSENT, PAUSES, HANDS_OVER = (1 << bit for bit in range(6))


class Ear:
    def __init__(self, connection: UpstreamConnection, choices: int) -> None:
        self.connection = connection
        self.choices = choices
        self.status = 0
        self.body = b""
        self.complete = False
        self.failure: Failure | None = None
        self.left = False

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        check(self.status == 0, "a second head")
        check(200 <= status < 600, "a status that nobody can pass on")
        line = head.get(b"http/1.")
        check(line is not None and line[2:5] == b"%d" % status, "the head of another reply")
        self.status = status
        if self.choices & HANDS_OVER and not complete:
            self.connection.hand_over(self)
        self.on_body(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        check(not self.over and self.status, "a body after the end or before the head")
        self.body += data
        self.complete = complete
        if self.choices & PAUSES:
            self.connection.pause()
            self.connection.resume()
        if self.choices & ABORTS:
            self.left = True
            self.connection.abort()

    def on_lost(self, failure: Failure) -> None:
        check(not self.over, "lost after the end")
        check(failure.message.isprintable(), "a message that no client should be shown")
        self.failure = failure

    @property
    def over(self) -> bool:
        return self.complete or self.failure is not None or self.left


class Socket(asyncio.Transport):
    def __init__(self, unsent: int) -> None:
        super().__init__()
        self.unsent = unsent
        self.closed = False

    def write(self, data: Any) -> None:
        check(not self.closed, "written to after it was closed")

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None:
        self.closed = True


class Home:
    label = "http://upstream.test"

    def __init__(self) -> None:
        self.idle: list[UpstreamConnection] = []
        self.open = 0

    def adopt(self, connection: UpstreamConnection) -> None:
        self.open += 1

    def give_back(self, connection: UpstreamConnection) -> None:
        check(not self.idle, "given back twice")
        self.idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self.open -= 1
        self.idle.clear()


def second_opinion(raw: bytes) -> tuple[int, bytes] | None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    status, body = 0, b""
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, body
        elif not isinstance(event, h11.InformationalResponse):
            return None


def test_one(data: bytes) -> None:
    choices = data[0] if data else 0
    home = Home()
    socket = Socket(bool(choices & UNSENT))
    connection = UpstreamConnection(home, 0.0)
    connection.connection_made(socket)
    connection.requests = bool(choices & REUSED)
    ear = Ear(connection, choices)
    connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", ear)
    heard = b""
    for piece in data[1:].split(CUT):
        if home.idle and piece.startswith(NEXT):
            check(ear.complete, "pooled without an ending")
            home.idle.clear()
            ear, heard = Ear(connection, choices), b""
            connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", ear)
        read = piece.removeprefix(NEXT)
        if not read or socket.closed:
            continue
        was_idle = bool(home.idle)
        connection.data_received(read)
        heard += read
        if was_idle:
            check(socket.closed and not home.idle, "bytes that nobody asked for were ignored")
        elif home.idle:
            check(not choices & UNSENT, "pooled before the request was written")
            agreed = ODD_REASON.search(heard) or second_opinion(heard) == (ear.status, ear.body)
            check(agreed, "pooled after what others read otherwise")
    said = heard != b""
    if not socket.closed and not choices & RESET:
        connection.eof_received()
    socket.closed = True
    connection.connection_lost(ConnectionResetError() if choices & RESET else None)
    check(ear.over, "no ending")
    check(home.open == 0 and not home.idle, "not counted out")
    stale = ear.failure is not None and ear.failure.stale_connection
    check(not stale or (not said and connection.requests > 1), "stale without a reason")


OK = b"HTTP/1.1 200 OK\r\n"
SEEDS = [
    b"\x00" + OK + b"content-length: 5\r\n\r\nhello",
    b"\x00" + OK + b"content-len\x1egth: 5\r\n\r\nhe\x1ello\x1e\x1f" + OK + b"content-length: 0\r\n\r\n",
    b"\x02" + OK + b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nt: 1\r\n\r\n\x1e\x1f" + OK,
    b"\x20" + OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhe\x1ello\r\n0\x1e\r\n\r\n",
    b"\x00HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + OK + b"content-length: 2\r\n\r\nok",
    b"\x00HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"\x01HTTP/1.1 200 OK\r\n\r\nuntil the reset",
    b"\x00HTTP/1.1 204 No Content\r\n\r\n\x1e\x1fHTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    b"\x04" + OK + b"content-length: 5\r\n\r\nhe\x1ello",
    b"\x08HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno",
    b"\x10" + OK + b"content-length: 5\r\nconnection: close\r\n\r\nhe\x1ello",
    b"\x00HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx",
    b"\x00" + OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x00" + OK + b"a: b\r\n c\r\n\r\n",
    b"\x00" + OK + b"content-length: 2\r\n\r\nokHTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n",
    b"\x00\r\n\r\nHTTP/1.1 103 Hints\r\nx: y\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
]
TOKENS = [
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b" OK\r\n", b"100", b"101", b"103", b"200", b"204", b"304", b"500", b"000", b"999"),
    *(b"content-length: ", b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip\r\n", b"connection: close\r\n"),
    *(
        b"connection: keep-alive\r\n",
        b"connection: upgrade\r\n",
        b"upgrade: x\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\x00",
    ),
    *(b"0\r\n\r\n", b"5\r\nhello\r\n", CUT, NEXT, CUT + NEXT, b"; a=b", b": ", b" ", b"\t"),
]

if __name__ == "__main__":
    fuzz("upstream", test_one, SEEDS, TOKENS)
