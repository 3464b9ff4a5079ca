"""One client's connection: reads requests, plays their scripts one after the other.

There is no task here: a script is advanced by the loop's callbacks, with at most one timer, and rests while the
client does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
from collections import deque
from typing import cast

import httptools

from headway.simulated.desk import Desk, Play
from headway.simulated.faults import NO_FAULT, Fault
from headway.simulated.received import ReceivedRequest
from headway.simulated.reply import Header, Refusal
from headway.simulated.stages import End, Wait

_WRITE_SIZE = 64 * 1024
"""Bytes after which writes that need not be apart are handed over, and other connections get their turn."""
_MOST_WAITING = 8
"""Pipelined requests that may wait before reading stops."""
_SLOW_BUFFER = 128 * 1024
"""What the kernel may hold of a request that is read slowly. Much less, and its own pauses would set the pace."""


class Connection(asyncio.Protocol):
    """`data_received` fills the queue of requests; `_advance` empties it."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[ReceivedRequest | Refusal, Fault, bool]] = deque()
        self._play: Play | None = None
        self._timer: asyncio.Handle | None = None
        self._slow_timer: asyncio.Handle | None = None
        self._full = False
        self._deaf = False
        self._reading = True
        self._start_request()

    def _start_request(self) -> None:
        self._url = b""
        self._headers: list[Header] = []
        self._body: list[bytes] = []
        self._length = 0
        self._fault = NO_FAULT

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._desk.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._slow_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._slow_timer = None
        self._deaf = True
        self._queue.clear()
        self._finish()
        self._desk.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request itself was complete and is answered; what follows would be another protocol.
            self._deaf = True
            if self.idle:
                self._transport.close()
        except httptools.HttpParserCallbackError:
            raise  # a bug of ours, which the loop reports
        except httptools.HttpParserError:
            self._refuse(Refusal(message="This is not HTTP/1.1."))
        if self._fault.slow_read and not self._deaf:
            self._slow_timer = self._loop.call_later(len(data) / self._fault.slow_read, self._read_on)
        self._pace_reading()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._timer is None and self._play is not None:
            self._timer = self._loop.call_soon(self._advance)

    # The parser's side.

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("utf-8", "replace")))

    def on_headers_complete(self) -> None:
        self._fault = self._desk.planned(tuple(self._headers))
        if self._fault.slow_read:
            self._socket_option(socket.SO_RCVBUF, _SLOW_BUFFER)
        if ("expect", "100-continue") in self._headers and self._play is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._length += len(data)
        if self._length <= self._desk.simulation.body_limit:
            self._body.append(data)
        elif not self._deaf:
            self._refuse(Refusal(status=413, message="The request's body is too large."))

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        request = ReceivedRequest(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.decode("utf-8", "replace"),
            headers=tuple(self._headers),
            body=b"".join(self._body),
            at=self._desk.now(),
            today=self._desk.today(),
        )
        close = not self._parser.should_keep_alive() or self._parser.get_http_version() == "1.0"
        self._queue.append((request, self._fault, close))
        self._start_request()
        self._next()

    # Playing.

    @property
    def idle(self) -> bool:
        """Nothing was asked that is not answered yet."""
        return self._play is None and not self._queue

    def abort(self) -> None:
        self._transport.abort()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer once what is no request, and listen no more."""
        self._deaf = True
        self._queue.append((refusal, NO_FAULT, True))
        self._next()

    def _next(self) -> None:
        if self._play is not None or not self._queue:
            return
        asked, fault, close = self._queue.popleft()
        if isinstance(asked, Refusal):
            self._play = self._desk.reject(asked)
        else:
            self._play = self._desk.play(asked, fault, close=close)
        self._advance()

    def _advance(self) -> None:
        """Play on until there is something to wait for."""
        self._timer = None
        if self._play is None or self._full:
            return
        ready = bytearray()
        for action in self._play.script:
            if isinstance(action, bytes):
                ready += action
                if len(ready) >= _WRITE_SIZE:
                    self._write(ready)
                    self._wait(0.0)
                    return
                continue
            self._write(ready)
            if isinstance(action, Wait):
                self._wait(action.seconds)
            else:
                self._end(action)
            return

    def _write(self, data: bytearray) -> None:
        if data:
            self._transport.write(bytes(data))

    def _wait(self, seconds: float) -> None:
        if seconds == 0:
            self._timer = self._loop.call_soon(self._advance)
        elif seconds != math.inf:
            self._timer = self._loop.call_later(seconds, self._advance)

    def _end(self, end: End) -> None:
        self._finish()
        if end is End.RESET:
            # Linger of no seconds: what is closed is reset.
            self._socket_option(socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif end is End.CLOSE or self._desk.refusing() or (self._deaf and not self._queue):
            self._deaf = True
            self._queue.clear()
            self._transport.close()
        elif self._queue:
            self._timer = self._loop.call_soon(self._next_in_turn)
        self._pace_reading()

    def _next_in_turn(self) -> None:
        self._timer = None
        self._next()

    def _finish(self) -> None:
        if self._play is not None:
            play, self._play = self._play, None
            self._desk.done(play)

    # Reading.

    def _read_on(self) -> None:
        self._slow_timer = None
        self._pace_reading()

    def _pace_reading(self) -> None:
        """Stop reading while the request is to be read slowly, or too many wait; go on otherwise."""
        if self._transport.is_closing():
            return
        wanted = self._slow_timer is None and len(self._queue) < _MOST_WAITING
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif self._reading and not wanted:
            self._transport.pause_reading()
        self._reading = wanted

    def _socket_option(self, name: int, value: int | bytes) -> None:
        connection = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, name, value)
