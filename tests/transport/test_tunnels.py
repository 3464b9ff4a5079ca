"""Through a real little proxy: CONNECT for https, absolute-form for http, and a proxy that refuses, hangs or lies."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from headway.failures import Failure, FailureKind
from headway.types import Tls

pytestmark = pytest.mark.real

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
CREDENTIALS = b"Basic " + base64.b64encode(b"user:hunter2")


async def read_head(reader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def read_request(reader) -> bytes:
    head = await read_head(reader)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def answer_all(reader, writer) -> None:
    while True:
        await read_request(reader)
        writer.write(REPLY)


class LittleProxy:
    """Opens tunnels to loopback, whatever the name; keeps the heads it was sent."""

    def __init__(self, net: Any, *, wants: bytes | None = None, grant: bytes = ESTABLISHED) -> None:
        self.net = net
        self.wants = wants
        self.grant = grant
        self.heads: list[bytes] = []

    async def __call__(self, reader, writer) -> None:
        head = await read_head(reader)
        self.heads.append(head)
        if self.wants is not None and b"\r\nproxy-authorization: " + self.wants + b"\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        self.net.writers.add(there_writer)
        writer.write(self.grant)
        back = asyncio.ensure_future(self._pump(there_reader, writer))
        try:
            await self._pump(reader, there_writer)
        finally:
            back.cancel()
            there_writer.close()

    async def _pump(self, source, sink) -> None:
        while data := await source.read(65536):
            sink.write(data)


@pytest.fixture
async def upstream(net, authority) -> str:
    return f"https://localhost:{await net.serve(answer_all, tls=authority.server())}"


@pytest.fixture
def trusting(authority) -> Tls:
    return Tls(ca_file=authority.file)


# https: a tunnel.


async def test_an_https_request_goes_through_a_tunnel(net, upstream, trusting):
    little = LittleProxy(net)
    pool = net.origin(upstream, tls=trusting, environ={"HTTPS_PROXY": f"http://127.0.0.1:{await net.serve(little)}"})
    for _ in range(3):
        assert (await net.ask(pool)).body == b"ok"
    authority = upstream.removeprefix("https://").encode()
    assert little.heads == [b"CONNECT " + authority + b" HTTP/1.1\r\nhost: " + authority + b"\r\n\r\n"]


async def test_a_proxy_gets_the_password_it_wants_and_the_upstream_does_not(net, authority, trusting):
    seen: list[bytes] = []

    async def look(reader, writer):
        seen.append(await read_request(reader))
        writer.write(REPLY)
        await reader.read()

    little = LittleProxy(net, wants=CREDENTIALS)
    port = await net.serve(look, tls=authority.server())
    proxy = f"http://user:hunter2@127.0.0.1:{await net.serve(little)}"
    pool = net.origin(f"https://localhost:{port}", tls=trusting, proxy=proxy)
    assert (await net.ask(pool)).body == b"ok"
    assert CREDENTIALS in little.heads[0]
    assert CREDENTIALS not in seen[0] + pool.fields


async def test_a_wrong_password_is_told_without_telling_it(net, upstream, trusting):
    port = await net.serve(LittleProxy(net, wants=CREDENTIALS))
    pool = net.origin(upstream, tls=trusting, proxy=f"http://user:wrong-secret@127.0.0.1:{port}")
    failure = await net.dial(pool)
    assert failure.kind is FailureKind.TRANSPORT
    assert failure.message == (
        f"cannot connect to {upstream} through the proxy 127.0.0.1:{port}: the proxy answered 407"
    )


async def test_a_host_that_no_proxy_names_is_reached_directly(net, upstream, trusting):
    little = LittleProxy(net)
    environ = {"HTTPS_PROXY": f"http://127.0.0.1:{await net.serve(little)}", "NO_PROXY": "localhost"}
    assert (await net.ask(net.origin(upstream, tls=trusting, environ=environ))).body == b"ok"
    assert little.heads == []


async def test_the_proxy_of_a_provider_wins_over_the_environments(net, upstream, trusting):
    little = LittleProxy(net)
    proxy = f"http://127.0.0.1:{await net.serve(little)}"
    pool = net.origin(
        upstream, tls=trusting, proxy=proxy, environ={"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"}
    )
    assert (await net.ask(pool)).body == b"ok"
    assert len(little.heads) == 1


async def test_a_provider_without_a_proxy_ignores_the_environments(net, upstream, trusting):
    pool = net.origin(upstream, tls=trusting, proxy="", environ={"HTTPS_PROXY": "http://127.0.0.1:1"})
    assert (await net.ask(pool)).body == b"ok"


async def test_the_upstreams_certificate_is_checked_through_a_tunnel_as_well(net, authority, trusting):
    port = await net.serve(answer_all, tls=authority.server("api.example.com"))
    proxy = f"http://127.0.0.1:{await net.serve(LittleProxy(net))}"
    failure = await net.dial(net.origin(f"https://localhost:{port}", tls=trusting, proxy=proxy))
    assert "its certificate is not trusted (Hostname mismatch" in failure.message


async def test_a_proxy_that_is_not_there_is_named(net, upstream, trusting):
    pool = net.origin(upstream, tls=trusting, proxy="http://user:hunter2@127.0.0.1:1")
    failure = await net.dial(pool)
    assert failure.message == f"cannot connect to {upstream} through the proxy 127.0.0.1:1: connection refused"


LIES = {
    b"HTTP/1.1 403 Forbidden\r\n\r\n": "the proxy answered 403",
    b"HTTP/1.0 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>": "the proxy answered 502",
    b"HTTP/1.1 301 Moved\r\nlocation: http://evil.test/\r\n\r\n": "the proxy answered 301",
    b"HTTP/1.1 100 Continue\r\n\r\n": "the proxy answered 100",
    b"HTTP/1.1 2 OK\r\n\r\n": "the proxy answered nonsense",
    b"HTTP/1.1 2000 OK\r\n\r\n": "the proxy answered nonsense",
    b"HTTP/1.1 \x1b[2J OK\r\n\r\n": "the proxy answered nonsense",
    b"HTTP/2 200 OK\r\n\r\n": "the proxy answered nonsense",
    b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n": "the proxy answered nonsense",
    b"220 mail.example.com\r\n\r\n": "the proxy answered nonsense",
    b"\x05\x00": "the proxy closed the connection",
    b"HTTP/1.1 200 OK\r\n": "the proxy closed the connection",
    b"": "the proxy closed the connection",
    b"HTTP/1.1 200 OK\r\nx-filler: " + b"f" * 40_000 + b"\r\n\r\n": "the proxy sent too long a reply",
    ESTABLISHED + b"x": "the proxy sent data of its own into the tunnel",
    ESTABLISHED + REPLY: "the proxy sent data of its own into the tunnel",
    ESTABLISHED + b"\r\n\r\n": "the proxy sent data of its own into the tunnel",
}


@pytest.mark.parametrize(("said", "told"), LIES.items(), ids=[f"{number}" for number in range(len(LIES))])
async def test_a_proxy_that_refuses_or_lies_opens_no_tunnel(said, told, net, upstream, trusting):
    async def lie(reader, writer):
        await read_head(reader)
        writer.write(said)
        await writer.drain()

    pool = net.origin(upstream, tls=trusting, proxy=f"http://127.0.0.1:{await net.serve(lie)}")
    files = net.open_files()
    failure = await net.dial(pool)
    assert failure.kind is FailureKind.TRANSPORT
    assert failure.message.endswith(f": {told}")
    assert pool.open == 0
    await net.until_open_files(files)


async def test_a_proxy_may_answer_in_pieces(net, upstream, trusting):
    class Slow(LittleProxy):
        async def __call__(self, reader, writer):
            self.grant = b"\n"
            for byte in b"HTTP/1.1 200 Connection established\r\nvia: me\r\n\r":
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            await super().__call__(reader, writer)

    pool = net.origin(upstream, tls=trusting, proxy=f"http://127.0.0.1:{await net.serve(Slow(net))}")
    assert (await net.ask(pool)).body == b"ok"


async def test_a_proxy_that_opens_a_tunnel_to_something_else_is_found_out_by_tls(net, upstream, trusting):
    async def answer_itself(reader, writer):
        await read_head(reader)
        writer.write(ESTABLISHED)
        await reader.read(10)
        writer.write(REPLY)

    pool = net.origin(upstream, tls=trusting, proxy=f"http://127.0.0.1:{await net.serve(answer_itself)}")
    failure = await net.dial(pool)
    assert failure.kind is FailureKind.TRANSPORT
    assert ": TLS failed (" in failure.message


async def test_a_proxy_that_hangs_is_given_up_in_time(net, upstream, trusting):
    async def hang(reader, writer):
        await reader.read()
        await reader.read()

    port = await net.serve(hang)
    pool = net.origin(upstream, tls=trusting, proxy=f"http://127.0.0.1:{port}")
    files = net.open_files()
    failure = await net.dial(pool, timeout=0.05)
    assert failure == Failure(
        kind=FailureKind.TIMEOUT,
        source="upstream",
        message=f"no connection to {upstream} through the proxy 127.0.0.1:{port} within 0.05 s",
    )
    await net.until_open_files(files)


async def test_a_dial_cancelled_while_a_proxy_hangs_leaves_nothing(net, upstream, trusting):
    asked = asyncio.Event()

    async def hang(reader, writer):
        await read_head(reader)
        asked.set()
        await reader.read()

    pool = net.origin(upstream, tls=trusting, proxy=f"http://127.0.0.1:{await net.serve(hang)}")
    files, tasks = net.open_files(), len(asyncio.all_tasks())
    caller = net.caller()
    dial = pool.dial(5.0, caller)
    await asyncio.wait_for(asked.wait(), 10)
    dial.cancel()
    await net.until(lambda: len(asyncio.all_tasks()) == tasks)
    await net.until_open_files(files)
    assert not caller.outcome.done()
    assert pool.open == 0


# http: the whole address in the request line.


async def test_an_http_request_names_its_whole_address_to_the_proxy(net):
    heads: list[bytes] = []

    async def forward(reader, writer):
        while True:
            heads.append(await read_request(reader))
            writer.write(REPLY)

    proxy = f"http://user:hunter2@127.0.0.1:{await net.serve(forward)}"
    pool = net.origin("http://api.example.com:8000/v1", environ={"HTTP_PROXY": proxy})
    net.request = b"POST %b/chat/completions HTTP/1.1\r\n%bcontent-length: 2\r\n\r\n" % (pool.path_prefix, pool.fields)
    for _ in range(2):
        assert (await net.ask(pool)).body == b"ok"
    assert net.accepted == 1
    assert heads[0] == (
        b"POST http://api.example.com:8000/v1/chat/completions HTTP/1.1\r\nhost: api.example.com:8000\r\n"
        b"proxy-authorization: " + CREDENTIALS + b"\r\ncontent-length: 2\r\n\r\n{}"
    )


async def test_a_redirect_is_an_answer_and_is_never_followed(net):
    async def redirect(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 307 Elsewhere\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    pool = net.origin(f"http://127.0.0.1:{await net.serve(redirect)}")
    ear = await net.ask(pool)
    assert (ear.status, ear.field("location"), ear.complete) == (307, b"http://169.254.169.254/", True)
    assert net.accepted == 1
