"""The process that writes the request log: `python -m headway.storage.writer`.

It stands apart from the gateway, which has no time for it. It is fed on standard input, and tells on standard output
how it stands. While the database does not answer, rows wait, the oldest give way to newer ones, and what was lost is
counted.

A message is four bytes for its length (big-endian), and then so many: the first are the `Orders` in JSON, the others
lines of the log, and lines of contents.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from sqlalchemy.exc import DBAPIError

from headway.storage.content_writer import START, ContentWriter
from headway.storage.database import BROKEN, BadUrlError, Database
from headway.storage.migrations import migrate
from headway.storage.refused import is_refusal
from headway.storage.request_log import RequestLog
from headway.storage.retention import forget, prepare
from headway.storage.rows import Ids, Logged, read_line
from headway.storage.spending import Spending
from headway.types import Budget, Kept, Orders, Report

LENGTH = struct.Struct(">I")
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
_TO_MIGRATE = 300.0
_LONGEST_PAUSE = 10.0
_NICENESS = 5


Tell = Callable[[Report], None]


class Writer:
    """`run` writes what comes, until `end`; then what still waits."""

    def __init__(
        self, database: Database, kept: Kept, tell: Tell, contents: ContentWriter, budgets: Sequence[Budget] = ()
    ) -> None:
        self._database = database
        self._kept = kept
        self._tell = tell
        self.contents = contents
        self._spending = Spending(database.engine, budgets)
        self._log = RequestLog(database.engine)
        self._ids = Ids()
        self._waiting: deque[Logged] = deque()
        self._some = asyncio.Event()
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._stored = 0
        self._dropped = 0
        self._error: str | None = None
        self._told: Report | None = None

    def take(self, lines: bytes) -> None:
        for line in lines.splitlines():
            if line.startswith(START):
                self.contents.take(line)
                continue
            logged = read_line(line, self._ids)
            if logged is None:
                self._dropped += 1
            else:
                self._waiting.append(logged)
        self._bound()
        self._some.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended.set()
        self._some.set()

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            self.contents.end()  # rows go first, and bring the tables

    async def _run(self) -> None:
        pause = FLUSH_AFTER
        while True:
            if await self._works():
                pause = FLUSH_AFTER
                if self._ended.is_set() and not self._waiting:
                    return
                if len(self._waiting) < BATCH:  # a little later there are more, which cost less together
                    await self._until_ended(FLUSH_AFTER)
                await self._some.wait()
            elif self._ended.is_set():
                return
            else:
                await self._until_ended(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def tidy(self) -> None:
        """Keep room for what comes, and let go what is too old, until cancelled. It holds up nobody who writes."""
        await self._ready.wait()
        while True:
            try:
                await prepare(self._database.engine, time.time())
                await forget(self._database.engine, self._kept, time.time())
            except BROKEN as error:
                print(f"the request log is not tidied: {self._database.explain(error)}", file=sys.stderr, flush=True)
            await asyncio.sleep(TIDY_EVERY)

    async def watch(self) -> None:
        """Look at what budgets have spent, until cancelled."""
        await self._ready.wait()
        await self._spending.keep()

    async def report(self) -> None:
        """Tell how it stands now and then, until cancelled."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            if self._told is not None:
                self._say()

    async def close(self) -> None:
        """What has not been written by now is lost."""
        self._dropped += len(self._waiting)
        self._waiting.clear()
        self.contents.close()
        self._say()
        with suppress(*BROKEN):
            await self._database.close()

    async def _works(self) -> bool:
        """Write all that waits; false if the database does not take it."""
        try:
            if not self._ready.is_set():
                async with asyncio.timeout(_TO_MIGRATE):
                    await migrate(self._database.engine)
                self._ready.set()
                self.contents.begin()
            while self._waiting:
                await self._write([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
            self._some.clear()
        except BROKEN as error:
            self._error = self._database.explain(error)
        else:
            self._error = None
        self._say()
        return self._error is None

    async def _write(self, batch: list[Logged]) -> None:
        try:
            stored = await self._store(batch)
        except BaseException:
            self._waiting.extendleft(reversed(batch))
            self._bound()
            raise
        self._stored += stored
        self._dropped += len(batch) - stored
        self._error = None
        self._say()

    async def _store(self, batch: list[Logged]) -> int:
        """How many were stored: all but those that the database refuses for what they hold, and would for ever."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._log.store(batch)
        except (DBAPIError, OverflowError) as error:
            if not is_refusal(error):
                raise
            if len(batch) == 1:
                return 0
            half = len(batch) // 2
            return await self._store(batch[:half]) + await self._store(batch[half:])
        return len(batch)

    def _bound(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1

    def _say(self) -> None:
        report = Report(
            stored=self._stored,
            dropped=self._dropped,
            waiting=len(self._waiting),
            contents_stored=self.contents.stored,
            contents_dropped=self.contents.dropped,
            error=self._error,
            spent=self._spending.spent,
        )
        if report != self._told:
            self._told = report
            self._tell(report)

    async def _until_ended(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()


async def serve() -> None:
    """Read orders and lines until standard input ends."""
    reader = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    orders = msgspec.json.decode(await _message(reader), type=Orders)
    try:
        database = Database(orders.url)
    except BadUrlError as error:
        await _refuse(reader, f"storage.url {error}")
        return
    writer = Writer(database, orders.kept, say, ContentWriter(database, orders.masking, orders.cap), orders.budgets)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writer.run())
        contents = group.create_task(writer.contents.run())
        others = [group.create_task(each) for each in (writer.tidy(), writer.watch(), writer.report())]
        with suppress(asyncio.IncompleteReadError):
            while True:
                writer.take(await _message(reader))
        writer.end()
        await asyncio.wait({running, contents}, timeout=LAST_TRY)
        for task in (running, contents, *others):
            task.cancel()
    await writer.close()


async def _refuse(reader: asyncio.StreamReader, why: str) -> None:
    """Nothing can be written, ever: whoever sends rows is told so as long as it sends."""
    dropped = 0
    with suppress(asyncio.IncompleteReadError):
        while True:
            say(Report(dropped=dropped, error=why))
            dropped += (await _message(reader)).count(b"\n")


async def _message(reader: asyncio.StreamReader) -> bytes:
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    return await reader.readexactly(length)


def say(report: Report) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.buffer.flush()


def _give_way() -> None:
    """Where the gateway needs the same core, it goes first: it is not interrupted when rows come."""
    os.nice(_NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with suppress(OSError):  # where each session has the same share of a core, however nice those in it are
            Path("/proc/self/autogroup").write_text(str(_NICENESS))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when the gateway closes its input, having written the rest
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _give_way()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
