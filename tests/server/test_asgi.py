"""The gateway as a plain ASGI app, called by hand: what it does with the messages of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from headway.server.application import Application
from headway.server.asgi import HIGH_WATER, AsgiLane
from headway.types import Server

FIELDS = b"content-type: text/event-stream\r\nx-empty: \r\n"
TIMEOUT = 5.0


class Dispatch:
    """An exchange that only remembers what it is told."""

    def __init__(self) -> None:
        self.paused = False
        self.told: list[str] = []

    def pause(self) -> None:
        self.paused = True
        self.told.append("pause")

    def resume(self) -> None:
        self.paused = False
        self.told.append("resume")

    def client_gone(self) -> None:
        self.told.append("gone")


class Gateway:
    """Hands what it is asked to `answer`, a test's own."""

    def __init__(self, answer: Callable[[Any], object] = lambda _: None) -> None:
        self.snapshot = self
        self.server = Server()
        self.dispatch = Dispatch()
        self.asked: list[tuple[str, bytes]] = []
        self.downstream: Any = None
        self._answer = answer

    def handle(self, endpoint: Any, headers: Any, body: bytes, downstream: Any, named: str | None = None) -> Dispatch:
        self.asked.append((endpoint.name, body))
        self.downstream = downstream
        self._answer(downstream)
        return self.dispatch


class Call:
    """One call of the application by a server. `flow`: cleared while the client takes nothing."""

    def __init__(self, gateway: Gateway, limit: int = 1000, **scope: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.flow = asyncio.Event()
        self.flow.set()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._lane = AsgiLane(gateway, lambda: limit)  # type: ignore[arg-type]
        self._scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": [], **scope}

    def start(self) -> asyncio.Task[None]:
        endpoint = self._lane.find(self._scope)
        assert endpoint is not None
        return asyncio.ensure_future(self._lane(endpoint, self._scope, self._incoming.get, self._send))

    def body(self, data: bytes, *, more: bool = False) -> None:
        self._incoming.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def _send(self, message: Any) -> None:
        await self.flow.wait()
        self.sent.append(message)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def finish(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(TIMEOUT):
        await task


async def test_a_body_in_pieces_is_joined_and_answered_in_messages():
    gateway = Gateway(lambda downstream: downstream.reply(200, FIELDS, b"{}"))
    call = Call(gateway)
    task = call.start()
    for piece in (b"a", b"", b"b"):
        call.body(piece, more=True)
    call.body(b"c")
    await finish(task)
    assert gateway.asked == [("chat", b"abc")]
    assert call.sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream"), (b"x-empty", b""), (b"content-length", b"2")],
        },
        {"type": "http.response.body", "body": b"{}", "more_body": False},
    ]


async def test_an_answer_is_sent_on_as_it_comes():
    gateway = Gateway()
    call = Call(gateway)
    task = call.start()
    call.body(b"{}")
    await settled()
    gateway.downstream.begin(200, FIELDS, None)
    gateway.downstream.write(b"one")
    await settled()
    assert [message.get("body") for message in call.sent] == [None, b"one"]
    gateway.downstream.write(b"two")
    gateway.downstream.end()
    await finish(task)
    assert [(message["body"], message["more_body"]) for message in call.sent[1:]] == [
        (b"one", True),
        (b"two", True),
        (b"", False),
    ]


async def test_a_client_that_leaves_before_its_request_is_complete_is_not_served():
    gateway = Gateway()
    call = Call(gateway)
    task = call.start()
    call.body(b"{", more=True)
    call.leave()
    await finish(task)
    assert gateway.asked == []
    assert call.sent == []


async def test_a_client_that_leaves_ends_the_exchange():
    gateway = Gateway()
    call = Call(gateway)
    task = call.start()
    call.body(b"{}")
    await settled()
    call.leave()
    await finish(task)
    assert gateway.dispatch.told == ["gone"]


async def test_a_body_beyond_the_limit_is_refused_without_being_read_to_its_end():
    gateway = Gateway()
    call = Call(gateway, limit=10)
    task = call.start()
    call.body(b"x" * 11, more=True)
    await finish(task)
    assert call.sent[0]["status"] == 413
    assert gateway.asked == []


async def test_a_server_that_takes_nothing_stops_the_upstream_until_it_does():
    gateway = Gateway()
    call = Call(gateway)
    task = call.start()
    call.body(b"{}")
    await settled()
    call.flow.clear()
    gateway.downstream.begin(200, FIELDS, None)
    gateway.downstream.write(b"x" * HIGH_WATER)
    assert gateway.dispatch.told == []
    gateway.downstream.write(b"x")
    assert gateway.dispatch.told == ["pause"]
    call.flow.set()
    await settled()
    assert gateway.dispatch.told == ["pause", "resume"]
    gateway.downstream.end()
    await finish(task)


async def test_an_answer_that_is_broken_off_ends_the_call_even_while_the_server_takes_nothing():
    gateway = Gateway()
    call = Call(gateway)
    task = call.start()
    call.body(b"{}")
    await settled()
    call.flow.clear()
    gateway.downstream.begin(200, FIELDS, None)
    gateway.downstream.write(b"x")
    await settled()
    gateway.downstream.abort()
    await finish(task)
    assert not any(message.get("more_body") is False for message in call.sent), "the server sees no end"


async def test_what_was_there_before_it_broke_off_is_sent():
    def begins_and_breaks(downstream: Any) -> None:
        downstream.begin(200, FIELDS, None)
        downstream.write(b"x")
        asyncio.get_running_loop().call_soon(downstream.abort)

    call = Call(Gateway(begins_and_breaks))
    task = call.start()
    call.body(b"{}")
    await finish(task)
    assert [message.get("body") for message in call.sent] == [None, b"x"]
    assert not any(message.get("more_body") is False for message in call.sent)


async def test_a_server_that_fails_while_sending_ends_the_exchange():
    gateway = Gateway(lambda downstream: downstream.begin(200, FIELDS, None))
    call = Call(gateway)

    async def failing(message: Any) -> None:
        raise RuntimeError("the transport is closed")

    call._send = failing
    task = call.start()
    call.body(b"{}")
    with pytest.raises(RuntimeError, match="closed"):
        await finish(task)
    assert gateway.dispatch.told == ["gone"]


async def test_a_call_that_is_cancelled_ends_the_exchange():
    gateway = Gateway()
    call = Call(gateway)
    task = call.start()
    call.body(b"{}")
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finish(task)
    assert gateway.dispatch.told == ["gone"]


@pytest.mark.parametrize(
    ("scope", "served"),
    [
        ({}, True),
        ({"path": "/openai/embeddings"}, True),
        ({"method": "GET"}, False),
        ({"path": "/v1/models"}, False),
        ({"path": "/v1/chat/completions/"}, False),
        ({"type": "lifespan"}, False),
        ({"type": "websocket"}, False),
    ],
)
async def test_what_is_no_model_endpoint_goes_to_the_pages(scope, served):
    to_pages: list[str] = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        to_pages.append(scope["type"])

    gateway: Any = Gateway(lambda downstream: downstream.reply(200, b"", b""))
    call = Call(gateway)
    full: Any = {**call._scope, **scope}
    call.body(b"{}")
    await Application(gateway, pages)(full, call._incoming.get, call._send)
    assert len(gateway.asked) == served
    assert to_pages == ([] if served else [full["type"]])
