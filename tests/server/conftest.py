"""The gateway on real sockets, in a thread of its own, between a client and an upstream that both speak raw bytes.

`lane` runs a test twice: on our own protocol class, and with the same application under uvicorn's. Whatever a test
waits for, it waits a few seconds at most. When a test is over, nothing may be in flight and nothing may have raised
in the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import pytest
import uvicorn
import uvloop

from headway.app import Headway, Settings
from headway.config.load import load_text
from headway.server.hosting import GatewayServer
from headway.types import ExchangeEvent, Secret, Snapshot

T = TypeVar("T")
Kind = Literal["lean", "plain"]
PATIENCE = 5.0

CONFIG = """
server: {{limits: {{body: 1000000, head: 65536}}}}
providers:
  up: {{base_url: "{base_url}", keys: [{{name: k, value: sk-of-the-provider}}]}}
models:
  default: [up/m]
"""


def configured(base_url: str, text: str = CONFIG) -> Snapshot:
    """Without a database: who asks is told without one, too."""
    environ = {"HEADWAY_DATABASE_URL": "off"}
    return load_text(text.format(base_url=base_url), name="test", folder=Path(), environ=environ)


class Stream:
    """One end of a TCP connection. Reads raise TimeoutError when nothing comes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """Whatever comes next; nothing at the end of the connection, however it ended."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        try:
            return self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return b""

    def until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            more = self._more()
            assert more, f"the connection ended before {mark!r}: {self._buffer!r}"
        head, found, self._buffer = self._buffer.partition(mark)
        return head + found

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            assert self._more(), f"the connection ended after {len(self._buffer)} of {size} bytes"
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def rest(self) -> bytes:
        while self._more():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def ended(self) -> bool:
        """Has the other end closed it, with nothing left to read?"""
        return self.rest() == b""

    def silent(self) -> bool:
        """Is there nothing to read just now?"""
        return not self._buffer and not select.select([self.sock], [], [], 0.05)[0]

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close it the hard way: the other end gets an error."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self._buffer += data
        return bool(data)


class Message:
    """A request or a reply as it was read."""

    def __init__(self, head: bytes) -> None:
        self.raw_head = head
        self.line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        self.fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        self.body = b""

    def field(self, name: str) -> str | None:
        values = [value for each, value in self.fields if each == name]
        assert len(values) <= 1, f"{name} twice"
        return values[0] if values else None

    @property
    def chunked(self) -> bool:
        return self.field("transfer-encoding") == "chunked"

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        """The error object, after a look at its form."""
        (error,) = self.json.values()
        assert set(error) == {"message", "type", "param", "code"}
        assert self.field("content-type") == "application/json"
        return error


def read_body(stream: Stream, message: Message) -> bytes:
    if message.chunked:
        body = b""
        while piece := read_chunk(stream):
            body += piece
        return body
    length = message.field("content-length")
    if length is not None:
        return stream.exactly(int(length))
    return b"" if message.line.startswith("POST") else stream.rest()


def read_chunk(stream: Stream) -> bytes:
    """One chunk's data; nothing for the last."""
    size = int(stream.until(b"\r\n"), 16)
    data = stream.exactly(size)
    assert stream.exactly(2) == b"\r\n"
    return data


class Client(Stream):
    def ask(self, body: object = None, *fields: str, path: str = "/v1/chat/completions", version: str = "1.1") -> None:
        """A request for the model `default`, or with the given body: bytes, or what JSON can say."""
        self.send(request(body, *fields, path=path, version=version))

    def get(self, path: str, *fields: str, method: str = "GET") -> Message:
        lines = "".join(f"{field}\r\n" for field in ("host: x", *fields))
        self.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return self.reply()

    def head(self) -> Message:
        """The head of a reply whose body is read with `chunk` or `rest`."""
        return Message(self.until(b"\r\n\r\n"))

    def reply(self) -> Message:
        message = self.head()
        message.body = read_body(self, message)
        return message

    def chunk(self) -> bytes:
        """The next chunk; nothing for the last. How the chunks are cut is the kernel's chance."""
        return read_chunk(self)

    def chunks(self) -> bytes:
        """All that follow."""
        return b"".join(iter(self.chunk, b""))


