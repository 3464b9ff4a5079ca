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
from typing import NamedTuple

import msgspec

from headway.types import Orders, Report, Spent

MOST_WAITING = 8 * 1024 * 1024
"""Bytes that may wait in the pipe."""
MOST_CONTENT = MOST_WAITING // 2
"""How much of that may wait where messages and replies are concerned: they give way to rows."""
_LENGTH = struct.Struct(">I")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY = 60.0
"""Seconds that a process must live for its death to be no reason to wait longer."""
_FAREWELL = 8.0
"""Seconds that it has to write the rest."""


_encode = msgspec.json.Encoder().encode
_read_report = msgspec.json.Decoder(Report).decode


class Fate:
    """What became of all that was to be written: of rows, or of contents."""

    def __init__(self) -> None:
        self.lost = 0
        """On the way."""
        self.shipped = 0
        """Given to the process that runs."""
        self._stored = self._dropped = 0
        """By it, as far as it has told."""
        self._stored_before = self._dropped_before = 0
        """By those before it."""

    @property
    def stored(self) -> int:
        return self._stored_before + self._stored

    @property
    def dropped(self) -> int:
        return self.lost + self._dropped_before + self._dropped

    def told(self, stored: int, dropped: int) -> None:
        self._stored, self._dropped = stored, dropped

    def bury(self) -> None:
        """The process has ended."""
        self.lost += max(self.shipped - self._stored - self._dropped, 0)
        self._stored_before += self._stored
        self._dropped_before += self._dropped
        self.shipped = self._stored = self._dropped = 0


