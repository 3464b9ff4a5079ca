"""Messages and replies on their way into the database, beside the rows of the log and never in their way.

They are masked one at a time, so that rows are written in between. What is waiting is bounded by its bytes; the oldest
give way, and what is lost is counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

import msgspec
from sqlalchemy.exc import DBAPIError

from headway.storage.contents import Contents, content_row
from headway.storage.database import BROKEN, Database
from headway.storage.masking import Masks
from headway.storage.refused import is_refusal
from headway.storage.rows import Row
from headway.types import Content, Masking

MOST_WAITING = 64 * 1024 * 1024
"""Bytes."""
BATCH = 50
"""Rows in one transaction."""
PATIENCE = 10.0
"""Seconds for one transaction."""
PAUSE = 1.0
"""Seconds before a database is tried again."""
START = b'{"event":"content"'
"""How the lines begin that tell of contents."""

_decode = msgspec.json.Decoder(Content).decode


class ContentWriter:
    """`run` writes what comes, from `begin` until `end`; then what still waits."""

    def __init__(self, database: Database, masking: Masking, cap: int) -> None:
        self._contents = Contents(database.engine)
        self._masks = Masks(masking)
        self._cap = cap
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._masked: list[Row] = []
        """Ready to be written."""
        self._some = asyncio.Event()
        self._ended = asyncio.Event()
        self._may = False
        self.stored = 0
        self.dropped = 0

    def take(self, line: bytes) -> None:
        self._waiting.append(line)
        self._size += len(line)
        while self._size > MOST_WAITING:
            self._size -= len(self._waiting.popleft())
            self.dropped += 1
        self._some.set()

    def begin(self) -> None:
        """The tables are there."""
        self._may = True
        self._some.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended.set()
        self._some.set()

    async def run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._may and (self._waiting or self._masked):
                await self._mask()
                if await self._write():
                    continue
                if self._ended.is_set():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await self._ended.wait()
            if self._ended.is_set():
                return

    def close(self) -> None:
        """What has not been written by now is lost."""
        self.dropped += len(self._waiting) + len(self._masked)
        self._waiting.clear()
        self._masked.clear()

    async def _mask(self) -> None:
        while self._waiting and len(self._masked) < BATCH:
            line = self._waiting.popleft()
            self._size -= len(line)
            row = self._row(line)
            if row is None:
                self.dropped += 1
            else:
                self._masked.append(row)
            await asyncio.sleep(0)  # rows of the log go first

    def _row(self, line: bytes) -> Row | None:
        try:
            return content_row(_decode(line), self._masks, self._cap)
        except msgspec.DecodeError:
            return None

    async def _write(self) -> bool:
        """All that is masked; false if the database does not take it."""
        rows = self._masked
        if rows:
            try:
                stored = await self._store(rows)
            except BROKEN:
                return False
            self.stored += stored
            self.dropped += len(rows) - stored
            self._masked = []
        return True

    async def _store(self, rows: list[Row]) -> int:
        """How many were stored: all but those that the database refuses for what they hold, and would for ever."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._contents.store(rows)
        except (DBAPIError, OverflowError) as error:
            if not is_refusal(error):
                raise
            if len(rows) == 1:
                return 0
            half = len(rows) // 2
            return await self._store(rows[:half]) + await self._store(rows[half:])
        return len(rows)
