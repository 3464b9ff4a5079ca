"""A bug in whoever uses a connection ends that exchange at once, instead of leaving it to its time-out."""

from __future__ import annotations

import asyncio
import logging

import pytest

from headway.failures import Failure, FailureKind
from headway.ports import Connection
from headway.transport.connection import UpstreamConnection
from headway.transport.pool import OriginPool
from headway.wire.http_head import Head


class Careless:
    """A listener and dialer that raises at everything but failures."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        raise ZeroDivisionError

    def on_body(self, data: bytes, complete: bool) -> None:
        raise ZeroDivisionError

    def on_connected(self, connection: Connection) -> None:
        raise ZeroDivisionError

    def on_lost(self, failure: Failure) -> None:
        self.failures.append(failure)

    on_dial_failed = on_lost


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
async def pool() -> OriginPool:
    return OriginPool(scheme="http", host="127.0.0.1", port=9, path="", proxy=None, context=None)


async def test_a_listener_that_raises_hears_of_an_internal_failure(pool: OriginPool, caplog: pytest.LogCaptureFixture):
    connection, wire, careless = UpstreamConnection(pool, 0.0), Wire(), Careless()
    connection.connection_made(wire)
    connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", careless)
    with caplog.at_level(logging.ERROR):
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert [failure.kind for failure in careless.failures] == [FailureKind.INTERNAL]
    assert wire.aborted
    assert pool.idle == 0
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.real
async def test_a_dialer_that_raises_hears_of_an_internal_failure(caplog: pytest.LogCaptureFixture):
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = OriginPool(scheme="http", host="127.0.0.1", port=port, path="", proxy=None, context=None)
    careless = Careless()
    async with server:
        with caplog.at_level(logging.ERROR):
            await pool.dial(5.0, careless)
    assert [failure.kind for failure in careless.failures] == [FailureKind.INTERNAL]
    await asyncio.sleep(0)
    assert pool.open == 0
