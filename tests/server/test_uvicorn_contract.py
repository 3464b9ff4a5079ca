"""What our protocol class and server rely on inside uvicorn. When this fails, uvicorn has changed."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import tomllib
from collections import deque
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import HANDLED_SIGNALS, ServerState

from headway.server.hosting import GatewayServer
from headway.server.lean import LeanProtocol

ROOT = Path(__file__).parents[2]
GET = b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n"


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Task:
    def add_done_callback(self, _: Any) -> None: ...


class Timer:
    def cancel(self) -> None: ...


class Loop:
    """Keeps coroutines instead of running them."""

    def __init__(self) -> None:
        self.started: list[Any] = []

    def create_task(self, coroutine: Any, **_: Any) -> Task:
        self.started.append(coroutine.cr_frame.f_locals["self"])
        coroutine.close()
        return Task()

    def call_later(self, *_: Any) -> Timer:
        return Timer()


async def application(scope: Any, receive: Any, send: Any) -> None: ...


class Served:
    """Uvicorn's protocol object on a transport that is none."""

    def __init__(self) -> None:
        config = uvicorn.Config(application, http="httptools", ws="none", log_config=None, access_log=False)
        config.load()
        self.loop = Loop()
        self.transport = Transport()
        self.protocol: Any = HttpToolsProtocol(config, ServerState(), {}, self.loop)  # type: ignore[arg-type]
        self.protocol.connection_made(self.transport)


@pytest.fixture
def served() -> Served:
    return Served()


class Occupied:
    """As a lean exchange shows itself."""

    def __init__(self) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = self
        self.woken = False

    def set(self) -> None:
        self.woken = True


def test_uvicorn_is_pinned_to_the_version_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = [each for each in project["dependencies"] if each.startswith("uvicorn")]
    assert pins == [f"uvicorn=={version('uvicorn')}"], "run this contract against the version that is pinned"


@pytest.mark.parametrize(
    "name",
    [
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "_unsupported_upgrade_warning",
        "connection_lost",
        "connection_made",
        "data_received",
        "on_body",
        "on_header",
        "on_headers_complete",
        "on_message_begin",
        "on_message_complete",
        "on_response_complete",
        "on_url",
        "pause_writing",
        "resume_writing",
        "send_400_response",
        "shutdown",
    ],
)
def test_the_protocol_still_has_the_method(name):
    theirs = getattr(HttpToolsProtocol, name, None)
    assert callable(theirs), f"uvicorn's HttpToolsProtocol has no {name} any more"
    ours = LeanProtocol.__dict__.get(name)
    if ours is not None:
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), (
            f"uvicorn's {name} takes other arguments now"
        )


def test_the_protocol_has_no_method_that_we_would_override_by_accident():
    ours = {name for name in LeanProtocol.__dict__ if not name.startswith("__")}
    meant = {
        "_start_asgi_task", "connection_lost", "connection_made", "data_received", "on_body", "on_header",
        "on_headers_complete", "on_message_begin", "on_message_complete", "on_response_complete", "pause_writing",
        "resume_writing", "send_400_response", "shutdown",
    }  # fmt: skip
    assert {name for name in ours if hasattr(HttpToolsProtocol, name)} == meant
    theirs = set(vars(Served().protocol))
    assert ours & theirs == set(), "an attribute of uvicorn's hides a method of ours"


def test_the_protocol_is_made_with_the_arguments_that_we_pass_on():
    parameters = inspect.signature(HttpToolsProtocol.__init__).parameters
    assert list(parameters) == ["self", "config", "server_state", "app_state", "_loop"]


def test_a_new_protocol_has_the_state_that_we_share(served):
    protocol = served.protocol
    assert isinstance(protocol.parser, httptools.HttpRequestParser)
    assert isinstance(protocol.pipeline, deque)
    assert protocol.cycle is None
    assert protocol.timeout_keep_alive_task is None
    assert protocol.server_state.connections == {protocol}
    assert protocol.server_state.total_requests == 0
    assert protocol.flow.write_paused is False
    assert protocol.transport is served.transport
    assert protocol.logger.name == "uvicorn.error"


