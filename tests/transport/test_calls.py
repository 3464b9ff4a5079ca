"""Requests that the gateway makes for itself: one whole reply, or why there is none; never more, nor for longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from headway.failures import Failure, FailureKind
from headway.ports import Answer, Dialer, Listener
from headway.transport.calls import ask
from headway.wire.http_head import Head

LOST = Failure(kind=FailureKind.TRANSPORT, source="upstream", message="it broke off")
FIELDS = Head(b"content-type: text/plain\r\n")


class Peer:
    """A connection and its origin, which do as a test says once a request has come."""

    path_prefix = fields = b""

    def __init__(self, does: Callable[[Listener], object], *, refuses: bool = False) -> None:
        self._does = does
        self._refuses = refuses
        self.requests: list[bytes] = []
        self.aborted = self.cancelled = False

    def take(self) -> None:
        return None

    def dial(self, timeout: float, dialer: Dialer) -> Any:
        peer: Any = self
        if self._refuses:
            dialer.on_dial_failed(LOST)
        else:
            dialer.on_connected(peer)
        return self

    def cancel(self) -> None:
        self.cancelled = True

    def send(self, head: bytes, body: bytes, listener: Listener) -> None:
        self.requests.append(head + body)
        self._does(listener)

    def abort(self) -> None:
        self.aborted = True


async def asked(peer: Peer, patience: float = 5.0) -> Answer | Failure:
    origin: Any = peer
    return await ask(origin, b"GET / HTTP/1.1\r\n\r\n", b"body", patience=patience, most=10)


async def test_a_reply_in_pieces_comes_whole():
    def answer(listener: Listener) -> None:
        listener.on_head(200, FIELDS, b"one ", False)
        listener.on_body(b"two", True)

    peer = Peer(answer)
    assert await asked(peer) == Answer(200, FIELDS, b"one two", whole=True)
    assert peer.requests == [b"GET / HTTP/1.1\r\n\r\nbody"]
    assert not peer.aborted, "its connection may serve another request"


async def test_a_reply_that_is_too_long_is_cut_and_its_connection_closed():
    peer = Peer(lambda listener: listener.on_head(200, FIELDS, b"x" * 11, False))
    assert await asked(peer) == Answer(200, FIELDS, b"x" * 10, whole=False)
    assert peer.aborted


async def test_a_connection_that_breaks_or_is_refused_is_a_failure():
    assert await asked(Peer(lambda listener: listener.on_lost(LOST))) == LOST
    assert await asked(Peer(lambda _: None, refuses=True)) == LOST


async def test_what_takes_too_long_is_given_up():
    peer = Peer(lambda listener: listener.on_head(200, FIELDS, b"", False))
    found = await asked(peer, patience=0.02)
    assert isinstance(found, Failure)
    assert (found.kind, found.message) == (FailureKind.TIMEOUT, "no answer within 0.02 s")
    assert peer.aborted
    assert peer.cancelled


async def test_whoever_stops_waiting_leaves_nothing_open():
    peer = Peer(lambda _: None)
    task = asyncio.ensure_future(asked(peer))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert peer.aborted
