"""The in-process instrument: one request's steps on fake transports, without kernel or sockets.

The real protocol objects of both sides run in one thread; only `write` goes nowhere. Scenarios are interleaved in
slices of 2 ms, and the figure is the tenth percentile of the slices' means, which is steady on a noisy machine and
resolves about 1 us. At saturation the same steps cost about 2.2 times as much, since caches are cold there.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import uvicorn
import uvloop
from uvicorn.server import ServerState

from headway.app import Headway, Settings
from headway.config.load import load_text
from headway.server.hosting import server_config
from headway.server.lean import LeanProtocol
from headway.transport.connection import UpstreamConnection
from headway.transport.pool import OriginPool
from headway.types import Snapshot

SLICE = 0.002
"""Seconds of one scenario before the next has its turn."""
DRAIN_EVERY = 256
"""Requests after which the recorder handles what waits, as it does in bounded portions when the loop runs."""

CONFIG = """
providers:
  mock:
    base_url: http://127.0.0.1:9/v1
    keys: [{name: a, value: k1}, {name: b, value: k2}, {name: c, value: k3}, {name: d, value: k4}]
models:
  bench: [mock/upstream-model]
"""


class Figure(msgspec.Struct, frozen=True):
    """Microseconds of CPU for one step of a scenario."""

    scenario: str
    p10: float
    median: float
    slices: int


class _Socket(asyncio.Transport):
    """A transport whose writes go nowhere."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = 0
        self.last: bytes = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += 1
        self.last = data  # type: ignore[assignment]

    def writelines(self, list_of_data: object) -> None:
        self.written += 1

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Rig:
    """A gateway with one client connection and one upstream connection, both without a kernel."""

    def __init__(self, loop: asyncio.AbstractEventLoop, snapshot: Snapshot) -> None:
        self.headway = Headway(snapshot, Settings(), {}, io.BytesIO())
        provider = snapshot.providers["mock"]
        self.pool: OriginPool = self.headway.upstreams.origin(provider)
        self.upstream_socket = _Socket()
        self.upstream = UpstreamConnection(self.pool, loop.time())
        self.upstream.connection_made(self.upstream_socket)
        self.pool.give_back(self.upstream)
        config: uvicorn.Config = server_config(
            self.headway.application, host="127.0.0.1", port=0, drain=1, keep_alive=60
        )
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
        self.client_socket = _Socket()
        self.client = LeanProtocol(config, state, {}, loop)
        self.client.connection_made(self.client_socket)
        self._count = 0

    def whole(self, request: bytes, reply: bytes) -> Callable[[], None]:
        receive, answer = self.client.data_received, self.upstream.data_received

        def step() -> None:
            receive(request)
            answer(reply)
            self._count += 1
            if self._count % DRAIN_EVERY == 0:
                self.headway.recorder.drain()

        return step

    def stream(self, request: bytes, head: bytes, chunk: bytes) -> Callable[[], None]:
        self.client.data_received(request)
        self.upstream.data_received(head)
        answer = self.upstream.data_received
        return lambda: answer(chunk)


def measure(steps: dict[str, Callable[[], None]], *, seconds: float, rng: Random) -> list[Figure]:
    """Run the steps in interleaved slices for about `seconds` in all."""
    for step in steps.values():
        for _ in range(200):
            step()
    slices: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    names = list(steps)
    while time.perf_counter() < end:
        rng.shuffle(names)
        for name in names:
            slices[name].append(_slice(steps[name]))
    return [_figure(name, sorted(slices[name])) for name in steps]


def run(seconds: float = 10.0) -> list[Figure]:
    """All scenarios: small with 3 and with 24 header fields, 10 KB, 100 KB, and one chunk of a stream."""
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(_run(seconds))
    finally:
        loop.close()


async def _run(seconds: float) -> list[Figure]:
    loop = asyncio.get_running_loop()
    snapshot = load_text(CONFIG, name="bench", folder=Path(), environ={})
    rigs = [Rig(loop, snapshot) for _ in range(5)]
    small, fields = request_bytes(200), reply_bytes(fields=3)
    steps = {
        "small": rigs[0].whole(small, fields),
        "small, 24 header fields": rigs[1].whole(small, reply_bytes(fields=24)),
        "10 KB": rigs[2].whole(request_bytes(10_000), fields),
        "100 KB": rigs[3].whole(request_bytes(100_000), fields),
        "stream chunk": rigs[4].stream(request_bytes(200, stream=True), STREAM_HEAD, chunk_bytes()),
    }
    try:
        return measure(steps, seconds=seconds, rng=Random(1))
    finally:
        for rig in rigs:
            rig.headway.close()


def _slice(step: Callable[[], None]) -> float:
    clock = time.thread_time
    count = 0
    start = clock()
    end = start + SLICE
    while True:
        for _ in range(16):
            step()
        count += 16
        now = clock()
        if now >= end:
            return (now - start) / count * 1e6


def _figure(name: str, ordered: list[float]) -> Figure:
    return Figure(name, ordered[len(ordered) // 10], ordered[len(ordered) // 2], len(ordered))


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    b'36\r\ndata: {"choices":[{"index":0,"delta":{"role":"x"}}]}\n\n\r\n'
)


def request_bytes(prompt: int, *, stream: bool = False) -> bytes:
    """A chat request as the openai SDK sends it, with a prompt of about `prompt` bytes."""
    body = b'{"messages":[{"role":"user","content":"%b"}],"model":"bench","max_tokens":64%b}' % (
        b"lorem ipsum " * (prompt // 12),
        b',"stream":true' if stream else b"",
    )
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: application/json\r\n"
        b"Authorization: Bearer sk-client\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 2.8.0\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def reply_bytes(*, fields: int) -> bytes:
    """A whole chat reply of about 0.5 KB of body, with that many header fields."""
    body = (
        b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"upstream-model","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"%b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":50,'
        b'"total_tokens":70,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}'
        % (b"word " * 40)
    )
    extra = b"".join(
        b"x-some-header-%d: value-of-this-header-%d\r\n" % (number, number) for number in range(fields - 3)
    )
    return (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json\r\n%b"
        b"content-length: %d\r\n\r\n%b" % (extra, len(body), body)
    )


def chunk_bytes() -> bytes:
    """One chunk of a stream, about 250 bytes, as one HTTP chunk."""
    event = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"upstream-model-2026-01-01","service_tier":'
        b'"default","system_fingerprint":"fp_1234567890","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,'
        b'"finish_reason":null}]}\n\n'
    )
    return b"%x\r\n%b\r\n" % (len(event), event)
