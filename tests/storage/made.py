"""What tests want to know of a log that keeps events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import text

from headway.storage.database import Database
from headway.storage.request_log import RequestLog
from headway.storage.rows import Ids, Logged, read_line
from headway.storage.usage import UsageLog
from headway.types import ExchangeEvent

PATIENCE = 20.0
"""Seconds after which a test that waits is given up."""


class Kept:
    """A log and its roll-ups, and what a test wants to know of them."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine
        self.log = RequestLog(database.engine)
        self.usage = UsageLog(database.engine)

    async def count(self, table: str) -> int:
        async with self.engine.connect() as connection:
            return (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


_IDS = Ids()


def logged(*events: ExchangeEvent) -> list[Logged]:
    """As the writer reads them."""
    found = [read_line(msgspec.json.encode(event), _IDS) for event in events]
    return [each for each in found if each is not None]


def lines_of(*events: ExchangeEvent) -> bytes:
    return msgspec.json.Encoder().encode_lines(list(events))


async def until(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition, or one that must be awaited."""
    deadline = time.monotonic() + patience
    while True:
        answer = holds()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)
