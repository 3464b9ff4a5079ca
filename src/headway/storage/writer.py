"""The process that writes the request log: `python -m headway.storage.writer`.

It stands apart from the gateway, which has no time for it. It is fed on standard input, and tells on standard output
how it stands. While the database does not answer, rows wait, the oldest give way to newer ones, and what was lost is
counted.

A message is a byte for its kind, four bytes for its length (big-endian), and JSON: `C` the `Orders`, `L` lines of the
log.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
import time
from collections import deque
from contextlib import suppress

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from headway.storage.database import Database
from headway.storage.migrations import migrate
from headway.storage.request_log import RequestLog
from headway.storage.retention import forget, make_partitions
from headway.storage.rows import Logged, read_lines
from headway.types import Kept

HEADER = struct.Struct(">cI")
MOST_WAITING = 20_000
"""Rows."""
BATCH = 1000
"""Rows in one transaction."""
FLUSH_AFTER = 0.5
TELL_EVERY = 1.0
TIDY_EVERY = 600.0
LAST_TRY = 5.0
"""Seconds for what is still waiting when the gateway has closed."""
PATIENCE = 10.0
"""Seconds for one transaction."""
_LONGEST_PAUSE = 10.0
_NICENESS = 5
_BROKEN = (SQLAlchemyError, OSError, TimeoutError)


class Orders(msgspec.Struct, frozen=True):
    """Where to write, and what to keep."""

    url: str
    kept: Kept


class Report(msgspec.Struct, frozen=True):
    """Rows so far. `error` says why nothing can be written just now."""

    stored: int = 0
    dropped: int = 0
    waiting: int = 0
    error: str | None = None


class Writer:
    def __init__(self, orders: Orders, tell: asyncio.Event) -> None:
        self._orders = orders
        self._tell = tell
        self._database = Database(orders.url)
        self._log = RequestLog(self._database.engine)
        self._waiting: deque[Logged] = deque()
        self._some = asyncio.Event()
        self._ready = False
        self._tidied = -TIDY_EVERY
        self.stored = 0
        self.dropped = 0
        self.error: str | None = None

    @property
    def report(self) -> Report:
        return Report(self.stored, self.dropped, len(self._waiting), self.error)

    def order(self, orders: Orders) -> None:
        """What to keep may change; another database is another writer's."""
        self._orders = orders

    def take(self, lines: bytes) -> None:
        for logged in read_lines(lines):
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(logged)
        self._some.set()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        pause = FLUSH_AFTER
        while True:
            try:
                async with asyncio.timeout(PATIENCE * 6):
                    await self._work()
            except _BROKEN as error:
                self._fail(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = FLUSH_AFTER
            if len(self._waiting) < BATCH:
                await asyncio.sleep(FLUSH_AFTER)
                await self._some_row()

    async def finish(self) -> None:
        """Write what waits, within a bound, and close."""
        with suppress(*_BROKEN):
            async with asyncio.timeout(LAST_TRY):
                await self._work(tidy=False)
        self.dropped += len(self._waiting)
        self._waiting.clear()
        with suppress(*_BROKEN):
            await self._database.close()

    async def _some_row(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TIDY_EVERY):
                await self._some.wait()

    async def _work(self, *, tidy: bool = True) -> None:
        if not self._ready:
            await migrate(self._database.engine)
            await make_partitions(self._database.engine, time.time())
            self._ready = True
            self._heal()
        if tidy and time.monotonic() - self._tidied >= TIDY_EVERY:
            await make_partitions(self._database.engine, time.time())
            await forget(self._database.engine, self._orders.kept, time.time())
            self._tidied = time.monotonic()
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(BATCH, len(self._waiting)))]
            dropped = self.dropped
            async with asyncio.timeout(PATIENCE):
                await self._log.store(batch)
            self.stored += len(batch)
            # Rows that were dropped meanwhile were the first of the batch, and are stored after all.
            again = min(self.dropped - dropped, len(batch))
            self.dropped -= again
            for _ in range(len(batch) - again):
                self._waiting.popleft()
            self._heal()
        self._some.clear()

    def _heal(self) -> None:
        if self.error is not None:
            self.error = None
            self._tell.set()

    def _fail(self, error: Exception) -> None:
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0] or type(error).__name__
        text = f"{self._database.name}: {said[:200]}"
        if text != self.error:
            self.error = text
            self._tell.set()


async def serve() -> None:
    """Read orders and lines until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    told = asyncio.Event()
    kind, body = await _message(reader)
    if kind != b"C":
        raise RuntimeError("the first message must hold orders")
    writer = Writer(msgspec.json.decode(body, type=Orders), told)
    tasks = [asyncio.ensure_future(writer.run()), asyncio.ensure_future(_tell(writer, told))]
    with suppress(asyncio.IncompleteReadError):
        while True:
            kind, body = await _message(reader)
            if kind == b"C":
                writer.order(msgspec.json.decode(body, type=Orders))
            else:
                writer.take(body)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await writer.finish()
    _say(writer.report)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = HEADER.unpack(await reader.readexactly(HEADER.size))
    return kind, await reader.readexactly(length)


async def _tell(writer: Writer, told: asyncio.Event) -> None:
    last: Report | None = None
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_EVERY):
                await told.wait()
        told.clear()
        if writer.report != last:
            last = writer.report
            _say(last)


def _say(report: Report) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.buffer.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when the gateway closes its input, having written the rest
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(_NICENESS)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
