"""A client: asks once, reads at its own pace, and may leave. What must not be sent to it fails the run."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import msgspec

from headway.pipeline.gateway import Running
from headway.wire.endpoints import BY_PATH, Endpoint
from sim.loop import Loop, Violation

_ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in BY_PATH.values()}


class Wish(msgspec.Struct, kw_only=True):
    """What one client does. Times are seconds after the run begins."""

    at: float
    endpoint: str = "chat"
    model: str = "default"
    stream: bool = False
    tools: bool = False
    choices: int = 1
    usage: bool = False
    """It asks for the usage chunk."""
    leaves: float | None = None
    """Seconds after it asked."""
    room: float = inf
    """Bytes that it accepts before it has read any."""
    reads: float = inf
    """Bytes a second; 0: nothing at all, from when its room is full."""
    timeout: str | None = None
    attempts: int | None = None
    max_tokens: int | None = None
    tenant: str = ""
    """Whose key it shows."""
    priority: str = ""
    session: str = ""
    """As its header says."""
    text: str = "hello"
    """What its user said first, in a conversation that has come to this `turn`, counted from 0."""
    turn: int = 0
    bulk: int = 0
    """Bytes of further text."""

    def fields(self, number: int) -> dict[str, Any]:
        asks = {"input": "hello", "store": False} if self.endpoint == "responses" else {"messages": self._messages()}
        fields: dict[str, Any] = {**asks, "model": self.model, "user": str(number), "stream": self.stream}
        if self.tools:
            fields["tools"] = [{"type": "function", "function": {"name": "look"}}]
        if self.choices > 1:
            fields["n"] = self.choices
        if self.usage:
            fields["stream_options"] = {"include_usage": True}
        if self.max_tokens is not None:
            fields["max_tokens"] = self.max_tokens
        return fields

    def headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"content-type", b"application/json")]
        if self.timeout is not None:
            headers.append((b"x-headway-timeout", self.timeout.encode()))
        if self.attempts is not None:
            headers.append((b"x-headway-attempts", b"%d" % self.attempts))
        if self.tenant:
            headers.append((b"authorization", f"Bearer {self.tenant}".encode()))
        if self.priority:
            headers.append((b"x-headway-priority", self.priority.encode()))
        if self.session:
            headers.append((b"x-headway-session", self.session.encode()))
        return headers

    def _messages(self) -> list[dict[str, str]]:
        messages = [{"role": "user", "content": self.text + "so and so " * (self.bulk // 10)}]
        for turn in range(self.turn):
            messages.append({"role": "assistant", "content": f"answer {turn}"})
            messages.append({"role": "user", "content": f"go on with {turn}"})
        return messages


class Client:
    """The `Downstream` of one exchange. `over` is called once, when it has its answer or has none to expect."""

    def __init__(self, number: int, wish: Wish, loop: Loop, over: Callable[[Client], None]) -> None:
        self.number = number
        self.wish = wish
        self._loop = loop
        self._over = over
        self.endpoint = _ENDPOINTS[wish.endpoint]
        self.dispatch: Running | None = None
        self.asked_at = loop.now()
        self.over_at: float | None = None
        self.status = 0
        self.fields = b""
        self.length: int | None = None
        self.pieces: list[bytes] = []
        self.begun = self.whole = self.ended = self.aborted = self.left = False
        self.paused = False
        self._full = 0.0
        self.overrun = 0
        """Bytes that came although it had said that it takes no more."""
        self.suspended_before = loop.suspended

    def __repr__(self) -> str:
        return f"client {self.number}"

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def request(self) -> bytes:
        return msgspec.json.encode(self.wish.fields(self.number))

    def attend(self, dispatch: Running | None) -> None:
        """The gateway has taken the request."""
        if self.over_at is not None:
            return
        self.dispatch = dispatch
        if self.paused and dispatch is not None:
            dispatch.pause()

    # --- Downstream ---

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self._begin(status, headers, len(body))
        self.whole = True
        self.pieces.append(body)
        self.ended = True
        self._finish("got", status)

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        self._begin(status, headers, length)
        self._loop.note(self, "sees status", status)

    def write(self, data: bytes) -> None:
        self._expects()
        if not self.begun:
            raise Violation(f"{self} gets a body before a head")
        if not data:
            raise Violation(f"{self} gets an empty piece, which ends a chunked body")
        self.pieces.append(data)
        if self.paused:
            self.overrun += len(data)
        self._full += len(data)
        if self._full > self.wish.room and not self.paused:
            self._pause()

    def end(self) -> None:
        self._expects()
        if self.length is not None and self.length != len(self.body):
            raise Violation(f"{self} gets {len(self.body)} bytes where {self.length} were announced")
        self.ended = True
        self._finish("has seen the end")

    def abort(self) -> None:
        self._expects()
        self.aborted = True
        self._finish("is cut off")

    # --- what it does ---

    def leave(self) -> None:
        if self.over_at is not None:
            return
        self.left = True
        self._loop.note(self, "leaves")
        dispatch, self.dispatch = self.dispatch, None
        if dispatch is None:
            raise Violation(f"{self} waits for an exchange that is over")
        dispatch.client_gone()
        self._finish("is gone")

    def _pause(self) -> None:
        self.paused = True
        self._loop.note(self, "takes no more")
        if self.dispatch is not None:
            self.dispatch.pause()
        if self.wish.reads:
            self._loop.call_later(self._full / self.wish.reads, self._resume)

    def _resume(self) -> None:
        if self.over_at is None:
            self._full = 0.0
            self.paused = False
            self._loop.note(self, "reads on")
            if self.dispatch is not None:
                self.dispatch.resume()

    # --- inside ---

    def _begin(self, status: int, headers: bytes, length: int | None) -> None:
        self._expects()
        if self.begun:
            raise Violation(f"{self} gets a second head")
        self.begun = True
        self.status = status
        self.fields = headers
        self.length = length

    def _expects(self) -> None:
        if self.ended or self.aborted or self.left:
            raise Violation(f"{self} is told more after the end")

    def _finish(self, *how: object) -> None:
        self._loop.note(self, *how)
        self.over_at = self._loop.now()
        self.dispatch = None
        self._over(self)
