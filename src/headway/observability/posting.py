"""One POST to an address outside, over the gateway's own transport: what came of it, in words without a secret.

A connection is made for each, and the server is asked to close it. Redirects are not followed: only the address that
the configuration names is ever asked.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from urllib.parse import urlsplit

from headway.failures import Failure
from headway.ports import Connection, Origin, Transport
from headway.types import Credential, Provider, Secret
from headway.version import __version__
from headway.wire.http_head import RETRY_AFTER, Head

MOST_BYTES = 64 * 1024
"""Of an answer, which nobody reads; after that the connection is closed."""


class Answered(NamedTuple):
    """`status` None: there was no answer, and `problem` says why."""

    status: int | None
    problem: str = ""
    retry_after: float | None = None
    """Seconds that it asked for."""


class Address:
    """A URL, apart: `origin` may be told, the rest is as secret as a key. `reach` is a provider's."""

    def __init__(self, url: Secret, reach: tuple[str, ...] | None = None) -> None:
        parts = urlsplit(url.reveal())
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.origin = f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")
        self.path = Secret((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        self.provider = Provider(
            name="webhook",
            kind="custom",
            base_url=self.origin,
            credentials=(Credential(name="none", secret=None),),
            reach=reach,
        )


async def post(transport: Transport, address: Address, body: bytes, patience: float) -> Answered:
    """`body` is JSON. `patience` is the seconds that all of it may take."""
    origin = transport.origin(address.provider)
    head = b"POST %b HTTP/1.1\r\n%buser-agent: headway/%b\r\n%b\r\n" % (
        origin.path_prefix + address.path.reveal().encode(),
        origin.fields,
        __version__.encode(),
        b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body),
    )
    call = _Call(head, body)
    try:
        async with asyncio.timeout(patience):
            return await call.answered(origin, patience)
    except TimeoutError:
        return Answered(None, f"no answer within {patience:g} s")
    finally:
        call.leave()


class _Call:
    """One request and its reply, of which only the head counts."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._head = head
        self._body = body
        self._connection: Connection | None = None
        self._done: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._answered = Answered(None)
        self._size = 0

    async def answered(self, origin: Origin, patience: float) -> Answered:
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
        self._end(Answered(None, failure.message))

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        self._answered = Answered(status, "", _seconds(head.get(RETRY_AFTER)))
        self.on_body(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        self._size += len(data)
        if complete:
            self._connection = None
        if complete or self._size > MOST_BYTES:
            self._end(self._answered)

    def on_lost(self, failure: Failure) -> None:
        self._connection = None
        self._end(Answered(None, failure.message))

    def _end(self, answered: Answered) -> None:
        if not self._done.done():
            self._done.set_result(answered)


def _seconds(field: bytes | None) -> float | None:
    """Of `retry-after`, where it is a number."""
    return float(field) if field is not None and field.isdigit() and len(field) < 7 else None
