"""Bytes on real sockets: what a client sees of the faults, and what the provider sees of its clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import uvloop

from headway.simulated.provider import SimulatedProvider
from headway.simulated.settings import Quota, Simulation

pytestmark = pytest.mark.real

ASKED = b'{"model":"m","messages":[{"role":"user","content":"say: a \xc3\xbc b"}],"stream":true}'
WHOLE = ASKED.replace(b"true", b"false")


def request(body: bytes = ASKED, fault: str = "none", extra: str = "") -> bytes:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-simulated-fault: {fault}\r\n{extra}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Client:
    """A raw connection. Reads never wait longer than a few seconds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(5):
            await self._writer.drain()

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(5):
            return await self._reader.readuntil(mark)

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(5):
            return await self._reader.readexactly(count)

    async def rest(self) -> tuple[bytes, bool]:
        """Everything until the end, and whether the end was a reset."""
        seen = b""
        async with asyncio.timeout(5):
            while True:
                try:
                    data = await self._reader.read(65536)
                except ConnectionResetError:
                    return seen, True
                if not data:
                    return seen, False
                seen += data

    async def whole(self) -> bytes:
        """One reply that declares its length: its body."""
        head = await self.until(b"\r\n\r\n")
        (length,) = (line.split()[1] for line in head.splitlines() if line.lower().startswith(b"content-length"))
        return await self.exactly(int(length))

    async def leave(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def connect(provider: SimulatedProvider, limit: int = 1 << 24) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", provider.port, limit=limit))


async def eventually(condition: Callable[[], bool]) -> None:
    """Until it holds; the test fails when it never does."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def provider() -> AsyncIterator[SimulatedProvider]:
    async with SimulatedProvider() as provider:
        yield provider


async def replied(provider: SimulatedProvider, fault: str, body: bytes = ASKED) -> tuple[bytes, bool]:
    """All that comes on a connection of its own that asks to be closed, and whether it was reset."""
    client = await connect(provider)
    await client.send(request(body, fault, "connection: close\r\n"))
    seen = await client.rest()
    await client.leave()
    return seen


async def test_a_stream_as_it_stands_on_the_wire(provider: SimulatedProvider):
    seen, reset = await replied(provider, "none")
    head, _, body = seen.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body.count(b"data: {") == 5
    assert body.endswith(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    assert not reset


async def test_a_clean_close_in_the_midst_of_a_body(provider: SimulatedProvider):
    seen, reset = await replied(provider, "eof_at=2t")
    assert seen.count(b"data: {") == 3
    assert not seen.endswith(b"0\r\n\r\n")
    assert not reset


async def test_a_close_at_a_byte(provider: SimulatedProvider):
    seen, reset = await replied(provider, "eof_at=10b", WHOLE)
    assert len(seen.partition(b"\r\n\r\n")[2]) == 10
    assert not reset


@pytest.mark.skipif(sys.platform != "linux", reason="what was sent before a reset is only sure to arrive on Linux")
async def test_a_reset_in_the_midst_of_a_body(provider: SimulatedProvider):
    seen, reset = await replied(provider, "rst_at=2t")
    assert seen.count(b"data: {") == 3
    assert reset


async def test_endings_without_an_answer(provider: SimulatedProvider):
    assert await replied(provider, "close_before_headers") == (b"", False)
    assert await replied(provider, "rst_before_headers") == (b"", True)


async def test_a_stall_keeps_the_connection_until_the_client_leaves(provider: SimulatedProvider):
    client = await connect(provider)
    await client.send(request(fault="stall_after=1"))
    await client.until(b'"content":"a"')
    assert provider.open_connections == 1
    await client.leave()
    await eventually(lambda: provider.open_connections == 0)


async def test_comments_while_stalled(provider: SimulatedProvider):
    client = await connect(provider)
    await client.send(request(fault="stall_after=1,comments=1ms"))
    await client.until(b'"content":"a"')
    for _ in range(3):
        await client.until(b": keep-alive\n\n")
    await client.leave()


async def test_an_informational_reply_comes_first(provider: SimulatedProvider):
    seen, _ = await replied(provider, "informational=103", WHOLE)
    assert seen.startswith(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_broken_heads(provider: SimulatedProvider):
    bare, _ = await replied(provider, "bare_lf", WHOLE)
    assert bare.startswith(b"HTTP/1.1 200 OK\ncontent-type: application/json\n")
    both, _ = await replied(provider, "cl_te")
    assert b"transfer-encoding: chunked\r\ncontent-length: 7\r\n" in both
    old, reset = await replied(provider, "http10")
    assert old.startswith(b"HTTP/1.0 200 OK\r\n")
    assert old.endswith(b"data: [DONE]\n\n")
    assert not reset


async def test_multi_byte_letters_come_byte_by_byte(provider: SimulatedProvider):
    seen, _ = await replied(provider, "split_utf8")
    assert b"\r\n1\r\n\xc3\r\n1\r\n\xbc\r\n" in seen


async def test_a_huge_event_arrives_whole(provider: SimulatedProvider):
    seen, _ = await replied(provider, "huge_event=1MB")
    assert seen.count(b"x" * 1024 * 1024) == 1
    assert seen.endswith(b"0\r\n\r\n")


async def test_a_connection_serves_one_request_after_the_other(provider: SimulatedProvider):
    client = await connect(provider)
    for _ in range(3):
        await client.send(request(WHOLE))
        assert msgspec.json.decode(await client.whole())["choices"][0]["message"]["content"] == "a ü b"
    assert provider.total_connections == 1
    await client.leave()


async def test_pipelined_requests_are_answered_in_turn(provider: SimulatedProvider):
    client = await connect(provider)
    bodies = [WHOLE.replace(b"say: a", b"say: %d" % number) for number in range(50)]
    slow = [request(body, "delay_headers=1ms" if number % 7 == 0 else "none") for number, body in enumerate(bodies)]
    await client.send(b"".join(slow))
    for number in range(50):
        document = msgspec.json.decode(await client.whole())
        assert document["choices"][0]["message"]["content"].startswith(f"{number} ")
    await client.leave()


async def test_a_request_may_come_byte_by_byte(provider: SimulatedProvider):
    client = await connect(provider)
    for byte in request(WHOLE):
        await client.send(bytes((byte,)))
    assert b"chat.completion" in await client.whole()
    await client.leave()


async def test_a_body_is_called_for_when_the_client_waits(provider: SimulatedProvider):
    client = await connect(provider)
    whole = request(WHOLE, extra="expect: 100-continue\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    await client.send(head + b"\r\n\r\n")
    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(body)
    assert b"chat.completion" in await client.whole()
    await client.leave()


async def test_a_body_is_read_slowly_and_in_full(provider: SimulatedProvider):
    body = WHOLE[:-1] + b',"user":"' + b"u" * 2_000_000 + b'"}'
    client = await connect(provider)
    sending = asyncio.create_task(client.send(request(body, "slow_read=100MB")))
    assert b"chat.completion" in await client.whole()
    await sending
    assert provider.requests[-1].body == body
    await client.leave()


async def test_a_slow_reader_makes_the_sender_wait(provider: SimulatedProvider):
    client = await connect(provider)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.send(request(b"x" * 30_000_000, "slow_read=1KB"))
    assert len(provider.requests) == 0
    client._writer.transport.abort()


@pytest.mark.parametrize("nonsense", [b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"POST / HTTP/9.9\r\n\r\n"])
async def test_what_is_no_request_is_refused_and_closed(provider: SimulatedProvider, nonsense: bytes):
    client = await connect(provider)
    await client.send(nonsense)
    seen, _ = await client.rest()
    assert seen.startswith(b"HTTP/1.1 400 Bad Request")
    await client.leave()


async def test_an_upgrade_is_not_taken_up(provider: SimulatedProvider):
    client = await connect(provider)
    await client.send(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81")
    seen, _ = await client.rest()
    assert seen.startswith(b"HTTP/1.1 200 OK")
    assert seen.count(b"HTTP/1.1") == 1
    await client.leave()


async def test_a_body_over_the_limit_is_refused():
    async with SimulatedProvider(Simulation(body_limit=1000)) as provider:
        client = await connect(provider)
        await client.send(request(b"x" * 1001))
        seen, _ = await client.rest()
        assert seen.startswith(b"HTTP/1.1 413 ")
        await client.leave()


async def test_a_client_that_does_not_read_makes_the_stream_wait():
    class Counting(asyncio.Protocol):
        transport: asyncio.Transport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            transport.pause_reading()

    async with SimulatedProvider() as provider:
        body = b'{"model":"m","messages":[{"role":"user","content":"tokens:100000"}],"stream":true}'
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(Counting, "127.0.0.1", provider.port)
        protocol.transport.write(request(body))
        await eventually(lambda: len(provider.requests) == 1)
        (guest,) = provider._desk.guests
        await eventually(lambda: guest._full)  # pyright: ignore[reportAttributeAccessIssue]
        assert guest._transport.get_write_buffer_size() < 1_000_000  # pyright: ignore[reportAttributeAccessIssue]
        protocol.transport.abort()
        await eventually(lambda: provider.open_connections == 0)


async def test_concurrency_is_free_again_when_the_client_leaves():
    async with SimulatedProvider(Simulation(quota=Quota(concurrency=1))) as provider:
        first, second = await connect(provider), await connect(provider)
        await first.send(request(fault="stall_after=1"))
        await first.until(b'"content":"a"')
        await second.send(request(WHOLE))
        assert b"rate_limit_exceeded" in await second.whole()
        await first.leave()
        await eventually(lambda: provider.open_connections == 1)
        await second.send(request(WHOLE))
        assert b"chat.completion" in await second.whole()
        await second.leave()


async def test_what_is_kept_for_inspection_is_bounded():
    async with SimulatedProvider(Simulation(keep_requests=3)) as provider:
        client = await connect(provider)
        for number in range(10):
            await client.send(request(WHOLE.replace(b"say: a", b"say: %d" % number), extra=f"x-number: {number}\r\n"))
            await client.whole()
        assert [kept.header("x-number") for kept in provider.requests] == ["7", "8", "9"]
        assert (provider.requests[-1].method, provider.requests[-1].path) == ("POST", "/v1/chat/completions")
        assert b"say: 9" in provider.requests[-1].body
        await client.leave()


async def test_slow_streams_need_no_task_of_their_own():
    async with SimulatedProvider(Simulation(token_delay=0.05)) as provider:
        clients = [await connect(provider) for _ in range(300)]
        before = len(asyncio.all_tasks())
        for client in clients:
            await client.send(request())
        await eventually(lambda: len(provider.requests) == 256)
        assert len(asyncio.all_tasks()) == before
        for client in clients:
            assert b"[DONE]" in await client.until(b"0\r\n\r\n")
            await client.leave()
        assert provider.total_connections == 300


# The instance as a whole.


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def refused(provider: SimulatedProvider) -> bool:
    try:
        client = await connect(provider)
    except ConnectionRefusedError:
        return True
    await client.leave()
    return False


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_refusing_instance_closes_its_port_at_once_and_opens_it_again(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
):
    async def rehearse() -> None:
        async with SimulatedProvider() as provider:
            idle = await connect(provider)
            await idle.send(request(WHOLE))
            await idle.whole()
            provider.set_fault("refuse")
            assert await refused(provider)
            assert (await idle.rest())[0] == b""
            provider.set_fault(None)
            assert not await refused(provider)
            provider.set_fault("refuse")
            provider.set_fault("none")
            assert not await refused(provider)
            await idle.leave()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(rehearse())


@pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop])
def test_resets_and_stalls_are_the_same_on_another_loop(loop_factory: Callable[[], asyncio.AbstractEventLoop]):
    async def rehearse() -> None:
        async with SimulatedProvider() as provider:
            assert (await replied(provider, "rst_before_headers"))[1]
            assert (await replied(provider, "rst_at=2t"))[1]
            assert not (await replied(provider, "eof_at=2t"))[1]
            assert (await replied(provider, "chunk_bytes=1"))[0].count(b"\r\n1\r\n") > 100

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(rehearse())


async def test_a_schedule_closes_and_opens_the_port_by_the_clock():
    clock = Clock()
    async with SimulatedProvider(now=clock) as provider:
        provider.set_schedule("10s-20s refuse; 20s-30s status=503")
        assert not await refused(provider)
        clock.now = 15.0
        await eventually(lambda: provider._listener._socket is None)
        assert await refused(provider)
        clock.now = 25.0
        await eventually(lambda: provider._listener._socket is not None)
        assert (await replied(provider, "none"))[0].startswith(b"HTTP/1.1 200")
        client = await connect(provider)
        await client.send(request(WHOLE).replace(b"x-simulated-fault: none\r\n", b""))
        assert b"server_overloaded" in await client.whole()
        await client.leave()
        provider.set_schedule(None)


async def test_a_stream_under_way_outlives_the_closing_of_the_port():
    async with SimulatedProvider() as provider:
        client = await connect(provider)
        await client.send(request(fault="delay_first_token=30ms"))
        await client.until(b'"role":"assistant"')
        provider.set_fault("refuse")
        seen, reset = await client.rest()
        assert seen.endswith(b"0\r\n\r\n")
        assert not reset
        await client.leave()


async def test_a_taken_port_is_an_error_and_a_stopped_one_is_free():
    async with SimulatedProvider() as first:
        with pytest.raises(OSError, match="in use"):
            await SimulatedProvider().start(port=first.port)
        port = first.port
    second = SimulatedProvider()
    await second.start(port=port)
    assert second.base_url == f"http://127.0.0.1:{port}/v1"
    await second.stop()


async def test_stopping_breaks_what_is_open():
    provider = SimulatedProvider(Simulation(fault="stall_after=1"))
    await provider.start()
    client = await connect(provider)
    await client.send(request().replace(b"x-simulated-fault: none\r\n", b""))
    await client.until(b'"content":"a"')
    await provider.stop()
    assert provider.open_connections == 0
    await client.rest()
    await client.leave()


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_it_listens_on_ipv6_too():
    provider = SimulatedProvider()
    await provider.start(host="::1")
    assert provider.base_url == f"http://[::1]:{provider.port}/v1"
    await provider.stop()


async def test_the_quota_refills_by_the_clock():
    clock = Clock()
    async with SimulatedProvider(Simulation(quota=Quota(rpm=1)), now=clock) as provider:
        statuses: list[bytes] = []
        for now in (0.0, 59.9, 60.0):
            clock.now = now
            seen, _ = await replied(provider, "none", WHOLE)
            statuses.append(seen.split()[1])
        assert statuses == [b"200", b"429", b"200"]
