"""The lean lane: model endpoints go straight from uvicorn's HTTP parser to the gateway, without scope, event, task or
timer.

Only a request that finds its connection idle takes it. A pipelined one takes the ASGI lane, where uvicorn keeps
replies in order: to uvicorn, an exchange of the lean lane looks like a cycle that has not completed its response. What
this relies on in uvicorn is held by `tests/server/test_uvicorn_contract.py`.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, Protocol, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from headway.pipeline.gateway import Gateway
from headway.ports import Running
from headway.types import ServerLimits
from headway.wire.endpoints import Endpoint, Style, find
from headway.wire.styles import STYLES

_READ_HERE = frozenset({b"expect", b"transfer-encoding"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Application(Protocol):
    """The ASGI app that uvicorn serves, as far as the lean lane needs it."""

    gateway: Gateway

    @property
    def limits(self) -> ServerLimits: ...


class _Event:
    """Stands where uvicorn wants to wake a task; the lean lane has none."""

    def set(self) -> None: ...


class _Occupied:
    """What uvicorn sees of a lean exchange: a cycle whose response is not complete."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self) -> None:
        self.response_complete = True
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _Event()


class LeanProtocol(HttpToolsProtocol):
    """One client connection. It is the `Downstream` of the exchange that it carries."""

    # With slots of its own, the attributes that uvicorn's class keeps stay few enough to be found quickly.
    __slots__ = (
        "_chunked",
        "_codings",
        "_dispatch",
        "_endpoint",
        "_fd",
        "_fields",
        "_gateway",
        "_head_bytes",
        "_in_head",
        "_keep",
        "_lane",
        "_limits",
        "_lines",
        "_lines_of",
        "_lingering",
        "_named",
        "_parts",
        "_refusal",
        "_refused",
        "_running",
        "_size",
        "_style",
        "_unsent",
        "last_active",
    )

    # uvicorn's own annotations are wider: the parser ends with the connection, a lean exchange is no ASGI cycle.
    parser: httptools.HttpRequestParser  # pyright: ignore[reportIncompatibleVariableOverride]
    cycle: Any

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        application = cast("Application", config.loaded_app)  # pyright: ignore[reportUnknownMemberType]
        self._gateway = application.gateway
        self._limits = application.limits
        self._lane = _Occupied()
        self._endpoint: Endpoint | None = None
        self._named: str | None = None
        """The model, where the path has it."""
        self._style: Style = "openai"
        self._dispatch: Running | None = None
        self._parts: list[bytes] = []
        self._codings: list[bytes] = []
        self._size = 0
        self._fd = -1
        """What the client is written to; -1 where only the transport can write, as over TLS."""
        self._fields = 0
        """Header fields of the request, without its trailers."""
        self._head_bytes = 0
        self._in_head = False
        self._keep = True
        self._chunked = False
        self._running: Any = None
        """The ASGI cycle that was started last."""
        self._refused = False
        """Nothing more is read from this client."""
        self._refusal: tuple[int, str] | None = None
        """Status and message for what came after requests that are still being answered."""
        self._lingering = False
        self._unsent = 0
        self._lines_of: list[tuple[bytes, bytes]] | None = None
        self._lines = b""
        self.last_active = self.loop.time()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        sock = None if is_ssl(transport) else transport.get_extra_info("socket")
        self._fd = -1 if sock is None else sock.fileno()

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._refused:
            return
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._misread(error)
        except httptools.HttpParserUpgrade as offer:
            if self._endpoint is None:
                self._unsupported_upgrade_warning()
            else:
                self.data_received(self._head_without_offer() + data[offer.args[0] :])
        if self._in_head or self._endpoint is not None:  # a request that has not arrived in full yet
            self.last_active = self.loop.time()
            if self._head_bytes > self._limits.head:  # or the trailers that follow a chunked body
                self._refuse_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fd = -1
        dispatch, self._dispatch = self._dispatch, None
        super().connection_lost(exc)
        running = self._running
        if running is not None and running is not self.cycle:  # uvicorn tells the newest only, which may still wait
            running.disconnected = True
            running.message_event.set()
        if dispatch is not None:
            dispatch.client_gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._dispatch is not None:
            self._dispatch.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._dispatch is not None:
            self._dispatch.resume()

    def shutdown(self) -> None:
        """Drain: finish what is under way, then close."""
        if self._lingering:
            self.transport.close()
        elif self._lane.response_complete and self._endpoint is None:
            super().shutdown()
        else:
            self._keep = False

    def close_if_idle(self, now: float, patience: float) -> None:
        """Close when nothing is being answered and nothing has moved for `patience` seconds."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:  # the client takes what it was sent
            self._unsent = unsent
            self.last_active = now
        half_sent = self._running is not None and self._running.more_body and not self.pipeline
        if now - self.last_active <= patience or (self._busy and not half_sent):
            return
        if unsent or self.transport.is_closing():
            self.transport.abort()
        else:
            self.transport.close()

    # --- uvicorn ---

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def on_response_complete(self) -> None:
        """A cycle of the ASGI lane has completed its response."""
        self.last_active = self.loop.time()
        super().on_response_complete()
        if self._refusal is not None and not self._busy and not self.transport.is_closing():
            self._say_refusal()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # --- httptools ---

    def on_message_begin(self) -> None:
        self.url = b""
        self._style = "openai"
        self.expect_100_continue = False
        self.headers = []
        self._codings = []
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name in _READ_HERE:
            if name == b"transfer-encoding":
                self._codings.append(value.strip().lower())
            elif value.lower() == b"100-continue":
                self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        if self._head_bytes > self._limits.head and self._head_is_too_large():
            self._refuse_head()
        if self._codings and (self._codings != [b"chunked"] or self.parser.get_http_version() != "1.1"):
            self._refuse(400, "transfer-encoding must be chunked, once, in HTTP/1.1")  # RFC 9112 §6.1
        if self._refused:
            return
        self._in_head = False
        self._head_bytes = 0
        self._fields = len(self.headers)
        if self._lane.response_complete and self._takes_lean_lane():
            return
        if self.parser.should_upgrade() and any(name in _FRAMING for name, _ in self.headers):
            self._in_head = True
            self._refuse(400, "a request that offers to switch protocols must not have a body here")
            return
        # The ASGI lane: uvicorn's own scope, with the headers gathered so far.
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        if self._endpoint is None:
            if not self._refused:
                self.last_active = self.loop.time()
                super().on_body(body)
            return
        self._size += len(body)
        if self._size > self._limits.body:
            self._refuse(413, f"the request's body is larger than {self._limits.body} bytes")
            return
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        if len(self.headers) != self._fields:
            del self.headers[self._fields :]  # trailers are no headers (RFC 9110 §6.5.1)
        endpoint = self._endpoint
        if endpoint is None:
            if not self._refused:
                super().on_message_complete()
            return
        parts = self._parts
        if not parts and self.parser.should_upgrade():
            return  # the parser takes what follows for another protocol; see `data_received`
        self._endpoint = None
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._lane.response_complete = False
        dispatch = self._gateway.handle(endpoint, self.headers, body, self, self._named)
        if not self._lane.response_complete:
            self._dispatch = dispatch

    def _takes_lean_lane(self) -> bool:
        place = find(self.url)
        parser = self.parser
        if (
            place is None
            or parser.get_method() != b"POST"
            or self.pipeline
            or self.flow.write_paused  # uvicorn waits until the client has read what it was sent before
            or not (self.cycle is None or self.cycle.response_complete)
        ):
            return False
        self._endpoint = place.endpoint
        self._named = place.model
        self._style = place.endpoint.style
        self._size = 0
        self._keep = parser.should_keep_alive()
        self.cycle = self._lane
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    # --- Downstream ---

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self._put(
            b"%b%b%bcontent-length: %d\r\n%b\r\n%b"
            % (
                STATUS_LINE[status],
                self._date(),
                headers,
                len(body),
                b"" if self._keep else b"connection: close\r\n",
                body,
            )
        )
        self._done()

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        self._chunked = length is None
        if length is not None:
            framing = b"content-length: %d\r\n" % length
        elif self.parser.get_http_version() == "1.1":
            framing = b"transfer-encoding: chunked\r\n"
        else:  # HTTP/1.0 knows no chunks: the end of the connection is the end of the body
            framing = b""
            self._chunked = self._keep = False
        closing = b"" if self._keep else b"connection: close\r\n"
        self.transport.write(b"%b%b%b%b%b\r\n" % (STATUS_LINE[status], self._date(), headers, framing, closing))

    def write(self, data: bytes) -> None:
        self._put(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def _put(self, data: bytes) -> None:
        """Write past the transport's queue while that is empty: it would write in the same turn anyway, and a chunk
        costs a tenth less.
        """
        transport = self.transport
        if self._fd >= 0 and not transport.get_write_buffer_size() and not transport.is_closing():
            try:
                sent = os.write(self._fd, data)
            except OSError:  # full or broken: the transport knows what to do
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    def end(self) -> None:
        if self._chunked:
            self.transport.write(b"0\r\n\r\n")
        self._done()

    def abort(self) -> None:
        self._dispatch = None
        self._lane.response_complete = True
        self._refused = True  # what the client has sent behind this request is nobody's
        self.transport.abort()

    def _done(self) -> None:
        """The response is written: the connection may serve its next request."""
        self._dispatch = None
        self._lane.response_complete = True
        self.last_active = self.loop.time()
        self.server_state.total_requests += 1
        if not self._keep:
            self._hang_up()
        elif self.pipeline:
            super().on_response_complete()
        elif self._refusal is not None:
            self._say_refusal()

    def _hang_up(self) -> None:
        self._refused = True
        if self._lingering and self.transport.can_write_eof():
            # Closing while the client still sends would be a reset, and it might never see the answer (RFC 9112 §9.6).
            self.transport.write_eof()
        else:
            self.transport.close()

    def _date(self) -> bytes:
        """Uvicorn's header lines for every reply; it makes a new list of them once a second."""
        headers = self.server_state.default_headers
        if headers is not self._lines_of:
            self._lines_of = headers
            self._lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._lines

    def _head_without_offer(self) -> bytes:
        """The head of a request that offers to switch protocols, without the offer, which a server may ignore
        (RFC 9110 §7.8). Java's own client makes one with every request.
        """
        self._endpoint = None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"POST %b HTTP/1.1" % self.url]
        for name, value in self.headers:
            if name == b"connection" and b"close" in value.lower():
                lines.append(b"connection: close")
            elif name not in (b"connection", b"upgrade"):
                lines.append(b"%b: %b" % (name, value))
        return b"%b\r\n\r\n" % b"\r\n".join(lines)

    # --- what cannot be served at all ---

    @property
    def _busy(self) -> bool:
        """Is a request being answered, or waiting to be?"""
        running = self._running
        unanswered = running is not None and not running.response_complete and not running.disconnected
        return self._dispatch is not None or bool(self.pipeline) or unanswered

    def _misread(self, error: httptools.HttpParserError) -> None:
        if self._lane.response_complete or self._dispatch is not None:
            self._refuse(400, "the request is not valid HTTP")
            return
        self._lane.response_complete = True  # what raised is what the request set off
        self.logger.error("A request could not be handled", exc_info=error)
        self._refuse(500, "the gateway failed; its log says how")

    def _head_is_too_large(self) -> bool:
        """It came in packets beyond the limit, which may hold more than the head."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self._limits.head

    def _refuse_head(self) -> None:
        self._refuse(431, f"the request's head is larger than {self._limits.head} bytes")

    def _refuse(self, status: int, message: str) -> None:
        """Answer in its turn what cannot be served, and close: the rest of the connection has no meaning."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._parts.clear()
        if self._endpoint is None and not self._in_head and not self._drop_unfinished():
            self.transport.close()
            return
        self._endpoint = None
        self._refusal = (status, message)
        if not self._busy:
            self._say_refusal()

    def _drop_unfinished(self) -> bool:
        """Take back the ASGI cycle whose body turned out to be broken; False if it has been answered already."""
        cycle = self.cycle
        if cycle is None or cycle is self._lane:
            return True
        if cycle.response_started:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        return True

    def _say_refusal(self) -> None:
        if self._refusal is None:
            return
        status, message = self._refusal
        self._refusal = None
        self._lingering = True
        self._keep = False
        code = "invalid_request" if status < 500 else "internal_error"
        look = STYLES[self._style]
        self.reply(
            status, b"content-type: application/json\r\n" + look.fields(status), look.body(message, status, code, None)
        )
