"""The in-process instrument: one request's steps on fake transports, without kernel or sockets.

The real protocol objects of both sides run in one thread; only `write` goes nowhere. Scenarios are interleaved in
slices of 2 ms, and the figure is the tenth percentile of the slices' means, which is steady on a noisy machine and
resolves about 1 us. At saturation the same steps cost about 2.2 times as much, since caches are cold there.
"""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import uvicorn
import uvloop
from uvicorn.server import ServerState

from headway.app import Headway, Settings
from headway.bench import payloads, translated
from headway.bench.decisions import decision
from headway.config.load import load_text
from headway.server.hosting import server_config
from headway.server.lean import LeanProtocol
from headway.transport.connection import UpstreamConnection
from headway.transport.pool import OriginPool
from headway.types import Snapshot

SECONDS = 10.0
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


def run(seconds: float = SECONDS) -> list[Figure]:
    """All scenarios: small with 3 and with 24 header fields, 1, 10 and 100 KB, one chunk of a stream, both translated
    from another dialect, decisions alone.
    """
    gc.set_threshold(20_000, 20, 50)  # as `headway serve` sets it
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(_run(seconds))
    finally:
        loop.close()


async def _run(seconds: float) -> list[Figure]:
    loop = asyncio.get_running_loop()
    snapshot = load_text(CONFIG, name="bench", folder=Path(), environ={})
    foreign = load_text(translated.CONFIG, name="bench", folder=Path(), environ={})
    rigs = [*(Rig(loop, snapshot) for _ in range(6)), *(Rig(loop, foreign) for _ in range(2))]
    small, reply = client_request(200), payloads.whole_reply(payloads.chat_reply())
    many_fields = payloads.whole_reply(payloads.chat_reply(), payloads.OPENAI_HEADERS)
    beginning = payloads.stream_head() + payloads.framed(payloads.event({"role": "assistant", "content": ""}))
    steps = {
        "small request": rigs[0].whole(small, reply),
        "small, 24 header fields in the reply": rigs[1].whole(small, many_fields),
        "10 KB": rigs[2].whole(client_request(10_000), reply),
        "100 KB": rigs[3].whole(client_request(100_000), reply),
        "chunk of a stream": rigs[4].stream(
            client_request(200, stream=True), beginning, payloads.framed(payloads.content_event())
        ),
        "1 KB": rigs[5].whole(client_request(1_000), payloads.whole_reply(payloads.chat_reply())),
        "1 KB, translated": rigs[6].whole(client_request(1_000), translated.reply()),
        "chunk of a stream, translated": rigs[7].stream(
            client_request(200, stream=True), translated.beginning(), payloads.framed(translated.chunk())
        ),
        "decision over 4 targets": decision(4),
        "decision over 50 targets": decision(50),
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


def main() -> None:
    """`python -m headway.bench.inprocess SECONDS`: the figures as JSON, for the process that asked."""
    figures = run(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
    sys.stdout.write(msgspec.json.encode(figures).decode())


def client_request(prompt: int, *, stream: bool = False) -> bytes:
    body = payloads.chat_body("bench", prompt, stream=stream)
    return payloads.chat_request(body, authority="127.0.0.1:8080", path="/v1/chat/completions", api_key="sk-client")


if __name__ == "__main__":
    main()
