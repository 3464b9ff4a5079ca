"""A pool of connections to one origin: which idle one serves next, when one is too old, how a new one is made.

Every dial resolves the host's name afresh, and connections retire by age, so that a changed DNS record takes effect. Addresses are tried
in parallel after a short delay (happy eyeballs, RFC 8305).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from functools import partial
from typing import cast

from aiohappyeyeballs import AddrInfoType, start_connection

from headway.ports import Dialer
from headway.transport.connection import UpstreamConnection
from headway.transport.proxies import Proxy, open_tunnel
from headway.types import Failure, FailureKind

MAX_IDLE = 512
"""Idle connections kept to one origin."""
IDLE_LIMIT = 30.0
"""Seconds an idle connection is kept; most servers close theirs after 60 or more."""
AGE_LIMIT = 300.0
"""Seconds after which a connection is not used again."""
ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside the first (RFC 8305 §5)."""


class OriginPool:
    """Connections to one scheme, host and port. Idle ones are reused newest first, so that the surplus ages out."""

    def __init__(
        self,
        *,
        scheme: str,
        host: str,
        port: int,
        path: str,
        proxy: Proxy | None,
        context: ssl.SSLContext | None,
    ) -> None:
        self._host = host
        self._port = port
        self._proxy = proxy
        self._context = context
        self._idle: dict[UpstreamConnection, None] = {}
        """Oldest first."""
        self._open = 0
        self._closed = False
        self._dials: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        authority = f"[{host}]" if ":" in host else host
        if port != (443 if scheme == "https" else 80):
            authority = f"{authority}:{port}"
        self.label = f"{scheme}://{authority}"
        absolute = proxy is not None and scheme == "http"
        self.path_prefix = f"{self.label}{path}".encode() if absolute else path.encode()
        self.fields = f"host: {authority}\r\n".encode()
        if absolute and proxy is not None and proxy.authorization is not None:
            self.fields += b"proxy-authorization: " + proxy.authorization + b"\r\n"

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def open(self) -> int:
        return self._open

    def take(self) -> UpstreamConnection | None:
        idle = self._idle
        if not idle:
            return None
        now = self._loop.time()
        while idle:
            connection, _ = idle.popitem()
            transport = connection.transport
            if transport is None or transport.is_closing():
                continue
            if now - connection.idle_since > IDLE_LIMIT or now - connection.born > AGE_LIMIT:
                connection.abort()
                continue
            return connection
        return None

    def dial(self, timeout: float, dialer: Dialer) -> asyncio.Task[None]:
        task = self._loop.create_task(self._dial(timeout, dialer))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)
        return task

    def give_back(self, connection: UpstreamConnection) -> None:
        connection.idle_since = self._loop.time()
        if len(self._idle) >= MAX_IDLE or self._closed:
            connection.abort()
        else:
            self._idle[connection] = None

    def forget(self, connection: UpstreamConnection) -> None:
        self._open -= 1
        self._idle.pop(connection, None)

    def retire(self) -> None:
        """Close the idle connections that are past their limits. Called now and then; `take` checks for itself."""
        now = self._loop.time()
        while self._idle:
            oldest = next(iter(self._idle))
            if now - oldest.idle_since <= IDLE_LIMIT and now - oldest.born <= AGE_LIMIT:
                return
            oldest.abort()

    def close(self) -> None:
        """Close what is idle; a connection in use closes with its reply."""
        self._closed = True
        for connection in list(self._idle):
            connection.abort()

    async def _dial(self, timeout: float, dialer: Dialer) -> None:
        try:
            async with asyncio.timeout(timeout):
                connection = await self._connect()
        except TimeoutError:
            dialer.on_dial_failed(
                Failure(
                    kind=FailureKind.TIMEOUT, source="upstream", message=f"no connection to {self.label} within {timeout:g} s"
                )
            )
        except (OSError, ssl.SSLError, UnicodeError) as error:
            dialer.on_dial_failed(
                Failure(
                    kind=FailureKind.TRANSPORT,
                    source="upstream",
                    message=f"cannot connect to {self.label}: {describe(error)}",
                )
            )
        else:
            self._open += 1
            dialer.on_connected(connection)

    async def _connect(self) -> UpstreamConnection:
        host, port = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        infos = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        infos = [info for info in infos if info[1] == socket.SOCK_STREAM]  # uvloop gives every type for a literal address
        sock = await start_connection(
            cast(list[AddrInfoType], infos), happy_eyeballs_delay=ATTEMPT_DELAY, interleave=1, loop=self._loop
        )
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(sock)
            if self._proxy is not None and self._context is not None:
                await open_tunnel(sock, self._proxy, self._host, self._port)
            _, connection = await self._loop.create_connection(
                partial(UpstreamConnection, self, self._loop.time()),
                sock=sock,
                ssl=self._context,
                server_hostname=self._host if self._context is not None else None,
            )
        except BaseException:
            sock.close()
            raise
        return connection


def describe(error: Exception) -> str:
    """What went wrong, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__


def _keep_alive(sock: socket.socket) -> None:
    """Notice within a few minutes that a peer has vanished without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
