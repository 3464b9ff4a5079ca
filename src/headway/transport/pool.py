"""A pool of connections to one origin: which idle one serves next, when one is too old, how a new one is made.

Every dial resolves the host's name afresh, and connections retire by age, so that a changed DNS record takes effect.
Addresses are tried in parallel after a short delay (happy eyeballs, RFC 8305). Which of them may be connected to at
all is `transport.reach`'s business.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import sys
from collections.abc import Sequence
from functools import partial
from typing import cast

from aiohappyeyeballs import AddrInfoType, start_connection  # pyright: ignore[reportUnknownVariableType]

from headway.config.reach import Network
from headway.failures import Failure, FailureKind
from headway.ports import Dialer
from headway.transport.connection import UpstreamConnection
from headway.transport.proxies import Proxy, open_tunnel
from headway.transport.reach import ForbiddenError, Infos, check_name, permitted

logger = logging.getLogger(__name__)

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
        reach: Sequence[Network] | None = None,
        problem: str | None = None,
    ) -> None:
        """`reach`: the networks that are not public and may be reached all the same; None: everything may. `problem`:
        why, as it is configured, it cannot be reached at all; every dial fails with it.
        """
        self._host = host
        self._port = port
        self._proxy = proxy
        self._context = context
        self._reach = reach
        self._problem = problem
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

    def adopt(self, connection: UpstreamConnection) -> None:
        self._open += 1

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
        through = "" if self._proxy is None else f" through the proxy {self._proxy.host}:{self._proxy.port}"
        try:
            async with asyncio.timeout(timeout):
                connection = await self._connect()
        except TimeoutError:
            message = f"no connection to {self.label}{through} within {timeout:g} s"
            dialer.on_dial_failed(Failure(kind=FailureKind.TIMEOUT, source="upstream", message=message))
        except ForbiddenError as error:
            message = f"{self.label}{through} must not be connected to: {error}"
            kind = FailureKind.TRANSPORT
            dialer.on_dial_failed(Failure(kind=kind, source="gateway", message=message, should_retry=False))
        except (OSError, ValueError, RuntimeError) as error:  # uvloop says some OSErrors as RuntimeError
            message = f"cannot connect to {self.label}{through}: {describe(error)}"
            dialer.on_dial_failed(Failure(kind=FailureKind.TRANSPORT, source="upstream", message=message))
        else:
            self._connected(connection, dialer)

    def _connected(self, connection: UpstreamConnection, dialer: Dialer) -> None:
        try:
            dialer.on_connected(connection)
        except Exception:
            logger.exception("A connection to %s could not be used", self.label)
            connection.abort()
            message = "the gateway failed to send the request; its log says how"
            dialer.on_dial_failed(Failure(kind=FailureKind.INTERNAL, source="gateway", message=message))

    async def _connect(self) -> UpstreamConnection:
        if self._problem is not None:
            raise UnusableError(self._problem)
        infos = await self._addresses()
        sock = await start_connection(
            cast(list[AddrInfoType], infos), happy_eyeballs_delay=ATTEMPT_DELAY, interleave=1, loop=self._loop
        )
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(sock)
            if self._proxy is not None and self._context is not None:
                await open_tunnel(sock, self._proxy, self._host, self._port)
        except BaseException:
            sock.close()
            raise
        connection = await self._hand_over(sock)
        if self._context is not None:
            await self._secure(connection, self._context)
        return connection

    async def _addresses(self) -> Infos:
        """Those that may be connected to, of the upstream or of the proxy."""
        proxy, reach = self._proxy, self._reach
        host, port = (self._host, self._port) if proxy is None else (proxy.host, proxy.port)
        if proxy is not None and reach is not None:
            check_name(self._host, reach)
        infos: Infos = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # uvloop gives every type for a literal address
        infos = [info for info in infos if info[1] == socket.SOCK_STREAM]
        if reach is not None and (proxy is None or not proxy.trusted):
            infos = permitted(infos, reach)
        return infos

    async def _hand_over(self, sock: socket.socket) -> UpstreamConnection:
        """Give the socket to the loop, which owns it from here on. This takes no time, and must not be interrupted:
        uvloop before 0.23 would close a descriptor that the socket object closes once more.
        """
        factory = partial(UpstreamConnection, self, self._loop.time())
        making = self._loop.create_task(self._loop.create_connection(factory, sock=sock))
        try:
            _, connection = await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(_discard)
            raise
        return connection

    async def _secure(self, connection: UpstreamConnection, context: ssl.SSLContext) -> None:
        secured = None
        try:
            if connection.transport is not None:
                wire = connection.transport
                secured = await self._loop.start_tls(wire, connection, context, server_hostname=self._host)
        except BaseException:
            connection.abort()
            raise
        if secured is None or connection.transport is None:
            raise ConnectionResetError("the connection was closed at once")
        connection.secured(secured)


class UnusableError(OSError):
    """The configuration names something that is not there or makes no sense."""


def describe(error: Exception) -> str:
    """What went wrong, for a person, without the addresses behind a name."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            reason = error.reason or "the handshake was cut short"
            return f"TLS failed ({reason.replace('_', ' ').lower()})"
        case socket.gaierror() | UnicodeError():
            return "its name cannot be resolved"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case _ if type(error) is OSError:
            return "none of its addresses accepts a connection"
        case _:
            return str(error) or type(error).__name__


def _discard(making: asyncio.Task[tuple[asyncio.Transport, UpstreamConnection]]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result()[1].abort()


def _keep_alive(sock: socket.socket) -> None:
    """Notice within a few minutes that a peer has vanished without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
