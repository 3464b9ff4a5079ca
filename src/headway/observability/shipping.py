"""Lines of the log on their way to the process that writes them into a database.

That process is started, fed through a pipe and started again when it dies. Nothing here waits for it: what it does not
take is dropped and counted.
"""

from __future__ import annotations

import asyncio
import struct
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

MOST_WAITING = 8 * 1024 * 1024
"""Bytes that may wait in the pipe."""
_HEADER = struct.Struct(">cI")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY = 60.0
"""Seconds that a process must live for its death to be no reason to wait longer."""
_FAREWELL = 8.0
"""Seconds that it has to write the rest."""


class Report(msgspec.Struct):
    """What the process says of itself: rows stored, dropped and waiting so far, and why nothing can be written now."""

    stored: int = 0
    dropped: int = 0
    waiting: int = 0
    error: str | None = None


_read_report = msgspec.json.Decoder(Report).decode


class Shipping:
    """`command` starts the process, `orders` is the first thing it is told; `failed` hears why nothing can be written,
    and None when it can be again.
    """

    def __init__(self, command: Sequence[str], orders: bytes, failed: Callable[[str | None], None]) -> None:
        self._command = command
        self._orders = orders
        self._failed = failed
        self._process: Process | None = None
        self._lost = 0
        self._shipped = 0
        """Rows given to the process that runs."""
        self._report = Report()
        self._before = Report()
        """Of the processes before it, in all."""
        self._error: str | None = None
        self._closing = False

    @property
    def stored(self) -> int:
        return self._before.stored + self._report.stored

    @property
    def dropped(self) -> int:
        return self._lost + self._before.dropped + self._report.dropped

    @property
    def error(self) -> str | None:
        """Why nothing can be written just now."""
        return self._error

    def ship(self, lines: bytes, rows: int) -> None:
        process = self._process
        pipe = None if process is None else process.stdin
        if pipe is None or pipe.is_closing() or pipe.transport.get_write_buffer_size() > MOST_WAITING:
            self._lost += rows
            return
        self._shipped += rows
        pipe.write(_HEADER.pack(b"L", len(lines)) + lines)

    async def run(self) -> None:
        """Keep a process running, until `close`."""
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE
        while not self._closing:
            began = loop.time()
            try:
                await self._live()
            except OSError as error:
                self._say(f"the writer of the request log cannot be started: {error.strerror}")
            if self._closing:
                return
            if self._error is None:
                self._say("the writer of the request log has ended; it is started again")
            pause = _FIRST_PAUSE if loop.time() - began >= _STEADY else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Let it write what it has, for a while."""
        self._closing = True
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_FAREWELL):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()

    async def _live(self) -> None:
        """One process from its start to its end."""
        # A session of its own: Ctrl-C in a terminal is for the gateway, which closes the pipe when all is told.
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, start_new_session=True)
        assert process.stdin is not None
        assert process.stdout is not None
        self._shipped, self._report = 0, Report()
        process.stdin.write(_HEADER.pack(b"C", len(self._orders)) + self._orders)
        self._process = process
        try:
            while line := await process.stdout.readline():
                self._hear(line)
            await process.wait()
        finally:
            self._process = None
            self._bury()

    def _hear(self, line: bytes) -> None:
        with suppress(msgspec.DecodeError):
            self._report = _read_report(line)
            self._say(self._report.error)

    def _say(self, error: str | None) -> None:
        if error != self._error:
            self._error = error
            self._failed(error)

    def _bury(self) -> None:
        """What a process was given and has not told of is lost."""
        known, before = self._report, self._before
        self._lost += max(self._shipped - known.stored - known.dropped, 0)
        self._before = Report(before.stored + known.stored, before.dropped + known.dropped)
        self._report = Report()


class Shipments:
    """The process that runs, if any: it changes with the configuration."""

    def __init__(self, command: Sequence[str], failed: Callable[[str | None], None]) -> None:
        self._command = command
        self._failed = failed
        self._orders: bytes | None = None
        self._begun = False
        self._shipping: Shipping | None = None
        self._running: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._stored = self._dropped = 0
        """By processes that were told to go."""

    @property
    def stored(self) -> int:
        return self._stored + (0 if self._shipping is None else self._shipping.stored)

    @property
    def dropped(self) -> int:
        return self._dropped + (0 if self._shipping is None else self._shipping.dropped)

    @property
    def error(self) -> str | None:
        return None if self._shipping is None else self._shipping.error

    def ship(self, lines: bytes, rows: int) -> None:
        if self._shipping is not None:
            self._shipping.ship(lines, rows)

    def begin(self) -> None:
        """Start the process, if there are orders; and another when they change."""
        self._begun = True
        self._start()

    def adjust(self, orders: bytes | None) -> None:
        """Work by these orders from now on. None: nothing is to be written."""
        if orders == self._orders:
            return
        self._orders = orders
        self._retire()
        if self._begun:
            self._start()

    def _start(self) -> None:
        orders = self._orders
        if orders is not None:
            self._shipping = Shipping(self._command, orders, self._failed)
            self._running = asyncio.ensure_future(self._shipping.run())

    async def close(self) -> None:
        self._retire()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _retire(self) -> None:
        shipping, running = self._shipping, self._running
        self._shipping = self._running = None
        if shipping is None or running is None:
            return
        task = asyncio.ensure_future(self._bid_farewell(shipping, running))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _bid_farewell(self, shipping: Shipping, running: asyncio.Task[None]) -> None:
        await shipping.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        self._stored += shipping.stored
        self._dropped += shipping.dropped
