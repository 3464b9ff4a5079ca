"""What every test may rely on: a closed network, a clean environment, and the same random cases every time. What tests
share they import by its path below this folder.

The network is closed where sockets reach out. CPython tells an audit hook of every connect, send and look-up of its
socket module; names given to connect, which C looks up before it tells, and uvloop, which does it all in C, are guarded
at their methods. A test process reaches no address but loopback, and loopback only in tests marked `real` or `sdk`.
A refusal also fails the test at its end, in case the code under test swallowed the exception. Processes that a test
starts are not watched, but find neither key nor proxy in their environment.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import re
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvloop

sys.path.append(str(Path(__file__).parent))

hypothesis.settings.register_profile("ci", derandomize=True, database=None, deadline=None, max_examples=100)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=20_000, print_blob=True)
hypothesis.settings.load_profile("ci")  # `pytest --hypothesis-profile=soak` is for long runs by hand

FROM_OUTSIDE = re.compile(
    r"""(?ix)
    ^ (ftp|http|https|all|no)_proxy $
    | ^ (anthropic|aws|azure|bedrock|gemini|google|headway|openai) _
    | _ (account|account_id|base|endpoint|host|key|key_id|project|region|token|url) $
    | ^ ssl_cert_(file|dir) $
    | ^ (columns|lines|force_color|no_color) $
    """
)
"""Names of environment variables that would carry a developer's keys, proxies, authorities or terminal into a test."""


class NetworkClosedError(RuntimeError):
    """A test reached for an address that it must not reach. Not an OSError, which the code under test may handle."""


class Network:
    """Which addresses may be reached just now, and which were refused."""

    def __init__(self) -> None:
        self.loopback_open = True
        self.refused: list[str] = []

    def check_address(self, address: object) -> None:
        """Pass for what may be connected or sent to; anything else raises. None: the socket is connected already."""
        if address is None:
            return
        host: object = address[0] if isinstance(address, tuple) and address else None
        on_loopback = is_loopback(host) or isinstance(address, str | bytes)
        if not (self.loopback_open and on_loopback):
            self._refuse(f"the network is closed in tests: {address!r}" + on_loopback * " (a test marked `real` may)")

    def check_name(self, name: object) -> None:
        """Pass for what resolves without asking anybody; a name that DNS would be asked for raises."""
        if name is not None and not is_loopback(name) and not is_numeric(name):
            self._refuse(f"the network is closed in tests: looking up {name!r}")

    def _refuse(self, reason: str) -> None:
        self.refused.append(reason)
        raise NetworkClosedError(reason)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """CPython's audit hook: whatever it raises, the audited call raises."""
        if not event.startswith("socket."):
            return
        match event:
            case "socket.connect" | "socket.sendto" | "socket.sendmsg":
                self.check_address(args[1])
            case "socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr":
                self.check_name(args[0])
            case "socket.getnameinfo":
                self.check_name(args[0][0])
            case _:
                pass


def is_numeric(host: object) -> bool:
    try:
        ipaddress.ip_address(as_text(host))
    except ValueError:
        return False
    return True


def is_loopback(host: object) -> bool:
    text = as_text(host)
    return text in ("", "localhost") or (is_numeric(text) and ipaddress.ip_address(text).is_loopback)


def as_text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


def guard_names(network: Network, patch: pytest.MonkeyPatch) -> None:
    """A name given to a socket is looked up before the audit hook hears of it."""

    def guarded(name: str) -> None:
        method: Callable[..., Any] = getattr(socket.socket, name)

        @functools.wraps(method)
        def checked(sock: socket.socket, *args: Any) -> Any:
            network.check_address(args[-1])
            return method(sock, *args)

        patch.setattr(socket.socket, name, checked)

    for name in ("connect", "connect_ex", "sendto"):
        guarded(name)


def guard_uvloop(network: Network, patch: pytest.MonkeyPatch) -> None:
    """uvloop connects, sends and resolves in C, unseen by the audit hook."""

    def guarded(name: str, check: Callable[..., None]) -> None:
        method: Callable[..., Awaitable[Any]] = getattr(uvloop.Loop, name)

        @functools.wraps(method)
        async def checked(loop: uvloop.Loop, *args: Any, **options: Any) -> Any:
            check(*args, **options)
            return await method(loop, *args, **options)

        patch.setattr(uvloop.Loop, name, checked)

    def connection(
        factory: object, host: object = None, port: object = None, *, sock: object = None, **_: object
    ) -> None:
        network.check_address(None if sock else (host, port))

    def unix_connection(factory: object, path: object = None, *, sock: object = None, **_: object) -> None:
        network.check_address(None if sock else path)

    def datagrams(factory: object, local_addr: object = None, remote_addr: object = None, **_: object) -> None:
        network.check_address(remote_addr or ("anywhere", 0))  # an unconnected endpoint sends to whom it likes, unseen

    def address(sockaddr: tuple[object, ...], flags: int = 0) -> None:
        network.check_name(sockaddr[0])

    guarded("create_connection", connection)
    guarded("create_unix_connection", unix_connection)
    guarded("create_datagram_endpoint", datagrams)
    guarded("getaddrinfo", lambda host, *_, **__: network.check_name(host))
    guarded("getnameinfo", address)


@pytest.fixture
async def connections_ended() -> AsyncIterator[None]:
    """For whoever opens SQLite: a connection given up in the midst of something ends its thread a little later, and
    that thread must still find the loop of its test.
    """
    yield
    async with asyncio.timeout(60):
        while any("connection_worker" in thread.name for thread in threading.enumerate()):
            await asyncio.sleep(0.01)


NETWORK = pytest.StashKey[Network]()


def pytest_configure(config: pytest.Config) -> None:
    network = config.stash[NETWORK] = Network()
    sys.addaudithook(network.audit)


@pytest.fixture(scope="session", autouse=True)
def clean_process(pytestconfig: pytest.Config) -> Iterator[None]:
    """Guards the methods and empties the environment before any other fixture runs."""
    with pytest.MonkeyPatch.context() as patch:
        guard_names(pytestconfig.stash[NETWORK], patch)
        guard_uvloop(pytestconfig.stash[NETWORK], patch)
        for name in list(os.environ):
            if FROM_OUTSIDE.search(name):
                patch.delenv(name)
        patch.setenv("HEADWAY_DATABASE_URL", "off")  # a test that wants a request log says where
        yield


@pytest.fixture(autouse=True)
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    """The network as this test may use it."""
    network = request.config.stash[NETWORK]
    network.loopback_open = any(request.node.get_closest_marker(name) for name in ("real", "sdk"))
    network.refused.clear()
    yield network
    network.loopback_open = True
    if network.refused:
        pytest.fail("; ".join(network.refused))
