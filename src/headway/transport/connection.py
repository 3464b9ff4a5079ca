"""One HTTP/1.1 connection to an upstream, and whether it may be used again.

httptools decides where a message ends and refuses ambiguous framing (content-length with transfer-encoding, folded
lines, bare LF); what it lets through beyond that is refused here. The head stays raw. A connection is reused only when
its state is beyond doubt: the request was written in full, the reply ended by its own framing, nothing followed it, and
the upstream agreed to keep the connection.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from headway.failures import Failure, FailureKind
from headway.ports import Listener
from headway.wire.http_head import CONTENT_LENGTH, NO_HEAD, TRANSFER_ENCODING, Head

MAX_HEAD = 64 * 1024
"""Bytes of a reply's head, interim replies included."""


logger = logging.getLogger(__name__)


class Home(Protocol):
    """The pool that a connection belongs to."""

    @property
    def label(self) -> str:
        """How to name the upstream to a person: scheme, host and port."""
        ...

    def adopt(self, connection: UpstreamConnection) -> None:
        """It is open; `forget` follows exactly once."""
        ...

    def give_back(self, connection: UpstreamConnection) -> None: ...

    def forget(self, connection: UpstreamConnection) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """States: idle (no listener), waiting (listener, no head yet), reading (head seen), closed (no `transport`)."""

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
        "_status",
        "_surplus",
        "_wire",
        "born",
        "idle_since",
        "requests",
        "transport",
    )

    def __init__(self, home: Home, now: float) -> None:
        self._home = home
        self.transport: asyncio.Transport | None = None
        self._wire: asyncio.Transport | None = None
        """The transport below TLS: it alone knows what has not left yet. Without TLS the same as `transport`."""
        self.born = now
        self.idle_since = now
        self.requests = 0
        self._listener: Listener | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._feed: Callable[[bytes], None] = self._parser.feed_data
        self._parts: list[bytes] = []
        self._raw = b""
        self._head = NO_HEAD
        self._head_start = 0
        self._status = 0
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
            listener.on_lost(self._lost("closed the connection before it was used", stale=self.requests > 1))
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
        self.transport = self._wire = cast(asyncio.Transport, transport)
        self._home.adopt(self)

    def secured(self, transport: asyncio.Transport) -> None:
        """TLS runs on the connection from here on."""
        self.transport = transport

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
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._break(_broken_rule(error))
                return
            self._surplus = True
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
        try:
            if not had_head:
                listener.on_head(self._status, self._head, body, complete)
            elif body or complete:
                listener.on_body(body, complete)
        except Exception:
            logger.exception("An answer of %s could not be handled", self._home.label)
            self._failed(listener)
        if complete:
            self._release()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        transport = self.transport
        if transport is not None:
            self._leave()
        listener, self._listener = self._listener, None
        # The parser refers to this object, and this object to the parser.
        del self._feed, self._parser
        if listener is None:
            return
        if not self._reading:
            reused = self.requests > 1 and not self._raw
            listener.on_lost(self._lost("closed the connection before it answered", stale=reused))
            return
        head = self._head
        framed = head.has(CONTENT_LENGTH) or head.has(TRANSFER_ENCODING)
        if exc is None and not framed and transport is not None and _ended_on_purpose(transport):
            listener.on_body(b"", True)  # RFC 9112 §6.3: the end of the connection is the end of the body
        else:
            message = f"{self._home.label} broke off in the middle of its answer"
            listener.on_lost(Failure(kind=FailureKind.BAD_REPLY, source="upstream", message=message))

    # --- httptools ---

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        start = self._head_start
        end = self._raw.find(b"\r\n\r\n", start)
        head = self._raw[start : end + 2]
        status = self._parser.get_status_code()
        if end < 0 or not head.startswith(b"HTTP/1.") or not 100 <= status < 600 or 0 in head:
            raise httptools.HttpParserError("no reply begins like this")
        if status < 200:  # interim; the final head follows it
            self._head_start = end + 4
            return
        fields = Head(head)
        coding = fields.get(TRANSFER_ENCODING)
        if coding is not None and not (
            coding.lower() == b"chunked" and fields.count(TRANSFER_ENCODING) == 1 and head.startswith(b"HTTP/1.1")
        ):  # RFC 9112 §6.1
            raise httptools.HttpParserError("transfer-encoding is not chunked, once, in HTTP/1.1")
        if status == 204 and (coding is not None or fields.has(CONTENT_LENGTH)):
            self._surplus = True  # a body is announced where there is none: who knows what follows
        self._head = fields
        self._status = status
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
        transport, wire = self.transport, self._wire
        if transport is None or wire is None or self._listener is not None:
            return
        self._head = NO_HEAD
        if self._surplus or not self._keep or transport.is_closing() or wire.get_write_buffer_size():
            self.abort()
            return
        self.resume()
        self._home.give_back(self)

    def _leave(self) -> None:
        self.transport = self._wire = None
        self._home.forget(self)

    def _break(self, what: str) -> None:
        listener = self._listener
        self.abort()
        if listener is not None:
            message = f"{self._home.label} {what}"
            listener.on_lost(Failure(kind=FailureKind.BAD_REPLY, source="upstream", message=message))

    def _failed(self, listener: Listener) -> None:
        """Whoever listens has a bug; its exchange must end all the same."""
        self.abort()
        message = "the gateway failed to handle the answer; its log says how"
        listener.on_lost(Failure(kind=FailureKind.INTERNAL, source="gateway", message=message))

    def _lost(self, what: str, *, stale: bool) -> Failure:
        message = f"{self._home.label} {what}"
        return Failure(kind=FailureKind.TRANSPORT, source="upstream", message=message, stale_connection=stale)


def _broken_rule(error: Exception) -> str:
    if isinstance(error, httptools.HttpParserUpgrade):
        return "switched protocols without being asked"
    own = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
    return f"broke the rules of HTTP: {own or error}"


def _ended_on_purpose(transport: asyncio.Transport) -> bool:
    """Over TLS only a closure alert can end a body; anybody on the way can cut a connection (RFC 9112 §9.8)."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if tls is None:
        return True
    try:
        return not tls.read(1)
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False
