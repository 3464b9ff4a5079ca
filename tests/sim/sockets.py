"""Connections without a kernel: the gateway's own `UpstreamConnection` over a fake socket, and a pool that keeps them.

Everything an upstream sends goes through the real parser. What a connection may do, and when it is told of what
happened to it, follows asyncio: `connection_lost` comes once, after everything else, in a turn of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from headway.failures import Failure, FailureKind
from headway.pipeline.attempt import Call
from headway.ports import Dialer
from headway.transport.connection import UpstreamConnection
from headway.types import Provider
from sim.loop import Loop, Timer, Violation

IDLE_LIMIT = 30.0
AGE_LIMIT = 300.0


class Socket(asyncio.Transport):
    """One connection from the upstream's end, and asyncio's transport from the gateway's."""

    def __init__(self, loop: Loop, pool: Pool) -> None:
        super().__init__()
        self._loop = loop
        self._pool = pool
        self.protocol = UpstreamConnection(pool, loop.now())
        self.closed = False
        """By either end; nothing is delivered any more."""
        self.paused = False
        self.doomed = False
        """The upstream has closed it, which the gateway does not know yet."""
        self._unread: list[bytes] = []
        self._ending: tuple[Exception | None] | None = None
        self.protocol.connection_made(self)

    # --- asyncio.Transport, as far as it is used ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self._pool.sent(self, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        if self._unread or self._ending is not None:
            self._loop.call_later(0.0, self._read)

    def abort(self) -> None:
        if not self.closed:
            self._close(None)

    def close(self) -> None:
        self.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    # --- what the upstream does ---

    @property
    def in_use(self) -> bool:
        return self.protocol._listener is not None

    def deliver(self, data: bytes) -> None:
        """More bytes have arrived."""
        if self.closed:
            return
        self._unread.append(data)
        if not self.paused:
            self._read()

    def end(self, error: Exception | None = None) -> None:
        """The upstream closes; with an error it resets the connection, and what was not read yet is lost."""
        if self.closed or self._ending is not None:
            return
        self._ending = (error,)
        if error is not None:
            self._unread.clear()
        if error is not None or not self.paused:
            self._read()

    # --- inside ---

    def _read(self) -> None:
        if self.closed or (self.paused and self._unread):
            return
        if self._unread:
            data = b"".join(self._unread)
            self._unread.clear()
            self.protocol.data_received(data)
        if self._ending is not None and not self.closed and not (self.paused and self._ending[0] is None):
            if self._ending[0] is None:
                self.protocol.eof_received()
            self._close(self._ending[0])

    def _close(self, error: Exception | None) -> None:
        self.closed = True
        self._loop.call_later(0.0, lambda: self.protocol.connection_lost(error))


class Dialling:
    """A connection being made, until it is or fails."""

    def __init__(self, pool: Pool, dialer: Dialer) -> None:
        self._pool = pool
        self.dialer: Dialer | None = dialer
        self.timer: Timer | None = None

    def cancel(self) -> None:
        self._over()

    def succeed(self) -> None:
        dialer = self._over()
        if dialer is not None:
            dialer.on_connected(Socket(self._pool.loop, self._pool).protocol)

    def fail(self, kind: FailureKind) -> None:
        dialer = self._over()
        if dialer is not None:
            what = "no connection" if kind is FailureKind.TIMEOUT else "cannot connect"
            message = f"{what} to {self._pool.label}"
            dialer.on_dial_failed(Failure(kind=kind, source="upstream", message=message))

    def _over(self) -> Dialer | None:
        dialer, self.dialer = self.dialer, None
        self._pool.dials.pop(self, None)
        if self.timer is not None:
            self.timer.cancel()
        return dialer


class Served(Protocol):
    """An upstream, as its pool needs it."""

    def dialled(self, dialling: Dialling, timeout: float) -> None:
        """Somebody wants to connect."""
        ...

    def received(self, socket: Socket, data: bytes) -> None:
        """A request has come in."""
        ...


class Pool:
    """One origin: idle connections, newest first, with the limits of the real one. `asked` is told who uses it."""

    def __init__(self, loop: Loop, provider: Provider, upstream: Served, asked: Callable[[Pool, Call], None]) -> None:
        self.loop = loop
        self.provider = provider
        self.upstream = upstream
        self._asked = asked
        self.label = provider.base_url
        self.path_prefix = b"/v1"
        self.fields = f"host: {provider.name}.test\r\n".encode()
        self.open: dict[UpstreamConnection, None] = {}
        self.idle: dict[UpstreamConnection, None] = {}
        self.dials: dict[Dialling, None] = {}

    # --- ports.Origin ---

    def take(self) -> UpstreamConnection | None:
        now = self.loop.now()
        while self.idle:
            connection, _ = self.idle.popitem()
            if now - connection.idle_since <= IDLE_LIMIT and now - connection.born <= AGE_LIMIT:
                return connection
            connection.abort()
        return None

    def dial(self, timeout: float, dialer: Dialer) -> Dialling:
        dialling = Dialling(self, dialer)
        self.dials[dialling] = None
        self._asked(self, cast(Call, dialer))
        self.upstream.dialled(dialling, timeout)
        return dialling

    # --- what connections say ---

    def sent(self, socket: Socket, data: bytes) -> None:
        listener = socket.protocol._listener
        if not isinstance(listener, Call):
            raise Violation("something was sent upstream by nobody")
        self._asked(self, listener)
        if socket.doomed:
            self.loop.call_later(0.001, socket.end)
        else:
            self.upstream.received(socket, data)

    def adopt(self, connection: UpstreamConnection) -> None:
        self.open[connection] = None

    def give_back(self, connection: UpstreamConnection) -> None:
        connection.idle_since = self.loop.now()
        self.idle[connection] = None

    def forget(self, connection: UpstreamConnection) -> None:
        del self.open[connection]
        self.idle.pop(connection, None)

    # --- what a run looks at ---

    @property
    def in_use(self) -> int:
        """Connections that serve somebody, and those being made."""
        count = len(self.dials)
        for connection in self.open:
            if connection._listener is not None:
                count += 1
        return count

    def close_idle(self, *, noticed: bool) -> None:
        """The upstream drops what is idle; what it says of that may not have arrived."""
        for connection in list(self.idle):
            socket = cast(Socket, connection.transport)
            if noticed:
                socket.end()
            else:
                socket.doomed = True

    def stray(self, data: bytes) -> None:
        """Bytes on idle connections that nobody asked for."""
        for connection in list(self.idle):
            cast(Socket, connection.transport).deliver(data)

    def reset(self) -> None:
        """The upstream dies: every connection breaks."""
        for connection in list(self.open):
            cast(Socket, connection.transport).end(ConnectionResetError())
