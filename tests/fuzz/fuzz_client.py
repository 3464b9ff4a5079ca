"""Arbitrary bytes from a client, in arbitrary reads, against a gateway that answers at once, later, in pieces or never.

Promises: no exception escapes; nothing ambiguous reaches the gateway or an ASGI app; what reaches them is answered once
and in order, or the connection closes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, cast

from harness import CUT, Violation, check, fuzz, instrumented
from uvicorn.server import ServerState

with instrumented():
    from headway.pipeline.dispatch import Dispatch
    from headway.server.application import Application
    from headway.server.hosting import server_config
    from headway.server.lean import LeanProtocol
    from headway.types import ServerLimits
    from headway.wire.endpoints import Endpoint

LATER, IN_PIECES, LEAVES, BREAKS_OFF, BACK_PRESSURE, DRAINS = (1 << bit for bit in range(6))
ANSWER = re.compile(rb"\r\nx-number: ([0-9]+)\r\n")
LOOP = asyncio.new_event_loop()


class Socket(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.sent = b""
        self.closed = False
        self.reading = True
        self.finished = False

    def write(self, data: Any) -> None:
        check(not self.closed and not self.finished, "written to after it was closed")
        self.sent += bytes(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.finished = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.closed = True

    close = abort


class Pending:
    """An exchange under way: the `Dispatch` that the protocol sees."""

    def __init__(self, number: int, downstream: LeanProtocol, choices: int) -> None:
        self.number = number
        self.downstream = downstream
        self.choices = choices
        self.gone = False

    def answer(self) -> None:
        if self.gone:
            return
        fields = b"x-number: %d\r\n" % self.number
        if not self.choices & IN_PIECES:
            self.downstream.reply(200, fields, b"answer")
            return
        self.downstream.begin(200, fields, 6 if self.number % 2 else None)
        self.downstream.write(b"ans")
        if self.choices & BREAKS_OFF:
            self.downstream.abort()
            return
        self.downstream.write(b"wer")
        self.downstream.end()

    def client_gone(self) -> None:
        check(not self.gone, "the client left twice")
        self.gone = True

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Gateway:
    """The gateway and the pages in one: takes everything, and notes what it took."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, choices: int) -> None:
        self.choices = choices
        self.count = 0
        self.pending: list[Pending] = []
        self.broken: Violation | None = None

    @property
    def gateway(self) -> Gateway:
        return self

    @property
    def limits(self) -> ServerLimits:
        return ServerLimits(body=4096, head=2048)

    def handle(
        self,
        endpoint: Endpoint,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        downstream: LeanProtocol,
        named: str | None = None,
    ) -> Dispatch | None:
        self._look(headers, body, downstream.parser.get_http_version())
        pending = Pending(self.count, downstream, self.choices)
        if not self.choices & LATER:
            pending.answer()
            return None
        self.pending.append(pending)
        return cast(Dispatch, pending)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self._look(scope["headers"], body, scope["http_version"])
        number = b"%d" % self.count
        await send({"type": "http.response.start", "status": 204, "headers": [(b"x-number", number)]})
        await send({"type": "http.response.body", "body": b""})

    def _look(self, headers: list[tuple[bytes, bytes]], body: bytes, version: str) -> None:
        self.count += 1
        try:
            check_request(headers, body, version)
        except Violation as broken:  # tasks and the parser would keep it to themselves
            self.broken = self.broken or broken


def check_request(headers: list[tuple[bytes, bytes]], body: bytes, version: str) -> None:
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    check(len(lengths) + len(codings) <= 1, "two framings")
    check(lengths or codings or not body, "a body without framing")
    check(not lengths or (lengths[0].strip().isdigit() and int(lengths[0]) == len(body)), "a length that is none")
    check(not codings or codings[0].strip().lower() == b"chunked", "a coding that nobody decoded")
    check(not codings or version == "1.1", "chunks in HTTP/1.0")
    for name, value in headers:
        check(name and not re.search(rb"[\x00-\x20:\x7f]", name), "a name that is none")
        check(not re.search(rb"[\x00\r\n]", value), "a value that is more than one")


GATEWAY = Gateway()
CONFIG = server_config(cast(Application, GATEWAY), host="127.0.0.1", port=0, drain=1, keep_alive=60)
CONFIG.load()