def request(
    body: object = None, *fields: str, path: str = "/v1/chat/completions", version: str = "1.1", length: bool = True
) -> bytes:
    if not isinstance(body, bytes):
        body = msgspec.json.encode({"model": "default", "messages": [], **(body if isinstance(body, dict) else {})})
    lines = ["host: x", "content-type: application/json", *fields]
    if length:
        lines.append(f"content-length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in lines)
    return f"POST {path} HTTP/{version}\r\n{head}\r\n".encode() + body


class Asked(Message):
    """A request that has reached the upstream, and its reply."""

    def __init__(self, head: bytes, stream: Stream) -> None:
        super().__init__(head)
        self.stream = stream
        self.body = read_body(stream, self)

    def answer(self, body: bytes, *fields: str, status: int = 200, kind: str = "application/json") -> None:
        lines = "".join(f"{field}\r\n" for field in (f"content-type: {kind}", f"content-length: {len(body)}", *fields))
        self.stream.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)

    def begin(self, *pieces: bytes, kind: str = "text/event-stream") -> None:
        self.stream.send(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for piece in pieces:
            self.chunk(piece)

    def chunk(self, data: bytes) -> None:
        self.stream.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.chunk(piece)
        self.stream.send(b"0\r\n\r\n")


class Upstream:
    """A provider that answers as the test says, one request at a time."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"
        self.streams: list[Stream] = []

    def request(self) -> Asked:
        """The next request, on whichever connection it comes."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            waiting = {stream.sock: stream for stream in self.streams if stream.sock.fileno() >= 0}
            for sock in select.select([self._listening, *waiting], [], [], end - time.monotonic())[0]:
                if sock is self._listening:
                    self.streams.append(Stream(sock.accept()[0]))
                    continue
                stream = waiting[sock]
                if sock.recv(1, socket.MSG_PEEK):
                    return Asked(stream.until(b"\r\n\r\n"), stream)
                self.streams.remove(stream)
                stream.close()
        raise AssertionError("no request has come")

    def unasked(self) -> bool:
        """Is no connection and no request waiting?"""
        return not select.select([self._listening, *[stream.sock for stream in self.streams]], [], [], 0.05)[0]

    def close(self) -> None:
        self._listening.close()
        for stream in self.streams:
            stream.close()


class Running:
    """A gateway being served. `headway` and `server` belong to its thread: use `call`."""

    def __init__(self, kind: Kind, loop: asyncio.AbstractEventLoop, headway: Headway, server: uvicorn.Server) -> None:
        self.kind = kind
        self.loop = loop
        self.headway = headway
        self.server = server
        self.port = 0
        self.raised: list[str] = []
        self.events: list[ExchangeEvent] = []
        self.finished: Future[None] = Future()

    def call(self, what: Callable[[], T]) -> T:
        """Run it in the gateway's thread."""

        async def run() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE)

    def recorded(self) -> list[ExchangeEvent]:
        self.call(self.headway.recorder.drain)
        return self.events

    def settle(self) -> None:
        """Wait until nothing is in flight."""
        self.until(lambda: self.headway.in_flight == 0)

    def until(self, what: Callable[[], object]) -> None:
        """Wait until it holds in the gateway's thread."""
        end = time.monotonic() + PATIENCE
        while not self.call(what):
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.005)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


@contextlib.contextmanager
def running(kind: Kind) -> Generator[Running]:
    started: Future[Running] = Future()
    thread = threading.Thread(target=lambda: uvloop.run(serve(kind, started)), daemon=True)
    thread.start()
    run = started.result(PATIENCE)
    try:
        yield run
    finally:
        if not run.finished.done():
            run.loop.call_soon_threadsafe(setattr, run.server, "should_exit", True)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        run.finished.result()


