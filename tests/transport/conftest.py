"""Connections on fake sockets for what the protocol decides, and small servers on loopback for what the kernel decides.

Every asynchronous test here runs on asyncio's loop and on uvloop's. The listener is strict: a callback after the end
of a reply fails the test on the spot.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
import trustme
import uvloop

from headway.failures import Failure
from headway.ports import Connection
from headway.transport.connection import UpstreamConnection
from headway.transport.pool import OriginPool
from headway.transport.upstreams import Upstreams
from headway.types import Credential, Provider, Secret, Tls
from headway.wire.http_head import Head

REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: upstream.test\r\ncontent-length: 2\r\n\r\n"


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Ear:
    """Hears one reply, and does `then` at the end of every callback."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.head: Head | None = None
        self.body = b""
        self.pieces = 0
        self.complete = False
        self.failure: Failure | None = None
        self.heard = asyncio.Event()
        """Set by every callback."""
        self.over = asyncio.Event()
        self.then: Callable[[], object] | None = None

    @property
    def ends(self) -> int:
        return int(self.complete) + int(self.failure is not None)

    def on_head(self, status: int, head: Head, body: bytes, complete: bool) -> None:
        if self.status is not None:
            pytest.fail("a second head")
        self.status, self.head = status, head
        self.on_body(body, complete)

    def on_body(self, data: bytes, complete: bool) -> None:
        if self.ends or self.status is None:
            pytest.fail("a body after the end or before the head")
        self.body += data
        self.pieces += 1
        self.complete = complete
        self._tell()

    def on_lost(self, failure: Failure) -> None:
        if self.ends:
            pytest.fail("lost after the end")
        self.failure = failure
        self._tell()

    def _tell(self) -> None:
        self.heard.set()
        if self.ends:
            self.over.set()
        if self.then is not None:
            self.then()

    def field(self, name: str) -> bytes | None:
        assert self.head is not None
        return self.head.get(b"\r\n%b:" % name.encode())


class Socket(asyncio.Transport):
    """A transport without a kernel. As uvloop's, it must not be written to once it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.unsent = 0
        """Bytes that the kernel has not taken yet."""
        self.closed = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        assert not self.closed
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.closed
        self.reading = True

    def abort(self) -> None:
        self.closed = True


class Home:
    """A pool that takes notes."""

    label = "http://upstream.test"

    def __init__(self) -> None:
        self.idle: list[UpstreamConnection] = []
        self.open = 0

    def adopt(self, connection: UpstreamConnection) -> None:
        self.open += 1

    def give_back(self, connection: UpstreamConnection) -> None:
        assert connection not in self.idle
        self.idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self.open -= 1
        if connection in self.idle:
            self.idle.remove(connection)


class Wired:
    """One connection between a fake pool and a fake socket, and the upstream at its other end."""

    def __init__(self) -> None:
        self.home = Home()
        self.socket = Socket()
        self.connection = UpstreamConnection(self.home, 0.0)
        self.connection.connection_made(self.socket)

    def ask(self, body: bytes = b"{}") -> Ear:
        """Send a request, taking the connection from the pool if it is there."""
        self.home.idle.clear()
        ear = Ear()
        self.connection.send(REQUEST, body, ear)
        return ear

    def says(self, *pieces: bytes) -> None:
        """The upstream sends; nothing is delivered once the connection is closed."""
        for piece in pieces:
            if piece and not self.socket.closed:
                self.connection.data_received(piece)

    def ends(self, error: Exception | None = None) -> None:
        """The kernel reports the end of the connection, as it does after an abort, too."""
        if error is None and not self.socket.closed:
            self.connection.eof_received()
        self.socket.closed = True
        self.connection.connection_lost(error)

    @property
    def pooled(self) -> bool:
        return self.home.idle == [self.connection]


@pytest.fixture(scope="session")
def wire_up() -> Callable[[], Wired]:
    return Wired


@pytest.fixture
def wired() -> Wired:
    return Wired()


@pytest.fixture(autouse=True, scope="module")
def no_litter() -> Iterator[None]:
    """What tests leave to the garbage collector warns before the next module begins."""
    yield
    gc.collect()


# Real sockets.

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Caller:
    """Waits for a dial, then asks over the connection."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_connected(self, connection: Connection) -> None:
        self.outcome.set_result(connection)

    def on_dial_failed(self, failure: Failure) -> None:
        self.outcome.set_result(failure)


