"""Which idle connection serves next, when one is too old, and that every one is counted until it is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from headway.transport import pool as pool_module
from headway.transport.connection import UpstreamConnection
from headway.transport.pool import AGE_LIMIT, IDLE_LIMIT, OriginPool
from headway.transport.proxies import Proxy

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def origin(**settings: Any) -> OriginPool:
    known: dict[str, Any] = {
        "scheme": "https",
        "host": "api.example.com",
        "port": 443,
        "path": "/v1",
        "proxy": None,
        "context": None,
    }
    return OriginPool(**(known | settings))


class Clock:
    now = 1000.0

    def time(self) -> float:
        return self.now


class Bench:
    """A pool on a clock that stands still, with connections that have a fake socket each."""

    def __init__(self, socket: Callable[[], Any], ear: Callable[[], Any]) -> None:
        self.pool = origin()
        self.clock = Clock()
        self.pool._loop = cast(Any, self.clock)
        self._socket = socket
        self._ear = ear

    def connect(self) -> UpstreamConnection:
        connection = UpstreamConnection(self.pool, self.clock.now)
        connection.connection_made(self._socket())
        return connection

    def serve(self, connection: UpstreamConnection | None) -> UpstreamConnection:
        """One request and its reply."""
        assert connection is not None
        connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", self._ear())
        connection.data_received(REPLY)
        return connection

    def idle(self, count: int) -> list[UpstreamConnection]:
        made = [self.connect() for _ in range(count)]
        return [self.serve(connection) for connection in made]


@pytest.fixture
async def bench(wire_up, make_ear) -> Bench:
    return Bench(lambda: wire_up().socket, make_ear)


async def test_an_empty_pool_has_nothing_to_offer(bench):
    assert bench.pool.take() is None
    assert (bench.pool.idle, bench.pool.open) == (0, 0)


async def test_a_connection_in_use_is_open_but_not_idle(bench):
    connection = bench.connect()
    assert (bench.pool.idle, bench.pool.open) == (0, 1)
    bench.serve(connection)
    assert (bench.pool.idle, bench.pool.open) == (1, 1)
    assert bench.pool.take() is connection
    assert (bench.pool.idle, bench.pool.open) == (0, 1)
    connection.abort()
    assert (bench.pool.idle, bench.pool.open) == (0, 0)


async def test_the_connection_used_last_serves_next(bench):
    first, second, third = bench.idle(3)
    bench.serve(bench.pool.take())
    assert bench.pool.take() is third
    assert bench.pool.take() is second
    assert bench.pool.take() is first


async def test_one_connection_never_serves_two_at_a_time(bench):
    bench.idle(5)
    taken = [bench.pool.take() for _ in range(5)]
    assert len(set(taken)) == 5
    assert bench.pool.take() is None


async def test_a_connection_that_was_idle_too_long_is_closed_instead_of_used(bench):
    (connection,) = bench.idle(1)
    socket = connection.transport
    bench.clock.now += IDLE_LIMIT + 1
    assert bench.pool.take() is None
    assert socket.closed
    assert bench.pool.open == 0


async def test_use_renews_the_idle_limit(bench):
    bench.idle(1)
    for _ in range(5):
        bench.clock.now += IDLE_LIMIT - 1
        bench.serve(bench.pool.take())
    assert bench.pool.idle == 1


async def test_use_does_not_renew_the_age_limit(bench):
    (connection,) = bench.idle(1)
    while bench.clock.now < connection.born + AGE_LIMIT - 10:
        bench.clock.now += 10
        bench.serve(bench.pool.take())
    bench.clock.now += 20
    assert bench.pool.take() is None
    assert bench.pool.open == 0


async def test_a_connection_that_is_too_old_makes_room_for_a_younger_one(bench):
    young = bench.connect()
    (old,) = bench.idle(1)
    bench.serve(young)
    bench.serve(bench.pool.take())
    bench.pool.take()
    bench.serve(old)
    old.born -= AGE_LIMIT + 1
    assert bench.pool.take() is None
    assert old.transport is None
    bench.serve(young)
    assert bench.pool.take() is young


async def test_a_closing_connection_is_passed_over(bench):
    first, second = bench.idle(2)
    second.transport.closed = True
    assert bench.pool.take() is first
    assert bench.pool.open == 2
    second.connection_lost(None)
    assert bench.pool.open == 1


async def test_a_connection_that_the_server_closes_while_idle_leaves_the_pool(bench):
    first, second = bench.idle(2)
    second.connection_lost(None)
    assert (bench.pool.idle, bench.pool.open) == (1, 1)
    assert bench.pool.take() is first


async def test_retiring_closes_what_is_past_its_limits_and_nothing_else(bench):
    old, middle, young = bench.idle(3)
    old.idle_since -= IDLE_LIMIT + 1
    middle.born -= AGE_LIMIT + 1
    bench.pool.retire()
    assert (old.transport, middle.transport) == (None, None)
    assert young.transport is not None
    assert (bench.pool.idle, bench.pool.open) == (1, 1)
    bench.clock.now += IDLE_LIMIT + 1
    bench.pool.retire()
    assert (bench.pool.idle, bench.pool.open) == (0, 0)
    bench.pool.retire()


async def test_idle_connections_have_a_limit(bench, monkeypatch):
    monkeypatch.setattr(pool_module, "MAX_IDLE", 3)
    bench.idle(5)
    assert (bench.pool.idle, bench.pool.open) == (3, 3)


async def test_closing_closes_what_is_idle_and_lets_replies_finish(bench, make_ear):
    idle, busy = bench.connect(), bench.connect()
    bench.serve(idle)
    ear = make_ear()
    busy.send(b"POST / HTTP/1.1\r\n\r\n", b"", ear)
    bench.pool.close()
    assert idle.transport is None
    assert bench.pool.open == 1
    busy.data_received(REPLY)
    assert ear.complete
    assert busy.transport is None
    assert (bench.pool.idle, bench.pool.open) == (0, 0)


async def test_a_connection_that_breaks_as_its_handshake_ends_is_not_used(bench, wire_up):
    connection = bench.connect()

    async def start_tls(*_arguments: Any, **_options: Any) -> Any:
        connection.data_received(b"the server speaks first")
        return wire_up().socket

    bench.clock.start_tls = start_tls
    with pytest.raises(ConnectionResetError):
        await bench.pool._secure(connection, cast(Any, None))
    assert (bench.pool.idle, bench.pool.open) == (0, 0)


# What every request to an origin begins with.


@pytest.mark.parametrize(
    ("settings", "label", "fields"),
    [
        ({}, "https://api.example.com", b"host: api.example.com\r\n"),
        ({"port": 8443}, "https://api.example.com:8443", b"host: api.example.com:8443\r\n"),
        ({"port": 80}, "https://api.example.com:80", b"host: api.example.com:80\r\n"),
        ({"scheme": "http", "port": 80}, "http://api.example.com", b"host: api.example.com\r\n"),
        ({"scheme": "http", "port": 443}, "http://api.example.com:443", b"host: api.example.com:443\r\n"),
        ({"host": "::1"}, "https://[::1]", b"host: [::1]\r\n"),
        ({"host": "::1", "port": 8443}, "https://[::1]:8443", b"host: [::1]:8443\r\n"),
    ],
)
async def test_the_host_names_a_port_only_where_it_is_not_the_usual_one(settings, label, fields):
    pool = origin(**settings)
    assert (pool.label, pool.fields, pool.path_prefix) == (label, fields, b"/v1")


async def test_through_a_proxy_a_plain_request_names_its_whole_address_and_brings_the_proxy_its_password():
    pool = origin(scheme="http", port=8000, proxy=Proxy("http://user:pass@proxy:3128"))
    assert pool.path_prefix == b"http://api.example.com:8000/v1"
    assert pool.fields == b"host: api.example.com:8000\r\nproxy-authorization: Basic dXNlcjpwYXNz\r\n"


async def test_through_a_tunnel_the_upstream_never_sees_the_proxys_password():
    pool = origin(proxy=Proxy("http://user:pass@proxy:3128"))
    assert pool.path_prefix == b"/v1"
    assert pool.fields == b"host: api.example.com\r\n"
