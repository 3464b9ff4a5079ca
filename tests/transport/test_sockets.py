"""On real sockets: making a connection, losing it, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import socket

import pytest

from headway.failures import Failure, FailureKind
from headway.transport import pool as pool_module

pytestmark = pytest.mark.real

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def read_request(reader) -> bytes:
    """The body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def answer_all(reader, writer) -> None:
    while True:
        await read_request(reader)
        writer.write(REPLY)


@pytest.fixture
def silent_port():
    """A port whose connections are never accepted, with a queue so short that a third one hangs."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = listening.getsockname()[1]
    queued = []
    for _ in range(3):
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(("127.0.0.1", port))
        queued.append(caller)
    yield port
    for each in (listening, *queued):
        each.close()


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


# Reuse.


async def test_requests_one_after_the_other_share_a_connection(net):
    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer_all)}")
    for _ in range(5):
        ear = await net.ask(pool)
        assert (ear.status, ear.body) == (200, b"ok")
    assert net.accepted == 1
    assert (pool.idle, pool.open) == (1, 1)


async def test_a_connection_that_the_server_closes_while_idle_is_dropped_and_replaced(net):
    async def answer_once(reader, writer):
        await read_request(reader)
        writer.write(REPLY)

    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer_once)}")
    for count in (1, 2, 3):
        assert (await net.ask(pool)).body == b"ok"
        await net.until(lambda: pool.open == 0)
        assert pool.take() is None
        assert net.accepted == count


async def test_a_server_that_closes_just_as_we_send_leaves_a_stale_connection(net):
    async def close_on_second_request(reader, writer):
        await read_request(reader)
        writer.write(REPLY)
        await read_request(reader)

    pool = net.origin(f"http://127.0.0.1:{await net.serve(close_on_second_request)}")
    assert (await net.ask(pool)).complete
    second = await net.ask(pool)
    assert net.accepted == 1
    assert second.failure.kind is FailureKind.TRANSPORT
    assert second.failure.stale_connection
    assert pool.open == 0


async def test_a_server_that_closes_a_fresh_connection_does_not_leave_a_stale_one(net):
    async def hang_up(reader, writer):
        await read_request(reader)

    pool = net.origin(f"http://127.0.0.1:{await net.serve(hang_up)}")
    ear = await net.ask(pool)
    assert ear.failure.kind is FailureKind.TRANSPORT
    assert not ear.failure.stale_connection
    assert pool.open == 0


async def test_the_sweep_closes_idle_connections_by_itself(net, monkeypatch):
    monkeypatch.setattr("headway.transport.upstreams.RETIRE_EVERY", 0.01)
    monkeypatch.setattr(pool_module, "IDLE_LIMIT", 0.0)
    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer_all)}")
    await net.ask(pool)
    await net.until(lambda: pool.open == 0)


async def test_closing_while_a_reply_is_under_way_lets_it_finish(net):
    may_answer = asyncio.Event()

    async def answer_later(reader, writer):
        await read_request(reader)
        await may_answer.wait()
        writer.write(REPLY)
        await reader.read()

    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer_later)}")
    asking = asyncio.ensure_future(net.ask(pool))
    while net.accepted == 0:
        await asyncio.sleep(0.001)
    pool.close()
    may_answer.set()
    assert (await asking).body == b"ok"
    assert (pool.idle, pool.open) == (0, 0)


# Large bodies and back-pressure.


async def test_a_large_body_arrives_intact(net):
    received: list[bytes] = []

    async def keep(reader, writer):
        while True:
            received.append(await read_request(reader))
            writer.write(REPLY)

    pool = net.origin(f"http://127.0.0.1:{await net.serve(keep)}")
    bodies = [bytes(range(256)) * (size // 256) for size in (256, 32_768, 65_536, 4_000_000)]
    for body in bodies:
        assert (await net.ask(pool, body)).body == b"ok"
    assert received == bodies
    assert net.accepted == 1


async def test_an_upload_that_the_server_takes_slowly_waits_and_arrives(net):
    may_read = asyncio.Event()

    async def read_late(reader, writer):
        writer.transport.pause_reading()
        await may_read.wait()
        writer.transport.resume_reading()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n%07d" % len(await read_request(reader)))

    pool = net.origin(f"http://127.0.0.1:{await net.serve(read_late)}")
    asking = asyncio.ensure_future(net.ask(pool, b"x" * 8_000_000))
    await asyncio.sleep(0.05)
    assert not asking.done()
    may_read.set()
    assert (await asking).body == b"8000000"


async def test_an_early_answer_to_a_large_upload_is_heard_and_costs_the_connection(net):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await asyncio.sleep(10)

    pool = net.origin(f"http://127.0.0.1:{await net.serve(refuse)}")
    ear = await net.ask(pool, b"x" * 32_000_000)
    assert (ear.status, ear.body) == (413, b"no")
    assert (pool.idle, pool.open) == (0, 0)


async def test_a_paused_connection_makes_the_server_wait(net, make_ear):
    size = 16_000_000
    sent = 0

    async def send_much(reader, writer):
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 100_000)
            sent += 100_000
            await writer.drain()

    pool = net.origin(f"http://127.0.0.1:{await net.serve(send_much)}")
    connection, ear = await net.dial(pool), make_ear()
    connection.send(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", b"", ear)
    await asyncio.wait_for(ear.heard.wait(), 10)
    connection.pause()
    before = -1
    while sent != before:
        before = sent
        await asyncio.sleep(0.05)
    assert sent < size
    assert not ear.complete
    connection.resume()
    await asyncio.wait_for(ear.over.wait(), 10)
    assert (len(ear.body), ear.complete) == (size, True)


async def test_an_abort_closes_the_socket_at_once(net, make_ear):
    closed = asyncio.Event()

    async def stream(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n")
        assert await reader.read() == b""
        closed.set()

    pool = net.origin(f"http://127.0.0.1:{await net.serve(stream)}")
    connection, ear = await net.dial(pool), make_ear()
    connection.send(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", b"", ear)
    await asyncio.wait_for(ear.heard.wait(), 10)
    connection.abort()
    assert pool.open == 0
    await asyncio.wait_for(closed.wait(), 10)
    assert (ear.body, ear.ends) == (b"hi", 0)


# Dialling.


async def test_a_refused_connection_is_told_in_plain_words(net):
    port = unused_port()
    failure = await net.dial(net.origin(f"http://127.0.0.1:{port}/v1"))
    assert failure == Failure(
        kind=FailureKind.TRANSPORT,
        source="upstream",
        message=f"cannot connect to http://127.0.0.1:{port}: connection refused",
    )


async def test_a_host_that_does_not_answer_is_given_up_in_time(net, silent_port):
    pool = net.origin(f"http://127.0.0.1:{silent_port}")
    failure = await net.dial(pool, timeout=0.05)
    assert failure.kind is FailureKind.TIMEOUT
    assert failure.message == f"no connection to http://127.0.0.1:{silent_port} within 0.05 s"
    assert pool.open == 0


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_resolved_is_told_in_plain_words(error, net, resolve):
    resolve(error)
    failure = await net.dial(net.origin("http://no.such.test/v1"))
    assert failure.kind is FailureKind.TRANSPORT
    assert failure.message == "cannot connect to http://no.such.test: its name cannot be resolved"


async def test_a_name_without_addresses_is_a_failure_like_others(net, resolve):
    resolve([])
    failure = await net.dial(net.origin("http://empty.test"))
    assert failure.kind is FailureKind.TRANSPORT


async def test_the_second_address_serves_when_the_first_refuses(net, resolve):
    port = await net.serve(answer_all)
    resolve(["::1", "127.0.0.1"])
    pool = net.origin(f"http://both.test:{port}")
    assert (await net.ask(pool)).body == b"ok"


async def test_the_second_address_serves_when_the_first_is_silent(net, resolve, monkeypatch, silent_port):
    monkeypatch.setattr(pool_module, "ATTEMPT_DELAY", 0.01)
    await net.serve(answer_all, host="127.0.0.2", port=silent_port)
    resolve(["127.0.0.1", "127.0.0.2"])
    connection = await net.dial(net.origin(f"http://both.test:{silent_port}"))
    assert connection.transport.get_extra_info("peername")[0] == "127.0.0.2"
    connection.abort()


async def test_addresses_that_all_refuse_are_one_refusal(net, resolve):
    resolve(["::1", "127.0.0.1"])
    failure = await net.dial(net.origin(f"http://both.test:{unused_port()}"))
    assert failure.kind is FailureKind.TRANSPORT
    assert failure.message.endswith(": connection refused")


async def test_a_failure_does_not_tell_the_addresses_behind_a_name(net, resolve, monkeypatch):
    async def fail(*_arguments, **_options):
        raise OSError("Multiple exceptions: [Errno 111] Connect call failed ('10.0.0.7', 80), [Errno 101] ...")

    monkeypatch.setattr(pool_module, "start_connection", fail)
    resolve(["127.0.0.1"])
    failure = await net.dial(net.origin("http://both.test"))
    assert failure.message == "cannot connect to http://both.test: none of its addresses accepts a connection"


async def test_what_uvloop_calls_a_runtime_error_is_a_failure_like_others(net, resolve, monkeypatch):
    async def fail(*_arguments, **_options):
        raise RuntimeError("File descriptor 9 is used by transport")

    monkeypatch.setattr(pool_module, "start_connection", fail)
    resolve(["127.0.0.1"])
    assert (await net.dial(net.origin("http://odd.test"))).kind is FailureKind.TRANSPORT


async def test_every_dial_asks_again_what_the_name_means(net, resolve):
    async def serve_at(address: str) -> None:
        async def tell(reader, writer):
            while True:
                await read_request(reader)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(address), address.encode()))

        await net.serve(tell, host=address, port=port)

    port = unused_port()
    await serve_at("127.0.0.1")
    await serve_at("127.0.0.2")
    asked = resolve(["127.0.0.1"], ["127.0.0.2"])
    pool = net.origin(f"http://moving.test:{port}")
    assert (await net.ask(pool)).body == b"127.0.0.1"
    assert (await net.ask(pool)).body == b"127.0.0.1"
    assert asked == [("moving.test", port)]
    for connection in pool._idle:
        connection.born -= pool_module.AGE_LIMIT + 1
    assert (await net.ask(pool)).body == b"127.0.0.2"
    assert asked == [("moving.test", port)] * 2
    assert pool.open == 1


async def test_a_socket_is_told_to_send_at_once_and_to_notice_a_vanished_peer(net):
    pool = net.origin(f"http://127.0.0.1:{await net.serve(answer_all)}")
    connection = await net.dial(pool)
    sock = connection.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    connection.abort()


# Leaving while a connection is being made.


async def test_a_cancelled_dial_tells_nobody_and_leaves_nothing(net):
    port = await net.serve(answer_all)
    pool = net.origin(f"http://127.0.0.1:{port}")
    files, tasks = net.open_files(), len(asyncio.all_tasks())
    callers = []
    for steps in range(60):  # cancelled at every step of its way, and after it
        caller = net.caller()
        callers.append(caller)
        dial = pool.dial(5.0, caller)
        for _ in range(steps % 20):
            await asyncio.sleep(0)
        dial.cancel()
        if caller.outcome.done():
            caller.outcome.result().abort()
    await net.until(lambda: len(asyncio.all_tasks()) == tasks)
    await net.until(lambda: not net.handlers)
    await net.until_open_files(files)
    assert pool.open == 0
    assert any(not caller.outcome.done() for caller in callers)


async def test_a_dial_cancelled_before_the_host_answers_leaves_nothing(net, silent_port):
    pool = net.origin(f"http://127.0.0.1:{silent_port}")
    files, tasks = net.open_files(), len(asyncio.all_tasks())
    for _ in range(20):
        caller = net.caller()
        dial = pool.dial(5.0, caller)
        await asyncio.sleep(0.002)
        dial.cancel()
        assert not caller.outcome.done()
    await net.until(lambda: len(asyncio.all_tasks()) == tasks)
    await net.until_open_files(files)
    assert pool.open == 0


async def test_a_dial_that_runs_out_of_time_at_any_step_leaves_nothing(net):
    port = await net.serve(answer_all)
    pool = net.origin(f"http://127.0.0.1:{port}")
    files = net.open_files()
    for number in range(30):
        outcome = await net.dial(pool, timeout=number * 0.0001)
        if not isinstance(outcome, Failure):
            outcome.abort()
    await net.until(lambda: not net.handlers)
    await net.until_open_files(files)
    assert pool.open == 0


async def test_a_server_that_hangs_up_at_once_is_counted_out_again(net):
    async def hang_up(reader, writer):
        writer.transport.abort()

    pool = net.origin(f"http://127.0.0.1:{await net.serve(hang_up)}")
    for _ in range(20):
        ear = await net.ask(pool)
        assert ear.failure.kind is FailureKind.TRANSPORT
        assert not ear.failure.stale_connection
    await net.until(lambda: pool.open == 0)


async def test_a_server_that_speaks_first_is_not_used(net):
    async def greet(reader, writer):
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read()

    pool = net.origin(f"http://127.0.0.1:{await net.serve(greet)}")
    connection = await net.dial(pool)
    await net.until(lambda: connection.transport is None)
    assert pool.open == 0


# What the configuration got wrong is a failure, and no exception in the middle of a request.


@pytest.mark.parametrize(
    ("base_url", "environ", "problem"),
    [
        ("http://h.test/a\r\nx-evil: 1", {}, "its base URL is none"),
        ("http://h.test/a b", {}, "its base URL is none"),
        ("http://h.test/\x00", {}, "its base URL is none"),
        ("http://hö.test/", {}, "its base URL is none"),
        ("http:///v1", {}, "its base URL is none"),
        ("ftp://h.test", {}, "its base URL is none"),
        ("http://h.test:99999", {}, "Port out of range 0-65535"),
        ("http://[::1", {}, "Invalid IPv6 URL"),
        ("http://h.test", {"ALL_PROXY": "socks5://u:hunter2@p"}, "ALL_PROXY: a proxy must be given as http://"),
    ],
)
async def test_an_origin_that_makes_no_sense_fails_every_dial(base_url, environ, problem, net):
    pool = net.origin(base_url, environ=environ)
    for _ in range(2):
        failure = await net.dial(pool)
        assert failure.kind is FailureKind.TRANSPORT
        assert failure.message.startswith(f"cannot connect to provider up: {problem}")
        assert "hunter2" not in failure.message
    assert b"\n" not in pool.path_prefix + pool.fields.removesuffix(b"\r\n")


async def test_a_user_and_a_password_in_an_address_are_neither_sent_nor_shown(net):
    port = unused_port()
    pool = net.origin(f"http://user:hunter2@127.0.0.1:{port}/v1")
    failure = await net.dial(pool)
    assert "hunter2" not in f"{pool.label}{pool.fields}{pool.path_prefix}{failure}"