async def serve(kind: Kind, started: Future[Running]) -> None:
    loop = asyncio.get_running_loop()
    headway = Headway(configured("http://127.0.0.1:9/v1"), Settings(log=False), {}, io.BytesIO())
    server = headway.server() if kind == "lean" else uvicorn.Server(plain(headway))
    run = Running(kind, loop, headway, server)
    headway.recorder.watch(run.events.append)
    loop.set_exception_handler(lambda _, context: run.raised.append(str(context)))
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    run.port = sock.getsockname()[1]
    task = loop.create_task(server.serve([sock]))
    while not server.started:
        await asyncio.sleep(0.002)
    started.set_result(run)
    try:
        await task
        headway.close()
        await headway.administration.close()
        await asyncio.sleep(0)
    except BaseException as error:
        run.finished.set_exception(error)
        raise
    run.finished.set_result(None)


def plain(headway: Headway) -> uvicorn.Config:
    """Uvicorn as anybody might run the application."""
    return uvicorn.Config(
        headway.application,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


class Lane:
    """What a test works with: a gateway in front of an upstream of the test's own."""

    def __init__(self, run: Running) -> None:
        self.run = run
        self.kind = run.kind
        self.upstream = Upstream()
        self._clients: list[Client] = []
        run.recorded()
        run.events.clear()
        run.raised.clear()
        self.publish(configured(self.upstream.base_url))

    def publish(self, snapshot: Snapshot) -> None:
        self.run.call(lambda: self.run.headway.publish(snapshot))

    def publish_for(self, base_url: str) -> None:
        """Have another provider in the upstream's place."""
        self.publish(configured(base_url))

    def configure(self, text: str) -> None:
        """`{base_url}` in it is the upstream's."""
        self.publish(configured(self.upstream.base_url, text))

    def client(self, sock: socket.socket | None = None) -> Client:
        """Connected to the gateway, unless `sock` is connected to something else."""
        client = Client(sock or self.run.connect())
        self._clients.append(client)
        return client

    @property
    def server(self) -> GatewayServer:
        assert isinstance(self.run.server, GatewayServer)
        return self.run.server

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.upstream.close()

    def check(self) -> None:
        if not self.run.finished.done():
            self.run.settle()
        assert self.run.raised == []


def lane_over(run: Running) -> Iterator[Lane]:
    lane = Lane(run)
    try:
        yield lane
    finally:
        lane.close()
    lane.check()


@pytest.fixture(scope="session")
def shared_lean() -> Iterator[Running]:
    with running("lean") as run:
        yield run


@pytest.fixture(scope="session")
def shared_plain() -> Iterator[Running]:
    with running("plain") as run:
        yield run


@pytest.fixture(params=["lean", "plain"])
def lane(request: pytest.FixtureRequest) -> Iterator[Lane]:
    """Each of the two."""
    yield from lane_over(request.getfixturevalue(f"shared_{request.param}"))


@pytest.fixture
def lean(shared_lean: Running) -> Iterator[Lane]:
    """What only our own protocol class does."""
    yield from lane_over(shared_lean)


@pytest.fixture
def get(lean: Lane) -> Callable[..., Message]:
    """Asks for a page, as somebody on this machine does unless `host` says otherwise."""
    client = lean.client()

    def ask(path: str, *fields: str, host: str = "localhost") -> Message:
        lines = "".join(f"{field}\r\n" for field in (f"host: {host}", *fields))
        client.send(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return client.reply()

    return ask


@pytest.fixture
def access(lean: Lane, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Secret | None], None]:
    """Has others listen, or a token, until the test is over."""

    def change(host: str, token: Secret | None) -> None:
        monkeypatch.setattr(lean.run.headway.access, "host", host)
        monkeypatch.setattr(lean.run.headway.access, "token", token)

    return change


@pytest.fixture
def doomed() -> Iterator[Lane]:
    """A gateway of the test's own, to be shut down by it."""
    with running("lean") as run:
        yield from lane_over(run)


@pytest.fixture
def raw() -> Callable[..., bytes]:
    """The bytes of a request."""
    return request