class Shipping:
    """`command` starts the process, `orders` is the first thing it is told; `failed` hears again and again why nothing
    can be written, or None when it can be.
    """

    def __init__(self, command: Sequence[str], orders: Orders, failed: Callable[[str | None], None]) -> None:
        self._command = command
        self._orders = _encode(orders)
        self._failed = failed
        self._process: Process | None = None
        self._backlog: list[tuple[bytes, int, Fate]] = []
        """What came while no process ran."""
        self._backlog_size = 0
        self.rows = Fate()
        self.contents = Fate()
        self.spent: tuple[Spent, ...] = ()
        """Of budgets, as a process has told last."""
        self._report = Report()
        self._closing = asyncio.Event()
        self._over = False

    def ship(self, lines: bytes, rows: int) -> None:
        self._ship(lines, rows, self.rows, MOST_WAITING)

    def ship_contents(self, lines: bytes, contents: int) -> None:
        self._ship(lines, contents, self.contents, MOST_CONTENT)

    def _ship(self, lines: bytes, count: int, fate: Fate, most: int) -> None:
        process = self._process
        pipe = None if process is None else process.stdin
        if pipe is None or pipe.is_closing():
            self._keep(lines, count, fate, most)
        elif pipe.transport.get_write_buffer_size() > most:
            fate.lost += count
        else:
            fate.shipped += count
            pipe.write(_LENGTH.pack(len(lines)) + lines)

    def _keep(self, lines: bytes, count: int, fate: Fate, most: int) -> None:
        """For the next process."""
        if self._over or self._backlog_size > most:
            fate.lost += count
            return
        self._backlog.append((lines, count, fate))
        self._backlog_size += len(lines)

    async def run(self) -> None:
        """Keep a process running, until `close`."""
        try:
            await self._run()
        finally:
            self._over = True
            for _, count, fate in self._backlog:
                fate.lost += count
            self._backlog.clear()

    async def _run(self) -> None:
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE
        while not self._closing.is_set():
            began = loop.time()
            try:
                await self._live()
            except OSError as error:
                self._failed(f"the writer of the request log cannot be started: {error.strerror}")
            else:
                if not self._closing.is_set():
                    self._failed(self._report.error or "the writer of the request log has ended; it is started again")
            self._report = Report()
            pause = _FIRST_PAUSE if loop.time() - began >= _STEADY else min(pause * 2, _LONGEST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()

    def close(self) -> None:
        """Have the process write what it has, and end. `run` ends with it, or when cancelled."""
        self._closing.set()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _live(self) -> None:
        """One process from its start to its end."""
        # A session of its own: Ctrl-C in a terminal is for the gateway, which closes the pipe when all is told.
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, start_new_session=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(_LENGTH.pack(len(self._orders)) + self._orders)
        self._process = process
        self._send_backlog()
        if self._closing.is_set():
            process.stdin.close()
        try:
            while line := await process.stdout.readline():
                self._hear(line)
            await process.wait()
        finally:
            self._process = None
            self._bury()
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _send_backlog(self) -> None:
        backlog, self._backlog, self._backlog_size = self._backlog, [], 0
        for lines, count, fate in backlog:
            self._ship(lines, count, fate, MOST_WAITING)

    def _hear(self, line: bytes) -> None:
        with suppress(msgspec.DecodeError):
            self._report = told = _read_report(line)
            self.rows.told(told.stored, told.dropped)
            self.contents.told(told.contents_stored, told.contents_dropped)
            self.spent = told.spent or self.spent  # one that has just started does not know yet
            self._failed(told.error)

    def _bury(self) -> None:
        """What a process was given and has not told of is lost."""
        self.rows.bury()
        self.contents.bury()
        self._report = Report(error=self._report.error)


class Counted(NamedTuple):
    """How many were stored, and how many were not."""

    stored: int
    dropped: int

    def plus(self, *fates: Fate) -> Counted:
        stored, dropped = sum(fate.stored for fate in fates), sum(fate.dropped for fate in fates)
        return Counted(self.stored + stored, self.dropped + dropped)


class Shipments:
    """The process that runs, if any: it changes with the configuration. `failed` hears why nothing can be written, and
    None when it can be again.
    """

    def __init__(self, command: Sequence[str], failed: Callable[[str | None], None]) -> None:
        self._command = command
        self._failed = failed
        self._orders: Orders | None = None
        self._begun = False
        self._shipping: Shipping | None = None
        self._running: asyncio.Task[None] | None = None
        self._leaving: dict[asyncio.Task[None], Shipping] = {}
        self._rows = self._contents = Counted(0, 0)
        """Of processes that are gone."""
        self._error: str | None = None

    @property
    def stored(self) -> int:
        return self._rows.plus(*(shipping.rows for shipping in self._at_work())).stored

    @property
    def dropped(self) -> int:
        return self._rows.plus(*(shipping.rows for shipping in self._at_work())).dropped

    @property
    def contents(self) -> Counted:
        return self._contents.plus(*(shipping.contents for shipping in self._at_work()))

    @property
    def wanted(self) -> bool:
        """Is anything written at all?"""
        return self._orders is not None

    @property
    def error(self) -> str | None:
        """Why nothing can be written just now."""
        return self._error

    @property
    def spent(self) -> tuple[Spent, ...]:
        """Of budgets, by the present orders."""
        return () if self._shipping is None else self._shipping.spent

    def ship(self, lines: bytes, rows: int) -> None:
        if self._shipping is not None:
            self._shipping.ship(lines, rows)

    def ship_contents(self, lines: bytes, contents: int) -> None:
        if self._shipping is not None:
            self._shipping.ship_contents(lines, contents)

    def lose_contents(self, contents: int) -> None:
        self._contents = self._contents._replace(dropped=self._contents.dropped + contents)

    def begin(self) -> None:
        """Start the process, if there are orders; and another when they change."""
        self._begun = True
        self._start()

    def adjust(self, orders: Orders | None) -> None:
        """Work by these orders from now on. None: nothing is to be written."""
        if orders == self._orders:
            return
        self._orders = orders
        self._retire()
        if orders is None:
            self._error = None
        if self._begun:
            self._start()

    async def close(self) -> None:
        self._retire()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _at_work(self) -> list[Shipping]:
        return [*self._leaving.values(), *([] if self._shipping is None else [self._shipping])]

    def _start(self) -> None:
        if self._orders is not None:
            shipping = Shipping(self._command, self._orders, lambda error: self._say(error, shipping))
            self._shipping = shipping
            self._running = asyncio.ensure_future(shipping.run())

    def _say(self, error: str | None, shipping: Shipping) -> None:
        if shipping is self._shipping and error != self._error:
            self._error = error
            self._failed(error)

    def _retire(self) -> None:
        shipping, running = self._shipping, self._running
        self._shipping = self._running = None
        if shipping is not None and running is not None:
            self._leaving[asyncio.ensure_future(self._bid_farewell(shipping, running))] = shipping

    async def _bid_farewell(self, shipping: Shipping, running: asyncio.Task[None]) -> None:
        shipping.close()
        await asyncio.wait({running}, timeout=_FAREWELL)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        self._rows = self._rows.plus(shipping.rows)
        self._contents = self._contents.plus(shipping.contents)
        task = asyncio.current_task()
        assert task is not None
        del self._leaving[task]