class Net:
    """Servers and upstream pools of one test, closed at its end."""

    def __init__(self) -> None:
        self.servers: list[asyncio.Server] = []
        self.upstreams: list[Upstreams] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self.handlers: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.request = REQUEST

    async def serve(
        self, handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> int:
        """The port of a server that runs `handler` on each connection and then closes it."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.accepted += 1
            self.writers.add(writer)
            task = asyncio.current_task()
            assert task is not None
            self.handlers.add(task)
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                writer.close()
                self.handlers.discard(task)

        server = await asyncio.start_server(accept, host, port, ssl=tls)
        self.servers.append(server)
        return server.sockets[0].getsockname()[1]

    def origin(
        self,
        base_url: str,
        *,
        tls: Tls | None = None,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        reach: tuple[str, ...] | None = None,
    ) -> OriginPool:
        upstreams = Upstreams(environ or {})
        self.upstreams.append(upstreams)
        return upstreams.origin(self.provider(base_url, tls=tls, proxy=proxy, reach=reach))

    def provider(
        self,
        base_url: str,
        *,
        tls: Tls | None = None,
        proxy: str | None = None,
        reach: tuple[str, ...] | None = None,
    ) -> Provider:
        return Provider(
            name="up",
            kind="custom",
            base_url=base_url,
            credentials=(Credential(name="default", secret=None),),
            tls=tls or Tls(),
            proxy=None if proxy is None else Secret(proxy),
            reach=reach,
        )

    async def dial(self, pool: OriginPool, timeout: float = 5.0) -> Any:
        """A connection, or the failure."""
        caller = Caller()
        dial = pool.dial(timeout, caller)
        outcome = await asyncio.wait_for(caller.outcome, 10)
        await asyncio.wait_for(dial, 10)
        return outcome

    async def ask(self, pool: OriginPool, body: bytes = b"{}") -> Ear:
        """One whole exchange, over an idle connection if there is one."""
        connection = pool.take() or await self.dial(pool)
        assert not isinstance(connection, Failure), connection.message
        ear = Ear()
        connection.send(self.request.replace(b"2\r\n\r\n", b"%d\r\n\r\n" % len(body)), body, ear)
        await asyncio.wait_for(ear.over.wait(), 10)
        return ear

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something that other tasks bring about."""
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.001)

    def caller(self) -> Caller:
        return Caller()

    def open_files(self) -> int:
        return len(os.listdir("/proc/self/fd"))

    async def until_open_files(self, count: int) -> None:
        await self.until(lambda: self.open_files() == count)

    async def close(self) -> None:
        for upstreams in self.upstreams:
            upstreams.close()
        for server in self.servers:
            server.close()
        for writer in self.writers:
            writer.transport.abort()
        for task in list(self.handlers):
            task.cancel()
        await self.until(lambda: not self.handlers)
        for server in self.servers:
            await server.wait_closed()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    yield net
    await net.close()


@pytest.fixture(scope="session")
def make_ear() -> type[Ear]:
    return Ear


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, int]]]:
    """Say what names mean. Every lookup is noted."""
    asked: list[tuple[str, int]] = []

    def set_up(*answers: list[str] | Exception) -> list[tuple[str, int]]:
        waiting = list(answers)
        loop_class = type(asyncio.get_running_loop())
        real = loop_class.getaddrinfo

        async def getaddrinfo(loop: Any, host: str, port: int, **options: Any) -> Any:
            if host[-1].isdigit():  # an address: uvloop has it looked up once more before it connects
                return await real(loop, host, port, **options)
            asked.append((host, port))
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, Exception):
                raise answer
            return [info for address in answer for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)]

        monkeypatch.setattr(loop_class, "getaddrinfo", getaddrinfo)
        return asked

    return set_up


class Authority:
    """A certificate authority of our own: its file, and contexts for servers it vouches for."""

    def __init__(self, folder: Any) -> None:
        self.ca = trustme.CA()
        self.folder = folder
        self.file = str(folder / "ca.pem")
        self.ca.cert_pem.write_to_path(self.file)

    def server(self, *names: str, **issue: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("localhost", "127.0.0.1")), **issue).configure_cert(context)
        return context

    def client(self, name: str) -> tuple[str, str]:
        """Files of a certificate for a client, and of its key."""
        issued = self.ca.issue_cert(name)
        cert, key = str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        return cert, key


@pytest.fixture(scope="session")
def make_authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Authority]:
    return lambda: Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def authority(make_authority: Callable[[], Authority]) -> Authority:
    return make_authority()
