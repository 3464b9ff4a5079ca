"""The lean lane: model endpoints go straight from uvicorn's HTTP parser to the gateway, without scope, event, task or
timer.

Only a request that finds its connection idle takes it. A pipelined one takes the ASGI lane, where uvicorn keeps
replies in order: to uvicorn, an exchange of the lean lane looks like a cycle that has not completed its response. What
this relies on in uvicorn is held by `tests/server/test_uvicorn_contract.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from headway.pipeline.dispatch import Dispatch
from headway.pipeline.gateway import Gateway
from headway.types import ServerLimits
from headway.wire.openai import errors
from headway.wire.openai.endpoints import BY_PATH, Endpoint


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
        self._dispatch: Dispatch | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._head_bytes = 0
        self._in_head = False
        self._keep = True
        self._chunked = False
        self._refused = False
        self._lines_of: list[tuple[bytes, bytes]] | None = None
        self._lines = b""
        self.last_active = self.loop.time()

    # --- asyncio.Protocol ---

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._refused:
            return
        if self._in_head or self._endpoint is None:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._in_head or self._endpoint is not None:  # a request that has not arrived in full yet
            self.last_active = self.loop.time()
            if self._in_head and self._head_bytes > self._limits.head:
                self._refuse(431, f"the request's head is larger than {self._limits.head} bytes")

    def connection_lost(self, exc: Exception | None) -> None:
        dispatch, self._dispatch = self._dispatch, None
        super().connection_lost(exc)
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
        if self._lane.response_complete and self._endpoint is None:
            super().shutdown()
        else:
            self._keep = False

    def close_if_idle(self, now: float, patience: float) -> None:
        """Close when nothing is being answered and nothing has arrived for `patience` seconds."""
        busy = not self._lane.response_complete or not (self.cycle is None or self.cycle.response_complete)
        if not busy and now - self.last_active > patience and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    # --- httptools ---

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if self._lane.response_complete and not self._refused and self._takes_lean_lane():
            return
        # The ASGI lane: uvicorn's own scope, with the headers gathered so far.
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._endpoint is None:
            super().on_body(body)
            return
        self._size += len(body)
        if self._size > self._limits.body:
            self._endpoint = None
            self._refuse(413, f"the request's body is larger than {self._limits.body} bytes")
            return
        self._parts.append(body)

    def on_message_complete(self) -> None:
        endpoint = self._endpoint
        if endpoint is None:
            if not self._refused:
                super().on_message_complete()
            return
        self._endpoint = None
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._lane.response_complete = False
        dispatch = self._gateway.handle(endpoint, self.headers, body, self)
        if not self._lane.response_complete:
            self._dispatch = dispatch

    def _takes_lean_lane(self) -> bool:
        endpoint = BY_PATH.get(self.url)
        if endpoint is None:
            endpoint = BY_PATH.get(self.url.partition(b"?")[0])
        parser = self.parser
        if (
            endpoint is None
            or parser.get_method() != b"POST"
            or self.pipeline
            or not (self.cycle is None or self.cycle.response_complete)
        ):
            return False
        self._endpoint = endpoint
        self._size = 0
        self._keep = parser.should_keep_alive()
        self.cycle = self._lane
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    # --- Downstream ---

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.transport.write(
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
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        if self._chunked:
            self.transport.write(b"0\r\n\r\n")
        self._done()

    def abort(self) -> None:
        self._dispatch = None
        self._lane.response_complete = True
        self.transport.abort()

    def _done(self) -> None:
        """The response is written: the connection may serve its next request."""
        self._dispatch = None
        self._lane.response_complete = True
        self.last_active = self.loop.time()
        self.server_state.total_requests += 1
        if not self._keep:
            self.transport.close()
        elif self.pipeline:
            super().on_response_complete()

    def _date(self) -> bytes:
        """Uvicorn's header lines for every reply; it makes a new list of them once a second."""
        headers = self.server_state.default_headers
        if headers is not self._lines_of:
            self._lines_of = headers
            self._lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._lines

    def _refuse(self, status: int, message: str) -> None:
        """Answer what cannot be served at all, and close: the rest of the connection has no meaning."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._parts.clear()
        if self._lane.response_complete and (self.cycle is None or self.cycle.response_complete):
            body = errors.body(message, status=status, code="invalid_request")
            self._keep = False
            self.reply(status, b"content-type: application/json\r\n", body)
        else:
            self.transport.close()