def test_status_lines_are_whole_lines():
    assert httptools_impl.STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
    assert set(httptools_impl.STATUS_LINE) == set(range(100, 600)), "replies with another status need another line"


def test_a_message_begins_with_a_scope_and_headers_of_its_own(served):
    protocol = served.protocol
    protocol.on_message_begin()
    assert protocol.url == b""
    assert protocol.headers == []
    assert protocol.expect_100_continue is False
    assert protocol.scope["headers"] is protocol.headers
    protocol.on_url(b"/a")
    protocol.on_url(b"b")
    assert protocol.url == b"/ab"
    protocol.on_header(b"X-Name", b"Value")
    assert protocol.headers == [(b"x-name", b"Value")]


def test_headers_may_be_put_into_the_scope_before_the_cycle_is_made(served):
    """Our protocol gathers them itself, and gives them to uvicorn only for the ASGI lane."""
    served.protocol.data_received(GET)
    assert served.protocol.cycle.scope["headers"] == [(b"host", b"x")]
    assert served.protocol.cycle.scope["path"] == "/one"


def test_a_request_behind_one_that_is_not_complete_waits_in_the_pipeline(served):
    protocol = served.protocol
    protocol.cycle = first = Occupied()
    protocol.data_received(GET + GET.replace(b"one", b"two"))
    assert served.loop.started == []
    assert not served.transport.reading, "nothing more is read until it is its turn"
    assert [cycle.scope["path"] for cycle, _ in protocol.pipeline] == ["/two", "/one"], "the newest is on the left"
    assert protocol.cycle is not first
    assert protocol.cycle is protocol.pipeline[0][0], "the newest is the protocol's cycle"
    protocol.on_response_complete()
    assert served.transport.reading
    assert [cycle.scope["path"] for cycle in served.loop.started] == ["/one"]
    assert len(protocol.pipeline) == 1


def test_a_request_behind_one_that_is_complete_starts_at_once(served):
    protocol = served.protocol
    protocol.cycle = Occupied()
    protocol.cycle.response_complete = True
    protocol.data_received(GET)
    (cycle,) = served.loop.started
    assert isinstance(cycle, RequestResponseCycle)
    assert protocol.cycle is cycle
    assert not protocol.pipeline


