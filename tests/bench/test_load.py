"""The load generator and the mock against each other, on real sockets; and the load generator against wrong replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import msgspec
import pytest

from headway.bench import latency, load, payloads, upstream
from headway.bench.plan import Plan, Result

pytestmark = pytest.mark.real

CHUNKS = 4
WHOLE = len(payloads.chat_reply())

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def settled() -> None:
    """Lets the server's side of closed connections close too."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def mock() -> AsyncIterator[int]:
    server = await upstream.listen(upstream.replies(CHUNKS, openai_headers=False), interval=0.01)
    async with server:
        yield port_of(server)
    await settled()


async def serving(answer: Callable[[Reader, Writer], Awaitable[None]], plan: Plan) -> Result:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        found = await load.run(msgspec.structs.replace(plan, url=f"http://127.0.0.1:{port_of(server)}"))
        await settled()
        return found


async def said(port: int, *parts: bytes, answers: int = 1) -> bytes:
    """Sends the parts one after the other; reads until the replies are complete."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.005)
    reply = b""
    while reply.count(b"HTTP/1.1 ") < answers or not reply.endswith((b"}", b"0\r\n\r\n")):
        got = await asyncio.wait_for(reader.read(65536), 2.0)
        if not got:
            break
        reply += got
    writer.close()
    await writer.wait_closed()
    return reply


def request(body: bytes) -> bytes:
    return payloads.chat_request(body, authority="127.0.0.1", path="/v1/chat/completions", api_key="k")


async def test_the_mock_waits_for_the_whole_request(mock: int) -> None:
    whole = request(payloads.chat_body("m", 2000))
    reply = await said(mock, whole[:40], whole[40:900], whole[900:])
    assert reply == payloads.whole_reply(payloads.chat_reply())


async def test_the_mock_answers_requests_that_arrive_together(mock: int) -> None:
    reply = await said(mock, request(b"{}") * 3, answers=3)
    assert reply == payloads.whole_reply(payloads.chat_reply()) * 3


@pytest.mark.parametrize("flag", [b'"stream":true', b'"stream": true'])
@pytest.mark.parametrize("usage", [b"", b',"stream_options":{"include_usage":true}'])
async def test_the_mock_streams_and_ends_with_its_marker(mock: int, flag: bytes, usage: bytes) -> None:
    reply = await said(mock, request(b"{" + flag + usage + b"}"))
    assert reply.count(b"data: ") == payloads.events_of(CHUNKS, usage=bool(usage))
    assert reply.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n", b"200"),
        (b"POST /v1/else HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", b"404"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"411"),
    ],
)
async def test_the_mock_says_what_it_does_not_do(mock: int, sent: bytes, status: bytes) -> None:
    assert (await said(mock, sent)).startswith(b"HTTP/1.1 " + status)


async def test_a_closed_loop_ends_when_its_count_is_reached(mock: int) -> None:
    url = f"http://127.0.0.1:{mock}"
    plan = Plan(url=url, shape="closed", connections=2, ramp=0.0, seconds=60.0, expect=WHOLE, max_requests=500)
    found = await load.run(plan)
    assert found.errors == {}
    assert 0 < found.replies <= 500
    assert found.seconds < 60.0


async def test_an_open_loop_sends_at_its_rate_and_says_how_late(mock: int) -> None:
    plan = Plan(
        url=f"http://127.0.0.1:{mock}",
        shape="open",
        rate=200,
        connections=4,
        ramp=0.02,
        seconds=0.2,
        expect=WHOLE,
        max_requests=30,
    )
    found = await load.run(plan)
    assert found.errors == {}
    assert 0 < found.replies <= 30
    assert latency.merged([found.behind]).get_total_count() == latency.merged([found.latency]).get_total_count() > 0


async def test_streams_are_read_to_their_end_and_each_has_a_first_token(mock: int) -> None:
    plan = Plan(
        url=f"http://127.0.0.1:{mock}",
        shape="streams",
        streams=5,
        ramp=0.01,
        seconds=0.05,
        expect=payloads.events_of(CHUNKS, usage=True),
    )
    found = await load.run(plan)
    assert found.errors == {}
    assert found.replies == 5
    assert latency.merged([found.first_token]).get_total_count() == 5


async def test_a_stall_is_charged_to_every_request_that_it_delayed() -> None:
    async def slow(reader: Reader, writer: Writer) -> None:
        pause = 0.1
        while await reader.read(65536):
            await asyncio.sleep(pause)
            pause = 0.0
            writer.write(payloads.whole_reply(b"{}"))
        writer.close()

    plan = Plan(url="", shape="open", rate=100, connections=1, ramp=0.0, seconds=0.1, prompt_bytes=100, max_requests=8)
    found = await serving(slow, plan)
    delayed = latency.merged([found.latency])
    assert delayed.get_total_count() > 1
    middle = latency.percentile(delayed, 50)
    assert middle is not None
    assert middle > 10_000  # the first alone had to wait for the server; the others waited for the first


async def test_a_connection_lost_half_way_is_an_error() -> None:
    async def broken(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(payloads.whole_reply(payloads.chat_reply())[:-10])
        writer.close()

    plan = Plan(url="", shape="closed", connections=1, ramp=0.0, seconds=0.05, max_requests=3)
    found = await serving(broken, plan)
    assert found.replies == 0
    assert set(found.errors) == {"the connection was lost before the reply was complete"}


async def test_a_truncated_stream_is_an_error() -> None:
    async def truncated(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(payloads.stream_head() + payloads.framed(payloads.content_event()) + b"0\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    found = await serving(truncated, Plan(url="", shape="streams", streams=2, ramp=0.01, seconds=0.05))
    assert found.errors == {"a stream without its terminal marker": 2}
    assert found.replies == 0


async def test_a_reply_that_never_ends_is_an_error() -> None:
    async def silent(reader: Reader, writer: Writer) -> None:
        await reader.read()
        await reader.read()
        writer.close()

    plan = Plan(url="", shape="closed", connections=2, ramp=0.0, seconds=0.05, drain=0.05)
    assert (await serving(silent, plan)).errors == {"no complete reply in time": 2}


async def test_errors_without_end_stop_the_run_early() -> None:
    async def refusing(reader: Reader, writer: Writer) -> None:
        await reader.read(65536)
        writer.write(payloads.whole_reply(b"{}", status="500 Internal Server Error"))
        await writer.drain()
        writer.close()

    found = await serving(refusing, Plan(url="", shape="closed", connections=4, ramp=0.0, seconds=60.0, drain=1.0))
    assert "status 500" in found.errors
    assert sum(found.errors.values()) >= 100
    assert found.seconds < 60.0


async def test_nobody_listening_is_said_at_once() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = port_of(server)
    server.close()
    await server.wait_closed()
    with pytest.raises(OSError, match=str(port)):
        await load.run(Plan(url=f"http://127.0.0.1:{port}", shape="closed"))
