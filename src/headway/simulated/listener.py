"""Whether the provider's port is open: it closes while the plan of faults says `refuse`, and opens again after."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from headway.simulated.connection import Connection
from headway.simulated.desk import Desk

_BACKLOG = 4096
_TICK = 0.02
"""Seconds between two looks at a plan that may refuse."""


class Listener:
    """Owns the listening socket. Once started, the port stays the same."""

    __slots__ = ("_desk", "_loop", "_server", "_socket", "_task", "_timer", "host", "port")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.host = ""
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the port is taken."""
        self._loop = asyncio.get_running_loop()
        self.host, self.port = host, port
        await self._open(self._loop)
        self.settle()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop = None
        if self._task is not None:
            await self._task
        self._close()

    def settle(self) -> None:
        """Open or close as the plan wants it now, and look again later if that may change."""
        if self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        refusing = self._desk.refusing()
        if refusing and self._socket is not None:
            self._close()
        elif not refusing and self._socket is None:
            self._open(self._loop)
        if self._desk.plan.may_refuse:
            self._timer = self._loop.call_later(_TICK, self.settle)

    def _open(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """The port takes connections at once, and they are served as soon as the loop comes round."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, self.port), family=family, backlog=_BACKLOG)
        self.port = listening.getsockname()[1]
        self._socket = listening
        self._task = loop.create_task(self._serve(loop, listening))
        return self._task

    async def _serve(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        if self._socket is not listening:
            listening.close()
            return
        desk = self._desk
        server = await loop.create_server(lambda: Connection(desk, loop), sock=listening, backlog=_BACKLOG)
        if self._socket is listening:
            self._server = server
        else:
            server.close()

    def _close(self) -> None:
        """From here on connections are refused, and idle ones end, as when a process dies."""
        listening, self._socket = self._socket, None
        server, self._server = self._server, None
        if listening is not None and listening.fileno() >= 0:
            # Some loops close a socket only when they come round; this refuses at once.
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
        if server is not None:
            server.close()
        for guest in [guest for guest in self._desk.guests if guest.idle]:
            guest.abort()
