"""One HTTP/1.1 connection to an upstream, and whether it may be used again.

httptools decides where a message ends and refuses ambiguous framing (content-length with transfer-encoding, folded lines, bare LF); the
head stays raw. A connection is reused only when its state is beyond doubt: the request was written in full, the reply ended by its own
framing, nothing followed it, and the upstream agreed to keep the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from headway.ports import Listener
from headway.types import Failure, FailureKind
from headway.wire.http_head import CONTENT_LENGTH, TRANSFER_ENCODING, Head

MAX_HEAD = 64 * 1024
"""Bytes of a reply's head, interim replies included."""


_NO_HEAD = Head(b"")


class Home(Protocol):
    """The pool that a connection belongs to."""

    @property
    def label(self) -> str:
        """How to name the upstream to a person: scheme, host and port."""
        ...

    def give_back(self, connection: UpstreamConnection) -> None: ...

    def forget(self, connection: UpstreamConnection) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """States: idle (no listener), waiting (listener, no head yet), reading (head seen), closed (`transport` is None)."""

    __slots__ = (
        "_complete",
        "_feed",
        "_head",
        "_head_start",
        "_home",
        "_keep",
        "_listener",
        "_parser",
        "_parts",
        "_paused",
        "_raw",
        "_reading",
        "_surplus",
        "born",
        "idle_since",
        "requests",
        "transport",
    )

    def __init__(self, home: Home, now: float) -> None:
        self._home = home
        self.transport: asyncio.Transport | None = None
        self.born = now
        self.idle_since = now
        self.requests = 0
        self._listener: Listener | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._feed: Callable[[bytes], None] = self._parser.feed_data
        self._parts: list[bytes] = []
        self._raw = b""
        self._head = _NO_HEAD
        self._head_start = 0
        self._reading = False
        self._complete = False
        self._surplus = False
        self._keep = False
        self._paused = False

    # --- for whoever sends ---

    def send(self, head: bytes, body: bytes, listener: Listener) -> None:
        transport = self.transport
        self._listener = listener
        self._raw = b""
        self._head_start = 0
        self._reading = self._complete = False
        self.requests += 1
        if transport is None or transport.is_closing():
            self._listener = None
            listener.on_lost(self._lost("the connection was closed while it was idle", stale=True))
            return
        if len(body) < 32768:
            transport.write(head + body)
        else:
            transport.writelines((head, body))

    def hand_over(self, listener: Listener) -> None:
        """Let another listener hear the rest of the reply."""
        self._listener = listener

    def pause(self) -> None:
        if not self._paused and self.transport is not None and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def abort(self) -> None:
        self._listener = None
        transport = self.transport
        if transport is not None:
            self._leave()
            transport.abort()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        listener = self._listener
        if listener is None:  # bytes that nobody asked for: the connection's state is unknown
            self.abort()
            return
        had_head = self._reading
        if not had_head:
            self._raw = raw = self._raw + data if self._raw else data
            if len(raw) > MAX_HEAD and b"\r\n\r\n" not in raw[self._head_start : MAX_HEAD]:
                self._break(f"sent a head of more than {MAX_HEAD} bytes")
                return
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                self._break(f"broke the rules of HTTP: {error}")
                return
            self._surplus = True
        except httptools.HttpParserUpgrade:
            self._break("switched protocols without being asked")
            return
        parts = self._parts
        if parts:
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
        else:
            body = b""
        complete = self._complete
        if complete:
            self._listener = None
        if not had_head:
            if not self._reading:
                return
            self._raw = b""
            listener.on_head(self._parser.get_status_code(), self._head, body, complete)
        elif body or complete:
            listener.on_body(body, complete)
        if complete:
            self._release()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is not None:
            self._leave()
        listener = self._listener
        if listener is None:
            return
        self._listener = None
        if not self._reading:
            reused = self.requests > 1 and not self._raw
            listener.on_lost(self._lost("closed the connection before it answered", stale=reused))
            return
        head = self._head
        if exc is None and not head.has(CONTENT_LENGTH) and not head.has(TRANSFER_ENCODING):
            listener.on_body(b"", True)  # RFC 9112 §6.3: the end of the connection is the end of the body
        else:
            listener.on_lost(
                Failure(
                    kind=FailureKind.BAD_REPLY, source="upstream", message=f"{self._home.label} broke off in the middle of its answer"
                )
            )

    # --- httptools ---

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        end = self._raw.find(b"\r\n\r\n", self._head_start)
        head = self._raw[self._head_start : end + 2]
        if self._parser.get_status_code() < 200:  # interim; the final head follows it
            self._head_start = end + 4
            return
        if end < 0 or not head.startswith(b"HTTP/1."):
            raise httptools.HttpParserError("the reply does not begin with its status line")
        fields = Head(head)
        coding = fields.get(TRANSFER_ENCODING)
        if coding is not None and coding.lower() != b"chunked":
            raise httptools.HttpParserError("transfer-encoding is not chunked")
        self._head = fields
        self._reading = True

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._reading and not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    # --- its own affairs ---

    def _release(self) -> None:
        transport = self.transport
        if transport is None or self._listener is not None:
            return
        self._head = _NO_HEAD
        if self._surplus or not self._keep or transport.is_closing() or transport.get_write_buffer_size():
            self.abort()
            return
        self.resume()
        self._home.give_back(self)

    def _leave(self) -> None:
        self.transport = None
        self._home.forget(self)

    def _break(self, what: str) -> None:
        listener = self._listener
        reading = self._reading
        self.abort()
        if listener is not None:
            kind = FailureKind.BAD_REPLY if reading or self._raw else FailureKind.TRANSPORT
            listener.on_lost(Failure(kind=kind, source="upstream", message=f"{self._home.label} {what}"))

    def _lost(self, what: str, *, stale: bool) -> Failure:
        return Failure(
            kind=FailureKind.TRANSPORT, source="upstream", message=f"{self._home.label} {what}", stale_connection=stale
        )