def test_a_cycle_shows_what_we_ask_of_it(served):
    served.protocol.data_received(b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
    cycle = served.protocol.cycle
    assert isinstance(cycle.message_event, asyncio.Event)
    shown = (cycle.response_started, cycle.response_complete, cycle.disconnected, cycle.keep_alive, cycle.more_body)
    assert shown == (False, False, False, True, True)
    served.protocol.data_received(b"}")
    assert cycle.more_body is False


async def test_a_cycle_that_is_disconnected_hears_so_and_sends_nothing_more(served):
    served.protocol.data_received(GET)
    cycle = served.protocol.cycle
    cycle.disconnected = True
    cycle.message_event.set()
    assert (await cycle.receive())["type"] == "http.disconnect"
    await cycle.send({"type": "http.response.start", "status": 200, "headers": []})
    assert served.transport.written == b""


async def test_a_cycle_is_complete_before_the_protocol_hears_of_it(served):
    seen: list[bool] = []
    served.protocol.on_response_complete = lambda: seen.append(served.protocol.cycle.response_complete)
    served.protocol.data_received(GET)
    await served.protocol.cycle.send({"type": "http.response.start", "status": 200, "headers": []})
    await served.protocol.cycle.send({"type": "http.response.body", "body": b""})
    assert seen == [True]


async def test_a_cycle_waits_while_the_client_takes_nothing(served):
    served.protocol.data_received(GET)
    served.protocol.pause_writing()
    assert served.protocol.flow.write_paused
    start = {"type": "http.response.start", "status": 200, "headers": []}
    sending = asyncio.ensure_future(served.protocol.cycle.send(start))
    await asyncio.sleep(0)
    assert served.transport.written == b""
    served.protocol.resume_writing()
    await sending
    assert served.transport.written.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_lost_connection_wakes_the_cycle_and_tells_it(served):
    occupied = served.protocol.cycle = Occupied()
    served.protocol.connection_lost(None)
    assert occupied.disconnected
    assert occupied.woken
    assert served.protocol.parser is None
    assert served.protocol.server_state.connections == set()


@pytest.mark.parametrize("complete", [False, True])
def test_a_shutdown_closes_what_is_complete_and_lets_the_rest_finish(complete, served):
    occupied = served.protocol.cycle = Occupied()
    occupied.response_complete = complete
    served.protocol.shutdown()
    assert served.transport.closed is complete
    assert occupied.keep_alive is complete


async def test_the_header_lines_for_every_reply_are_a_new_list_once_a_second():
    server = uvicorn.Server(uvicorn.Config(application, log_config=None))
    server.config.load()
    await server.on_tick(0)
    first = server.server_state.default_headers
    assert dict(first).keys() == {b"date", b"server"}
    await server.on_tick(1)
    assert server.server_state.default_headers is first
    await server.on_tick(10)
    assert server.server_state.default_headers is not first, "uvicorn changes the list in place now"


def test_the_server_still_has_what_we_override():
    assert {signal.SIGINT, signal.SIGTERM} == set(HANDLED_SIGNALS)
    for name in ("capture_signals", "handle_exit"):
        theirs, ours = getattr(uvicorn.Server, name), getattr(GatewayServer, name)
        assert list(inspect.signature(theirs).parameters) == list(inspect.signature(ours).parameters)
    source = inspect.getsource(uvicorn.Server)
    assert "with self.capture_signals():" in inspect.getsource(uvicorn.Server.serve)
    for name in ("_captured_signals", "should_exit", "force_exit"):
        assert f"self.{name}" in source, f"uvicorn's server has no {name} any more"


async def test_the_end_waits_for_connections_unless_it_is_forced():
    server = uvicorn.Server(uvicorn.Config(application, log_config=None))
    server.servers = []
    server.server_state.connections.add(object())  # type: ignore[arg-type]
    waiting = asyncio.ensure_future(server._wait_tasks_to_complete())
    await asyncio.sleep(0)
    assert not waiting.done()
    server.force_exit = True
    async with asyncio.timeout(5):
        await waiting


def test_the_parser_takes_an_upgrade_for_the_end_of_the_message():
    """`_head_without_offer` would be needless otherwise."""
    completed: list[bool] = []

    class Callbacks:
        def on_message_complete(self) -> None:
            completed.append(parser.should_upgrade())

        def on_body(self, body: bytes) -> None:
            raise AssertionError("the parser reads the body now")

    parser = httptools.HttpRequestParser(Callbacks())
    head = b"POST / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as raised:
        parser.feed_data(head + b"{}")
    assert raised.value.args == (len(head),)
    assert completed == [True]


async def test_a_transport_tells_its_descriptor_and_what_it_has_not_sent(loop_socket_pair):
    """What is written past a transport's queue relies on both."""
    transport, other = loop_socket_pair
    assert os.write(transport.get_extra_info("socket").fileno(), b"past") == 4
    assert transport.get_write_buffer_size() == 0
    transport.write(b" the queue")
    assert transport.get_write_buffer_size() in (0, 10)  # uvloop sends at the end of the turn, asyncio at once
    received = b""
    while len(received) < 14:
        received += await asyncio.get_running_loop().sock_recv(other, 64)
    assert received == b"past the queue"


@pytest.fixture
async def loop_socket_pair():
    ours, other = socket.socketpair()
    other.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    yield transport, other
    transport.close()
    other.close()
    await asyncio.sleep(0)
