"""The load generator's sockets: connections that carry one request at a time, and who opens them.

When a request is sent is the driver's decision (`drivers`), whether a reply is right the reader's (`reply`).
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Protocol, cast

from headway.bench.plan import Plan, loopback
from headway.bench.reply import ReplyReader

DIALS_AT_ONCE = 64


class Driver(Protocol):
    """Decides what a connection does next."""

    def arrived(self, connection: Connection, now: float) -> None:
        """Part of a reply is in."""
        ...

    def finished(self, connection: Connection, now: float, fault: str) -> None:
        """The reply is complete, or has failed for good."""
        ...


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    __slots__ = ("_driver", "_reader", "_transport", "began", "busy", "last")

    def __init__(self, driver: Driver, expect: int | None) -> None:
        self._driver = driver
        self._reader = ReplyReader(expect)
        self._transport: asyncio.Transport | None = None
        self.busy = False
        self.began = 0.0
        self.last = 0.0

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def events(self) -> int:
        return self._reader.events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, began: float) -> None:
        self.busy = True
        self.began = began
        self.last = 0.0
        self._reader.reset()
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if not self.busy:
            self._driver.finished(self, now, "bytes without a request")
            self.close()
            return
        done = self._reader.feed(data)
        self._driver.arrived(self, now)
        if done:
            self.busy = False
            if self._reader.fault:
                self.close()
            self._driver.finished(self, now, self._reader.fault)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.busy:
            self.busy = False
            self._driver.finished(self, perf_counter(), "the connection was lost before the reply was complete")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Dialer:
    """Opens connections to the target, and knows all that are open."""

    def __init__(self, plan: Plan, driver: Driver) -> None:
        self._target = loopback(plan.url)
        self._expect = plan.expect
        self._driver = driver
        self._gate = asyncio.Semaphore(DIALS_AT_ONCE)
        self.opened: list[Connection] = []

    async def dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with self._gate:
            _, connection = await loop.create_connection(
                lambda: Connection(self._driver, self._expect), self._target.host, self._target.port
            )
        self.opened.append(connection)
        return connection

    def busy(self) -> int:
        return sum(connection.busy for connection in self.opened)

    def close(self) -> None:
        for connection in self.opened:
            connection.busy = False
            connection.close()
