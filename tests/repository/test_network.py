"""The closed network is really closed, whichever way a test tries to leave; and the environment is really clean."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvloop

OUTSIDE = "192.0.2.1"  # RFC 5737: nobody's address
CLOSED = "the network is closed in tests"

Reach = Callable[[], object]
AsyncReach = Callable[[asyncio.AbstractEventLoop], Awaitable[object]]


def refused(network: Any, reach: Reach) -> bool:
    """Whether reaching out raised, and would have failed this test had we not looked."""
    with pytest.raises(RuntimeError, match=CLOSED):
        reach()
    noted = bool(network.refused)
    network.refused.clear()
    return noted


def connect(kind: int, address: Any, family: int = socket.AF_INET) -> None:
    with socket.socket(family, kind) as sock:
        sock.settimeout(5)
        sock.connect(address)


def send(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", address)


def send_message(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendmsg([b"x"], [], 0, address)


def connect_quietly(address: tuple[str, int]) -> None:
    with socket.socket() as sock:
        sock.settimeout(5)
        sock.connect_ex(address)


async def connect_by_sock(loop: asyncio.AbstractEventLoop, address: tuple[str, int]) -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)


BY_SOCKET: dict[str, Reach] = {
    "connect": lambda: connect(socket.SOCK_STREAM, (OUTSIDE, 80)),
    "connect to a name": lambda: connect(socket.SOCK_STREAM, ("example.invalid", 80)),
    "connect over IPv6": lambda: connect(socket.SOCK_STREAM, ("2001:db8::1", 80), socket.AF_INET6),
    "connect_ex": lambda: connect_quietly((OUTSIDE, 80)),
    "create_connection": lambda: socket.create_connection((OUTSIDE, 80), timeout=1),
    "connect a datagram socket": lambda: connect(socket.SOCK_DGRAM, (OUTSIDE, 53)),
    "sendto": lambda: send((OUTSIDE, 53)),
    "sendmsg": lambda: send_message((OUTSIDE, 53)),
    "sendto a name": lambda: send(("example.invalid", 53)),
    "getaddrinfo": lambda: socket.getaddrinfo("example.invalid", 80),
    "gethostbyname": lambda: socket.gethostbyname("example.invalid"),
    "gethostbyaddr": lambda: socket.gethostbyaddr("example.invalid"),
}

BY_LOOP: dict[str, AsyncReach] = {
    "create_connection": lambda loop: loop.create_connection(asyncio.Protocol, OUTSIDE, 80),
    "create_connection by keyword": lambda loop: loop.create_connection(asyncio.Protocol, host=OUTSIDE, port=80),
    "create_connection to a name": lambda loop: loop.create_connection(
        asyncio.Protocol, "example.invalid", 443, ssl=True
    ),
    "open_connection": lambda loop: asyncio.open_connection(OUTSIDE, 80),
    "sock_connect": lambda loop: connect_by_sock(loop, (OUTSIDE, 80)),
    "create_datagram_endpoint": lambda loop: loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(OUTSIDE, 53)
    ),
    "getaddrinfo": lambda loop: loop.getaddrinfo("example.invalid", 80),
}

ON_LOOPBACK: dict[str, AsyncReach] = {
    "create_connection": lambda loop: loop.create_connection(asyncio.Protocol, "127.0.0.1", 9),
    "create_unix_connection": lambda loop: loop.create_unix_connection(asyncio.Protocol, "/nowhere/at.sock"),
    "sock_connect": lambda loop: connect_by_sock(loop, ("127.0.0.1", 9)),
}

each_loop = pytest.mark.parametrize(
    "new_loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


leaves_the_socket_open = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""socket.create_connection closes its socket after an OSError only, which a refusal is not."""


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], reach: AsyncReach) -> object:
    async def main() -> object:
        async with asyncio.timeout(5):  # were the network open, nobody would answer
            return await reach(asyncio.get_running_loop())

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main())


@leaves_the_socket_open
@pytest.mark.parametrize("way", BY_SOCKET)
def test_a_socket_reaches_nobody(network: Any, way: str) -> None:
    assert refused(network, BY_SOCKET[way])


@pytest.mark.real
@leaves_the_socket_open
@pytest.mark.parametrize("way", BY_SOCKET)
def test_a_socket_of_a_real_test_reaches_nobody_outside(network: Any, way: str) -> None:
    assert refused(network, BY_SOCKET[way])


@each_loop
@pytest.mark.parametrize("way", BY_LOOP)
def test_a_loop_reaches_nobody(network: Any, way: str, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    assert refused(network, lambda: run(new_loop, BY_LOOP[way]))


@pytest.mark.real
@each_loop
@pytest.mark.parametrize("way", BY_LOOP)
def test_a_loop_of_a_real_test_reaches_nobody_outside(
    network: Any, way: str, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    assert refused(network, lambda: run(new_loop, BY_LOOP[way]))


@each_loop
@pytest.mark.parametrize("way", ON_LOOPBACK)
def test_an_unmarked_test_does_not_even_reach_loopback(
    network: Any, way: str, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    assert refused(network, lambda: run(new_loop, ON_LOOPBACK[way]))


def test_uvloop_sends_no_datagrams_that_nobody_sees(network: Any) -> None:
    assert refused(
        network,
        lambda: run(
            uvloop.new_event_loop,
            lambda loop: loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)),
        ),
    )


@pytest.mark.real
@each_loop
def test_a_real_test_talks_to_loopback_by_address_and_by_name(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def exchange(host: str) -> bytes:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        server = await asyncio.start_server(greet, host, 0, family=socket.AF_INET)
        async with server:
            reader, writer = await asyncio.open_connection(host, server.sockets[0].getsockname()[1])
            greeting = await reader.read()
            writer.close()
            await writer.wait_closed()
            return greeting

    assert run(new_loop, lambda _: exchange("127.0.0.1")) == b"hello"
    assert run(new_loop, lambda _: exchange("localhost")) == b"hello"


def test_a_socket_pair_is_no_network() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"


def test_no_key_or_proxy_of_the_developer_reaches_a_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    catalogue = (root / "src" / "headway" / "providers" / "catalogue.yaml").read_text(encoding="utf-8")
    named_there = re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", catalogue)
    assert "OPENAI_API_KEY" in named_there
    names = [*named_there, "OPENAI_BASE_URL", "HTTPS_PROXY", "no_proxy", "HF_TOKEN", "HEADWAY_CONFIG", "SSL_CERT_FILE"]
    for name in names:
        monkeypatch.setenv(name, "from outside")
    pytester.makeconftest((root / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(f"import os\ndef test_it():\n    assert sorted(set(os.environ) & set({names!r})) == []")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_refusal_that_the_code_swallows_still_fails_the_test(pytester: pytest.Pytester, root: Path) -> None:
    pytester.makeconftest((root / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile("""
        import socket
        def test_it():
            try:
                socket.create_connection(("192.0.2.1", 80))
            except Exception:
                pass
    """)
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=1, errors=1)
    assert re.search(CLOSED, outcome.stdout.str())


def test_random_cases_are_the_same_every_time() -> None:
    assert hypothesis.settings.default is not None
    assert hypothesis.settings.default.derandomize
