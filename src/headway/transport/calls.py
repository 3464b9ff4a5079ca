"""One request that the gateway makes for itself, and its whole reply, bounded in time and size.

What a reply means, and whether to ask again, is the caller's business.
"""

from __future__ import annotations

import asyncio

from headway.failures import Failure, FailureKind
from headway.ports import Answer, Connection, Origin
from headway.wire.http_head import NO_HEAD, Head


async def ask(origin: Origin, head: bytes, body: bytes, *, patience: float, most: int) -> Answer | Failure:
    """`patience` is the seconds that all of it may take. Of a reply with more than `most` bytes the rest is left."""
    call = _Call(head, body, most)
    try:
        async with asyncio.timeout(patience):
            return await call.answered(origin, patience)
    except TimeoutError:
        message = f"no answer within {patience:g} s"
        return Failure(kind=FailureKind.TIMEOUT, source="upstream", message=message)
    finally:
        call.leave()


class _Call:
    def __init__(self, head: bytes, body: bytes, most: int) -> None:
        self._head = head
        self._body = body
        self._most = most
        self._connection: Connection | None = None
        self._done: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._fields = NO_HEAD
        self._came: list[bytes] = []
        self._size = 0

    async def answered(self, origin: Origin, patience: float) -> Answer | Failure:
        dial = origin.dial(patience, self)
        try:
            return await self._done
        finally:
            dial.cancel()

    def leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def on_connected(self, connection: Connection) -> None:
        self._connection = connection
        connection.send(self._head, self._body, self)

    def on_dial_failed(self, failure: Failure) -> None:
        self._end(failure)

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        self._status = status
        self._fields = head
        self.on_body(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        self._came.append(data)
        self._size += len(data)
        if complete:
            self._connection = None
        if complete or self._size > self._most:
            whole = complete and self._size <= self._most
            self._end(Answer(self._status, self._fields, b"".join(self._came)[: self._most], whole))

    def on_lost(self, failure: Failure) -> None:
        self._connection = None
        self._end(failure)

    def _end(self, found: Answer | Failure) -> None:
        if not self._done.done():
            self._done.set_result(found)