def raised(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    GATEWAY.broken = Violation(f"the loop heard of {context.get('exception', context)!r}")


class Alarm(logging.Handler):
    """What is logged as an error is a bug that somebody caught."""

    def emit(self, record: logging.LogRecord) -> None:
        GATEWAY.broken = Violation(f"logged: {record.getMessage()} {record.exc_info}")


def turn(client: LeanProtocol, socket: Socket) -> None:
    """Let tasks run, and answer what waits for it."""
    for _ in range(4):
        LOOP.call_soon(LOOP.stop)
        LOOP.run_forever()
        while GATEWAY.pending and not socket.closed:
            GATEWAY.pending.pop(0).answer()
    if GATEWAY.broken is not None:
        raise GATEWAY.broken


def test_one(data: bytes) -> None:
    choices = data[0] if data else 0
    GATEWAY.begin(choices)
    state = ServerState()
    client, socket = LeanProtocol(CONFIG, state, {}, LOOP), Socket()
    client.connection_made(socket)
    waiting = [piece for piece in data[1:].split(CUT) if piece]
    for number, piece in enumerate(waiting):
        if choices & BACK_PRESSURE:
            client.pause_writing()
        if not socket.closed and socket.reading:
            client.data_received(piece)
        if choices & BACK_PRESSURE:
            client.resume_writing()
        if choices & DRAINS and number == 1:
            client.shutdown()
        if not choices & LATER or number % 2:
            turn(client, socket)
    if choices & LEAVES:
        leave(client, socket)
        return
    turn(client, socket)
    answers = [int(number) for number in ANSWER.findall(socket.sent)]
    check(answers == list(range(1, len(answers) + 1)), "answers out of order")
    check(len(answers) == GATEWAY.count or socket.closed, "a request without an answer")
    refused = socket.sent.count(b"HTTP/1.1 4")
    check(not refused or socket.closed or socket.finished, "refused, and still open")
    leave(client, socket)


def leave(client: LeanProtocol, socket: Socket) -> None:
    socket.closed = True
    client.connection_lost(None)
    turn(client, socket)
    check(all(pending.gone for pending in GATEWAY.pending), "an exchange that nobody told")
    check(not client.tasks, "a task was left")


CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
SMALL = CHAT + b"Content-Length: 2\r\n\r\n{}"
CHUNKS = CHAT + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nt: 1\r\n\r\n"
PAGE = b"GET /v1/models?x=%20y HTTP/1.1\r\nHost: x\r\n\r\n"
SEEDS = [
    b"\x00" + SMALL,
    b"\x01" + SMALL[:30] + CUT + SMALL[30:-1] + CUT + b"}",
    b"\x03" + CHUNKS,
    b"\x02" + CHUNKS[:100] + CUT + CHUNKS[100:],
    b"\x00" + PAGE + CUT + SMALL + CUT + PAGE,
    b"\x00" + SMALL + PAGE + SMALL,
    b"\x01" + SMALL + SMALL + PAGE + CUT + SMALL,
    b"\x05" + SMALL + CUT + SMALL,
    b"\x0b" + SMALL + SMALL,
    b"\x11" + SMALL + CUT + CHUNKS,
    b"\x20" + SMALL + CUT + SMALL[:40] + CUT + SMALL[40:],
    b"\x00" + SMALL.replace(b"1.1", b"1.0"),
    b"\x00" + CHAT + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n" + CUT + b"{}",
    b"\x00" + CHAT + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
    b"\x00" + PAGE.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    b"\x00" + CHAT + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x00" + CHAT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"\x00" + CHAT + b"a: b\r\n c\r\n\r\n",
    b"\x00" + CHAT + b"Content-Length: 5000\r\n\r\n" + b"x" * 4097,
    b"\x00" + CHAT + b"x: " + b"y" * 2100 + b"\r\n\r\n",
    b"\x00CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x00" + SMALL.replace(b"\r\nHost", b"\r\nConnection: close\r\nHost") + SMALL,
    b"\x00HEAD / HTTP/1.1\r\n\r\n" + CUT + b"\x16\x03\x01",
]
TOKENS = [
    *(b"POST ", b"GET ", b"HEAD ", b"CONNECT ", b"/v1/chat/completions", b"/v1/audio/speech", b" HTTP/1.1\r\n", CUT),
    *(
        b" HTTP/1.0\r\n",
        b"Host: x\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: ",
        b"Transfer-Encoding: chunked\r\n",
    ),
    *(b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: ", b"Connection: close\r\n", b"Upgrade: h2c\r\n"),
    *(b"Connection: keep-alive\r\n", b"Connection: upgrade\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"\r\n\r\n"),
    *(b"\n", b"\r", b"\x00", b"0\r\n\r\n", b"2\r\n{}\r\n", b"; a=b", b": ", b" ", b"\t", b"?x=y", b"%2f", b"%ff", b"*"),
    *(SMALL, PAGE, b"x" * 256, b"{}"),
]

if __name__ == "__main__":
    logging.getLogger().addHandler(Alarm(logging.ERROR))
    LOOP.set_exception_handler(raised)
    fuzz("client", test_one, SEEDS, TOKENS)
