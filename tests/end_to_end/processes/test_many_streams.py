"""Two thousand slow streams at once through one worker process."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from end_to_end.conftest import Provide
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

STREAMS = 2000
TOKENS = 20
AT_ONCE = 100
CONFIG = """
providers:
  alpha: {{base_url: "{base_url}", keys: []}}
models:
  slow: ["alpha/fast!delay_token={delay}ms"]
"""
DELAY = 250
RSS_LIMIT = 300 * 1024
"""KiB."""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Each stream takes two descriptors here and two in the gateway, which inherits the limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 3 * STREAMS
    if before[1] != resource.RLIM_INFINITY and before[1] < needed:
        pytest.skip(f"{needed} open files are needed, {before[1]} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], needed), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Reader(asyncio.Protocol):
    """One client, as cheap as can be: it keeps what came and notices the end of the stream."""

    def __init__(self, request: bytes, begun: Counter[str]) -> None:
        self.received = bytearray()
        self.ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._request = request
        self._begun = begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.received:
            self._begun["under way"] += 1
        self.received += data
        if data.endswith(b"0\r\n\r\n"):
            self._begun["under way"] -= 1
            self.ended.set_result(True)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(False)


@pytest.mark.usefixtures("many_files")
async def test_none_of_two_thousand_slow_streams_breaks(serve: Serve, simulated: Provide, tmp_path: Path):
    provider = await simulated(keep_requests=1)
    file = tmp_path / "headway.yaml"
    file.write_text(CONFIG.format(base_url=provider.base_url, delay=DELAY))
    process = await serve("-c", file, "--no-log")
    body = b'{"model":"slow","stream":true,"messages":[{"role":"user","content":"tokens:%d"}]}' % TOKENS
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    loop, begun = asyncio.get_running_loop(), Counter[str]()
    readers: list[Reader] = []
    for _ in range(STREAMS // AT_ONCE):
        dials = (
            loop.create_connection(lambda: Reader(request, begun), "127.0.0.1", process.port) for _ in range(AT_ONCE)
        )
        readers += [reader for _, reader in await asyncio.gather(*dials)]
    most = 0
    async with asyncio.timeout(40):
        while not all(reader.ended.done() for reader in readers):
            most = max(most, begun["under way"])
            await asyncio.sleep(0.05)
    assert most == STREAMS, "they were not all under way at once"
    assert all(reader.ended.result() for reader in readers)
    assert all(reader.received.startswith(b"HTTP/1.1 200 OK\r\n") for reader in readers)
    assert Counter(reader.received.count(b'"delta":{"content"') for reader in readers) == {TOKENS: STREAMS}
    assert all(b"data: [DONE]\n\n" in reader.received for reader in readers)
    assert most_memory(process) < RSS_LIMIT


def most_memory(process: GatewayProcess) -> int:
    """The most that was resident, in KiB."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
