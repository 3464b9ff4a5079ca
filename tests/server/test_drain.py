"""The end of a gateway: what is under way finishes, nothing new begins, and it exits as one that was asked to."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

import pytest

from headway.server.hosting import GatewayServer, server_config

pytestmark = pytest.mark.real

ANSWER = b'{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"content":"hi"}}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def terminate(lane) -> None:
    lane.run.call(lambda: lane.server.handle_exit(signal.SIGTERM, None))


def wait_until_refused(lane) -> None:
    """Until new connections are."""
    for _ in range(500):
        try:
            lane.run.connect().close()
        except OSError:
            return
        threading.Event().wait(0.005)
    raise AssertionError("the gateway still listens")


def test_a_signal_lets_what_is_under_way_finish_and_refuses_what_is_new(doomed):
    whole, streaming, waiting, idle = [doomed.client() for _ in range(4)]
    whole.ask({"n": 1})
    asked_whole = doomed.upstream.request()
    streaming.ask({"stream": True})
    asked_stream = doomed.upstream.request()
    asked_stream.begin(EVENT)
    streaming.head()
    assert streaming.chunk() == EVENT
    waiting.ask({"stream": True})
    asked_waiting = doomed.upstream.request()
    idle.get("/health/live")
    terminate(doomed)
    wait_until_refused(doomed)
    assert idle.ended(), "nothing is lost with it"
    assert whole.silent()
    asked_whole.answer(ANSWER)
    reply = whole.reply()
    assert reply.body == ANSWER
    assert reply.field("connection") == "close"
    assert whole.ended()
    asked_stream.end(EVENT, END)
    assert streaming.chunks() == EVENT + END
    assert streaming.ended()
    asked_waiting.begin(EVENT)
    asked_waiting.end(END)
    reply = waiting.reply()
    assert reply.body == EVENT + END
    assert reply.field("connection") == "close"
    assert doomed.run.finished.result(5) is None
    assert [event.outcome for event in doomed.run.events] == ["ok"] * 3


def test_a_request_that_is_still_arriving_is_served_before_the_end(raw, doomed):
    client = doomed.client()
    data = raw()
    client.send(data[:-5])
    (connection,) = wait_for_connections(doomed, 1)
    doomed.run.until(lambda: connection._endpoint is not None)
    terminate(doomed)
    wait_until_refused(doomed)
    client.send(data[-5:])
    doomed.upstream.request().answer(ANSWER)
    assert client.reply().body == ANSWER
    assert client.ended()
    doomed.run.finished.result(5)


def test_readiness_ends_with_the_first_signal(doomed):
    client = doomed.client()
    assert client.get("/health/ready").json["status"] == "ok"
    doomed.run.call(doomed.server._on_drain)  # alone: the sockets stay open
    ready = client.get("/health/ready")
    assert ready.status == 503
    assert ready.json["status"] == "draining"
    assert client.get("/health/live").status == 200


def test_a_page_under_way_is_finished(doomed):
    client = doomed.client()
    client.get("/health/live")
    terminate(doomed)
    assert client.ended()
    doomed.run.finished.result(5)


def test_a_second_signal_ends_at_once_and_what_was_under_way_is_recorded(doomed):
    client = doomed.client()
    client.ask({"stream": True})
    asked = doomed.upstream.request()
    asked.begin(EVENT)
    client.head()
    terminate(doomed)
    wait_until_refused(doomed)
    terminate(doomed)
    doomed.run.finished.result(5)
    assert [event.outcome for event in doomed.run.events] == ["cancelled"]
    assert "shut down" in doomed.run.events[0].error
    assert asked.stream.ended()


@pytest.mark.parametrize(
    "refused",
    [b"NONSENSE\r\n\r\n", b"POST /v1/nothing HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
)
def test_a_client_that_lingers_after_a_refusal_does_not_hold_up_the_end(refused, doomed):
    client = doomed.client()
    client.send(refused)
    assert client.reply().status == 400
    terminate(doomed)
    doomed.run.finished.result(5)


def wait_for_connections(lane, count: int) -> list[Any]:
    connections = lane.server.server_state.connections
    lane.run.until(lambda: len(connections) == count)
    return list(connections)


# The main thread's signals.


class Nothing:
    """An application that is never asked."""

    gateway = None
    limits = None


NOTHING: Any = Nothing()


def served_by_main_thread(drained: list[str]) -> GatewayServer:
    config = server_config(NOTHING, host="127.0.0.1", port=0, drain=1.0, keep_alive=1.0)
    return GatewayServer(config, NOTHING, lambda: drained.append("drained"))


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_obeyed_and_not_raised_again(sig):
    drained: list[str] = []
    server = served_by_main_thread(drained)
    before = signal.getsignal(sig)
    with server.capture_signals():
        os.kill(os.getpid(), sig)
        assert server.should_exit
        assert not server.force_exit
        assert drained == ["drained"]
    assert signal.getsignal(sig) is before


def test_a_second_signal_of_any_kind_forces_the_end():
    drained: list[str] = []
    server = served_by_main_thread(drained)
    with server.capture_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    assert server.force_exit
    assert drained == ["drained"], "once"


def test_a_gateway_in_another_thread_leaves_the_signals_alone():
    server = served_by_main_thread([])
    seen: list[object] = []

    def run() -> None:
        with server.capture_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize(("drain", "keep_alive"), [(0.4, 0.4), (30.0, 75.0)])
def test_uvicorn_gets_whole_seconds_and_never_none(drain, keep_alive):
    config = server_config(NOTHING, host="127.0.0.1", port=0, drain=drain, keep_alive=keep_alive)
    assert config.timeout_keep_alive >= keep_alive
    assert (config.timeout_graceful_shutdown or 0) >= drain


def test_the_listening_socket_is_closed_in_the_end(doomed):
    port = doomed.run.port
    terminate(doomed)
    doomed.run.finished.result(5)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
