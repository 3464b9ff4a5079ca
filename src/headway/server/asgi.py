"""The gateway as a plain ASGI app: for other servers, for tests, and for pipelined requests on ours.

Costs more than the lean lane and does the same: one suite runs on both.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from headway.pipeline.gateway import Gateway
from headway.ports import Running
from headway.wire.endpoints import Place, find
from headway.wire.styles import STYLES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HIGH_WATER = 64 * 1024
"""Bytes waiting for the server before the upstream is no longer read."""


class Outbox:
    """The `Downstream` of one exchange on the ASGI lane: callbacks in, messages out."""

    def __init__(self) -> None:
        self.dispatch: Running | None = None
        self._messages: deque[Message] = deque()
        self._waiting = 0
        self._news = asyncio.Event()
        self._ended = False
        self.pumping: asyncio.Task[None] | None = None

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self._start(status, headers, len(body))
        self._put({"type": "http.response.body", "body": body, "more_body": False}, len(body))
        self._ended = True

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        self._start(status, headers, length)

    def write(self, data: bytes) -> None:
        self._put({"type": "http.response.body", "body": data, "more_body": True}, len(data))
        if self._waiting > HIGH_WATER and self.dispatch is not None:
            self.dispatch.pause()

    def end(self) -> None:
        self._put({"type": "http.response.body", "body": b"", "more_body": False}, 0)
        self._ended = True

    def abort(self) -> None:
        self._ended = True
        self._news.set()
        if self.pumping is not None:
            # What is there already goes out first, if the client takes it; it may be one that takes nothing.
            asyncio.get_running_loop().call_soon(self.pumping.cancel)

    async def pump(self, send: Send) -> None:
        """Hand messages to the server until the exchange has ended."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                await send(message)
                self._waiting -= len(message.get("body", b""))
                if self._waiting <= HIGH_WATER // 2 and self.dispatch is not None and self.dispatch.paused:
                    self.dispatch.resume()
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    def _start(self, status: int, headers: bytes, length: int | None) -> None:
        lines = [line.split(b": ", 1) for line in headers.split(b"\r\n") if line]
        fields = [(line[0], line[1]) for line in lines]
        if length is not None:
            fields.append((b"content-length", b"%d" % length))
        self._put({"type": "http.response.start", "status": status, "headers": fields}, 0)

    def _put(self, message: Message, size: int) -> None:
        self._messages.append(message)
        self._waiting += size
        self._news.set()


class AsgiLane:
    """Serves model endpoints; `find` tells whether a request is for one."""

    def __init__(self, gateway: Gateway, max_body: Callable[[], int]) -> None:
        self._gateway = gateway
        self._max_body = max_body

    @staticmethod
    def find(scope: Scope) -> Place | None:
        if scope["method"] != "POST":
            return None
        path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        query: bytes = scope.get("query_string", b"")
        return find(path.partition(b"?")[0] + b"?" + query if query else path)

    async def __call__(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = place.endpoint
        body = await _read(receive, self._max_body())
        if body is None:
            return
        outbox = Outbox()
        if type(body) is int:
            look = STYLES[endpoint.style]
            message = f"the request's body is larger than {body} bytes"
            fields = b"content-type: application/json\r\n" + look.fields(413)
            outbox.reply(413, fields, look.body(message, 413, "invalid_request", None))
            await outbox.pump(send)
            return
        assert type(body) is bytes
        outbox.dispatch = self._gateway.handle(endpoint, scope["headers"], body, outbox, place.model)
        pump = outbox.pumping = asyncio.create_task(outbox.pump(send))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if outbox.dispatch is not None:
                outbox.dispatch.client_gone()  # means nothing where the exchange is over
            pump.cancel()
            gone.cancel()
        if pump.done() and not pump.cancelled():
            pump.result()
        # Where it broke off nothing more is sent: the server sees an unfinished response and closes the connection.


async def _read(receive: Receive, limit: int) -> bytes | int | None:
    """The whole body; the limit if it is larger; None if the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            return limit
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
