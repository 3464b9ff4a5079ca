"""What an end-to-end test is made of: a gateway on a real socket, upstreams behind it, a client that hides nothing.

The gateway runs in the test's own loop, on uvloop as in production. `processes/` has the one that runs as a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httptools
import msgspec
import openai
import pytest
import uvloop
from openai.types.responses import Response

from headway.app import Headway, Settings
from headway.config.load import load, load_text
from headway.server.hosting import GatewayServer
from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Simulation
from headway.types import ExchangeEvent

PATIENCE = 10.0
"""Seconds after which a test that waits is given up."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    return {"uvloop": uvloop.new_event_loop}


# --- the client ---


class Reply(NamedTuple):
    """What came back. `complete`: it ended by its own framing, not because the connection did."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def attempts(self) -> str:
        return self.headers["x-headway-attempts"]


class _Reading:
    """httptools calls this while a reply is read."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        assert name.decode().lower() not in self.headers, f"the header {name!r} came twice"
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True

    def reply(self) -> Reply:
        return Reply(self.parser.get_status_code(), self.headers, bytes(self.body), self.complete)


class Connection:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._reading = _Reading()

    @classmethod
    async def to(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(
        self, path: str, body: object = None, *, method: str | None = None, headers: Mapping[str, str] = {}
    ) -> None:
        """`body` is bytes as they are, or anything that JSON can carry."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"host": "gateway", "content-type": "application/json", "content-length": str(len(content)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        verb = method or ("GET" if body is None else "POST")
        self._writer.write(f"{verb} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content)
        self._reading = _Reading()

    async def reply(self) -> Reply:
        """The rest of the reply."""
        async with asyncio.timeout(PATIENCE):
            while not self._reading.complete and await self._more():
                pass
        return self._reading.reply()

    async def ask(self, path: str, body: object = None, **options: Any) -> Reply:
        self.send(path, body, **options)
        return await self.reply()

    async def until(self, seen: bytes) -> bytes:
        """Read until the reply's body holds this; what there is of the body so far."""
        async with asyncio.timeout(PATIENCE):
            while seen not in self._reading.body:
                going_on = not self._reading.complete and await self._more()
                assert going_on, f"the reply ended without {seen!r}: {bytes(self._reading.body)!r}"
        return bytes(self._reading.body)

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def reset(self) -> None:
        """Leave without a goodbye."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.close()

    async def _more(self) -> bool:
        try:
            data = await self._reader.read(65536)
        except ConnectionResetError:
            return False
        if data:
            self._reading.parser.feed_data(data)
        return bool(data)


Connect = Callable[[int], Awaitable[Connection]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects to a port; the connections are closed at the end."""
    opened: list[Connection] = []

    async def to(port: int) -> Connection:
        opened.append(await Connection.to(port))
        return opened[-1]

    yield to
    for connection in opened:
        await connection.close()


# --- the gateway ---


class RunningGateway:
    """A gateway in this process. `out` is what it has logged."""

    def __init__(self, headway: Headway, server: GatewayServer, port: int, out: io.BytesIO) -> None:
        self.headway = headway
        self.port = port
        self.out = out
        self._server = server
        self._events: list[ExchangeEvent] = []
        headway.recorder.watch(self._events.append)

    async def ended(self, count: int) -> list[ExchangeEvent]:
        """How the exchanges ended, oldest first, once there are so many; more would be a surprise."""
        async with asyncio.timeout(PATIENCE):
            while len(self._events) < count:
                await asyncio.sleep(0.005)
                self.headway.recorder.drain()
        assert len(self._events) == count
        return self._events

    @property
    def url(self) -> str:
        """What a client sets as its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def client_connections(self) -> int:
        return len(self._server.server_state.connections)

    async def connect(self) -> Connection:
        return await Connection.to(self.port)

    async def ask(self, path: str, body: object = None, **options: Any) -> Reply:
        """One request on a connection of its own."""
        connection = await self.connect()
        try:
            return await connection.ask(path, body, **options)
        finally:
            await connection.close()

    async def chat(self, model: str = "default", text: str = "hello", **options: Any) -> Reply:
        return await self.ask("/v1/chat/completions", chat(model, text, **options))

    def log(self) -> list[dict[str, Any]]:
        """Every line so far. The log's thread may be behind; close the gateway to see all."""
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


def chat(model: str = "default", text: object = "hello", **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **options}


@contextlib.asynccontextmanager
async def running(config: str | Path, environ: Mapping[str, str]) -> AsyncGenerator[RunningGateway]:
    """As `Headway.serve` does it, less the signals and the patience of a drain."""
    path = config if isinstance(config, Path) else None
    if isinstance(config, Path):
        snapshot = load(config, environ)
    else:
        snapshot = load_text(config, name="test", folder=Path(), environ=environ)
    out = io.BytesIO()
    headway = Headway(snapshot, Settings(path=path, port=0), environ, out)
    sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = headway.server()
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup([sock])
    await server.on_tick(0)
    server.watch_idle(headway.loop)
    watch = None if headway.configuration is None else asyncio.ensure_future(headway.configuration.watch())
    try:
        yield RunningGateway(headway, server, sock.getsockname()[1], out)
    finally:
        if watch is not None:
            watch.cancel()
        for listener in server.servers:
            listener.close()
        sock.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        headway.close()
        await headway.administration.close()
        await asyncio.sleep(0)


Start = Callable[..., Awaitable[RunningGateway]]


@pytest.fixture
async def gateway() -> AsyncIterator[Start]:
    """Starts a gateway with this configuration: a text, or a file, which is then watched."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(config: str | Path, environ: Mapping[str, str] | None = None) -> RunningGateway:
            environ = {"HEADWAY_DATABASE_URL": "off", **(environ or {})}  # whoever wants one says where
            return await stack.enter_async_context(running(config, environ))

        yield start


# --- the official SDK ---


class Seen(msgspec.Struct):
    """What an application has seen of one answer. `error` is what the SDK raised."""

    attempts: str = ""
    text: str = ""
    arguments: str = ""
    finish: list[str] = []
    """Finish reasons, or the status of a response that has ended well."""
    types: list[str] = []
    """Of the events of a response."""
    error: Exception | None = None


class Application:
    """It uses the SDK as it comes, less the SDK's own retries unless they are wanted."""

    def __init__(self, running: RunningGateway, retries: int = 0) -> None:
        self.sdk = openai.AsyncOpenAI(base_url=running.url, api_key="any", max_retries=retries)

    async def chat(self, *, stream: bool, text: object = "hello", model: str = "default", **options: Any) -> Seen:
        return await self._see(self.sdk.chat.completions, stream, chat(model, text, **options))

    async def respond(self, text: str = "hello", *, stream: bool = True, **options: Any) -> Seen:
        return await self._see(self.sdk.responses, stream, {"model": "default", "input": text, **options})

    async def _see(self, api: Any, stream: bool, asked: dict[str, Any]) -> Seen:
        seen = Seen()
        try:
            async with asyncio.timeout(PATIENCE):
                raw = await api.with_raw_response.create(stream=stream, **asked)
                seen.attempts = raw.headers["x-headway-attempts"]
                if stream:
                    async for event in raw.parse():
                        _look(event, seen)
                else:
                    _look(raw.parse(), seen)
        except (openai.OpenAIError, json.JSONDecodeError) as error:
            seen.error = error
        return seen


def _look(got: Any, seen: Seen) -> None:
    if isinstance(got, Response):
        seen.text = got.output_text
        seen.finish.append(str(got.status))
    elif hasattr(got, "type"):
        _look_at_event(got, seen)
    else:
        for choice in got.choices or ():  # a ping has none
            said = choice.delta if hasattr(choice, "delta") else choice.message
            seen.text += said.content or ""
            seen.arguments += "".join(call.function.arguments for call in said.tool_calls or ())
            if choice.finish_reason is not None:
                seen.finish.append(choice.finish_reason)


def _look_at_event(event: Any, seen: Seen) -> None:
    seen.types.append(event.type)
    match event.type:
        case "response.output_text.delta":
            seen.text += event.delta
        case "response.function_call_arguments.delta":
            seen.arguments += event.delta
        case "response.completed" | "response.incomplete":
            seen.finish.append(event.response.status)
        case _:
            pass


Apply = Callable[..., Application]


@pytest.fixture
async def application() -> AsyncIterator[Apply]:
    """An application that knows this gateway, and repeats a request so often by itself."""
    made: list[Application] = []

    def make(running: RunningGateway, retries: int = 0) -> Application:
        made.append(Application(running, retries))
        return made[-1]

    yield make
    for each in made:
        await each.sdk.close()


# --- upstreams ---


Provide = Callable[..., Awaitable[SimulatedProvider]]


@pytest.fixture
async def simulated() -> AsyncIterator[Provide]:
    """Starts a simulated provider of this name, with these settings."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str = "alpha", **settings: Any) -> SimulatedProvider:
            return await stack.enter_async_context(SimulatedProvider(Simulation(name=name, **settings)))

        yield start


class Received(NamedTuple):
    """A request as an upstream got it. Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    def fields(self) -> dict[str, msgspec.Raw]:
        """The top level of the body, each value as the bytes that came."""
        return msgspec.json.decode(self.body, type=dict[str, msgspec.Raw])


Answer = Callable[[Received], Iterable[bytes]]
"""The bytes to write, piece by piece, each in a turn of the loop of its own."""


class ScriptedUpstream:
    """Says what it was told to say, byte for byte. `reset_after` and `close_after` end the connection after it."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer: Answer = lambda _: ()
        self.reset_after = False
        self.close_after = False
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._opened, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _received(reader)) is not None:
                self.requests.append(request)
                for piece in self.answer(request):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.reset_after:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                if self.reset_after or self.close_after:
                    return
        except ConnectionError:
            return
        finally:
            writer.close()


@pytest.fixture
def nobody_accepts() -> Iterator[str]:
    """A base URL where connecting takes for ever: the port's queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/v1"
        for each in waiting:
            each.close()


async def _received(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    assert len(headers) == len(pairs), f"a header came twice: {lines}"
    return Received(first.split(" ")[1], headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    await upstream.start()
    yield upstream
    await upstream.stop()


@pytest.fixture
def reply_bytes() -> Callable[..., bytes]:
    """A whole HTTP reply."""

    def make(status: int, body: bytes, kind: str = "application/json") -> bytes:
        head = f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    return make
